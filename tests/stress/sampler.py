"""Looks at the server all the time: who waits for one of ours, and for how long?"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

import psycopg

if TYPE_CHECKING:
    from types import TracebackType

LIMIT_MS = 250
EVERY_S = 0.01
# A session that waits behind another one that waits for ours counts too: pg_blocking_pids names the head of its queue.
STATEMENT = b"""
    SELECT waiter.pid, extract(epoch FROM clock_timestamp() - waiter.since) * 1000
    FROM (
        SELECT l.pid, min(l.waitstart) AS since
        FROM pg_locks AS l
        WHERE NOT l.granted AND l.waitstart IS NOT NULL
        GROUP BY l.pid
    ) AS waiter
    WHERE EXISTS (
        SELECT FROM pg_stat_activity AS ours
        WHERE ours.pid = ANY (pg_blocking_pids(waiter.pid)) AND ours.application_name LIKE 'schedtool%'
    ) AND NOT EXISTS (
        SELECT FROM pg_stat_activity AS own WHERE own.pid = waiter.pid AND own.application_name LIKE 'schedtool%'
    )
"""


class Sampler:
    """Samples in a thread of its own while its `with` block lasts.

    Attributes:
        samples: How often it has looked.
        waits: Sessions seen waiting, each once per wait it was seen in.
        longest_ms: The longest wait seen; a wait may have gone on for one more interval, `gap_ms`, at most.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.samples = 0
        self.waits = 0
        self.longest_ms = 0.0
        self.gap_ms = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=30)

    def _sample(self) -> None:
        waiting: dict[int, float] = {}
        looked = time.monotonic()
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            while not self._ended.wait(EVERY_S):
                found = {pid: float(ms) for pid, ms in connection.execute(STATEMENT).fetchall()}
                now = time.monotonic()
                self.gap_ms = max(self.gap_ms, (now - looked) * 1000)
                looked = now
                self.samples += 1
                # The same session waiting for a shorter time than before waits once more.
                self.waits += sum(pid not in waiting or ms < waiting[pid] for pid, ms in found.items())
                self.longest_ms = max([self.longest_ms, *found.values()])
                waiting = found
