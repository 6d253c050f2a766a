"""Asks, before the first file of a run, whether a later one would be refused: nothing is left half-way then.

A migration says `-- guard: first` where its first statement only looks, and only at what is there before any migration
of the project. The file asks it again when its turn comes, which is what counts: psql and yoyo know nothing of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from schedtool import psqlscript
from schedtool.database import execute, explain_error, read_only
from schedtool.errors import Failed, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

    from schedtool.project import Migration, Project

REFUSAL: Final = "ST003"
"""The SQLSTATE by which a file says that the answer is no."""


def ask(connection: Connection[Any], project: Project, migrations: Iterable[Migration]) -> None:
    """Run the guards of these migrations, in order, each in a READ ONLY transaction of its own.

    Raises:
        Refused: A guard says that the answer is no.
        Failed: A guard says what is wrong, or it writes, which no guard may.
        Busy: Somebody keeps a lock that it needs.
    """
    for migration in migrations:
        if migration.guarded:
            _ask(connection, project, migration)


def _ask(connection: Connection[Any], project: Project, migration: Migration) -> None:
    guard = psqlscript.statements(migration.text)[0]
    # From the first line on, so that an error shows the file's own.
    text = migration.text[: guard.offset + len(guard.text)]
    try:
        with read_only(connection):
            execute(connection, text)
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise Failed(
            f"{project.relative(migration.path)}:{guard.line}: a guard only looks, and this statement writes",
            hint="move the writing into a statement of its own, or take the line '-- guard: first' out",
            code="bad_guard",
        ) from error
    except psycopg.Error as error:
        if error.sqlstate == REFUSAL:
            said = error.diag.message_primary
            raise Refused(f"{migration.id}: {said}", hint=error.diag.message_hint, code="refused") from error
        raise explain_error(error, file=project.relative(migration.path), text=migration.text) from error
