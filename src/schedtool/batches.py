"""The engine: runs a migration's batch file over a table's keys, in short transactions, on several connections.

This thread plans, watches and reports; the workers (worker.py) do the batches. Nothing here knows what a batch does.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from schedtool import jobs, throttle
from schedtool.errors import Failed
from schedtool.worker import Done, Left, Tried, Worker, work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.project import Migration, Project, SqlFile

FIRST_BATCH: Final = 200
PROGRESS_EVERY_S: Final = 0.25


@dataclass(frozen=True)
class Started:
    """The workers begin. `resumed` tells that an unfinished job goes on, `done` how many keys it had passed."""

    migration: str
    job: int
    total: int
    done: int
    workers: int
    resumed: bool


@dataclass(frozen=True)
class Progress:
    """Where the job stands.

    Attributes:
        rate: Keys per second of this run, rests left out; 0 before the first batch.
        left_s: Seconds that the rest takes at that rate; None while there is no rate.
        batch: Keys in the latest batch.
        resting: Why the workers rest just now, or None.
    """

    migration: str
    total: int
    done: int
    rate: float
    left_s: float | None
    batch: int
    resting: str | None


@dataclass(frozen=True)
class Retried:
    """A batch was rolled back by the server and is tried again, smaller."""

    migration: str
    sqlstate: str
    message: str
    tries: int


@dataclass(frozen=True)
class Result:
    """A finished job.

    Attributes:
        counters: What the batch file answered, added up by name over the whole job, earlier runs included.
        done: Keys passed by this run.
        rested_s: Seconds the workers rested in this run, by reason.
    """

    job: int
    total: int
    done: int
    counters: Mapping[str, int]
    retries: int
    elapsed_s: float
    rested_s: Mapping[str, float]
    resumed: bool


def batch_file(project: Project, migration: Migration, *, direction: str = "forward") -> SqlFile | None:
    """Return the file that does a migration's work (or, `back`, its rollback's) for one key range, if it has one."""
    part = None if direction == "forward" else "rollback"
    return next((file for file in project.sql_files("batches", migration) if file.part == part), None)


def default_workers() -> int:
    """Two, or one where there is but one core."""
    return min(2, os.cpu_count() or 1)


def run(
    connection: Connection[Any],
    target: Target,
    *,
    migration: str,
    file: SqlFile,
    notify: Callable[[Started | Progress | Retried], None],
    direction: str = "forward",
    settings: str | None = None,
    workers: int | None = None,
    batch_size: int = FIRST_BATCH,
    throttle_query: str | None = None,
    lock_timeout: float = 0.5,
    statement_timeout: float = 30.0,
    range_keys: int = jobs.RANGE_KEYS,
) -> Result:
    """Run a migration's batches to their end; an unfinished job goes on where it stopped, a finished one starts anew.

    `connection` holds the tool's lock for as long as this takes, and watches; the workers have their own connections to
    `target`. An exception in this thread (Ctrl-C, SIGTERM) lets every worker finish the batch it is in, and is raised
    then; a second one cancels the batches. `settings` is JSON text for a file that asks for it. Timeouts in seconds.

    Raises:
        UsageError: The file answers something that breaks its contract; nothing of that batch is kept.
        Refused: The unfinished job reads by other settings.
        Failed: A batch fails; the message names the key. What was done before stays, and the next run goes on.
        Busy: Other sessions kept their locks too long.
    """
    query = throttle.Query(target, throttle_query) if throttle_query else None
    try:
        begun = jobs.begin(
            connection,
            migration=migration,
            direction=direction,
            file=file,
            settings=settings,
            range_keys=range_keys,
        )
        wanted = max(1, min(workers or default_workers(), max(1, -(-begun.total // range_keys))))
        notify(Started(migration, begun.id, begun.total, begun.done, wanted, begun.resumed))
        gate = throttle.Gate()
        say: queue.SimpleQueue[Done | Tried | Left] = queue.SimpleQueue()
        crew = [
            Worker(target, file, settings, begun.id, float(batch_size), gate, say, lock_timeout, statement_timeout)
            for _ in range(wanted)
        ]
        collector = throttle.Collector(gate, connection, job=begun.id, query=query)
        started = time.monotonic()
        done, retries = _supervise(crew, collector, begun=begun, migration=migration, notify=notify)
        counters = jobs.finish(connection, job=begun.id)
        if counters is None:
            raise Failed(
                f"job {begun.id} of {migration} was given up by another command while it ran",
                hint="a rollback, or a run with another batch file, makes it start over: run it again",
            )
    finally:
        if query is not None:
            query.close()
    return Result(
        job=begun.id,
        total=begun.total,
        done=done,
        counters=counters,
        retries=retries,
        elapsed_s=time.monotonic() - started,
        rested_s=collector.rested(),
        resumed=begun.resumed,
    )


def _supervise(
    crew: list[Worker],
    collector: throttle.Collector,
    *,
    begun: jobs.Begun,
    migration: str,
    notify: Callable[[Started | Progress | Retried], None],
) -> tuple[int, int]:
    """Run the crew to its end from this thread; return keys done and retries, or raise what went wrong first."""
    gate, say = crew[0].gate, crew[0].say
    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in crew]
    running, done, retries, batch = len(threads), 0, 0, 0
    error: BaseException | None = None
    started = shown = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        while running:
            match _next(say):
                case Done(keys=keys, size=size):
                    done, batch = done + keys, size
                case Tried() as tried:
                    retries += 1
                    notify(Retried(migration, tried.sqlstate, tried.message, tried.tries))
                case Left(error=left):
                    running -= 1
                    error = error or left
            reason = collector.collect({pid for worker in crew for pid in tuple(worker.pids)})
            if error is not None or collector.abandoned:
                gate.stop()
            now = time.monotonic()
            if now - shown >= PROGRESS_EVERY_S or not running:
                shown = now
                worked = now - started - sum(collector.rested().values())
                notify(_progress(begun, migration, done=done, worked_s=worked, batch=batch, resting=reason))
    finally:
        gate.stop()
        _join(crew, threads)
    if error is not None:
        raise error
    return done, retries


def _next(say: queue.SimpleQueue[Done | Tried | Left]) -> Done | Tried | Left | None:
    try:
        return say.get(timeout=throttle.BLOCKERS_EVERY_S)
    except queue.Empty:
        return None


def _progress(
    begun: jobs.Begun, migration: str, *, done: int, worked_s: float, batch: int, resting: str | None
) -> Progress:
    rate = done / max(worked_s, 0.001)
    left = max(begun.total - begun.done - done, 0)
    return Progress(
        migration=migration,
        total=begun.total,
        done=begun.total - left,
        rate=rate,
        left_s=left / rate if rate else None,
        batch=batch,
        resting=resting,
    )


def _join(crew: list[Worker], threads: list[threading.Thread]) -> None:
    """Wait for the workers' current batches; whoever interrupts that too cancels them."""
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        for worker in crew:
            if worker.connection is not None:
                worker.connection.cancel_safe(timeout=2)
        for thread in threads:
            thread.join(timeout=5)
        raise
