"""One worker of the engine: a connection, and batches on it until no range is left to claim.

A batch is one transaction: it locks a range that nobody works on, finds the range's next keys, sends the batch file for
them, adds up what the file answers, moves the cursor and commits. Killed at any instant, either all of that is there or
none of it.
"""

from __future__ import annotations

import json
import queue  # noqa: TC003 - a dataclass below is annotated with it
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg

from schedtool import database, jobs
from schedtool.errors import Refused, SchedtoolError, UsageError

if TYPE_CHECKING:
    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.project import SqlFile
    from schedtool.throttle import Gate

TARGET_S: Final = 0.1
GROWTH: Final = 1.2
SMALLEST_BATCH: Final = 20
LARGEST_BATCH: Final = 2_000
# Lock not available, deadlock, serialization failure, query cancelled (a timeout of ours, or somebody's
# pg_cancel_backend): the transaction is gone and the same one may well pass the next time. Sixty tries are about two
# minutes of other sessions' locks, since the pauses grow to 2 s; a batch that times out is down to one key before.
TRIES: Final = {"55P03": 60, "40P01": 60, "40001": 60, "57014": 15}
# Wrong data, a cardinality or constraint violation, a RAISE: one document may be the cause, so it is looked for.
OF_ONE_DOCUMENT: Final = ("21", "22", "23", "P0")
REFUSAL: Final = "ST003"
"""The SQLSTATE by which a file says that the answer is no."""


@dataclass(frozen=True)
class Done:
    """A batch is committed."""

    keys: int
    size: int


@dataclass(frozen=True)
class Tried:
    """The server rolled a batch back; it is tried again, smaller."""

    sqlstate: str
    message: str
    tries: int


@dataclass(frozen=True)
class Left:
    """A worker's last word: nothing left to claim, told to stop, or what went wrong."""

    error: BaseException | None


@dataclass
class Worker:
    """What one thread works with; `size` is its next batch, `say` how it reports. Timeouts in seconds."""

    target: Target
    file: SqlFile
    settings: str | None
    job: int
    size: float
    gate: Gate
    say: queue.SimpleQueue[Done | Tried | Left]
    lock_timeout: float
    statement_timeout: float
    connection: Connection[Any] | None = None
    pids: set[int] = field(default_factory=set)


def work(worker: Worker) -> None:
    """Run batches to the end, in a thread of its own; the last word says how it ended."""
    error: BaseException | None = None
    try:
        with database.connect(
            worker.target,
            application="batches",
            lock_timeout=worker.lock_timeout,
            statement_timeout=worker.statement_timeout,
        ) as connection:
            worker.connection = connection
            worker.pids.add(connection.info.backend_pid)
            # A batch takes 100 ms; compiling its plan can take longer than that, for every batch.
            connection.execute("SELECT set_config('jit', 'off', false)")
            _batches(worker, connection)
    except psycopg.Error as caught:
        error = _explained(worker, caught)
    except BaseException as caught:  # noqa: BLE001 - whatever it is, the supervisor raises it in its own thread
        error = caught
    finally:
        worker.connection = None
        worker.say.put(Left(error))


def _batches(worker: Worker, connection: Connection[Any]) -> None:
    """Run batches until none is left to claim or the gate says stop."""
    tries = 0
    pid = connection.info.backend_pid
    while worker.gate.wait():
        size = max(1, round(worker.size))
        started = time.monotonic()
        try:
            keys = _one_batch(worker, connection, size=size)
        except _Broken as broken:
            connection.execute("ROLLBACK")
            tries += 1
            _after_trouble(worker, broken, size=size, tries=tries)
            continue
        if keys is None:
            return
        tries = 0
        worker.say.put(Done(keys, size))
        if worker.gate.was_disturbed(pid):
            # Somebody waited for this batch: let them all through before the next one takes its locks.
            worker.size = max(SMALLEST_BATCH, size / 2)
            worker.gate.rest(TARGET_S)
        elif keys == size:
            worker.size = next_size(size, time.monotonic() - started)


def next_size(size: int, elapsed_s: float) -> float:
    """Return the size that would have taken the target time: at most a fifth up or half down, within the limits."""
    wanted = size * TARGET_S / max(elapsed_s, 0.001)
    return max(SMALLEST_BATCH, min(LARGEST_BATCH, wanted, max(size * GROWTH, size + 1)), size / 2)


class _Broken(Exception):
    """A batch that the server rolled back, with the keys it was for."""

    def __init__(self, error: psycopg.Error, *, first: str | None, last: str | None, keys: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.first = first
        self.last = last
        self.keys = keys


def _after_trouble(worker: Worker, broken: _Broken, *, size: int, tries: int) -> None:
    """Halve and rest before the next try, or raise what a human has to look at."""
    state = broken.error.sqlstate or ""
    if tries < TRIES.get(state, 0):
        worker.say.put(Tried(state, str(broken.error).splitlines()[0], tries))
        worker.size = max(SMALLEST_BATCH, size / 2) if size > SMALLEST_BATCH else max(1, size / 2)
        worker.gate.rest(random.uniform(0.5, 1.5) * min(2.0, 0.05 * 2 ** min(tries, 6)))  # noqa: S311 - jitter
        return
    if state.startswith(OF_ONE_DOCUMENT) and broken.keys > 1:
        worker.say.put(Tried(state, str(broken.error).splitlines()[0], tries))
        worker.size = max(1, min(size, broken.keys) // 2)
        return
    found = _explained(worker, broken.error)
    if isinstance(found, Refused):
        # The answer is no for the whole, not for these keys.
        raise found from broken.error
    keys = f"key {broken.first}" if broken.first == broken.last else f"keys {broken.first} to {broken.last}"
    if broken.first is not None:
        raise type(found)(f"at {keys}: {found.message}", hint=found.hint, code=found.code) from broken.error
    raise found from broken.error


def _explained(worker: Worker, error: psycopg.Error) -> SchedtoolError:
    found = database.explain_error(error, file=worker.file.path, text=worker.file.text)
    if error.sqlstate == REFUSAL:
        return Refused(error.diag.message_primary or found.message, hint=error.diag.message_hint)
    return found


def _one_batch(worker: Worker, connection: Connection[Any], *, size: int) -> int | None:
    """Do one batch in one transaction and return its keys; None when no range is left to claim."""
    first: str | None = None
    last: str | None = None
    keys = 0
    try:
        connection.execute("BEGIN")
        claimed = jobs.answer(connection, "batch_claim", job=worker.job)
        if not claimed:
            connection.execute("ROLLBACK")
            return None
        found = claimed[0]
        batch = jobs.answer(
            connection,
            "batch_keys",
            over=worker.file.keys,
            first=found["first_key"] if found["done_key"] is None else found["done_key"],
            included=str(found["done_key"] is None).lower(),
            last=found["last_key"],
            size=size,
        )[0]
        keys = batch["n"]
        if not keys:
            jobs.answer(connection, "range_finish", job=worker.job, number=found["number"])
            connection.execute("COMMIT")
            return 0
        first, last = batch["first_key"], batch["last_key"]
        counters = _counters(worker, connection, first=first, last=last)
        jobs.answer(
            connection,
            "batch_move",
            job=worker.job,
            number=found["number"],
            last=last,
            n=keys,
            counters=json.dumps(counters),
        )
        connection.execute("COMMIT")
    except psycopg.Error as error:
        if connection.closed:
            raise
        raise _Broken(error, first=first, last=last, keys=keys) from error
    except SchedtoolError:
        connection.execute("ROLLBACK")
        raise
    return int(keys)


def _counters(worker: Worker, connection: Connection[Any], *, first: str, last: str) -> dict[str, int]:
    """Send the batch file for these keys and return the row of counters that it answers."""
    parameters = {"first": first, "last": last}
    if worker.file.settings is not None:
        parameters["settings"] = worker.settings or "{}"
    results = database.run(connection, worker.file.text, parameters)
    rows = results[-1].dicts() if results else []
    # Exactly int: a numeric (what sum() of a bigint is) or a boolean would be added up into something else.
    if len(rows) != 1 or any(type(value) is not int for value in rows[0].values()):
        found = ", ".join(f"{name} {type(value).__name__}" for name, value in rows[0].items()) if rows else ""
        raise UsageError(
            f"{worker.file.path}: its last result must be one row of bigint counters"
            f", and it is {len(rows)} rows{': ' + found if found else ''}",
            hint="nothing of this batch was kept",
            code="contract",
        )
    return rows[0]
