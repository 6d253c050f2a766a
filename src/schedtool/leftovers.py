"""What an unfinished CREATE INDEX CONCURRENTLY leaves: an INVALID index, which IF NOT EXISTS takes for a real one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psycopg import sql

from schedtool import psqlscript
from schedtool.records import answer

if TYPE_CHECKING:
    from psycopg import Connection

_NAME = r'"(?:[^"]|"")+"|[^\W\d][\w$]*'
_INDEX = re.compile(
    r"CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"(?P<name>{_NAME})\s+ON\s+(?:ONLY\s+)?(?P<table>{_NAME})\b",
    re.IGNORECASE,
)

State = Literal["valid", "invalid", "building", "different", "missing"]


@dataclass(frozen=True)
class Index:
    """The index that a file of one CREATE INDEX CONCURRENTLY builds, with names as the catalog spells them."""

    name: str
    table: str
    unique: bool


def index_of(text: str) -> Index | None:
    """Read which index a file of one CREATE INDEX CONCURRENTLY builds; None for others."""
    match = _INDEX.match(psqlscript.statements(text)[0].text)
    if match is None:
        return None
    return Index(_spelled(match["name"]), _spelled(match["table"]), unique=match["unique"] is not None)


def index_state(connection: Connection[Any], index: Index) -> State:
    """Tell how an index of the schema stands; `different` has its name, and another table or kind."""
    rows = answer(connection, "index_state", name=index.name, table=index.table, unique=str(index.unique).lower())
    return rows[0]["state"] if rows else "missing"


def drop_invalid(connection: Connection[Any], text: str) -> str | None:
    """Drop the INVALID index that an earlier try of this file has left, unless it is being built; return its name.

    Raises:
        psycopg.Error: It cannot be dropped, or not within the session's lock_timeout.
    """
    index = index_of(text)
    if index is None or index_state(connection, index) != "invalid":
        return None
    connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(index.name)))
    return index.name


def _spelled(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
