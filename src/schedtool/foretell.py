"""What a migration or a rollback would meet and do on this very database, told by a file of `sql/plan/`.

Its hazards stand in its words; what uses a column, what goes with it and how many rows would be lost stands only in the
database. The file answers rows of kind, what and n, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from schedtool.database import explain_error, run
from schedtool.errors import UsageError

if TYPE_CHECKING:
    from psycopg import Connection

    from schedtool.project import Migration, Project


@dataclass(frozen=True)
class Note:
    """One thing to know beforehand; `n` counts, where there is something to count."""

    kind: str
    what: str
    n: int | None


def notes(
    connection: Connection[Any], project: Project, migration: Migration, part: str | None = None
) -> tuple[Note, ...]:
    """Ask the migration's file of `sql/plan/`, or its rollback's; the caller is in a transaction.

    Where the tables are not there yet, that is the one note.

    Raises:
        UsageError: The file answers something else than kind, what and n.
    """
    file = project.sql_file("plan", migration, part)
    if file is None:
        return ()
    try:
        with connection.transaction():
            rows = run(connection, file.text)[-1].dicts()
    except psycopg.Error as error:
        return (Note("unknown", f"cannot be told yet: {explain_error(error).message}", None),)
    try:
        return tuple(Note(str(row["kind"]), str(row["what"]), row["n"]) for row in rows)
    except KeyError as error:
        raise UsageError(f"{file.path}: its last result has no column {error.args[0]}", code="contract") from error
