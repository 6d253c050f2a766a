"""Where it is measured: one server with durable settings, and for every measurement a fresh copy of the same data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schedtool.database import run
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection

    from tests.servers import Database, Server

SQL = Path(__file__).parent / "sql"
LEVELS = ("alike", "common", "distinct")
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class MissingError(Exception):
    """This way cannot be gone here; the message says why."""


@dataclass(frozen=True)
class Ran:
    """A program that ran to its end: seconds, those of the processor, its peak of memory in MB, and what it said."""

    seconds: float
    worked: float
    memory_mb: float
    exit_code: int
    stdout: str
    stderr: str


@contextmanager
def server(choice: str | None, settings: Mapping[str, str]) -> Iterator[Server]:
    """Start the server, or reach the one of a URL; everything it commits survives a crash, or it is refused.

    Raises:
        UnusableError: There is none, or it is not durable.
    """
    image = os.environ.get("SCHEDTOOL_TEST_IMAGE", servers.DEFAULT_IMAGE)
    with ExitStack() as stack:
        if choice is None:
            found, _ = stack.enter_context(servers.start_default(image=image, environ=os.environ, settings=settings))
        else:
            found = stack.enter_context(servers.start(choice, image=image, environ=os.environ, settings=settings))
        database = found.create()
        try:
            with database.connect() as connection:
                off = [name for name in DURABLE if _shown(connection, name) != "on"]
        finally:
            found.drop(database.name)
        if off:
            raise servers.UnusableError(f"{', '.join(off)} is not on there: what it does not write costs nothing")
        yield found


def described(server: Server) -> str:
    """The server and the settings that move figures, in one line."""
    database = server.create()
    try:
        with database.connect() as connection:
            names = (*DURABLE, "shared_buffers", "max_wal_size", "work_mem", "maintenance_work_mem")
            told = ", ".join(f"{name} {_shown(connection, name)}" for name in names)
    finally:
        server.drop(database.name)
    return f"{server.kind}, PostgreSQL {server.version}, {os.cpu_count()} cores; {told}"


def _shown(connection: Connection[Any], name: str) -> str:
    found = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(found[0]) if found else ""


@contextmanager
def made(server: Server, level: str, documents: int) -> Iterator[tuple[Database, Database]]:
    """Databases to copy, with that many documents: one migrated to 0001, one to 0002; no rows in either.

    Both hold the rows that every way must end with, as `benchmark.expected`: read by bare casts, not by us.
    """
    with ExitStack() as stack:
        tables = _kept(stack, server)
        tables.make_parents()
        with tables.connect() as connection:
            run(connection, text(f"documents.{level}"), {"documents": str(documents)})
        said(schedtool(tables, "apply", "--to", "0001"))
        with tables.connect() as connection:
            run(connection, text("plain"))
            run(connection, text("expected"))
            connection.execute("VACUUM ANALYZE")
        synced = _kept(stack, server, template=tables)
        said(schedtool(synced, "apply", "--to", "0002"))
        yield tables, synced


@contextmanager
def copied(database: Database) -> Iterator[Database]:
    """Give a copy of a database, everything written to disk, so that a measurement pays for its own writes only."""
    with ExitStack() as stack:
        copy = _kept(stack, database.server, template=database)
        with copy.connect() as connection:
            connection.execute("CHECKPOINT")
        yield copy


def _kept(stack: ExitStack, server: Server, *, template: Database | None = None) -> Database:
    database = server.create(template=template.name if template else None)
    stack.callback(server.drop, database.name)
    return database


def text(name: str) -> str:
    """The text of a file in sql/."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def number(connection: Connection[Any], name: str) -> int:
    """What a file in sql/ that answers one number answers."""
    (row,) = run(connection, text(name))[-1].dicts()
    (answer,) = row.values()
    return int(answer)


def wal_position(connection: Connection[Any]) -> int:
    """How many bytes the server has written to its log so far."""
    found = connection.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
    assert found is not None
    return int(found[0])


def worked(server: Server) -> float | None:
    """Processor seconds of the server's sessions that have ended; None where its processes are not on this machine.

    Other work on the machine makes everything take longer, and this hardly at all.
    """
    ticks = os.sysconf("SC_CLK_TCK")
    try:
        pid = int((Path(server.parameters["host"]) / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    # Its own and those of its children that it has waited for: user and system each.
    return sum(int(field) for field in fields[11:15]) / ticks


def schedtool(database: Database, *arguments: str, extra: Mapping[str, str] | None = None) -> Ran:
    """Run the command line as a process of its own, measured from outside as its user would."""
    return measured(sys.executable, "-m", "schedtool", "--database", database.url, *arguments, extra=extra)


def environ(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for what is measured: a program is compiled once, as it is where it was installed."""
    return {name: value for name, value in servers.clean_environ(extra).items() if name != "PYTHONDONTWRITEBYTECODE"}


def measured(*command: str, extra: Mapping[str, str] | None = None) -> Ran:
    """Run a program to its end, with something more in its environment."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environ(extra))
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        seconds = time.monotonic() - begun
        # Popen has not seen it end, and would look for it.
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (out, err):
            file.seek(0)
        told = [file.read().decode() for file in (out, err)]
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Ran(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit, process.returncode, *told)


def said(ran: Ran) -> Ran:
    """Return what a program said, if it is done.

    Raises:
        MissingError: It is not, and why.
    """
    if ran.exit_code:
        lines = [line for line in ran.stderr.splitlines() if line.strip()]
        why = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "it said nothing")
        raise MissingError(f"exit code {ran.exit_code}: {why}")
    return ran


def answer(ran: Ran) -> dict[str, Any]:
    """The JSON that a program said."""
    found: dict[str, Any] = json.loads(said(ran).stdout)
    return found
