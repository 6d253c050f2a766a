"""When the workers of a job should rest: decided here, from facts that collectors.py gathers.

Nobody can override a reason: the first one that holds counts, is shown, and its time is added up for the summary.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAUSED = "paused"
QUERY = "throttle query"
LAG = "replica lag"
WAITED_FOR = "others waiting"
LOCKED_OUT = "locks of others"
UNREACHABLE = "server out of reach"
BETWEEN = "between batches"

NICE_RATIO = 39.0
"""How many times as long as they work the workers rest while others are at work: one part in forty is theirs.

On two cores it takes that to leave the slowest hundredth of the others' reads as it is (tests/stress/latency.py).
"""
OTHERS = "others are at work, see --nice-ratio"
HIDDEN = "others may be at work, which this role cannot see without pg_monitor; see --nice-ratio"
LONGEST_WORK_S = 0.2
"""What a batch took beyond that it has spent waiting, and no rest makes up for it."""

REPLICA_LAG_S = 5.0
"""How far a standby may fall behind by default, in seconds."""


@dataclass(frozen=True)
class Reason:
    """Why the workers rest: a kind, by which the time is added up, and what is to be said about it now."""

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


@dataclass(frozen=True)
class Limits:
    """What is put up with.

    Attributes:
        replica_lag: Seconds a standby may be behind; 0 looks at no standby.
        nice_ratio: How many times as long as they work all workers together rest, the `nice-ratio` of gh-ost; 0 is
            never. None is NICE_RATIO while others are at work, and 0 while nobody is.
    """

    replica_lag: float = REPLICA_LAG_S
    nice_ratio: float | None = None


@dataclass(frozen=True)
class Facts:
    """What the collectors saw last.

    Attributes:
        paused: Somebody has paused the job.
        query: Why the user's own query wants rest, or None.
        lag: Seconds by which each standby is behind in replay, by name.
        others: What is known of other sessions that have been at work for a while, or None.
    """

    paused: bool = False
    query: str | None = None
    lag: Mapping[str, float] = field(default_factory=dict)
    others: str | None = None


def nice_ratio(facts: Facts, limits: Limits) -> float:
    """Return how many times as long as they work the workers rest between batches."""
    if limits.nice_ratio is not None:
        return limits.nice_ratio
    return NICE_RATIO if facts.others else 0.0


def between(facts: Facts, limits: Limits) -> Reason | None:
    """Return why workers rest between their batches, or None where they do not."""
    ratio = nice_ratio(facts, limits)
    if not ratio:
        return None
    return Reason(BETWEEN, facts.others or "" if limits.nice_ratio is None else f"nice ratio {ratio:g}")


def decide(facts: Facts, limits: Limits) -> Reason | None:
    """Return the reason to rest, or None."""
    if facts.paused:
        return Reason(PAUSED)
    if facts.query is not None:
        return Reason(QUERY, facts.query)
    if limits.replica_lag and facts.lag:
        name, behind = max(facts.lag.items(), key=lambda standby: standby[1])
        if behind > limits.replica_lag:
            return Reason(LAG, f"{name} is {behind:.0f} s behind, the limit is {limits.replica_lag:g} s")
    return None


@dataclass
class Gate:
    """What stands between a worker and its next batch.

    The collector sets `reason`; workers wait while there is one. `disturbed` holds the backends that another session
    waits for: each halves its batch and rests once, and takes itself out. `crew` is how many workers share the gate: a
    rest of one of them counts as its share. With a `nice_ratio` they rest between batches, too.
    """

    crew: int = 1
    reason: Reason | None = None
    disturbed: set[int] = field(default_factory=set)
    stopping: bool = False
    nice_ratio: float = 0.0
    changed: threading.Condition = field(default_factory=threading.Condition)
    _since: float = field(default_factory=time.monotonic)
    _rested: dict[str, float] = field(default_factory=dict)

    def set_reason(self, reason: Reason | None) -> None:
        """Close the gate with a reason, or open it with None."""
        with self.changed:
            self._count()
            self.reason = reason
            self.changed.notify_all()

    def set_nice_ratio(self, ratio: float) -> None:
        """Make workers rest between batches so many times as long as they work; 0 ends the rests there are."""
        with self.changed:
            self.nice_ratio = ratio
            self.changed.notify_all()

    def stop(self) -> None:
        """Let no further batch begin; whoever rests wakes up."""
        with self.changed:
            self.stopping = True
            self.changed.notify_all()

    def leave(self) -> None:
        """Tell that a worker has ended: the rests of those that are left count for more."""
        with self.changed:
            self.crew = max(1, self.crew - 1)

    def rest(self, seconds: float, kind: str) -> None:
        """Make one worker wait so long, or until the stop; its share counts unless all rest for another reason."""
        begun = time.monotonic()
        with self.changed:
            self.changed.wait_for(lambda: self.stopping, timeout=seconds)
            if self.reason is None:
                self._rested[kind] = self._rested.get(kind, 0.0) + (time.monotonic() - begun) / self.crew

    def breathe(self, worked_s: float) -> None:
        """Rest between two batches of one worker, so that all of them together keep to the nice ratio."""
        begun = time.monotonic()
        with self.changed:
            if not self.nice_ratio:
                return
            seconds = min(LONGEST_WORK_S, worked_s) * ((1 + self.nice_ratio) * self.crew - 1)
            self.changed.wait_for(lambda: self.stopping or not self.nice_ratio, timeout=seconds)
            if self.reason is None:
                self._rested[BETWEEN] = self._rested.get(BETWEEN, 0.0) + (time.monotonic() - begun) / self.crew

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

    def rested(self) -> Mapping[str, float]:
        """Return the seconds rested so far, by kind of reason."""
        with self.changed:
            self._count()
            return dict(self._rested)

    def _count(self) -> None:
        now = time.monotonic()
        if self.reason is not None:
            self._rested[self.reason.kind] = self._rested.get(self.reason.kind, 0.0) + now - self._since
        self._since = now


def told(rested: Mapping[str, float]) -> str:
    """Say the rests in one line: "4 min 10 s resting: 3 min replica lag, 1 min 10 s paused"; empty below a second."""
    parts = [(seconds, kind) for kind, seconds in rested.items() if round(seconds) >= 1]
    if not parts:
        return ""
    said = ", ".join(f"{duration(seconds)} {kind}" for seconds, kind in sorted(parts, reverse=True))
    return f"{duration(sum(seconds for seconds, _ in parts))} resting: {said}"


def duration(seconds: float) -> str:
    """Say a duration as people do: "3 min", "4 min 10 s", "2 h 5 min"."""
    whole = round(seconds)
    units = ((whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s"))
    return " ".join(_units(units)) or "0 s"


def _units(units: tuple[tuple[int, str], ...]) -> Iterator[str]:
    shown = units[:2] if units[0][0] else units
    return (f"{amount} {unit}" for amount, unit in shown if amount)
