"""Run one of the project's queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from schedtool.database import execute, explain_error
from schedtool.database import read_only as in_read_only
from schedtool.errors import Failed, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schedtool.project import Project, SqlFile


@dataclass(frozen=True)
class Answer:
    """What a query answered.

    Attributes:
        columns: Names, each only once; empty where it returns no rows.
        status: The command tag of its last statement.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(repr=False)
    status: str


def find(project: Project, name: str) -> SqlFile:
    """The query of this name.

    Raises:
        UsageError: There is none; the message lists what there is.
    """
    queries = project.folder("queries")
    for query in queries:
        if query.name == name:
            return query
    names = ", ".join(query.name for query in queries) or "none"
    raise UsageError(f"no query '{name}'", hint=f"there are {names}", code="unknown_query")


def check_values(query: SqlFile, values: Mapping[str, str]) -> None:
    """Refuse values that the query does not take, and parameters without a value.

    Raises:
        UsageError: The message lists what the query takes.
    """
    takes = " ".join(f"{name}=…" for name in query.parameters) or "no parameters"
    unknown = [name for name in values if name not in query.parameters]
    missing = [name for name in query.parameters if name not in values]
    for names, what in ((unknown, "does not take"), (missing, "needs")):
        if names:
            code = "unknown_parameter" if names is unknown else "missing_parameter"
            message = f"the query '{query.name}' {what} {', '.join(names)}"
            raise UsageError(message, hint=f"it takes {takes}", code=code)


def run_query(connection: psycopg.Connection[Any], query: SqlFile, values: Mapping[str, str]) -> Answer:
    """Run a query in a transaction of its own: READ ONLY, unless its header says that it writes.

    Raises:
        UsageError: Its parameters and the values do not fit.
        Failed: The server refused it.
        Busy: It met a lock.
    """
    check_values(query, values)
    try:
        if query.writes:
            with connection.transaction():
                results = execute(connection, query.text, values)
        else:
            with in_read_only(connection):
                results = execute(connection, query.text, values)
    except psycopg.errors.ReadOnlySqlTransaction as error:
        hint = "a query that writes says so in its header: -- writes: the tables"
        raise Failed(explain_error(error, file=query.path).message, hint=hint, code="read_only") from error
    except psycopg.Error as error:
        raise explain_error(error, file=query.path, text=query.text) from error
    answering = [result for result in results if result.columns] or results
    last = answering[-1]
    return Answer(_distinct(last.columns), last.rows, last.status)


def _distinct(columns: tuple[str, ...]) -> tuple[str, ...]:
    """The names, the second `id` as `id_2`: SQL allows a name twice, an object in JSON does not."""
    seen: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in seen:
            number += 1
            name = f"{column}_{number}"
        seen.append(name)
    return tuple(seen)
