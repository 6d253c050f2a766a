"""Which server the tests run against (`--server`), and the fixtures they share.

With `-n 2` (pytest-xdist) the tests run in two processes, each with a server of its own: roles, settings and locks are
a server's. A test marked `alone` has the machine for itself meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

import pytest

# Before anything reads them: a test must not reach the developer's own databases, nor depend on his settings.
_GIVEN = dict(os.environ)
for _name in _GIVEN:
    if _name.startswith(("SCHEDTOOL_", "PG", "POSTGRES_")) or _name in {"DATABASE_URL", "NO_COLOR", "FORCE_COLOR"}:
        del os.environ[_name]

from click.testing import CliRunner  # noqa: E402
from psycopg import sql  # noqa: E402

from schedtool.errors import SchedtoolError  # noqa: E402
from tests import servers  # noqa: E402
from tests.servers import Database, Outcome, Server  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

_RUNNING = pytest.StashKey[Server]()
_CLEANUP = pytest.StashKey[ExitStack]()
_TURNS = pytest.StashKey[str]()

# Ctrl-C is ignored in what a script starts in the background, and in all that it starts: the tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server",
        metavar="container|embedded|URL",
        help="the PostgreSQL to test against; default: a container where one can be had, else the embedded server",
    )
    parser.addoption("--all", action="store_true", help="fail where a program that some tests need is not installed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: looks at what all processes share; no other test runs meanwhile")


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> str | None:
    """Say which server it is, also with -q. Tests without a database start none."""
    if hasattr(config, "workerinput"):
        return None  # its server runs already, and was told
    if config.option.collectonly or not any("server" in getattr(item, "fixturenames", ()) for item in items):
        return None
    server, told = _start(config)
    config.stash[_RUNNING] = server
    return told


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist's own
    """Start a server for each of xdist's workers, here, where a failure ends the run with one clear line."""
    wanted: str | None = node.config.getoption("--server")
    if wanted not in {None, "container", "embedded"}:
        pytest.exit("--server URL is one server, and -n needs one for each process: leave one of them out", 1)
    server, told = _start(node.config)
    node.config.get_terminal_writer().line(told)
    parameters = dict(server.parameters)
    turns = node.config.stash.get(_TURNS, None)
    if turns is None:
        turns = node.config.stash[_TURNS] = node.config.stash[_CLEANUP].enter_context(TemporaryDirectory())
    node.workerinput["turns"] = turns
    node.workerinput["server"] = (server.kind, server.name, server.version, parameters, str(server.bin_dir))


def _start(config: pytest.Config) -> tuple[Server, str]:
    wanted: str | None = config.getoption("--server")
    image = _GIVEN.get("SCHEDTOOL_TEST_IMAGE", servers.DEFAULT_IMAGE)
    cleanup = config.stash.setdefault(_CLEANUP, ExitStack())
    try:
        if wanted is None:
            server, why = cleanup.enter_context(servers.start_default(image=image, environ=_GIVEN))
        else:
            server, why = cleanup.enter_context(servers.start(wanted, image=image, environ=_GIVEN)), "--server"
    except (servers.UnusableError, SchedtoolError) as error:
        pytest.exit(str(error), returncode=1)
    return server, f"server: {server.kind} {server.name}, PostgreSQL {server.version} ({why})"


def pytest_unconfigure(config: pytest.Config) -> None:
    if (cleanup := config.stash.get(_CLEANUP, None)) is not None:
        cleanup.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that is marked `alone` wait for the other workers' tests, and the others for it."""
    if (worker := getattr(item.config, "workerinput", None)) is None:
        return (yield)
    turns = Path(worker["turns"])
    with (turns / "door").open("w") as door, (turns / "room").open("w") as room:
        # Whoever waits for the room keeps the door shut: there would always be somebody in it otherwise.
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> Server:
    """The server of this run, or of this worker; see servers.py."""
    if (worker := getattr(pytestconfig, "workerinput", None)) is None:
        return pytestconfig.stash[_RUNNING]
    kind, name, version, parameters, bin_dir = worker["server"]
    return Server(kind, name, version, parameters, Path(bin_dir))


@pytest.fixture
def empty_database(server: Server) -> Iterator[Database]:
    """A database with nothing in it."""
    database = server.create()
    yield database
    server.drop(database.name)


@pytest.fixture(scope="session")
def template(server: Server) -> Iterator[str]:
    """The name of a database with empty parents (bigint keys), migrated by schedtool itself up to 0003."""
    database = server.create()
    database.make_parents()
    outcome = servers.run_process("--database", database.url, "apply", "--to", "0003")
    assert outcome.exit_code == 0, outcome
    # Nobody may connect: a clone would have to wait for him.
    server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(database.name)))
    yield database.name
    server.drop(database.name)


@pytest.fixture
def database(server: Server, template: str) -> Iterator[Database]:
    """A database with empty parents, migrated up to 0003."""
    database = server.create(template=template)
    yield database
    server.drop(database.name)


class RunCli(Protocol):
    """The command line in this process."""

    def __call__(
        self, *arguments: str | Path, environ: Mapping[str, str] | None = None, stdin: str = ""
    ) -> Outcome: ...


@pytest.fixture
def run_cli() -> RunCli:
    """Run the command line in this process: quick, and under the debugger's eyes. No terminal, as in CI."""

    def run(*arguments: str | Path, environ: Mapping[str, str] | None = None, stdin: str = "") -> Outcome:
        from schedtool.cli import cli  # noqa: PLC0415 tests of the SQL alone do not need it

        result = CliRunner(catch_exceptions=False).invoke(
            cli, [str(argument) for argument in arguments], env=environ, input=stdin, prog_name="schedtool"
        )
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run


class Psql(Protocol):
    """psql as a DBA runs it."""

    def __call__(
        self,
        database: Database,
        *arguments: str | Path,
        file: Path | None = None,
        command: str | None = None,
        stdin: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> Outcome: ...


@pytest.fixture
def psql(server: Server) -> Psql:
    """Run a file, a command or stdin with `psql -X`: in autocommit, and going on after an error, unless told."""

    def run(
        database: Database,
        *arguments: str | Path,
        file: Path | None = None,
        command: str | None = None,
        stdin: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> Outcome:
        call: list[str | Path] = [server.bin_dir / "psql", "-X", "-d", database.url, *arguments]
        for name, value in (variables or {}).items():
            call += ["-v", f"{name}={value}"]
        if file is not None:
            call += ["-f", file]
        if command is not None:
            call += ["-c", command]
        return servers.run_program(*call, stdin=stdin)

    return run
