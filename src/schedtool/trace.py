"""Runs migrations statement by statement on a throw-away copy of a schema, and notes what each does to others.

Which locks a statement takes on tables that were there before its migration is read from the server's own list of
locks, between the statements of one transaction: nothing is missed, and nothing is guessed from the statement's words.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from schedtool import psqlscript
from schedtool.database import connect, explain_error
from schedtool.jobs import answer
from schedtool.rehearse_locks import MODES
from schedtool.sqlerrors import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.project import Migration, Project
    from schedtool.psqlscript import Statement

POLL_S: Final = 0.001
SHOWN: Final = 60


@dataclass(frozen=True)
class Lock:
    """A lock on a table that was there before; strongest first where they are listed."""

    table: str
    mode: str


@dataclass(frozen=True)
class Traced:
    """What one statement did.

    Attributes:
        file: As messages show it.
        line: Where the statement begins.
        statement: Its beginning.
        locks: Taken by it, on tables that were there before the migration; they are held until the file's end.
        rewrites: Such tables that got a new file: all their rows were written anew, or thrown away.
        unvalidated: Constraints it added that say nothing yet about the rows that are there.
        duration_ms: On the copy, which holds no rows.
    """

    migration: str
    file: str
    line: int
    statement: str
    locks: tuple[Lock, ...]
    rewrites: tuple[str, ...]
    unvalidated: tuple[str, ...]
    duration_ms: float


def trace(target: Target, project: Project, migrations: Iterable[Migration], *, back: bool = False) -> Iterator[Traced]:
    """Run migrations in order, or with `back` their rollbacks, and yield what each statement did.

    The database is changed as the migrations change it: it must be a copy that nobody needs.

    Raises:
        SchedtoolError: A statement fails there; the message shows its file and line.
    """
    with closing(connect(target, application="trace")) as connection:
        for migration in migrations:
            path = migration.rollback_path if back else migration.path
            text = migration.rollback if back else migration.text
            if path is None or text is None:
                continue
            try:
                run = _in_transaction if migration.transactional else _alone
                for statement, seen in run(connection, target, text):
                    yield Traced(migration.id, project.relative(path), statement.line, _shown(statement.text), *seen)
            except psycopg.Error as error:
                raise explain_error(error, file=project.relative(path), text=text) from error


def said(traced: Traced) -> str:
    """Say in a line what a statement does to what was there before; empty where it does nothing to it."""
    words = [f"{table} {mode}" for table, mode in strongest([traced]).items()]
    words += [f"rewrites {table}" for table in traced.rewrites]
    words += [f"{constraint} is not validated" for constraint in traced.unvalidated]
    if not words:
        return ""
    return f"{traced.file}:{traced.line}: {', '.join(words)}, {traced.duration_ms:.0f} ms: {traced.statement}"


def strongest(traced: Iterable[Traced]) -> Mapping[str, str]:
    """The strongest lock on each table, by its name."""
    found: dict[str, str] = {}
    for one in traced:
        for lock in one.locks:
            if lock.table not in found or MODES.index(lock.mode) > MODES.index(found[lock.table]):
                found[lock.table] = lock.mode
    return found


_Seen = tuple[tuple[Lock, ...], tuple[str, ...], tuple[str, ...], float]


def _in_transaction(connection: Connection[Any], _: Target, text: str) -> Iterator[tuple[Statement, _Seen]]:
    """As the runner does: one transaction around the file. Rollbacks may lose what they want; nobody needs it here."""
    tables = _tables(connection)
    with connection.transaction():
        lose = ",".join(sorted(tables.values()))
        connection.execute("SELECT set_config('schedtool.lose', %s, true)", [lose])
        before = _state(connection, tables)
        for statement in psqlscript.statements(text):
            begun = time.monotonic()
            _execute(connection, statement)
            took = time.monotonic() - begun
            after = _state(connection, tables)
            yield statement, _differ(before, after, took)
            before = after


def _alone(connection: Connection[Any], target: Target, text: str) -> Iterator[tuple[Statement, _Seen]]:
    """A statement that runs in no transaction has given its locks back when it ends: it is held up, and looked at.

    Another session keeps an old snapshot and reads every table. CREATE INDEX CONCURRENTLY and its like wait for it at
    last, with their locks in hand; what wants a table for itself alone waits at once, and is seen waiting.
    """
    tables = _tables(connection)
    (statement,) = psqlscript.statements(text)
    before = _state(connection, tables)
    failed: list[psycopg.Error] = []

    def run() -> None:
        try:
            _execute(connection, statement)
        except psycopg.Error as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    seen: set[tuple[str, str]] = set()
    connection.execute("SET lock_timeout = 0")
    with (
        closing(connect(target, application="trace", read_only=True)) as reader,
        closing(connect(target, application="trace", read_only=True)) as watcher,
    ):
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for table in tables.values():
            reader.execute(sql.SQL("SELECT FROM {} LIMIT 0").format(sql.Identifier(table)))
        begun = time.monotonic()
        thread.start()
        while thread.is_alive():
            rows = answer(watcher, "trace_locks", pid=connection.info.backend_pid)
            seen |= {(tables[row["oid"]], row["mode"]) for row in rows if row["oid"] in tables}
            if reader.info.backend_pid in {pid for row in rows for pid in row["blockers"]}:
                with suppress(psycopg.Error):
                    reader.execute("ROLLBACK")
            time.sleep(POLL_S)
        thread.join()
        took = time.monotonic() - begun
    if failed:
        raise failed[0]
    _, rewrites, unvalidated, _ = _differ(before, _state(connection, tables), took)
    yield statement, (_sorted(seen), rewrites, unvalidated, round(1000 * took, 1))


def _execute(connection: Connection[Any], statement: Statement) -> None:
    try:
        connection.execute(statement.text.encode())
    except psycopg.Error as error:
        vars(error)["place"] = Place(statement.line, None)
        raise


@dataclass(frozen=True)
class _State:
    locks: frozenset[tuple[str, str]]
    files: Mapping[str, int]
    unvalidated: frozenset[str]


def _tables(connection: Connection[Any]) -> Mapping[int, str]:
    return {row["oid"]: row["name"] for row in answer(connection, "rehearse_tables")}


def _state(connection: Connection[Any], tables: Mapping[int, str]) -> _State:
    held = answer(connection, "trace_locks", pid=connection.info.backend_pid)
    rows = answer(connection, "trace_state", tables="{" + ",".join(map(str, tables)) + "}")
    return _State(
        frozenset((tables[row["oid"]], row["mode"]) for row in held if row["oid"] in tables),
        {row["name"]: row["file"] for row in rows},
        frozenset(f"{row['name']}.{constraint}" for row in rows for constraint in row["unvalidated"]),
    )


def _differ(before: _State, after: _State, took: float) -> _Seen:
    rewrites = sorted(name for name, file in after.files.items() if before.files.get(name, file) != file)
    unvalidated = sorted(after.unvalidated - before.unvalidated)
    return _sorted(after.locks - before.locks), tuple(rewrites), tuple(unvalidated), round(1000 * took, 1)


def _sorted(locks: Iterable[tuple[str, str]]) -> tuple[Lock, ...]:
    return tuple(Lock(*one) for one in sorted(locks, key=lambda one: (one[0], -MODES.index(one[1]))))


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
