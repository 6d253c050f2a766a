"""What an unfinished CREATE INDEX CONCURRENTLY leaves: an INVALID index, which IF NOT EXISTS takes for a real one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from psycopg import sql

from schedtool import psqlscript
from schedtool.records import answer

if TYPE_CHECKING:
    from psycopg import Connection

_INDEX = re.compile(
    r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>\"(?:[^\"]|\"\")+\"|[\w$]+)",
    re.IGNORECASE,
)


def index_of(text: str) -> str | None:
    """Name the index that a file of one CREATE INDEX CONCURRENTLY builds, as the catalog spells it; None for others."""
    match = _INDEX.match(psqlscript.statements(text)[0].text)
    if match is None or match["name"].lower() == "on":
        return None
    name = match["name"]
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def index_state(connection: Connection[Any], name: str) -> Literal["valid", "invalid", "missing"]:
    """Tell how an index of the schema stands."""
    rows = answer(connection, "index_state", name=name)
    return rows[0]["state"] if rows else "missing"


def drop_invalid(connection: Connection[Any], text: str) -> str | None:
    """Drop the INVALID index that an earlier try of this file has left, unless it is being built; return its name.

    Raises:
        psycopg.Error: It cannot be dropped, or not within the session's lock_timeout.
    """
    name = index_of(text)
    for row in answer(connection, "invalid_index", name=name) if name else ():
        connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(row["schema"], row["name"])))
        return name
    return None
