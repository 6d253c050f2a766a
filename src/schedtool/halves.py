"""What stands in the database of a migration that is not recorded: told by the catalog, and only read.

A run that was killed may have left an INVALID index, or the server has finished the index without it. Tables may have
been made by hand, or by a run whose record was lost. Nothing of this is guessed from names alone: a table counts as
the migration's only if the whole catalog is as the migration builds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schedtool import leftovers, records
from schedtool.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from psycopg import Connection

    from schedtool.project import Migration, Project

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


def made_by_hand(connection: Connection[Any], project: Project, migration: Migration) -> tuple[str, ...] | None:
    """List how what stands there differs from what a migration builds: none where it is all there, without a record.

    None where there is nothing to tell: its tables are not all there, or nothing says what it builds.
    """
    # The catalog is compared only where its tables are there, and only then are these needed.
    from schedtool import evidence  # noqa: PLC0415

    tables = evidence.new_tables(project, migration)
    if not tables or not _stand(connection, tables):
        return None
    try:
        return evidence.differences(connection, project, migration)
    except Refused:
        return None


def refuse_what_stands(connection: Connection[Any], project: Project, migrations: Iterable[Migration]) -> None:
    """Refuse to run migrations whose tables somebody has made already: they are recorded by evidence, or mended first.

    One that was tried or taken back by us is not asked about: what is there may be what that has left on purpose.

    Raises:
        Refused: Tables of a migration are there without a record; the message says whether they are as it builds them.
    """
    tried = records.latest(connection)
    for migration in migrations:
        if migration.id in tried or migration.contract:
            continue
        found = made_by_hand(connection, project, migration)
        if found == ():
            raise Refused(
                f"what {migration.id} builds is there already, exactly, and is not recorded; nothing was changed",
                hint=f"schedtool repair {migration.number} --adopt records it as applied; then apply goes on behind it",
                code="made_by_hand",
            )
        if found:
            raise Refused(
                f"the tables of {migration.id} are there already, and differ from what it builds in"
                f" {_places(found)}; nothing was changed",
                hint="\n".join(
                    [*found, f"mend them, then: schedtool repair {migration.number} --adopt; or rename what is there"]
                ),
                code="catalog_differs",
            )


def _places(found: Collection[str]) -> str:
    return "1 place" if len(found) == 1 else f"{len(found)} places"


def _stand(connection: Connection[Any], tables: Iterable[str]) -> bool:
    names = {name.removeprefix("table ") for name in tables}
    return records.there(connection, names) == names
