"""What running one migration's file takes, and what it tells and comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schedtool.ledger import Operation


@dataclass(frozen=True)
class Timeouts:
    """Seconds until the server gives up on a table lock, and on a statement; 0 is never."""

    lock: float = 0.5
    statement: float = 0.0

    def settings(self) -> dict[str, str]:
        """Give them as the server's settings."""
        return {
            "lock_timeout": f"{round(self.lock * 1000)}ms",
            "statement_timeout": f"{round(self.statement * 1000)}ms",
        }


@dataclass(frozen=True)
class Work:
    """One file to run.

    Attributes:
        shown: Its path as messages show it.
        settings: Transaction-local settings the file may read, such as schedtool.lose.
        batches: What does the file's work in batches before it runs, and tells what that came to; None without.
        again: The same, also where an earlier job has done the work.
    """

    migration: str
    operation: Operation
    shown: str
    text: str = field(repr=False)
    checksum: str | None
    transactional: bool
    settings: Mapping[str, str] = field(default_factory=dict)
    batches: Callable[[], Batched] | None = field(default=None, repr=False)
    again: Callable[[], Batched] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Batched:
    """What the batches before a file came to: keys read, rows written, batches tried again.

    Attributes:
        leftover: They have not run, since an earlier job has done the work: the file may do so many keys alone, and
            says TOO_MUCH_LEFT where it finds more. None where they have run.
    """

    documents: int | None
    rows: int
    retries: int
    leftover: int | None = None


@dataclass(frozen=True)
class Ran:
    """What running it came to. `rows` counts batches and statements, and what the file counted itself."""

    migration: str
    duration_ms: int
    retries: int
    documents: int | None
    rows: int


@dataclass(frozen=True)
class Retrying:
    """A try met a lock, a deadlock or a cancelled statement; nothing of it is left, and it is tried again."""

    migration: str
    attempt: int
    reason: str
    blockers: tuple[str, ...]
    pause_s: float

    def __str__(self) -> str:
        blocked = f"; in the way: {'; '.join(self.blockers)}" if self.blockers else ""
        return f"{self.migration}: {self.reason}, try {self.attempt} again in {self.pause_s:.1f} s{blocked}"


@dataclass(frozen=True)
class Notice:
    """The server, or a RAISE NOTICE of the file, says something."""

    migration: str
    text: str

    def __str__(self) -> str:
        return f"{self.migration}: {self.text}"


@dataclass(frozen=True)
class Stopped:
    """Ctrl-C or SIGTERM ended a run in the middle of a migration."""

    migration: str
    transactional: bool
    batches: bool

    def __str__(self) -> str:
        left = "nothing of its file was kept" if self.transactional else "it may have left something, status says what"
        kept = "; the batches that are done stay" if self.batches else ""
        return f"stopped in {self.migration}: {left}{kept}; the same command goes on from there"
