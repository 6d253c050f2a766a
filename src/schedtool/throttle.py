"""Why the workers of a job should rest: collected here once for all of them, decided before each batch.

Nobody can override a reason: the first one that holds counts, is shown, and its time is added up for the summary.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from schedtool import database, jobs
from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from schedtool.database import Target

BLOCKERS_EVERY_S = 0.05
PAUSE_EVERY_S = 0.25
QUERY_EVERY_S = 1.0
QUERY_TIMEOUT_S = 5.0


@dataclass
class Gate:
    """What stands between a worker and its next batch.

    The collector sets `reason`; workers wait while there is one. `disturbed` holds the backends that another session
    waits for: each halves its batch and rests once, and takes itself out.
    """

    reason: str | None = None
    disturbed: set[int] = field(default_factory=set)
    stopping: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def set_reason(self, reason: str | None) -> None:
        """Close the gate with a reason, or open it with None."""
        with self.changed:
            self.reason = reason
            self.changed.notify_all()

    def stop(self) -> None:
        """Let no further batch begin; whoever rests wakes up."""
        with self.changed:
            self.stopping = True
            self.changed.notify_all()

    def rest(self, seconds: float) -> None:
        """Wait so long, or until the stop."""
        with self.changed:
            self.changed.wait_for(lambda: self.stopping, timeout=seconds)

    def wait(self) -> bool:
        """Wait until no reason holds; False means stop."""
        with self.changed:
            self.changed.wait_for(lambda: self.stopping or self.reason is None)
            return not self.stopping

    def disturb(self, pids: set[int]) -> None:
        """Tell these backends that somebody waits for them."""
        with self.changed:
            self.disturbed |= pids

    def was_disturbed(self, pid: int) -> bool:
        """Whether somebody waited for this backend since it was asked last."""
        with self.changed:
            found = pid in self.disturbed
            self.disturbed.discard(pid)
            return found


class Query:
    """The user's own reason to rest: a SELECT that answers true while the workers should.

    Raises:
        UsageError: At construction, when the statement fails or answers something else than one boolean.
    """

    def __init__(self, target: Target, text: str) -> None:
        self._text = text
        self._connection: Connection[Any] = database.connect(
            target, application="throttle query", statement_timeout=QUERY_TIMEOUT_S, read_only=True
        )
        try:
            self._ask()
        except (psycopg.Error, TypeError) as error:
            self.close()
            raise UsageError(
                f"--throttle-query cannot be asked: {str(error).splitlines()[0]}",
                hint="give one SELECT that answers one boolean, true while the backfill should rest",
            ) from error

    def reason(self) -> str | None:
        """Return why to rest, or None; a query that fails later is a reason too, never a reason to go on blindly."""
        try:
            return "the throttle query says so" if self._ask() else None
        except (psycopg.Error, TypeError) as error:
            return f"the throttle query fails ({str(error).splitlines()[0]})"

    def close(self) -> None:
        """Close its connection."""
        self._connection.close()

    def _ask(self) -> bool:
        row = self._connection.execute(self._text.encode()).fetchone()
        if row is None or not isinstance(row[0], bool):
            raise TypeError("it does not answer a boolean")
        return row[0]


class Collector:
    """Asks, at intervals, what could be a reason to rest, and adds up the time each one held.

    `watch` is a connection that no worker uses; the query, if there is one, has its own.
    """

    def __init__(self, gate: Gate, watch: Connection[Any], *, job: int, query: Query | None) -> None:
        self._gate = gate
        self._watch = watch
        self._job = job
        self._query = query
        self._due = {"blockers": 0.0, "pause": 0.0, "query": 0.0}
        self._query_reason: str | None = None
        self._paused = False
        self._shown: str | None = None
        self._since = time.monotonic()
        self._rested: dict[str, float] = {}
        self.abandoned = False

    def collect(self, pids: set[int]) -> str | None:
        """Ask what is due, open or close the gate, and return the reason that holds now."""
        now = time.monotonic()
        if now >= self._due["blockers"]:
            self._due["blockers"] = now + BLOCKERS_EVERY_S
            self._gate.disturb(self._waited_for(pids))
        if self._query is not None and now >= self._due["query"]:
            self._due["query"] = now + QUERY_EVERY_S
            self._query_reason = self._query.reason()
        if now >= self._due["pause"]:
            self._due["pause"] = now + PAUSE_EVERY_S
            self._look_at_job()
        reason = "paused" if self._paused else self._query_reason
        self._account(reason, now)
        return reason

    def rested(self) -> Mapping[str, float]:
        """Return the seconds rested so far, by reason."""
        self._account(self._shown, time.monotonic())
        return dict(self._rested)

    def _account(self, reason: str | None, now: float) -> None:
        if self._shown is not None:
            self._rested[self._shown] = self._rested.get(self._shown, 0.0) + now - self._since
        self._since = now
        if reason != self._shown:
            self._shown = reason
            self._gate.set_reason(reason)

    def _waited_for(self, pids: set[int]) -> set[int]:
        if not pids:
            return set()
        array = "{" + ",".join(str(pid) for pid in sorted(pids)) + "}"
        rows = jobs.answer(self._watch, "batch_blockers", pids=array)
        return {row["ours"] for row in rows}

    def _look_at_job(self) -> None:
        row = jobs.answer(self._watch, "job_watch", job=self._job, resting=self._shown or "")[0]
        self._paused = row["paused"]
        self.abandoned = row["state"] != "running"
