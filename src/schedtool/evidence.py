"""Whether the catalog holds what a migration builds: the evidence for recording one that was not run by us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schedtool import catalog, records
from schedtool.errors import Refused

if TYPE_CHECKING:
    from psycopg import Connection

    from schedtool.project import Migration, Project


def differences(connection: Connection[Any], project: Project, migration: Migration) -> tuple[str, ...]:
    """List how the catalog differs from what the migration builds, one sentence each; none means it is all there.

    What later migrations build may be there too: they are recorded in their turn.

    Raises:
        Refused: There is no evidence to be had: nothing says what it builds, or it builds nothing that a catalog shows.
    """
    builds, takes_away, unknown = catalog.expected(project, {migration.id})
    if unknown:
        raise Refused(
            f"nothing says what {migration.id} builds, so it cannot be recognised",
            hint=f"sql/expected/{migration.id}.txt would; `schedtool verify --write` writes it",
            code="no_evidence",
        )
    if not builds and not takes_away:
        raise Refused(
            f"{migration.id} builds nothing that the catalog shows, so what is there proves nothing",
            hint="apply it: where its work is done already it finds nothing to do",
            code="no_evidence",
        )
    recorded = {record.id for record in records.records(connection)}
    later, _, _ = catalog.expected(project, {other.id for other in project.migrations})
    found = catalog.compare(connection, project, recorded | {migration.id})
    return tuple(
        f"{difference.kind}: {difference.name}"
        for difference in found
        if difference.kind is not None and not (difference.kind == "extra" and difference.name in later)
    )
