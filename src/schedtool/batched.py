"""The batches of a migration, run as the first part of applying it or taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from schedtool import batches
from schedtool.runner import Batched

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.project import SqlFile


BATCH_TIMEOUT_S = 30.0
"""A batch aims at a tenth of a second; one that takes this long meets something that nobody planned for."""


def run_batches(
    connection: Connection[Any],
    target: Target,
    file: SqlFile | None,
    *,
    direction: Literal["forward", "back"],
    settings: str | None,
    workers: int | None,
    lock_timeout: float,
    statement_timeout: float | None,
    notify: Callable[[object], None],
) -> Batched:
    """Run a batch file over all its keys; nothing where there is none.

    Raises:
        Refused: An unfinished job reads by other settings, or a guard of the file said no.
        Failed: A batch failed; those before it stay, and the next run goes on from there.
        Busy: Other sessions kept their locks too long.
    """
    if file is None or file.migration is None:
        return Batched(None, 0, 0)
    result = batches.run(
        connection,
        target,
        migration=file.migration,
        file=file,
        direction=direction,
        settings=settings,
        workers=workers,
        lock_timeout=lock_timeout,
        statement_timeout=BATCH_TIMEOUT_S if statement_timeout is None else statement_timeout,
        notify=notify,
    )
    counters = result.counters
    return Batched(counters.get("documents", 0), counters.get("inserted", 0), result.retries)
