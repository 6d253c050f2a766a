"""What is recorded: yoyo's records and schedtool's history, read without making or locking anything.

Kept apart from `ledger`, which writes and therefore imports yoyo: commands that only look stay quick, and work for a
role with SELECT only, on a standby, and on a database that has none of these tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schedtool import psqlscript
from schedtool.database import run, tool_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    import psycopg

MIGRATION_TABLE = "_yoyo_migration"
HISTORY_TABLE = "schedtool_history"


@dataclass(frozen=True)
class Record:
    """One line of yoyo's table: this migration counts as applied, since then (UTC)."""

    id: str
    applied_at: datetime


@dataclass(frozen=True)
class Run:
    """One run as the history has it. `outcome`: started, done, failed, refused, busy or interrupted."""

    id: int
    migration: str
    operation: str
    outcome: str
    checksum: str | None
    applied_at: datetime | None
    started_at: datetime
    duration_ms: int | None
    retries: int
    documents: int | None
    rows: int | None
    error: str | None
    database_user: str
    os_user: str | None
    host: str | None
    tool_version: str | None


@dataclass(frozen=True)
class Latest:
    """A migration's last run, and the text its record stands for.

    Attributes:
        operation: Of the last run: apply, rollback, repair or adopt.
        outcome: Of the last run.
        started_at: Of the last run.
        error: SQLSTATE and message of the last run, where it ended badly.
        tried: Checksum of the text of the last run.
        checksum: Of the text last applied or accepted; None where schedtool never did either.
        applied_at: The record that checksum belongs to. Another time in yoyo's table means that plain yoyo has applied
            the migration again since, and nobody knows with which text.
        duration_ms: What applying it took.
    """

    migration: str
    operation: str
    outcome: str
    started_at: datetime
    error: str | None
    tried: str | None
    checksum: str | None
    applied_at: datetime | None
    duration_ms: int | None


def answer(connection: psycopg.Connection[Any], name: str, /, **values: object) -> list[dict[str, Any]]:
    """Run one of the tool's own SQL files and return its last result; None goes as the empty text."""
    results = run(connection, tool_sql(name), _texts(values))
    return results[-1].dicts() if results else []


def bound(name: str, /, **values: object) -> str:
    """The text that `answer` would send, for a message of several."""
    return psqlscript.bind(tool_sql(name), _texts(values))


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {key: "" if value is None else str(value) for key, value in values.items()}


def tables(connection: psycopg.Connection[Any]) -> frozenset[str]:
    """Name the tables of yoyo and of schedtool that stand in the schema, readable or not."""
    return frozenset(row["relname"] for row in answer(connection, "present"))


def there(connection: psycopg.Connection[Any], names: Iterable[str]) -> frozenset[str]:
    """Give those of the names that are tables of the schema."""
    quoted = ('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names)
    return frozenset(row["name"] for row in answer(connection, "tables_there", tables="{" + ",".join(quoted) + "}"))


def records(connection: psycopg.Connection[Any]) -> tuple[Record, ...]:
    """Read which migrations yoyo has recorded, oldest first; none where its table does not exist."""
    if MIGRATION_TABLE not in tables(connection):
        return ()
    return tuple(Record(row["migration_id"], row["applied_at"]) for row in answer(connection, "records"))


def history(connection: psycopg.Connection[Any]) -> tuple[Run, ...]:
    """Read every run, oldest first; none where the table does not exist."""
    if HISTORY_TABLE not in tables(connection):
        return ()
    return tuple(Run(**row) for row in answer(connection, "history"))


def latest(connection: psycopg.Connection[Any]) -> Mapping[str, Latest]:
    """Read, by migration id, the last run and the text applied; empty where the table does not exist."""
    if HISTORY_TABLE not in tables(connection):
        return {}
    return {row["migration"]: Latest(**row) for row in answer(connection, "history_latest")}


def content(connection: psycopg.Connection[Any], record: Record) -> str | None:
    """Read the text a record stands for, where it was stored, so that an edit can be shown line by line."""
    if HISTORY_TABLE not in tables(connection):
        return None
    rows = answer(connection, "history_content", migration=record.id, applied_at=record.applied_at)
    return rows[0]["content"] if rows else None
