"""Rows as they were: kept in a schema of their own on the throw-away server, and held against what they are later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from schedtool.database import run, tool_sql
from schedtool.jobs import answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection


@dataclass(frozen=True)
class Kept:
    """A table's rows as they were; `columns` by name."""

    table: str
    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Changed:
    """A table that is not what it was, and how."""

    table: str
    what: str


def keep(connection: Connection[Any], tables: Sequence[str] | None = None) -> tuple[Kept, ...]:
    """Keep the rows of these tables, or of all there are; what was kept of them before is forgotten."""
    found = []
    for row in answer(connection, "rehearse_tables"):
        if (tables is None and not row["is_partition"]) or row["name"] in (tables or ()):
            n = named(connection, "rehearse_keep", row["name"], row["columns"])[0]["n"]
            found.append(Kept(row["name"], tuple(row["columns"]), n))
    return tuple(found)


def changes(connection: Connection[Any], kept: Sequence[Kept]) -> tuple[Changed, ...]:
    """Compare kept rows with what their tables hold now, value by value; columns that are new are not looked at."""
    now = {row["name"]: row["columns"] for row in answer(connection, "rehearse_tables")}
    found = []
    for one in kept:
        missing = [column for column in one.columns if column not in now.get(one.table, [])]
        if one.table not in now:
            found.append(Changed(one.table, "it is gone"))
        elif missing:
            found.append(Changed(one.table, f"without {', '.join(missing)}"))
        else:
            told = named(connection, "rehearse_compare", one.table, one.columns)[0]
            if told["lost"] or told["more"]:
                what = f"{told['lost']} rows are not what they were, {told['more']} are new: "
                found.append(Changed(one.table, f"{what}{told['was']} is {told['is_now']}"))
    return tuple(found)


def named(
    connection: Connection[Any],
    name: str,
    table: str,
    columns: Sequence[str],
) -> list[dict[str, Any]]:
    """Run one of the tool's own SQL files about a table and some columns of it; return its last answer."""
    results = run(connection, with_names(name, table, columns))
    return results[-1].dicts() if results else []


def with_names(name: str, table: str, columns: Sequence[str], values: Mapping[str, str] | None = None) -> str:
    """Fill table and columns into one of the tool's own SQL files, and literals where it takes any."""
    listed = sql.SQL(", ").join(map(sql.Identifier, columns)).as_string()
    text = tool_sql(name).replace(':"table"', sql.Identifier(table).as_string()).replace(':"columns"', listed)
    for parameter, value in (values or {}).items():
        text = text.replace(f":'{parameter}'", sql.Literal(value).as_string())
    return text
