"""The fault table: every way in which an apply can be torn down, at every moment that is different from the others.

Each row is a real process on a real server. Afterwards the state is right, or it is named with what to do, and the same
command, once more, goes on from there.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from schedtool import embedded
from tests.clusters import wait_for
from tests.servers import Database
from tests.team import Team, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from tests.conftest import RunCli

Fault = Literal["SIGKILL", "SIGTERM", "SIGINT", "terminated", "idle", "restart"]
FAULTS: tuple[Fault, ...] = ("SIGKILL", "SIGTERM", "SIGINT", "terminated", "idle", "restart")
LIMIT_S = 30
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'schedtool%' AND datname = current_database()"
)


IDLE_MS = 60
"""How long the server lets a session be idle in the rows of that fault."""
# Idle for longer between two tries, and alive; or at a statement that is longer than a try, so that it is never idle.
OUTLIVED = f"""
    SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE application_name = 'schedtool apply' AND datname = current_database()
            AND clock_timestamp() - state_change
                > CASE state WHEN 'idle' THEN INTERVAL '{IDLE_MS} ms' ELSE INTERVAL '500 ms' END
    )
"""


@dataclass(frozen=True)
class Moment:
    """Where in a run the fault strikes: what holds the run up there, and how to see that it has come so far.

    Attributes:
        migration: The one that is being applied; those before it are applied already.
        file: Its text, where it is not the team's.
        hold: What another session does, in a transaction of its own, so that the run waits there.
        reached: True on the server once it waits there.
        after: The states allowed behind the fault.
        advice: What status then says about it.
    """

    migration: str
    hold: str
    reached: str
    after: frozenset[str] = frozenset({"pending", "failed"})
    file: str | None = None
    advice: str | None = None


def waits_for(table: str) -> str:
    return f"EXISTS (SELECT FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted)"


INDEX = "-- transactional: false\nCREATE INDEX CONCURRENTLY thing_name_idx ON thing (name);"
MOMENTS = {
    "before the first statement": Moment(
        "0002",
        "LOCK TABLE yoyo_lock IN EXCLUSIVE MODE",
        waits_for("yoyo_lock"),
        frozenset({"pending"}),
    ),
    "in the middle": Moment(
        "0002",
        "SELECT pg_advisory_xact_lock(4711)",
        "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted)",
        file="INSERT INTO thing SELECT generate_series(1, 3);\nSELECT pg_advisory_lock(4711);",
    ),
    "between migration and record": Moment(
        "0002",
        "LOCK TABLE _yoyo_migration IN EXCLUSIVE MODE",
        waits_for("_yoyo_migration"),
    ),
    "in CREATE INDEX CONCURRENTLY": Moment(
        "0003",
        "INSERT INTO thing VALUES (99)",
        "EXISTS (SELECT FROM pg_locks WHERE locktype = 'virtualxid' AND NOT granted)",
        frozenset({"half_done"}),
        INDEX,
        "it left the INVALID index thing_name_idx; apply drops it and builds it anew",
    ),
    "between index and record": Moment(
        "0003",
        "LOCK TABLE _yoyo_migration IN EXCLUSIVE MODE",
        waits_for("_yoyo_migration"),
        frozenset({"half_done"}),
        INDEX,
        "the index thing_name_idx is there and valid: the server has finished it; apply records it",
    ),
}


@dataclass(frozen=True)
class Place:
    """A team's project, its database, and how the whole server is restarted."""

    team: Team
    restart: Callable[[], None]


@pytest.fixture
def team(tmp_path: Path, empty_database: Database, run_cli: RunCli) -> Team:
    return Team(tmp_path, empty_database, run_cli)


def restart(data: Path) -> subprocess.Popen[bytes]:
    """Stop the server as a crash would, and start it again as it was started."""
    pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    program = Path(f"/proc/{pid}/exe").readlink()
    owner = data.stat()
    os.kill(pid, signal.SIGQUIT)
    wait_for(lambda: not (data / "postmaster.pid").exists() or not Path(f"/proc/{pid}/exe").exists(), "the server ends")
    account = {} if os.geteuid() else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    with (data / "again.log").open("ab") as log:
        again: subprocess.Popen[bytes] = subprocess.Popen(
            [program, "-D", data],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=data,
            start_new_session=True,
            **account,  # type: ignore[call-overload] # only what Popen takes
        )
    return again


def stop(server: subprocess.Popen[bytes]) -> None:
    """End what `restart` has started; whoever started the first one knows nothing of it."""
    server.send_signal(signal.SIGQUIT)
    server.wait(LIMIT_S)


@contextmanager
def place(fault: Fault, team: Team, run_cli: RunCli) -> Iterator[Place]:
    """The test's own database; for a restart on a server that is restarted for it alone."""
    if fault != "restart":
        yield Place(team, lambda: None)
        return
    with embedded.throwaway(settings={"fsync": "off", "full_page_writes": "off"}) as own, ExitStack() as stack:

        def again() -> None:
            stack.callback(stop, restart(own.data_dir))

        database = Database(own.conninfo, own.conninfo, "postgres", team.database.server)
        yield Place(Team(team.files.root, database, run_cli), again)


def strike(fault: Fault, process: subprocess.Popen[str], there: Place, other: psycopg.Connection) -> None:
    if fault.startswith("SIG"):
        process.send_signal(signal.Signals[fault])
    elif fault == "terminated":
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'schedtool apply'"
        assert value(other, f"{ended} AND datname = current_database()")
    elif fault == "restart":
        there.restart()
    else:
        wait_for(lambda: value(other, OUTLIVED), "the session to be idle for longer than the server lets one live")


EXITS = {"SIGKILL": {-9}, "SIGTERM": {143}, "SIGINT": {130}, "terminated": {1}, "idle": {0}, "restart": {1, 4}}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", list(MOMENTS))
def test_whatever_ends_an_apply_the_state_is_right_or_named_and_one_command_goes_on(
    team: Team, run_cli: RunCli, name: str, fault: Fault
) -> None:
    moment = MOMENTS[name]
    with place(fault, team, run_cli) as there:
        team = there.team
        if moment.file is not None:
            team.migration("0002.fill-thing" if moment.migration == "0002" else "0003.index-thing", moment.file)
        assert team.run("apply", "--to", "0001" if moment.migration == "0002" else "0002").exit_code == 0
        with closing(team.database.connect()) as other, closing(team.database.connect()) as watch:
            if fault == "idle":
                database = value(other, "SELECT quote_ident(current_database())")
                other.execute(f"ALTER DATABASE {database} SET idle_session_timeout = '{IDLE_MS}ms'".encode())
            other.execute(f"BEGIN; {moment.hold}".encode())
            # Short where it is to be idle between its tries.
            arguments = team.process("apply", "--lock-timeout", "0.2" if fault == "idle" else "60")
            process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            with process:
                wait_for(lambda: bool(value(watch, f"SELECT {moment.reached}")), name)
                strike(fault, process, there, watch)
                if fault == "idle":
                    other.execute("ROLLBACK")
                _, said = process.communicate(timeout=LIMIT_S)
            assert process.returncode in EXITS[fault], said
            if fault == "idle":
                assert set(team.states().values()) == {"applied"}
                return
            if fault != "restart":
                wait_for(lambda: not value(watch, SESSIONS), "its sessions end")
        said_what_happened(fault, moment, name, said)
        told = team.run("status", "--wait", "30")
        assert team.states()[moment.migration] in moment.after
        assert moment.advice is None or moment.advice in told.stderr
        # What was in its way went with the session that held it; one of the test's own waits for nobody.
        once_more = team.run("apply", "--wait", "30")

        assert once_more.exit_code == 0, once_more
        assert set(team.states().values()) == {"applied"}
        with team.database.connect() as connection:
            assert value(connection, "SELECT count(*) FROM thing") == 3
            assert value(connection, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'thing_name_idx'::regclass")
            assert value(connection, "SELECT count(*) FROM _yoyo_migration") == 3
            assert value(connection, "SELECT count(*) FROM yoyo_lock") == 0
            assert value(connection, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid <> 4711") == 0


def said_what_happened(fault: Fault, moment: Moment, name: str, said: str) -> None:
    assert "Traceback" not in said
    if fault in {"SIGTERM", "SIGINT"} and name != "before the first statement":
        left = "nothing of its file was kept" if moment.migration == "0002" else "it may have left something"
        assert re.search(rf"stopped in {moment.migration}\S*: {left}", said)
    if fault == "terminated":
        assert "the connection was lost" in said
        assert "'schedtool status' says what was done" in said
