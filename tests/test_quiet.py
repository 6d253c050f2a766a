"""What others notice of us: no ERROR in the server's log, nothing made or locked by looking, no queue behind a waiting
apply for longer than its lock_timeout."""

from __future__ import annotations

import re
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from schedtool import embedded
from schedtool.database import Target, connect
from schedtool.lock import locked
from tests import servers
from tests.clusters import wait_for
from tests.journey import insert_documents
from tests.servers import Database
from tests.team import Team, value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Outcome, Server

LIMIT_S = 30
LOG = {
    **servers.FAST,
    "logging_collector": "on",
    "log_directory": "log",
    "log_line_prefix": "%m [%p] %a ",
    "log_min_messages": "warning",
    "log_statement": "all",
}
PROBLEM = re.compile(r"\] schedtool[^:]*(?:ERROR|WARNING|FATAL|PANIC):.*")
DOCUMENTS = ['{"monday": {"start": "09:00", "end": "17:00"}}', '{"monday": "closed"}', '"whenever"', None]


@pytest.fixture(scope="module")
def own(server: Server) -> Iterator[tuple[Database, Path]]:
    """A server that keeps a log of its own, with every statement, and where that log is."""
    with embedded.throwaway(settings=LOG) as throwaway:
        conninfo = throwaway.conninfo
        yield Database(conninfo, conninfo, "postgres", server), throwaway.data_dir / "log"


def log_until(database: Database, folder: Path, mark: str) -> str:
    """The log up to a line of the test's own; the server writes it when it finds the time."""
    with (
        database.connect(application_name="schedtool mark") as connection,
        pytest.raises(psycopg.errors.RaiseException),
    ):
        connection.execute(f"DO $$ BEGIN RAISE EXCEPTION '{mark}'; END $$".encode())

    def text() -> str:
        return "".join(file.read_text(errors="replace") for file in sorted(folder.iterdir()))

    wait_for(lambda: f"ERROR:  {mark}" in text(), "the line in the log")
    return text()


def test_a_whole_journey_leaves_no_error_of_ours_in_the_servers_log(
    own: tuple[Database, Path], run_cli: RunCli
) -> None:
    database, folder = own
    database.make_parents()
    insert_documents(database, DOCUMENTS)
    for command, exit_code in (
        ("status", 0),
        ("plan --locks", 0),
        ("backfill --dry-run", 3),
        ("apply --to 0002", 0),
        ("backfill", 3),
        ("apply", 0),
        ("apply", 0),
        ("rejects", 0),
        ("verify", 0),
        ("verify --probe", 0),
        ("query provider-week provider_id=1", 0),
        ("rejects --accept text", 0),
        ("apply --contract --yes", 0),
        ("status --history", 0),
        ("rollback --plan", 0),
        ("rollback --yes", 0),
        ("rollback --to 0001 --yes --lose provider_availability_rejects", 0),
        ("apply --to 0002", 0),
    ):
        outcome = run_cli("--database", database.url, *command.split())
        assert outcome.exit_code == exit_code, (command, outcome)
    log = log_until(database, folder, "the end")

    assert log.count("schedtool apply") > 20
    # A probe breaks constraints on purpose; the one of the test itself shows that the others would be found.
    problems = [line.partition(" ")[2] for line in PROBLEM.findall(log) if "schedtool verify" not in line]
    assert problems == ["schedtool mark ERROR:  the end"]


@pytest.mark.parametrize(
    "command",
    [
        "status --history",
        "plan",
        "plan --sql --contract",
        "verify",
        "rejects",
        "backfill --dry-run",
        "query provider-week provider_id=1",
        "rollback --plan",
    ],
)
def test_looking_makes_nothing_writes_nothing_and_takes_no_lock_but_to_read(
    database: Database, run_cli: RunCli, command: str
) -> None:
    insert_documents(database, DOCUMENTS)
    target = Target(database.conninfo)
    with (
        closing(database.connect()) as connection,
        closing(connect(target, application="test")) as apply,
        locked(apply, wait=0, notify=lambda _: None),
    ):
        # Whoever wants more than ACCESS SHARE on any table, or the tool's lock, has to wait now, and is told so (4).
        connection.execute(f"BEGIN; {LOCK_ALL}".encode())
        before = value(connection, FINGERPRINT)

        outcome = run_cli("--database", database.url, *command.split())

        assert outcome.exit_code in {0, 3}, outcome
        assert value(connection, FINGERPRINT) == before
        # Or giving the tool's lock back would wait for these.
        connection.execute("ROLLBACK")


def test_whoever_writes_does_wait_there(database: Database, run_cli: RunCli) -> None:
    with closing(database.connect()) as connection, database.connect() as other:
        connection.execute(f"BEGIN; {LOCK_ALL}".encode())

        outcome = run_cli("--database", database.url, "apply", "--contract", "--yes", "--lock-timeout", "0.05")

        assert outcome.exit_code == 4, outcome
        assert value(other, "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND locktype = 'relation'") > 5


LOCK_ALL = """
    DO $$ BEGIN
        EXECUTE 'LOCK TABLE ' || (
            SELECT string_agg(quote_ident(relname), ', ') FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        ) || ' IN EXCLUSIVE MODE';
    END $$
"""
# Every relation with its file, and how many rows were ever written.
FINGERPRINT = """
    SELECT md5(string_agg(format('%s %s %s', c.oid, c.relname, c.relfilenode), ',' ORDER BY c.oid))
        || (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables)
    FROM pg_class AS c
"""


def until(connection: psycopg.Connection, condition: str) -> None:
    wait_for(lambda: value(connection, f"SELECT {condition}"), condition)


def test_a_blocked_apply_holds_nobody_up_for_longer_than_its_lock_timeout(
    empty_database: Database, tmp_path: Path, run_cli: RunCli
) -> None:
    team = Team(tmp_path, empty_database, run_cli)
    assert team.run("apply", "--to", "0002").exit_code == 0
    team.migration("0003.index-thing", "ALTER TABLE thing ADD COLUMN more int;")
    longest = 0.0
    with (
        closing(empty_database.connect()) as blocker,
        closing(empty_database.connect()) as application,
        closing(empty_database.connect()) as watch,
    ):
        pid = blocker.info.backend_pid
        blocker.execute("BEGIN; SELECT count(*) FROM thing")
        process = subprocess.Popen(
            team.process("apply", "--lock-timeout", "0.3"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            for _ in range(2):
                # The application reads while ALTER TABLE waits, and queues behind it.
                until(watch, "EXISTS (SELECT FROM pg_locks WHERE relation = 'thing'::regclass AND NOT granted)")
                begun = time.monotonic()
                application.execute("SELECT count(*) FROM thing")
                longest = max(longest, time.monotonic() - begun)
                until(watch, "NOT EXISTS (SELECT FROM pg_locks WHERE relation = 'thing'::regclass AND NOT granted)")
            blocker.execute("ROLLBACK")
            stdout, said = process.communicate(timeout=LIMIT_S)
    outcome: Outcome = servers.Outcome(process.returncode, stdout, said)

    assert outcome.exit_code == 0, outcome
    assert f"pid {pid} (" in outcome.stderr
    # The wait itself, and what a busy machine adds to it.
    assert longest < 0.3 + 1
    assert team.states()["0003"] == "applied"
