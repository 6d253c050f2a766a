"""The one module that imports yoyo: its tables are the record, and its backend, mended, writes them.

yoyo runs a migration on one connection and records it afterwards on another, holds its lock in a row that outlives a
killed process, and probes the server with statements that fail. `Ledger` keeps yoyo's tables and the text of its
statements, and does the rest on one session of ours: the advisory lock (see `lock`), the migration, the record and the
history are in the same hands, and the last three in the same transaction. Plain `yoyo list`, `apply` and `rollback` go
on working.
"""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from yoyo import internalmigrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.migrations import get_migration_hash
from yoyo.utils import change_param_style

from schedtool import __version__, records
from schedtool.database import run, tool_sql
from schedtool.errors import Failed
from schedtool.records import answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from schedtool.project import Migration

Operation = Literal["apply", "rollback", "repair", "adopt"]
Outcome = Literal["started", "done", "failed", "refused", "busy", "interrupted"]

# What schedtool's own tables are made from, in the package's sql folder, and which table tells that each has been run.
OWN_TABLES = {"schedtool_history": "tables_history", "schedtool_job": "tables_job"}
YOYO_OPERATIONS = {"apply": "apply", "rollback": "rollback", "repair": "mark", "adopt": "mark"}


@dataclass(frozen=True)
class Entry:
    """What the history keeps of one run; see sql/tables_history.sql for the meaning of each."""

    migration: str
    operation: Operation
    outcome: Outcome
    checksum: str | None = None
    content: str | None = None
    applied_at: datetime | None = None
    duration_ms: int | None = None
    retries: int = 0
    documents: int | None = None
    rows: int | None = None
    error: str | None = None


class Ledger(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo ships no types
    """yoyo's PostgreSQL backend on a connection that is ours: nothing is probed, opened or closed behind our back."""

    migration_table = records.MIGRATION_TABLE

    def __init__(self, connection: Connection[Any]) -> None:
        # yoyo's own constructor would connect by itself, from a URL, with a password in it.
        self.uri = None
        self._connection = connection
        self.DatabaseError = psycopg.Error
        self.has_transactional_ddl = True
        self._internal_schema_updated = False
        self._made = False
        self._began = False
        self._collected: list[str] | None = None
        self._formatted: dict[str, str] = {}
        self._writer = psycopg.ClientCursor(connection)
        # Files may change what the session searches; it is put back behind each of them.
        self.search_path = str(connection.execute("SHOW search_path").fetchall()[0][0])

    def copy(self) -> Ledger:
        """Return itself: what yoyo would do on a second connection belongs into the transaction of this one."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the connection open; whoever opened it closes it."""

    def list_tables(self, **_: object) -> list[str]:
        """Name the tables of the schema from the catalog; information_schema hides those the role may not read."""
        return sorted(records.tables(self.connection))

    def init_database(self) -> None:
        """Make yoyo's tables and ours where they are missing. The caller holds the advisory lock, so none races us.

        Raises:
            Failed: The role may not create tables in the schema.
        """
        there = records.tables(self.connection)
        wanted = {self.migration_table, self.log_table, self.version_table, self.lock_table, *OWN_TABLES}
        if wanted <= there:
            return
        self._made = not wanted & there
        try:
            with self.connection.transaction():
                if self.lock_table not in there:
                    self.execute(self.format_sql(self.create_lock_table_sql))
                self._upgrade()
                for table, file in OWN_TABLES.items():
                    if table not in there:
                        run(self.connection, tool_sql(file), {})
        except psycopg.errors.InsufficientPrivilege as error:
            schema = self.connection.execute("SELECT current_schema(), session_user").fetchone() or ("?", "?")
            raise Failed(
                f"{schema[1]} has no right to create tables in schema {schema[0]}",
                hint=f"GRANT CREATE ON SCHEMA {schema[0]} TO {schema[1]}, or connect as the schema's owner",
                code="no_right",
            ) from error

    def keep(self) -> None:
        """Say that something is about to begin whose traces must not be lost, come what may."""
        self._began = True

    def undo_database(self) -> None:
        """Drop the tables again if this session has made them all and they hold nothing that anybody needs.

        A database that was named by mistake stays as it was.
        """
        if self._made and not self._began and not records.records(self.connection):
            answer(self.connection, "tables_drop")

    def _upgrade(self) -> None:
        # yoyo's own upgrade, one version after the other, without its lock and without a transaction of its own.
        version = internalmigrations.get_current_version(self)
        for following in range(version + 1, max(internalmigrations.schema_versions) + 1):
            internalmigrations.schema_versions[following].upgrade(self)
            internalmigrations.mark_schema_version(self, following)
        self._internal_schema_updated = True

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:  # noqa: ANN401
        """Fill yoyo's log line, without the name service: a slow one would hold every lock of the transaction."""
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": os_user()[:255],
            "hostname": socket.gethostname()[:255],
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - yoyo's cursor
        """Run one of yoyo's statements, or keep it for the message that `record` sends."""
        if self._collected is None:
            return super().execute(sql, params)
        named = params or {}
        self._collected.append(self._writer.mogrify(_with_placeholders(self.driver.paramstyle, sql, *named), named))
        return None

    def format_sql(self, s: str, **names: object) -> str:
        """Give a statement of yoyo's with the names of its tables, which are the same in every file of a run."""
        if names:
            return str(super().format_sql(s, **names))
        if s not in self._formatted:
            self._formatted[s] = super().format_sql(s)
        return self._formatted[s]

    def record(self, entry: Entry) -> Written:
        """Record a run that ended well, in yoyo's tables and the history, and commit: all in one message.

        The caller has begun the transaction in which the file ran, and rolls it back if this fails.
        """
        self._collected = []
        try:
            if entry.operation == "rollback":
                self.unmark(entry.migration)
            else:
                entry = replace(entry, applied_at=self.mark(entry.migration, operation=entry.operation))
            statements = self._collected
        finally:
            self._collected = None
        written = records.bound("history_insert", **vars(entry), **_identity())
        message = [records.bound("file_end", search_path=self.search_path), *(f"{one};" for one in statements), written]
        return Written(**run(self.connection, "\n".join([*message, "COMMIT;"]), is_bound=True)[-1].dicts()[0])

    def mark(self, migration: str, *, operation: Operation) -> datetime:
        """Record a migration as applied, in yoyo's table and log, and return the time it is recorded with.

        The caller's transaction decides whether it counts.
        """
        named = _Named(migration)
        when = datetime.now(UTC)
        self.execute(
            self.format_sql(self.mark_migration_sql),
            {"migration_hash": named.hash, "migration_id": named.id, "when": when.replace(tzinfo=None)},
        )
        self.log_migration(named, YOYO_OPERATIONS[operation])
        return when

    def unmark(self, migration: str) -> None:
        """Take a migration's record away and log it as rolled back. The caller's transaction decides."""
        named = _Named(migration)
        self.execute(self.format_sql(self.unmark_migration_sql), {"migration_hash": named.hash})
        self.log_migration(named, YOYO_OPERATIONS["rollback"])

    def adopt(self, migration: Migration) -> None:
        """Record a migration as applied whose work is there already, with the file's text, in one transaction."""
        with self.connection.transaction():
            applied_at = self.mark(migration.id, operation="adopt")
            self.write(
                Entry(
                    migration.id,
                    "adopt",
                    "done",
                    checksum=migration.checksum,
                    content=migration.text,
                    applied_at=applied_at,
                )
            )

    def write(self, entry: Entry) -> Written:
        """Add one run to the history."""
        return Written(**answer(self.connection, "history_insert", **vars(entry), **_identity())[0])

    def finish(self, run_id: int, entry: Entry) -> Written:
        """Write the end of a run whose start is in the history already."""
        return Written(**answer(self.connection, "history_finish", id=run_id, **vars(entry))[0])


@dataclass(frozen=True)
class Written:
    """What the database made of a history entry: its id, the rows with those a file counted itself, its start."""

    id: int
    rows: int | None
    started_at: datetime


class _Named:
    """As much of a yoyo migration as its statements need; yoyo's own class reads and splits the file."""

    def __init__(self, migration: str) -> None:
        self.id = migration
        self.hash: str = get_migration_hash(migration)


@lru_cache
def _with_placeholders(style: str, sql: str, *names: str) -> str:
    """Turn yoyo's `:name` into what psycopg binds: seven patterns a file, were it done anew each time."""
    text, _ = change_param_style(style, sql, dict.fromkeys(names))
    return str(text)


def _identity() -> dict[str, str]:
    return {"os_user": os_user(), "host": socket.gethostname(), "tool_version": __version__}


@lru_cache
def os_user() -> str:
    """Name the operating system's user; its number where it has no name, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
