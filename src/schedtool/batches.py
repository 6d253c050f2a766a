"""The engine: runs a migration's batch file over a table's keys, in short transactions, on several connections.

This thread plans, watches and reports (crew.py); the workers (worker.py) do the batches. Nothing here knows what a
batch does.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg

from schedtool import around, jobs, throttle
from schedtool.collectors import Collector, Query
from schedtool.crew import Pace, supervise
from schedtool.database import explain_error
from schedtool.errors import Failed, UsageError
from schedtool.events import Faulted, Note, Progress, Retried, Started
from schedtool.work import Work, work_of
from schedtool.worker import Done, Tried, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from psycopg import Connection

    from schedtool.database import Target

__all__ = [
    "FIRST_BATCH",
    "Faulted",
    "Note",
    "Options",
    "Progress",
    "Result",
    "Retried",
    "Started",
    "Work",
    "run",
    "work_of",
]

FIRST_BATCH: Final = 200
MOST_WORKERS: Final = 2


@dataclass(frozen=True)
class Options:
    """How to run batches; None is what suits the server. Timeouts in seconds.

    Attributes:
        strip: Run the `.before` file first, and the `.after` file at the end.
        throttle_query: A SELECT of one boolean, true while the workers should rest.
        replica_lag: Seconds a standby may be behind before they rest; 0 looks at none.
        nice_ratio: How many times as long as they work they rest between batches; see throttle.Limits.
    """

    workers: int | None = None
    batch_size: int = FIRST_BATCH
    strip: bool = False
    throttle_query: str | None = None
    replica_lag: float = throttle.REPLICA_LAG_S
    nice_ratio: float | None = None
    lock_timeout: float = 0.5
    statement_timeout: float = 10.0
    range_keys: int = jobs.RANGE_KEYS


@dataclass(frozen=True)
class Result:
    """A finished job.

    Attributes:
        counters: What the batch file answered, added up by name over the whole job, earlier runs included.
        done: Keys passed by this run.
        rested_s: Seconds the workers rested in this run, by kind of reason.
    """

    job: int
    total: int
    done: int
    counters: Mapping[str, int]
    retries: int
    elapsed_s: float
    rested_s: Mapping[str, float]
    resumed: bool


def run(
    connection: Connection[Any],
    target: Target,
    *,
    work: Work,
    notify: Callable[[object], None],
    options: Options | None = None,
) -> Result:
    """Run a migration's batches to their end; an unfinished job goes on where it stopped, a finished one starts anew.

    `connection` holds the tool's lock for as long as this takes, and watches; the workers have their own connections to
    `target`. An exception in this thread (Ctrl-C, SIGTERM) lets every worker finish the batch it is in, and is raised
    then; a second one cancels the batches.

    Raises:
        UsageError: The file answers something that breaks its contract; nothing of that batch is kept.
        Refused: The unfinished job reads by other settings; or the `.before` file says no.
        Failed: A batch fails; the message names the key. What was done before stays, and the next run goes on.
        Busy: Other sessions kept their locks too long.
    """
    options = options or Options()
    if options.strip and (work.before is None or work.after is None):
        raise UsageError(
            f"{work.migration} has no files sql/batches/….before.sql and ….after.sql, so there is nothing to put off",
            code="nothing_to_defer",
        )
    try:
        with ExitStack() as stack:
            query = None
            if options.throttle_query:
                query = Query(target, options.throttle_query)
                stack.callback(query.close)
            begun = jobs.begin(
                connection,
                migration=work.migration,
                direction=work.direction,
                file=work.file,
                settings=work.settings,
                range_keys=options.range_keys,
            )
            stack.callback(_leave, connection, begun.id)
            return _run(connection, target, work, begun, query, notify=notify, options=options)
    except psycopg.Error as error:
        raise explain_error(error) from error


def _run(
    connection: Connection[Any],
    target: Target,
    work: Work,
    begun: jobs.Begun,
    query: Query | None,
    *,
    notify: Callable[[object], None],
    options: Options,
) -> Result:
    started = time.monotonic()
    is_stripped = begun.is_stripped
    if options.strip and not is_stripped:
        around.before(connection, work, notify=notify)
        is_stripped = True
    most = options.workers or default_workers(connection)
    wanted = max(1, min(most, -(-(begun.total - begun.done) // options.range_keys)))
    notify(Started(work.migration, begun.id, begun.total, begun.done, wanted, begun.resumed))
    gate, pace = throttle.Gate(wanted, nice_ratio=options.nice_ratio or 0.0), Pace()
    crew = [
        Worker(
            target,
            work,
            begun.id,
            float(options.batch_size),
            gate,
            pace.said,
            options.lock_timeout,
            options.statement_timeout,
        )
        for _ in range(wanted)
    ]
    limits = throttle.Limits(options.replica_lag, options.nice_ratio)
    collector = Collector(gate, connection, job=begun.id, query=query, limits=limits)

    def show() -> None:
        notify(_progress(work.migration, begun, pace))

    supervise(crew, collector, pace, say=_saying(work.migration, notify), show=show)
    if collector.lag_hidden:
        notify(Note("there is a standby whose lag this role may not see, so nobody rested for it: GRANT pg_monitor"))
    if is_stripped:
        around.after(connection, work, notify=notify)
    finished = jobs.finish(connection, job=begun.id)
    if finished is None:
        raise Failed(
            f"job {begun.id} of {work.migration} was given up by another command while it ran",
            hint="a rollback, or a run with another batch file, makes it start over: run it again",
        )
    return Result(
        job=begun.id,
        total=begun.total,
        # Not what the workers said: a commit that was cut off has happened, or has not.
        done=finished.done - begun.done,
        counters=finished.counters,
        retries=pace.retries,
        elapsed_s=time.monotonic() - started,
        rested_s=gate.rested(),
        resumed=begun.resumed,
    )


def _saying(migration: str, notify: Callable[[object], None]) -> Callable[[Done | Tried], None]:
    def say(event: Done | Tried) -> None:
        match event:
            case Done(fault=fault) if fault is not None:
                notify(Faulted(migration, fault.key, fault.sqlstate, fault.message))
            case Tried():
                notify(Retried(migration, event.sqlstate, event.message, event.tries))

    return say


def _progress(migration: str, begun: jobs.Begun, pace: Pace) -> Progress:
    left = max(begun.total - begun.done - pace.done, 0)
    return Progress(
        migration=migration,
        total=begun.total,
        done=begun.total - left,
        rate=pace.rate,
        left_s=left / pace.rate if pace.rate else None,
        batch=pace.batch,
        resting=str(pace.resting) if pace.resting else None,
    )


def default_workers(connection: Connection[Any]) -> int:
    """Two; one where the server has few connections left, or is this machine and has a single core."""
    most: int = jobs.answer(connection, "room")[0]["workers"]
    host = connection.info.host
    if host.startswith("/") or host in {"localhost", "127.0.0.1", "::1"}:
        most = min(most, os.cpu_count() or 1)
    return min(most, MOST_WORKERS)


def _leave(connection: Connection[Any], job: int) -> None:
    # Whoever looks sees it after some seconds anyway; a lost connection must not hide why we end.
    with suppress(psycopg.Error):
        jobs.leave(connection, job=job)
