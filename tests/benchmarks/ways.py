"""The ways from documents to rows that are held against each other: those people would write, and ours."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schedtool.database import run
from tests.benchmarks import place
from tests.benchmarks.place import MissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import Database

# What `backfill` ends with where nothing is left to decide is 0; 2 is an option that is not there.
USAGE = 2


@dataclass(frozen=True)
class Cost:
    """What a way cost: seconds; the most memory in MB that its client held and what it worked, where it had one."""

    seconds: float
    memory_mb: float | None = None
    worked: float = 0.0


@dataclass(frozen=True)
class Way:
    """One way.

    Attributes:
        name: As the table says it.
        go: Does it on a database, and measures it.
        synced: Whether it starts with 0002 applied, and not 0001 alone.
        writes: Whether it ends with rows, which are then looked at.
        verified: Whether `schedtool verify` must say yes to all afterwards.
    """

    name: str
    go: Callable[[Database], Cost]
    synced: bool = True
    writes: bool = True
    verified: bool = field(default=False)


def _file(name: str, *before: str) -> Callable[[Database], Cost]:
    """One of the statements in sql/, after others that are not measured."""

    def go(database: Database) -> Cost:
        with database.connect() as connection:
            for other in before:
                run(connection, place.text(other))
            begun = time.monotonic()
            run(connection, place.text(name))
            return Cost(time.monotonic() - begun)

    return go


def _copy(database: Database) -> Cost:
    with tempfile.TemporaryFile() as file, database.connect() as connection, connection.cursor() as cursor:
        with cursor.copy("COPY benchmark.expected TO STDOUT") as finished:
            for part in finished:
                file.write(part)
        file.seek(0)
        run(connection, place.text("without_index"))
        begun = time.monotonic()
        with cursor.copy(
            "COPY provider_availability (provider_id, day_of_week, is_available, start_time, end_time, timezone)"
            " FROM STDIN"
        ) as copy:
            while part := file.read(2**18):
                copy.write(part)
        return Cost(time.monotonic() - begun)


def _loop(database: Database) -> Cost:
    with database.connect() as connection:
        run(connection, place.text("without_index"))
    ran = place.said(place.measured(sys.executable, "-m", "tests.benchmarks.loop", database.url))
    return Cost(ran.seconds, ran.memory_mb, ran.worked)


def _ours(*arguments: str, options: str = "") -> Callable[[Database], Cost]:
    """A command of ours, start of the program included; `options` are settings of its sessions, as in PGOPTIONS."""

    def go(database: Database) -> Cost:
        ran = place.schedtool(database, *arguments, extra={"PGOPTIONS": options} if options else None)
        if ran.exit_code == USAGE:
            raise MissingError(next(iter(ran.stderr.splitlines()), "wrong usage"))
        place.said(ran)
        return Cost(ran.seconds, ran.memory_mb, ran.worked)

    return go


KEY_ASKED = "-c session_replication_role=local"
PLAIN = "plain INSERT … SELECT, its two indexes"
RULES = "reading alone, our rules, one core"
BARE = "reading alone, bare casts, one core"

WAYS = (
    Way(PLAIN, _file("plain", "without_index", "indexes"), synced=False),
    Way("plain INSERT … SELECT, no more indexes", _file("plain", "without_index"), synced=False),
    Way("COPY of finished rows", _copy, synced=False),
    Way("loop in Python, executemany", _loop, synced=False),
    Way("backfill, 1 worker", _ours("backfill", "--workers", "1"), verified=True),
    Way("backfill, 2 workers (the default)", _ours("backfill", "--workers", "2"), verified=True),
    # As for a role that may not pass over the foreign key: "local" asks for it, and is not taken for the usual value.
    Way("backfill, 2 workers, the key asked", _ours("backfill", "--workers", "2", options=KEY_ASKED), verified=True),
    Way("apply: backfill and the migration's file", _ours("apply", "--to", "0003"), verified=True),
    Way("backfill --defer-foreign-key", _ours("backfill", "--defer-foreign-key"), verified=True),
    Way("apply --no-batches: the file alone", _ours("apply", "--to", "0003", "--no-batches"), verified=True),
    Way("backfill --dry-run", _ours("backfill", "--dry-run"), writes=False),
    Way(BARE, _file("read.bare"), writes=False),
    Way(RULES, _file("read.rules"), writes=False),
)
