"""One worker of the engine: a connection, and batches on it until no range is left to claim.

What a batch is stands in transaction.py. Here is what happens between them: the size of the next one, the tries after
trouble, the search for the one document that fails, and a new connection where the old one is lost.
"""

from __future__ import annotations

import queue  # noqa: TC003 - a dataclass below is annotated with it
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg

from schedtool import database, throttle
from schedtool.errors import Busy, Failed, Refused, SchedtoolError
from schedtool.pooler import server_process
from schedtool.transaction import TIMED_OUT, UNIQUE, Broken, Fault, explained, may_be_one_document, one_batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.throttle import Gate
    from schedtool.work import Work

TARGET_S: Final = 0.1
NICE_TARGET_S: Final = 0.02
"""Where others are to be spared a batch is short: for so long its rows are locked, and a processor is taken."""
GROWTH: Final = 1.2
SMALLEST_BATCH: Final = 20
LARGEST_BATCH: Final = 2_000
# Lock not available, deadlock, serialization failure, query cancelled (a timeout of ours, or somebody's
# pg_cancel_backend): the transaction is gone and the same one may well pass the next time. Sixty tries are about two
# minutes of other sessions' locks, since the pauses grow to 2 s; a batch that times out is down to one key before.
# For a key that is there twice, a writer was quicker, and the next try of the same batch sees his row.
TRIES: Final = {"55P03": 60, "40P01": 60, "40001": 60, TIMED_OUT: 20, UNIQUE: 10}
FAULTS_IN_A_ROW: Final = 50
"""So many documents that fail one after the other are not to blame themselves: a trigger, a constraint or a file is."""
ROW_LOCK_S: Final = 0.2
"""How long a batch waits for a row at most: who comes behind it in the queue for that row waits for it too.

Where somebody has waited for a batch of several keys, it is cancelled long before (collectors.PATIENCE_MS); one of a
single key has to pass, and is not.
"""
RECONNECT_S: Final = 30.0
IDLE_IN_TRANSACTION_S: Final = 10.0
"""A client that is stopped in the middle of a batch keeps its locks no longer than this."""


@dataclass(frozen=True)
class Done:
    """A batch is committed."""

    keys: int
    size: int
    fault: Fault | None


@dataclass(frozen=True)
class Tried:
    """The server rolled a batch back, or the connection was lost; it is tried again."""

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
    work: Work
    job: int
    size: float
    gate: Gate
    say: queue.SimpleQueue[Done | Tried | Left]
    lock_timeout: float
    statement_timeout: float
    connection: Connection[Any] | None = None
    backend: int | None = None
    in_batch: bool = False
    faults: int = 0
    pids: set[int] = field(default_factory=set)

    @property
    def may_be_cancelled(self) -> bool:
        """Whether its batch can be made smaller: one of a single key has to pass."""
        return round(self.size) > 1


def work(worker: Worker) -> None:
    """Run batches to the end, in a thread of its own; the last word says how it ended."""
    error: BaseException | None = None
    try:
        _work(worker)
    except psycopg.Error as caught:
        error = explained(caught, worker.work.file)
    except BaseException as caught:  # noqa: BLE001 - whatever it is, the supervisor raises it in its own thread
        error = caught
    finally:
        worker.connection = worker.backend = None
        worker.say.put(Left(error))


def _work(worker: Worker) -> None:
    """Run batches on one connection after the other, should one be lost."""
    lost: psycopg.Error | None = None
    deadline = 0.0
    while True:
        committed = False
        try:
            with _connected(worker, lost, deadline) as connection:
                _prepare(connection, worker.work)
                for _ in _batches(worker, connection):
                    committed = True
        except psycopg.Error as caught:
            if worker.connection is None or not worker.connection.closed:
                raise
            worker.backend = None
            if lost is None or committed:
                deadline = time.monotonic() + RECONNECT_S
            lost = caught
            worker.say.put(Tried(caught.sqlstate or "", _said(caught), 1))
        else:
            return


def _connected(worker: Worker, lost: psycopg.Error | None, deadline: float) -> Connection[Any]:
    """Connect; after a loss again and again until the deadline, for a server starts anew or a standby takes over."""
    while True:
        try:
            connection = database.connect(
                worker.target,
                application="batches",
                lock_timeout=min(worker.lock_timeout, ROW_LOCK_S),
                statement_timeout=worker.statement_timeout,
            )
            break
        except (psycopg.OperationalError, Busy, Failed) as error:
            if lost is None:
                raise
            if worker.gate.stopping or time.monotonic() >= deadline:
                raise explained(lost, worker.work.file) from error
            worker.gate.rest(0.25, throttle.UNREACHABLE)
    worker.connection = connection
    worker.backend = server_process(connection)
    worker.pids.add(worker.backend)
    for name, value in (
        # A batch takes 100 ms; compiling its plan can take longer than that, for every batch.
        ("jit", "off"),
        # The cursor moves in the batch's own transaction: a crash takes both or neither, and the job's end is durable.
        ("synchronous_commit", "off"),
        ("idle_in_transaction_session_timeout", f"{IDLE_IN_TRANSACTION_S:.0f}s"),
    ):
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    return connection


def _prepare(connection: Connection[Any], work: Work) -> None:
    """Run the `.session` file, if there is one; not on a pool's session, for it goes on to others as it is left."""
    if work.session is None or server_process(connection) != connection.info.backend_pid:
        return
    try:
        database.run(connection, work.session.text)
    except psycopg.Error as error:
        if connection.closed:
            raise
        raise explained(error, work.session) from error


def _batches(worker: Worker, connection: Connection[Any]) -> Iterator[None]:
    """Run batches until none is left to claim or the gate says stop; yield after each that is committed."""
    tries = at_one = 0
    pid = server_process(connection)
    while worker.gate.wait():
        size = max(1, round(worker.size))
        # Whoever waited for the last one after it was asked has been let through by its end.
        worker.gate.was_disturbed(pid)
        started = time.monotonic()
        worker.in_batch = True
        batch = broken = None
        try:
            batch = one_batch(connection, worker.work, job=worker.job, size=size, tries=at_one + 1)
        except Broken as caught:
            connection.execute("ROLLBACK")
            broken = caught
        finally:
            worker.in_batch = False
        worked = time.monotonic() - started
        if broken is not None:
            if broken.state == TIMED_OUT and worker.gate.was_disturbed(pid):
                # Cancelled by ourselves, because somebody had waited long enough.
                _make_way(worker, size)
                worker.say.put(Tried(broken.state, "another session waited for it", 0))
            else:
                tries += 1
                at_one = at_one + 1 if broken.keys == 1 else 0
                _after_trouble(worker, broken, size=size, tries=tries)
            worker.gate.breathe(worked)
            continue
        if batch is None:
            return
        tries = at_one = 0
        _count_faults(worker, batch.fault)
        worker.say.put(Done(batch.keys, size, batch.fault))
        if worker.gate.was_disturbed(pid):
            # Somebody waited for this batch: let them all through before the next one takes its locks.
            _make_way(worker, size)
        elif batch.keys == size:
            target = NICE_TARGET_S if worker.gate.nice_ratio else TARGET_S
            worker.size = next_size(size, worked, target_s=target)
        yield
        worker.gate.breathe(worked)


def next_size(size: int, elapsed_s: float, *, target_s: float = TARGET_S) -> float:
    """Return the size that would have taken the target time: at most a fifth up or half down, within the limits.

    One that trouble has made smaller than the limit doubles, until it is there again.
    """
    wanted = size * target_s / max(elapsed_s, 0.001)
    if size < SMALLEST_BATCH:
        return min(SMALLEST_BATCH, 2 * size)
    return max(SMALLEST_BATCH, min(LARGEST_BATCH, wanted, size * GROWTH), size / 2)


def _make_way(worker: Worker, size: int) -> None:
    worker.size = _halved(size)
    worker.gate.rest(TARGET_S, throttle.WAITED_FOR)


def _halved(size: int) -> float:
    return max(SMALLEST_BATCH, size / 2) if size > SMALLEST_BATCH else max(1, size / 2)


def _count_faults(worker: Worker, fault: Fault | None) -> None:
    """Stop where one document after the other fails: then something is wrong that no decision about documents mends."""
    worker.faults = 0 if fault is None else worker.faults + 1
    if fault is not None and worker.faults >= FAULTS_IN_A_ROW:
        raise Failed(
            f"{worker.faults} documents in a row failed, the last at key {fault.key}: {fault.message}"
            f" ({fault.sqlstate})",
            hint="so many are hardly to blame themselves: look at triggers and constraints; these are rejects now, and"
            " are read again when the backfill has ended and is run once more",
            code="faults",
        )


def _after_trouble(worker: Worker, broken: Broken, *, size: int, tries: int) -> None:
    """Halve and rest before the next try, or raise what a human has to look at."""
    state = broken.state
    if tries < TRIES.get(state, 0):
        worker.say.put(Tried(state, _said(broken.error), tries))
        worker.size = _halved(size)
        pause = random.uniform(0.5, 1.5) * min(2.0, 0.05 * 2 ** min(tries, 6))  # noqa: S311 - jitter
        worker.gate.rest(pause, throttle.LOCKED_OUT)
        return
    if may_be_one_document(state) and broken.keys > 1:
        worker.say.put(Tried(state, _said(broken.error), tries))
        worker.size = max(1, min(size, broken.keys) // 2)
        return
    found = explained(broken.error, worker.work.file)
    if isinstance(found, Refused) or broken.first is None:
        # The answer is no for the whole, not for these keys.
        raise found from broken.error
    raise _at(found, broken) from broken.error


def _at(found: SchedtoolError, broken: Broken) -> SchedtoolError:
    keys = f"key {broken.first}" if broken.first == broken.last else f"keys {broken.first} to {broken.last}"
    return type(found)(f"at {keys}: {found.message}", hint=found.hint, code=found.code)


def _said(error: psycopg.Error) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
