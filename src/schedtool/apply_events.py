"""What `apply` tells on its way; each says itself in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schedtool.filework import Ran


@dataclass(frozen=True)
class Beginning:
    """A migration begins."""

    migration: str

    def __str__(self) -> str:
        return f"applying {self.migration}"


@dataclass(frozen=True)
class Done:
    """A migration is applied and recorded."""

    ran: Ran

    def __str__(self) -> str:
        return f"applied {self.ran.migration} in {self.ran.duration_ms} ms"


@dataclass(frozen=True)
class Finished:
    """The server had finished an index whose run ended before it could record it."""

    migration: str
    index: str

    def __str__(self) -> str:
        return f"{self.migration}: the server has finished {self.index} after its run had ended; recorded as it is"


@dataclass(frozen=True)
class Kept:
    """A finished job has done the work of a migration's batches; what is left its file does."""

    migration: str
    job: int

    def __str__(self) -> str:
        return f"{self.migration}: job {self.job} has done its batches; the file looks at everything once more"


@dataclass(frozen=True)
class LeftOver:
    """A migration is applied, and what it leaves to a transaction of its own could not be done."""

    migration: str
    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.migration} is applied; {self.reason}: run {self.file} once more with psql to tidy up behind it"
