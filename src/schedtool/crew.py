"""Watches over the workers of a job: starts them, passes on what they say, decides when they rest, sees them end."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schedtool.collectors import BLOCKERS_EVERY_S
from schedtool.throttle import BETWEEN
from schedtool.worker import Done, Left, Tried, Worker, work

if TYPE_CHECKING:
    from collections.abc import Callable

    from schedtool.collectors import Collector
    from schedtool.throttle import Reason

SHOW_EVERY_S = 0.25
RATE_OVER_S = 30.0


@dataclass
class Pace:
    """How a run comes along.

    Attributes:
        done: Keys passed by this run.
        batch: Keys in the latest batch.
        rate: Keys per second of late; rests count only where they are between batches. 0 before the first batch.
    """

    done: int = 0
    batch: int = 0
    retries: int = 0
    rate: float = 0.0
    resting: Reason | None = None
    said: queue.SimpleQueue[Done | Tried | Left] = field(default_factory=queue.SimpleQueue)
    _marks: deque[tuple[float, int]] = field(default_factory=lambda: deque([(0.0, 0)]))

    def measure(self, worked_s: float) -> None:
        """Take the rate of the last half a minute of work: alone it is another than beside others."""
        self._marks.append((worked_s, self.done))
        while len(self._marks) > 2 and worked_s - self._marks[1][0] >= RATE_OVER_S:  # noqa: PLR2004 - one span at least
            self._marks.popleft()
        since, done = self._marks[0]
        self.rate = (self.done - done) / max(worked_s - since, 0.001)


def supervise(
    crew: list[Worker],
    collector: Collector,
    pace: Pace,
    *,
    say: Callable[[Done | Tried], None],
    show: Callable[[], None],
) -> None:
    """Run the crew to its end from this thread, or raise what went wrong first.

    Whatever ends this (Ctrl-C, a lost connection), the workers finish the batches they are in; a second interruption
    cancels these.
    """
    gate = crew[0].gate
    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in crew]
    running = len(threads)
    error: BaseException | None = None
    started = shown = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        while running:
            match _next(pace.said):
                case Done() as done:
                    pace.done, pace.batch = pace.done + done.keys, done.size
                    say(done)
                case Tried() as tried:
                    pace.retries += 1
                    say(tried)
                case Left(error=left):
                    running -= 1
                    gate.leave()
                    error = error or left
            # Between batches a worker holds no lock that anybody could wait for.
            at_work = {
                worker.backend: worker.may_be_cancelled
                for worker in crew
                if worker.backend is not None and worker.in_batch
            }
            pace.resting = collector.collect(at_work)
            if error is not None or collector.abandoned:
                gate.stop()
            now = time.monotonic()
            if now - shown >= SHOW_EVERY_S or not running:
                shown = now
                # What it does beside others is its rate beside others, rests between batches included.
                worked = now - started - sum(s for kind, s in gate.rested().items() if kind != BETWEEN)
                pace.measure(worked)
                collector.rate = pace.rate
                show()
    finally:
        gate.stop()
        _join(crew, threads)
    if error is not None:
        raise error


def _next(said: queue.SimpleQueue[Done | Tried | Left]) -> Done | Tried | Left | None:
    try:
        return said.get(timeout=BLOCKERS_EVERY_S)
    except queue.Empty:
        return None


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
