"""Behind PgBouncer: each command works or says why not and what to do, and leaves nothing on a session of the pool."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from schedtool import database as databases
from schedtool import worker
from tests.clusters import wait_for
from tests.journey import insert_documents
from tests.team import Team, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RunCli
    from tests.servers import Database

Mode = Literal["transaction", "session"]
LEFT = """
    SELECT current_setting('default_transaction_read_only'), current_setting('search_path'),
        current_setting('lock_timeout'), current_setting('row_security'), current_setting('idle_session_timeout')
"""


def installed() -> str | None:
    return shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")


@pytest.fixture(autouse=True)
def _there(request: pytest.FixtureRequest) -> None:
    """A machine with nothing but Python is told what it lacks; with --all, as in CI, it fails."""
    if installed() is None:
        missing = "pgbouncer is not installed: apt-get install pgbouncer"
        (pytest.fail if request.config.getoption("--all") else pytest.skip)(missing)


@contextmanager
def pgbouncer(database: Database, mode: Mode, *, size: int = 5, more: str = "") -> Iterator[str]:
    """A PgBouncer of its own on a socket of its own; gives how to connect through it."""
    program = installed()
    assert program is not None
    server = conninfo_to_dict(database.conninfo)
    quoted = " ".join(
        "{}='{}'".format(name, str(server[name]).replace("'", "''"))
        for name in ("host", "port", "user", "password")
        if server.get(name)
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pgbouncer-", dir="/tmp")))
        (folder / "ini").write_text(
            f"[databases]\n* = {quoted}\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {folder}\n"
            f"auth_type = any\npool_mode = {mode}\ndefault_pool_size = {size}\nquery_wait_timeout = 20\n{more}\n"
        )
        account = {}
        if os.geteuid() == 0:
            # It refuses to run as root.
            nobody = pwd.getpwnam("nobody")
            account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            for path in (folder, folder / "ini"):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen([program, folder / "ini"], stdout=log, stderr=log, **account)  # type: ignore[call-overload]
        try:
            until_it_listens(process, folder)
            yield f"host={folder} port=6432 user=postgres dbname={database.name}"
        finally:
            process.terminate()
            process.wait(10)


def until_it_listens(process: subprocess.Popen[bytes], folder: Path) -> None:
    def listens() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        return (folder / ".s.PGSQL.6432").exists()

    wait_for(listens, "pgbouncer to listen", limit=10)


def left(pooled: str) -> list[tuple[str, ...]]:
    """What the sessions of the pool are set to, as several clients at once meet them."""
    found = []
    with ExitStack() as stack:
        for _ in range(5):
            client = stack.enter_context(closing(psycopg.connect(pooled)))
            found.append(client.execute(LEFT).fetchone() or ())
    return found


CLEAN = ("off", '"$user", public', "0", "on", "0")


@pytest.fixture
def team(tmp_path: Path, empty_database: Database, run_cli: RunCli) -> Team:
    """Its tables stand in a schema that nobody searches unless he says so."""
    with empty_database.connect() as connection:
        connection.execute("CREATE SCHEMA app")
    team = Team(tmp_path, empty_database, run_cli)
    assert team.run("apply", "--to", "0002", "--schema", "app").exit_code == 0
    return team


WORK = [["status"], ["status", "--history"], ["plan"], ["plan", "--sql"], ["rejects"], ["rollback", "--plan"]]
REFUSED = [["apply"], ["rollback", "--yes"], ["repair", "0003", "--adopt"], ["verify"], ["verify", "--probe"]]


@pytest.mark.parametrize("command", WORK, ids=" ".join)
def test_what_only_looks_works_where_transactions_share_sessions(team: Team, command: list[str]) -> None:
    direct = team.run(*command, "--schema", "app", "--format", "json")
    with pgbouncer(team.database, "transaction") as pooled:
        outcome = team.run(*command, "--schema", "app", "--format", "json", url=pooled)

        assert (outcome.exit_code, outcome.stdout) == (0, direct.stdout), outcome
        assert left(pooled) == [CLEAN] * 5


@pytest.mark.parametrize("command", REFUSED, ids=" ".join)
def test_what_needs_a_session_is_refused_where_transactions_share_them(team: Team, command: list[str]) -> None:
    before = team.run("status", "--history", "--schema", "app").stdout
    with pgbouncer(team.database, "transaction") as pooled:
        outcome = team.run(*command, "--schema", "app", url=pooled)

        assert outcome.exit_code == 1
        assert "there is a connection pooler before the server, and it gives each transaction another" in outcome.stderr
        assert "connect to the server itself, or to a pool in session mode" in outcome.stderr
        assert left(pooled) == [CLEAN] * 5
    assert team.run("status", "--history", "--schema", "app").stdout == before
    with team.database.connect() as connection:
        assert value(connection, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


SET_DAY = ["query", "set-day", "provider_id=1", "day_of_week=monday", "is_available=false"]
SET_DAY += ["start_time=", "end_time=", "timezone=UTC"]


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        (["query", "provider-week", "provider_id=1"], 0),
        (SET_DAY, 1),
        (["backfill"], 1),
        (["backfill", "--dry-run"], 1),
        (["backfill", "--pause"], 1),
        (["rejects", "--accept", "text"], 1),
    ],
    ids=str,
)
def test_the_shipped_commands_work_or_say_why_not(
    database: Database, run_cli: RunCli, command: list[str], exit_code: int
) -> None:
    insert_documents(database, ['"whenever"'])
    with pgbouncer(database, "transaction") as pooled:
        outcome = run_cli(*command, "--database", pooled)

        assert outcome.exit_code == exit_code, outcome
        assert ("connection pooler" in outcome.stderr) == (exit_code == 1)
        assert left(pooled) == [CLEAN] * 5


def test_without_looking_for_a_pooler_the_application_is_left_with_our_settings(team: Team) -> None:
    values = {"schema": "app", "lock_timeout": "10s", "statement_timeout": "0", "read_only": "on", "local": "false"}
    with pgbouncer(team.database, "transaction") as pooled:
        with psycopg.connect(pooled, autocommit=True) as connection:
            # As every session is set up that is our own: for any process of the server.
            databases.run(connection, databases.tool_sql("session"), {**values, "pid": "0"})

        assert ("on", "app", "10s", "off", "0") in left(pooled)


def test_through_a_pool_that_keeps_sessions_everything_works(team: Team) -> None:
    with pgbouncer(team.database, "session") as pooled:
        for command in (["apply"], ["apply"], ["status", "--check"], ["rollback", "--yes"], ["apply"]):
            outcome = team.run(*command, "--schema", "app", url=pooled)
            assert outcome.exit_code == 0, (command, outcome)
        assert left(pooled) == [CLEAN] * 5
        with team.database.connect() as connection:
            assert value(connection, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
            assert value(connection, "SELECT count(*) FROM app.yoyo_lock") == 0


@pytest.mark.parametrize("is_seen", [True, False], ids=["", "without looking for a pooler"])
def test_a_pool_that_resets_nothing_is_not_left_with_foreign_keys_passed_over(
    empty_database: Database, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch, is_seen: bool
) -> None:
    empty_database.make_parents()
    assert run_cli("apply", "--to", "0002", "--database", empty_database.url).exit_code == 0
    insert_documents(empty_database, ['{"monday": "9:00-17:00"}'] * 300)
    # Documents that were there before the triggers.
    with empty_database.connect() as connection:
        connection.execute("SET schedtool.sync = 'document'")
        connection.execute("DELETE FROM provider_availability")
    if not is_seen:
        monkeypatch.setattr(worker, "server_process", lambda connection: connection.info.backend_pid)
    with pgbouncer(empty_database, "session", more="server_reset_query =") as pooled:
        outcome = run_cli("backfill", "--workers", "1", "--database", pooled)
        assert outcome.exit_code == 0, outcome
        with ExitStack() as stack:
            clients = [stack.enter_context(closing(psycopg.connect(pooled))) for _ in range(5)]
            roles = {value(client, "SELECT current_setting('session_replication_role')") for client in clients}
    assert ("replica" in roles) is not is_seen
    with empty_database.connect() as connection:
        assert value(connection, "SELECT count(*) FROM provider_availability") == 300


def test_a_pool_of_one_session_cannot_be_told_and_is_refused(team: Team) -> None:
    with pgbouncer(team.database, "session", size=1) as pooled:
        outcome = team.run("apply", "--schema", "app", url=pooled)

    assert outcome.exit_code == 1
    assert "it has no second session to tell by" in outcome.stderr
