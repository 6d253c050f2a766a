"""The batches of a migration, run as the first part of applying it or taking it back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from schedtool import batches
from schedtool.filework import Batched

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.work import Work


def run_batches(
    connection: Connection[Any],
    target: Target,
    work: Work | None,
    *,
    workers: int | None,
    nice_ratio: float | None,
    lock_timeout: float,
    statement_timeout: float | None,
    notify: Callable[[object], None],
) -> Batched:
    """Run the batches over all their keys; nothing where there are none.

    Raises:
        Refused: An unfinished job reads by other settings, or a guard of the file said no.
        Failed: A batch failed; those before it stay, and the next run goes on from there.
        Busy: Other sessions kept their locks too long.
    """
    if work is None:
        return Batched(None, 0, 0)
    options = batches.Options(workers=workers, nice_ratio=nice_ratio, lock_timeout=lock_timeout)
    if statement_timeout is not None:
        options = replace(options, statement_timeout=statement_timeout)
    result = batches.run(connection, target, work=work, options=options, notify=notify)
    counters = result.counters
    return Batched(counters.get("documents", 0), counters.get("inserted", 0), result.retries)
