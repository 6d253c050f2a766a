"""Documents that the database could not take over, and the decision about each: mended, or accepted by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from schedtool import presence
from schedtool.database import explain_error, run
from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from schedtool.project import Migration, Project

COLUMNS = ("provider_id", "path", "value", "reason", "stale", "accepted_by", "accepted_at", "note")
FETCHED_AT_ONCE = 2_000


@dataclass(frozen=True)
class Accepted:
    """How many documents a decision by this name is about."""

    name: str
    documents: int


def listing(connection: Connection[Any], project: Project) -> Iterator[dict[str, Any]]:
    """Yield every reject the database holds, in memory that does not grow with them; the caller is in a transaction.

    Migrations that are not applied hold none.
    """
    for migration in project.migrations:
        yield from of_migration(connection, project, migration)


def of_migration(connection: Connection[Any], project: Project, migration: Migration) -> Iterator[dict[str, Any]]:
    """Yield the rejects of one migration; none where its tables are not there yet. The caller is in a transaction."""
    file = project.sql_file("rejects", migration)
    if file is None or not presence.readable(connection, project, file):
        return
    try:
        # A savepoint, for a table that is not there must not end the caller's transaction.
        with connection.transaction(), connection.cursor(name="schedtool_rejects", row_factory=dict_row) as cursor:
            cursor.itersize = FETCHED_AT_ONCE
            cursor.execute(file.text.encode())
            for row in cursor:
                yield {column: row[column] for column in COLUMNS}
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return
    except psycopg.Error as error:
        raise explain_error(error, file=file.path, text=file.text) from error


def undecided(connection: Connection[Any], project: Project, migration: Migration) -> int:
    """Count a migration's rejects that nobody has accepted. The caller is in a transaction."""
    return sum(row["accepted_at"] is None for row in of_migration(connection, project, migration))


def accept(
    connection: Connection[Any], project: Project, names: Sequence[str], *, note: str | None
) -> tuple[Accepted, ...]:
    """Accept leaving behind the documents now listed under these names, all or none; later ones are decided later.

    Raises:
        UsageError: Nothing undecided is listed under a name; the message says which names there are.
    """
    decisions: list[Accepted] = []
    with connection.transaction():
        for name in dict.fromkeys(names):
            decisions.append(Accepted(name, _accept(connection, project, name, note=note)))
            if not decisions[-1].documents:
                raise psycopg.Rollback
    if decisions and decisions[-1].documents:
        return tuple(decisions)
    with connection.transaction():
        there = sorted({row["reason"] for row in listing(connection, project) if row["accepted_at"] is None})
    raise UsageError(
        f"no undecided reject has the name '{decisions[-1].name if decisions else ''}'; nothing was accepted",
        hint=f"undecided are: {', '.join(there)}" if there else "none is undecided",
        code="unknown_reject",
    )


def _accept(connection: Connection[Any], project: Project, name: str, *, note: str | None) -> int:
    from schedtool.settings import who  # noqa: PLC0415 - counting and listing need none of it

    values = {"name": name, "note": note or "", "who": who(connection)}
    count = 0
    for migration in project.migrations:
        file = project.sql_file("rejects", migration, "accept")
        if file is None or not presence.readable(connection, project, file):
            continue
        try:
            with connection.transaction():
                count += run(connection, file.text, values)[-1].dicts()[0]["accepted"]
        except psycopg.errors.UndefinedTable:
            continue
        except psycopg.Error as error:
            raise explain_error(error, file=file.path, text=file.text) from error
    return count
