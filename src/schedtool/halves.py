"""What stands in the database of a migration that is not recorded: told by the catalog, and only read.

A run that was killed may have left an INVALID index, or the server has finished the index without it. Tables may have
been made by hand, or by a run whose record was lost. Nothing of this is guessed from names alone: a table counts as
the migration's only if the whole catalog is as the migration builds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schedtool import leftovers, records

if TYPE_CHECKING:
    from psycopg import Connection

    from schedtool.project import Migration

# Outcomes of a run outside a transaction that may have left something.
UNFINISHED = frozenset({"started", "failed", "busy", "interrupted"})

_SAYS = {
    "valid": "the index {name} is there and valid: the server has finished it; apply records it",
    "invalid": "it left the INVALID index {name}; apply drops it and builds it anew",
    "building": "the index {name} is being built right now",
    "different": "an index {name} is there, and it is not the one the file builds",
    "missing": "the index {name} is not there; apply builds it",
}


def left_by_run(connection: Connection[Any], migration: Migration) -> str | None:
    """Say what a run of a file of one CREATE INDEX CONCURRENTLY has left; None where it is another file."""
    index = leftovers.index_of(migration.text)
    if index is None:
        return None
    return _SAYS[leftovers.index_state(connection, index)].format(name=index.name)


def finished_index(connection: Connection[Any], migration: Migration) -> str | None:
    """Name the index of a file that a run of this very text has begun, and that is there and valid; else None."""
    index = None if migration.transactional else leftovers.index_of(migration.text)
    if index is None:
        return None
    latest = records.latest(connection).get(migration.id)
    begun = latest is not None and latest.operation == "apply" and latest.outcome in UNFINISHED
    if not begun or latest is None or latest.tried != migration.checksum:
        return None
    return index.name if leftovers.index_state(connection, index) == "valid" else None
