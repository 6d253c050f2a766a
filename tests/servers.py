"""The PostgreSQL that the tests talk to: a container, an embedded server, or one that is there already.

What the fixtures in conftest.py hand out is defined here, for tests that need more than a fixture.
"""

from __future__ import annotations

import gc
import os
import secrets
import subprocess
import sys
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schedtool import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).parent
DEFAULT_IMAGE = "postgres:17"

# Needs quoting in a URL, in a shell and in SQL; what leaks it whole or in part is found by "S3cret".
PASSWORD = "S3cret p@ss:w/rd%'"  # noqa: S105

# Nobody needs these databases after a crash. Tests of what a crash leaves kill clients, not the server.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class UnusableError(Exception):
    """There is no server to test against; one line that says why and what to do."""


@dataclass(frozen=True)
class Server:
    """A running server on which the tests may create databases.

    Attributes:
        kind: Where it comes from.
        name: The image, the binaries' folder, or the host.
        version: Such as "17.6".
        parameters: libpq's connection parameters, without `dbname`.
        bin_dir: Programs for this machine that are at least as new: `psql`, `pg_dump`.
    """

    kind: Literal["container", "embedded", "url"]
    name: str
    version: str
    parameters: Mapping[str, str] = field(repr=False)
    bin_dir: Path

    @property
    def conninfo(self) -> str:
        """How the superuser connects to the maintenance database, by libpq keywords."""
        return make_conninfo(**{**self.parameters, "dbname": "postgres"})

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def url(self, dbname: str, *, user: str | None = None, password: str | None = None) -> str:
        """A URL with user and password, for TCP or for a socket; as another role where one is given."""
        rest = dict(self.parameters)
        user, password = user or rest["user"], password or rest.get("password", "")
        rest.pop("user"), rest.pop("password", None)
        where = ""
        if not rest["host"].startswith("/"):
            where = f"{rest.pop('host')}:{rest.pop('port', '5432')}"
        query = f"?{urlencode(rest, quote_via=quote)}" if rest else ""
        return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{where}/{quote(dbname, safe='')}{query}"

    def create(self, *, template: str | None = None) -> Database:
        """Create a database of a random name."""
        name = f"test_{secrets.token_hex(6)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template or "template0")
        )
        self.execute(statement)
        url = self.url(name)
        return Database(url=url, conninfo=make_conninfo(url), name=name, server=self)

    def drop(self, name: str) -> None:
        """Drop a database, and whoever is connected to it."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: sql.Composed) -> None:
        """Run one statement in the maintenance database."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement)


@dataclass(frozen=True)
class Database:
    """A database of one test, gone after it.

    Attributes:
        url: For `--database`; holds the password.
        conninfo: The same by libpq keywords.
        name: Its name on the server.
        server: The server it is on.
    """

    url: str = field(repr=False)
    conninfo: str = field(repr=False)
    name: str
    server: Server

    def connect(self, *, autocommit: bool = True, **parameters: str | int) -> psycopg.Connection:
        """Connect as superuser, or as `user=…`; use it in a `with` block, which closes it."""
        return psycopg.connect(make_conninfo(self.conninfo, **parameters), autocommit=autocommit)

    def make_parents(self, key: Literal["integer", "bigint", "uuid"] = "bigint") -> None:
        """Create `users` and `providers`, empty, with keys of that type."""
        with self.connect() as connection:
            connection.execute((HERE / "sql" / f"parents.{key}.sql").read_bytes())


@dataclass(frozen=True)
class Outcome:
    """What a program did."""

    exit_code: int
    stdout: str
    stderr: str


def clean_environ(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for programs under test: scrubbed by conftest.py already, plus what the test wants."""
    return {**os.environ, **(extra or {})}


def run_process(
    *arguments: str | Path,
    environ: Mapping[str, str] | None = None,
    stdin: str = "",
    cwd: Path | None = None,
    timeout: float = 300,
) -> Outcome:
    """Run `python -m schedtool …` as a process of its own, with the limit in seconds."""
    return run_program(
        sys.executable, "-m", "schedtool", *arguments, environ=environ, stdin=stdin, cwd=cwd, timeout=timeout
    )


def run_program(
    *command: str | Path,
    environ: Mapping[str, str] | None = None,
    stdin: str = "",
    cwd: Path | None = None,
    timeout: float = 300,
) -> Outcome:
    """Run a program to its end; the limit is in seconds."""
    done = subprocess.run(
        command,
        input=stdin,
        env=clean_environ(environ),
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@contextmanager
def start_default(
    *, image: str, environ: Mapping[str, str], settings: Mapping[str, str] = FAST
) -> Iterator[tuple[Server, str]]:
    """A container where one can be had, else the embedded server; and why it is that one."""
    with ExitStack() as stack:
        try:
            server, why = (
                stack.enter_context(start("container", image=image, environ=environ, settings=settings)),
                "a Docker engine answers",
            )
        except UnusableError as error:
            server, why = (
                stack.enter_context(start("embedded", image=image, environ=environ, settings=settings)),
                str(error),
            )
        yield server, why


def engine_problem() -> str | None:
    """Why no Docker engine can be used, or None where one answers within 2 s."""
    with warnings.catch_warnings():
        # docker's client leaves the socket of an attempt that failed to the garbage collector, which complains.
        warnings.simplefilter("ignore", ResourceWarning)
        problem = _ask_engine()
        gc.collect()
    return problem


def _ask_engine() -> str | None:
    import docker  # noqa: PLC0415 not needed for other servers

    try:
        client = docker.from_env(timeout=2)
    except docker.errors.DockerException as error:
        return str(error)
    try:
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        return str(error)
    finally:
        client.close()
    return None


@contextmanager
def start(
    choice: str, *, image: str, environ: Mapping[str, str], settings: Mapping[str, str] = FAST
) -> Iterator[Server]:
    """Start the chosen server with these settings, or connect to the URL.

    Raises:
        UnusableError: It cannot be reached, or not be started.
    """
    if choice == "container":
        starting = _container(image, settings)
    elif choice == "embedded":
        starting = _embedded(environ, settings)
    else:
        starting = _existing(choice)
    with starting as server:
        yield server


@contextmanager
def _container(image: str, settings: Mapping[str, str]) -> Iterator[Server]:
    if problem := engine_problem():
        raise UnusableError(f"no Docker engine answers: {shorten(problem, 120)}")
    import docker  # noqa: PLC0415 not needed for other servers
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    container = PostgresContainer(
        image, username="postgres", password=PASSWORD, dbname="postgres", driver=None
    ).with_command(["postgres", *given])
    try:
        try:
            container.start()
        except (docker.errors.DockerException, OSError, RuntimeError) as error:
            advice = "SCHEDTOOL_TEST_IMAGE=$(tests/container/make-image) gives one without a registry"
            if "ryuk" in str(error):
                advice = "TESTCONTAINERS_RYUK_DISABLED=true does without the helper image that cannot be pulled"
            raise UnusableError(f"no container of {image}: {shorten(str(error), 200)}; {advice}") from error
        parameters = {
            "host": container.get_container_host_ip(),
            "port": str(container.get_exposed_port(5432)),
            "user": "postgres",
            "password": PASSWORD,
        }
        yield _reached("container", image, parameters)
    finally:
        container.stop()
        container.get_docker_client().client.close()


@contextmanager
def _embedded(environ: Mapping[str, str], settings: Mapping[str, str]) -> Iterator[Server]:
    with embedded.throwaway(settings=settings, environ=environ) as running:
        # A password, as a container has one: the tests watch where it goes.
        with psycopg.connect(running.conninfo, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(PASSWORD))
            (running.data_dir / "pg_hba.conf").write_text("local all all scram-sha-256\n", encoding="utf-8")
            connection.execute("SELECT pg_reload_conf()")
        parameters = {"host": str(running.data_dir), "user": "postgres", "password": PASSWORD}
        wrong = make_conninfo(**{**parameters, "password": "wrong", "dbname": "postgres"})
        for _ in range(1000):  # until the server has read the file, which is a matter of milliseconds
            try:
                psycopg.connect(wrong).close()
            except psycopg.OperationalError:
                break
        yield _reached("embedded", str(running.bin_dir), parameters)


@contextmanager
def _existing(url: str) -> Iterator[Server]:
    try:
        parsed = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise UnusableError(f"--server is neither container, embedded nor a URL: {str(error).strip()}") from error
    parameters = {name: str(value) for name, value in parsed.items() if name != "dbname" and value is not None}
    parameters.setdefault("host", "localhost")
    parameters.setdefault("user", "postgres")
    yield _reached("url", f"{parameters['host']}:{parameters.get('port', '5432')}", parameters)


def _reached(kind: Literal["container", "embedded", "url"], name: str, parameters: Mapping[str, str]) -> Server:
    try:
        with psycopg.connect(make_conninfo(**{**parameters, "dbname": "postgres"}), connect_timeout=10) as connection:
            version = connection.info.parameter_status("server_version") or ""
    except psycopg.OperationalError as error:
        raise UnusableError(f"no server at {name}: {' '.join(str(error).split())}") from error
    # Not SCHEDTOOL_PG_BIN: that names an older server at times, and pg_dump refuses a server newer than itself.
    return Server(kind, name, version.split()[0], parameters, embedded.find_binaries({}))
