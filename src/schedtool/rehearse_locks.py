"""Which locks schedtool's sessions take on tables that were there before, and for how long: sampled, not traced.

Another connection looks at pg_locks every few milliseconds. A lock held for less than that may never be seen, and a
time is as exact as two looks are apart.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg

from schedtool import psqlscript
from schedtool.database import connect, tool_sql
from schedtool.jobs import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from schedtool.database import Target

EVERY_S: Final = 0.002
# PostgreSQL's table lock modes, the weakest first.
MODES: Final = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)


@dataclass(frozen=True)
class Held:
    """A lock mode on a table; `held_ms` is the longest time that one transaction was seen to hold it."""

    table: str
    mode: str
    held_ms: int

    @property
    def strength(self) -> int:
        """The higher, the more others it keeps out."""
        return MODES.index(self.mode) if self.mode in MODES else len(MODES)


@dataclass
class Seen:
    """What is seen while a block runs; `locks` is complete once it has ended."""

    locks: tuple[Held, ...] = ()
    since: dict[tuple[int, str, int, str], float] = field(default_factory=dict)
    longest: dict[tuple[int, str], float] = field(default_factory=dict)


@contextmanager
def watched(target: Target) -> Iterator[Seen]:
    """Watch the locks that this program's sessions take on the tables there are now, while the block runs."""
    seen = Seen()
    with closing(connect(target, application="rehearse", read_only=True)) as connection:
        tables = {row["oid"]: row["name"] for row in answer(connection, "rehearse_tables")}
        # The same text every time: the server parses and plans it once.
        connection.prepare_threshold = 0
        ended = threading.Event()
        thread = threading.Thread(target=_look, args=(connection, sorted(tables), seen, ended), daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            ended.set()
            thread.join()
            held = [Held(tables[oid], mode, max(1, round(1000 * s))) for (oid, mode), s in seen.longest.items()]
            seen.locks = tuple(sorted(held, key=lambda one: (one.table, -one.strength)))


def _look(connection: Connection[Any], tables: list[int], seen: Seen, ended: threading.Event) -> None:
    values = {"tables": "{" + ",".join(map(str, tables)) + "}"}
    statement = psqlscript.bind(tool_sql("rehearse_locks"), values).encode()
    try:
        while not ended.wait(EVERY_S):
            rows = connection.execute(statement).fetchall()
            _note(seen, rows, time.monotonic())
    except psycopg.Error:
        # Without its server the step fails as well, and says why.
        pass
    _note(seen, [], time.monotonic())


def _note(seen: Seen, rows: list[tuple[Any, ...]], now: float) -> None:
    """Note what is held now; what is held no longer was held from the first look that saw it until this one."""
    held = {(pid, transaction, oid, mode) for pid, transaction, oid, mode in rows}
    for begun in held - seen.since.keys():
        seen.since[begun] = now
    for key in seen.since.keys() - held:
        which = key[2:]
        seen.longest[which] = max(seen.longest.get(which, 0.0), now - seen.since.pop(key))
