"""Gathers the facts on which throttle.py decides: who waits for us, how far standbys are behind, what the user asks.

The quick questions are asked on one connection that no worker uses, each at its own interval; the user's query has a
thread and a connection of its own, so that a slow one never keeps us from seeing that somebody waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from schedtool import database, jobs
from schedtool.errors import UsageError
from schedtool.throttle import HIDDEN, OTHERS, Facts, Reason, between, decide, nice_ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.throttle import Gate, Limits

BLOCKERS_EVERY_S = 0.05
PAUSE_EVERY_S = 0.25
LAG_EVERY_S = 0.5
OTHERS_EVERY_S = 0.5
OTHERS_FIRST_S = 0.05
OTHERS_LOOKS, OTHERS_SEEN = 4, 3
"""Others are at work if so many of the last looks saw them: neither a look by hand nor a monitor's is work. The first
ones follow quickly, so that a run beside busy sessions does not begin at full speed."""
TELL_EVERY_S = 2.0
QUERY_EVERY_S = 1.0
QUERY_TIMEOUT_S = 5.0
PATIENCE_MS = 100
"""How long another session may wait for a batch of ours before that batch is cancelled, and tried again smaller."""
_SAMPLES = 4_000


class Query:
    """The user's own reason to rest: a SELECT that answers true while the workers should.

    Raises:
        UsageError: At construction, when the statement fails or answers something else than one boolean.
    """

    def __init__(self, target: Target, text: str) -> None:
        self._text = text
        self._ended = threading.Event()
        self._connection: Connection[Any] = database.connect(
            target, application="throttle query", statement_timeout=QUERY_TIMEOUT_S, read_only=True
        )
        self.reason: str | None = None
        try:
            self._look()
        except (psycopg.Error, TypeError) as error:
            self._connection.close()
            raise UsageError(
                f"--throttle-query cannot be asked: {next(iter(str(error).splitlines()), 'no answer')}",
                hint="give one SELECT that answers one boolean, true while the backfill should rest",
            ) from error
        self._thread = threading.Thread(target=self._ask_on, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End its thread and its connection."""
        self._ended.set()
        self._connection.cancel_safe(timeout=2)
        self._thread.join(timeout=QUERY_TIMEOUT_S + 2)
        self._connection.close()

    def _ask_on(self) -> None:
        while not self._ended.wait(QUERY_EVERY_S):
            try:
                self._look()
            except (psycopg.Error, TypeError) as error:
                # Never a reason to go on blindly.
                self.reason = f"it fails ({next(iter(str(error).splitlines()), 'no answer')})"

    def _look(self) -> None:
        row = self._connection.execute(self._text.encode()).fetchone()
        # SELECT alone answers a row of no columns.
        if not row or not isinstance(row[0], bool):
            raise TypeError("it does not answer a boolean")
        self.reason = "it says so" if row[0] else None


class _Sample(NamedTuple):
    at: float
    written: int


class Standbys:
    """How far each standby is behind in replay, in seconds.

    The server's own `replay_lag` stands still while replay is paused, and is empty on an idle server. So positions of
    the write-ahead log are noted here as they go by: a standby is as far behind as the oldest one it has not replayed.
    """

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()
        self.hidden = False

    def look(self, connection: Connection[Any]) -> Mapping[str, float]:
        """Ask once and return the seconds by name; standbys that this role may not look at are `hidden`."""
        rows = jobs.answer(connection, "standbys")
        now = time.monotonic()
        return self.judge(
            now,
            written=rows[0]["written"],
            replayed={row["name"]: row["replayed"] for row in rows if row["replayed"] is not None},
            hidden=any(row["hidden"] for row in rows),
        )

    def judge(self, now: float, *, written: int, replayed: Mapping[str, int], hidden: bool) -> Mapping[str, float]:
        """Note a position of the log, and say how far behind those are that have replayed so far."""
        self.hidden = hidden
        if not self._samples or self._samples[-1].written < written:
            self._samples.append(_Sample(now, written))
        if len(self._samples) > _SAMPLES:
            # Hours of a standby that stands still: every second position will do.
            self._samples = deque(list(self._samples)[::2])
        slowest = min(replayed.values(), default=written)
        while self._samples and self._samples[0].written <= slowest:
            self._samples.popleft()
        behind = {}
        for name, position in replayed.items():
            missing = next((sample for sample in self._samples if sample.written > position), None)
            behind[name] = now - missing.at if missing else 0.0
        return behind


class Collector:
    """Asks, at intervals, what could be a reason to rest, and opens or closes the gate by what is decided.

    `watch` is a connection that no worker uses.
    """

    def __init__(self, gate: Gate, watch: Connection[Any], *, job: int, query: Query | None, limits: Limits) -> None:
        self._gate = gate
        self._watch = watch
        self._job = job
        self._query = query
        self._limits = limits
        self._standbys = Standbys()
        self._due: dict[str, float] = {}
        self._paused = False
        self._lag: Mapping[str, float] = {}
        self._others: deque[str | None] = deque(maxlen=OTHERS_LOOKS)
        self._told: tuple[float, str] = (float("-inf"), "")
        self.rate = 0.0
        self.abandoned = False

    @property
    def lag_hidden(self) -> bool:
        """Whether there is a standby whose lag this role may not see."""
        return self._standbys.hidden

    def collect(self, workers: Mapping[int, bool]) -> Reason | None:
        """Ask what is due, and return why the workers rest now.

        `workers` are the backends at work; a batch of those with True may be cancelled where somebody waits for it.
        """
        if self._is_due("blockers", BLOCKERS_EVERY_S):
            self._look_at_waiters(workers)
        if self._is_due("pause", PAUSE_EVERY_S):
            row = jobs.answer(self._watch, "job_watch", job=self._job)[0]
            self._paused = row["paused"]
            self.abandoned = row["state"] != "running"
        if self._limits.replica_lag and self._is_due("lag", LAG_EVERY_S):
            self._lag = self._standbys.look(self._watch)
        every = OTHERS_EVERY_S if len(self._others) == OTHERS_LOOKS else OTHERS_FIRST_S
        if self._limits.nice_ratio is None and self._is_due("others", every):
            row = jobs.answer(self._watch, "others_at_work", within=f"{every} s")[0]
            self._others.append(OTHERS if row["seen"] else HIDDEN if row["hidden"] else None)
        facts = Facts(
            paused=self._paused,
            query=self._query.reason if self._query else None,
            lag=self._lag,
            others=self._others_at_work(),
        )
        if (ratio := nice_ratio(facts, self._limits)) != self._gate.nice_ratio:
            self._gate.set_nice_ratio(ratio)
        reason = decide(facts, self._limits)
        if reason != self._gate.reason:
            self._gate.set_reason(reason)
        resting = reason or between(facts, self._limits)
        self._tell(resting)
        return resting

    def _others_at_work(self) -> str | None:
        seen = [said for said in self._others if said is not None]
        return seen[-1] if len(seen) >= OTHERS_SEEN else None

    def _is_due(self, name: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(name, 0.0):
            return False
        self._due[name] = now + every
        return True

    def _look_at_waiters(self, workers: Mapping[int, bool]) -> None:
        if not workers:
            return
        array = "{" + ",".join(str(pid) for pid in sorted(workers)) + "}"
        rows = jobs.answer(self._watch, "batch_blockers", pids=array)
        self._gate.disturb({row["ours"] for row in rows})
        for pid in {row["ours"] for row in rows if row["waited_ms"] >= PATIENCE_MS and workers[row["ours"]]}:
            jobs.answer(self._watch, "batch_cancel", pid=pid)

    def _tell(self, reason: Reason | None) -> None:
        """Show the world why the workers rest, and that somebody is at work at all."""
        now, kind = time.monotonic(), reason.kind if reason else ""
        if kind != self._told[1] or now - self._told[0] >= TELL_EVERY_S:
            self._told = (now, kind)
            jobs.answer(self._watch, "job_tell", job=self._job, resting=str(reason or ""), rate=self.rate)
