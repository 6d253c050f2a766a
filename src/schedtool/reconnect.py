"""Lets a backfill outlive its connection: a restart, a standby that takes over, a session ended."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import psycopg

from schedtool.database import explain_error
from schedtool.errors import SchedtoolError
from schedtool.events import Note, Progress, Retried, Started

if TYPE_CHECKING:
    from collections.abc import Callable

    from schedtool.batches import Result

Answer = TypeVar("Answer")

RECONNECT_S: Final = 60.0
"""How long a lost server is asked again, counted from the last progress."""
_PAUSE_S: Final = 0.5
# Lost, not up yet, or what was the primary is a standby now and the other one has not taken over yet.
_LOST: Final = frozenset({"connection_lost", "cannot_connect", "standby", "read_only"})


def keep_going(once: Callable[[float], Answer], runs: Runs, *, wait: float) -> Answer:
    """Return what `once(wait)` does; where a connection that was had is lost, do it again.

    Raises:
        SchedtoolError: What `once` raised, if it is something else or the server does not come back in time.
    """
    while True:
        try:
            try:
                return once(wait)
            except psycopg.OperationalError as error:
                raise explain_error(error) from error
        except SchedtoolError as error:
            wait = runs.time_left(error)
            if error.code not in _LOST or wait <= 0:
                raise
            runs.note(Note(f"{error.message}; trying for {wait:.0f} s to go on"))
            time.sleep(min(_PAUSE_S, wait))


class Runs:
    """Passes events on, and knows what runs that were cut off had done, and since when there is no progress."""

    def __init__(self, notify: Callable[[object], None]) -> None:
        self._notify = notify
        self._first: Started | None = None
        self._last: Started | None = None
        self._done = -1
        self._was_connected = False
        self._started_at = self._moved_at = time.monotonic()
        self._retries = 0

    def note(self, event: object) -> None:
        """Take note of an event, and pass it on."""
        if isinstance(event, Started):
            if self._first is None:
                self._first, self._moved_at = event, time.monotonic()
            self._last = event
        elif isinstance(event, Retried):
            self._retries += 1
        elif isinstance(event, Progress) and event.done > self._done:
            self._done, self._moved_at = event.done, time.monotonic()
        self._notify(event)

    def time_left(self, error: SchedtoolError) -> float:
        """Seconds that are left for coming back; none where no connection was had in the first place."""
        self._was_connected |= error.code == "connection_lost"
        return self._moved_at + RECONNECT_S - time.monotonic() if self._first or self._was_connected else 0.0

    def whole(self, result: Result) -> Result:
        """Give the last run's result as that of all runs of its job."""
        if self._first is None or self._last is None or self._first.job != result.job or self._first is self._last:
            return result
        return replace(
            result,
            done=self._last.done + result.done - self._first.done,
            retries=self._retries,
            elapsed_s=time.monotonic() - self._started_at,
            resumed=self._first.resumed,
        )
