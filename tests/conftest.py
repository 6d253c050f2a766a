"""Which server the tests run against (`--server`), and the fixtures they share."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

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
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_RUNNING = pytest.StashKey[Server]()
_CLEANUP = pytest.StashKey[ExitStack]()

# Ctrl-C is ignored in what a script starts in the background, and in all that it starts: the tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server",
        metavar="container|embedded|URL",
        help="the PostgreSQL to test against; default: a container where one can be had, else the embedded server",
    )


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> str | None:
    """Say which server it is, also with -q. Tests without a database start none."""
    if config.option.collectonly or not any("server" in getattr(item, "fixturenames", ()) for item in items):
        return None
    wanted: str | None = config.getoption("--server")
    image = _GIVEN.get("SCHEDTOOL_TEST_IMAGE", servers.DEFAULT_IMAGE)
    cleanup = config.stash[_CLEANUP] = ExitStack()
    try:
        if wanted is None:
            server, why = cleanup.enter_context(servers.start_default(image=image, environ=_GIVEN))
        else:
            server, why = cleanup.enter_context(servers.start(wanted, image=image, environ=_GIVEN)), "--server"
    except (servers.UnusableError, SchedtoolError) as error:
        pytest.exit(str(error), returncode=1)
    config.stash[_RUNNING] = server
    return f"server: {server.kind} {server.name}, PostgreSQL {server.version} ({why})"


def pytest_unconfigure(config: pytest.Config) -> None:
    if (cleanup := config.stash.get(_CLEANUP, None)) is not None:
        cleanup.close()


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> Server:
    """The server of this run; see servers.py."""
    return pytestconfig.stash[_RUNNING]


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
