"""What the engine tells whoever runs it, while it runs."""

from __future__ import annotations

from dataclasses import dataclass


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
        rate: Keys per second of late, rests for a reason left out; 0 before the first batch.
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
class Faulted:
    """The document of one key made the batch fail and is a reject now; the run goes on."""

    migration: str
    key: str
    sqlstate: str
    message: str

    def __str__(self) -> str:
        return f"{self.migration}: key {self.key} is rejected: {self.message} ({self.sqlstate})"


@dataclass(frozen=True)
class Note:
    """Something that whoever runs us should know."""

    text: str

    def __str__(self) -> str:
        return self.text
