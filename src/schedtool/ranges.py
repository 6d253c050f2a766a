"""Reads a table range by range without writing anything down: for the dry run, for verify, for a standby.

Each range is read in a READ ONLY transaction of its own, so that no snapshot is held for long and a standby that
cancels a read (it must, when it falls behind) costs one range.
"""

from __future__ import annotations

import queue
import random
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg

from schedtool.database import explain_error, run
from schedtool.jobs import answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from schedtool.database import Result
    from schedtool.sqlfile import Keys, SqlFile

Answer = TypeVar("Answer")

KEYS: Final = 20_000
"""Keys per range: enough for a parallel plan to be worth it, and for the answers to fit into memory."""
TRIES: Final = 20
# A standby cancels reads that stand in the way of replay (40001, 40P01); a primary cancels at its own timeouts.
RETRIED: Final = frozenset({"40001", "40P01", "55P03", "57014"})


@dataclass(frozen=True)
class Range:
    """Keys from first to last, both included, and how many there were."""

    first: str
    last: str
    keys: int


@dataclass(frozen=True)
class Extent:
    """A table's keys: about how many by the planner's figures (0 where it has none), and their type's name."""

    estimate: int
    key_type: str


def extent(connection: Connection[Any], keys: Keys) -> Extent:
    """Return about how many keys a table has, and of which type they are."""
    found = _asked(connection, "range_ends", keys)
    return Extent(found["estimate"], found["key_type"])


def ranges(connection: Connection[Any], keys: Keys, *, size: int = KEYS) -> Iterator[Range]:
    """Walk a table's keys from the first to the one that is the last now, whatever is inserted behind it meanwhile.

    Each step is a statement of its own; the connection must not be in a transaction when the next one is asked for.
    """
    ends = _asked(connection, "range_ends", keys)
    if ends["first_key"] is None:
        return
    after, begin = ends["first_key"], True
    while True:
        step = _asked(connection, "range_step", keys, after=after, begin=begin, end=ends["last_key"], size=size)
        if not step["n"]:
            return
        yield Range(step["first_key"], step["last_key"], step["n"])
        after, begin = step["last_key"], False


def read(connection: Connection[Any], file: SqlFile, values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Run a file in one READ ONLY transaction, with one snapshot for all its statements, and return its answer.

    A read that a standby or a timeout cancels is tried again.

    Raises:
        SchedtoolError: It fails for another reason, or too often.
        psycopg.errors.UndefinedObject and its kin: What the file names is not there; the caller knows what that means.
    """
    try:
        results = tried(lambda: _once(connection, file, values))
    except psycopg.Error as error:
        if error.sqlstate in MISSING:
            raise
        raise explain_error(error, file=file.path, text=file.text) from error
    return results[-1].dicts() if results else []


def _once(connection: Connection[Any], file: SqlFile, values: Mapping[str, str]) -> list[Result]:
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        # Compiling a large expression anew for every range costs more than reading the range (20 s to 0.7 s).
        # SET takes no snapshot: for one held between two messages a standby would end the session.
        connection.execute("SET LOCAL jit = off")
        return run(connection, file.text, values)
    finally:
        if not connection.closed:
            connection.execute("ROLLBACK")


def read_each(
    connection: Connection[Any],
    readers: Sequence[Connection[Any]],
    file: SqlFile,
    parts: Iterable[Range],
    values: Mapping[str, str],
) -> Iterator[tuple[Range, list[dict[str, Any]]]]:
    """Run a file for each range and yield its answers in the ranges' order; on `readers` at once, where there are any.

    `connection` is left to whoever walks the ranges. No more answers are kept than twice as many as there are readers.
    """
    if not readers:
        for part in parts:
            yield part, read(connection, file, {**values, "first": part.first, "last": part.last})
        return
    free: queue.SimpleQueue[Connection[Any]] = queue.SimpleQueue()
    for reader in readers:
        free.put(reader)

    def one(part: Range) -> list[dict[str, Any]]:
        reader = free.get()
        try:
            return read(reader, file, {**values, "first": part.first, "last": part.last})
        finally:
            free.put(reader)

    waiting: deque[tuple[Range, Future[list[dict[str, Any]]]]] = deque()
    with ThreadPoolExecutor(len(readers)) as pool:
        try:
            for part in parts:
                waiting.append((part, pool.submit(one, part)))
                if len(waiting) > 2 * len(readers):
                    yield waiting[0][0], waiting.popleft()[1].result()
            while waiting:
                yield waiting[0][0], waiting.popleft()[1].result()
        except BaseException:
            # Nobody waits for answers that nobody wants.
            pool.shutdown(wait=False, cancel_futures=True)
            for reader in readers:
                reader.cancel_safe(timeout=2)
            raise


# A table, column, function or schema that is not there (yet), and one that may not be read.
MISSING: Final = frozenset({"42P01", "42703", "42883", "3F000", "42501", "42704"})


def tried(ask: Callable[[], Answer]) -> Answer:
    """Ask, and again where a standby or a timeout cancels it; what still fails after so many tries is raised."""
    for tries in range(1, TRIES + 1):
        try:
            return ask()
        except psycopg.Error as error:
            if error.sqlstate not in RETRIED or tries == TRIES:
                raise
            time.sleep(random.uniform(0.5, 1.5) * min(0.1 * 2**tries, 5.0))  # noqa: S311 - jitter
    raise AssertionError  # the last try returns or raises


def _asked(connection: Connection[Any], name: str, keys: Keys, **parameters: object) -> dict[str, Any]:
    said = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in parameters.items()}
    return tried(lambda: answer(connection, name, over=keys, **said)[0])
