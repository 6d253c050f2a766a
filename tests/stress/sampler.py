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
    SELECT waiter.pid, waiter.since, extract(epoch FROM clock_timestamp() - waiter.since) * 1000
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
        waits: Sessions seen waiting for ours, each once per wait it was seen in.
        longest_ms: The longest time one waited with ours in its way, from the look before it was first seen so; it may
            have gone on until the next look, `gap_ms` at most. What it had waited for others before is not ours.
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
        ours: dict[tuple[object, ...], float] = {}
        looked = time.monotonic()
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            while not self._ended.wait(EVERY_S):
                found = {tuple(wait): float(ms) for *wait, ms in connection.execute(STATEMENT).fetchall()}
                now = time.monotonic()
                self.samples += 1
                self.gap_ms = max(self.gap_ms, (now - looked) * 1000)
                self.waits += len(found.keys() - ours.keys())
                ours = {wait: ours.get(wait, looked) for wait in found}
                for wait, ms in found.items():
                    self.longest_ms = max(self.longest_ms, min(ms, (now - ours[wait]) * 1000))
                looked = now
