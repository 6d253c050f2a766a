"""Whether the catalog holds what a migration builds: the evidence for recording one that was not run by us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schedtool.errors import Refused

if TYPE_CHECKING:
    from psycopg import Connection

    from schedtool.project import Migration, Project


def differences(connection: Connection[Any], project: Project, migration: Migration) -> tuple[str, ...]:
    """List how the catalog differs from what the migration builds, one sentence each; none means it is all there.

    Raises:
        Refused: The project says nowhere what the migration builds, so there is no evidence to be had.
    """
    del connection, project
    raise Refused(
        f"nothing tells what {migration.id} builds, so its objects cannot be recognised",
        hint=f"write sql/expected/{migration.id}.txt: schedtool verify schema --write",
        code="no_evidence",
    )
