"""Connections to PostgreSQL, and SQL files run over them in one message."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schedtool import pooler, psqlscript
from schedtool.conninfo import Target, resolve, scrub
from schedtool.errors import Busy, Failed
from schedtool.sqlerrors import explain_error, note_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg.pq.abc import PGresult

__all__ = [
    "Result",
    "Target",
    "connect",
    "execute",
    "explain_error",
    "read_only",
    "resolve",
    "run",
    "scrub",
    "tool_sql",
]

# Below it CREATE TRIGGER and the catalog lack what the migrations and checks use.
_OLDEST = 14
_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": 10,
    # A NAT or firewall forgets a silent connection within minutes, and a long statement is silent.
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_CHECK_INTERVAL_MS = 500
_RETRY_S = 0.25
_WAIT_HINT = "--wait SECONDS waits for the server to come up"


@dataclass(frozen=True)
class Result:
    """What one statement answered.

    Attributes:
        columns: Names, empty where the statement returns no rows.
        status: The command tag, such as `INSERT 0 1`.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(repr=False)
    status: str = ""

    def dicts(self) -> list[dict[str, Any]]:
        """The rows by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def connect(
    target: Target,
    *,
    application: str,
    wait: float = 0,
    lock_timeout: float = 10,
    statement_timeout: float = 0,
    read_only: bool = False,
    shared: bool = False,
    notify: Callable[[str], None] | None = None,
) -> psycopg.Connection[Any]:
    """Connect in autocommit, with one schema searched and every limit set that keeps others safe from us.

    Times are in seconds; a timeout of 0 is none. For `wait` seconds a server that does not answer is asked again, and
    `notify` is told so once. A role that sees only some rows gets an error instead of a short answer.

    `shared` says that all work is done inside `read_only()`, so that a pool may give each transaction another session.

    Raises:
        Busy: No connection: refused, wrong password, no such database, too slow.
        Failed: Connected, but the schema is missing or closed to the role, a writing command met a standby, or a pooler
            shares its sessions and that is not enough.
    """
    deadline = time.monotonic() + wait
    while True:
        left = max(0.0, deadline - time.monotonic())
        connection = _open(target, application=f"schedtool {application}", wait=left, notify=notify)
        try:
            _set_up(connection, target, lock_timeout, statement_timeout, read_only=read_only, shared=shared)
        except BaseException as error:
            connection.close()
            # A server that is going down, or has crashed this instant, still let us in.
            if not isinstance(error, Failed) or error.code != "connection_lost":
                raise
            refused = Busy(f"cannot connect to PostgreSQL: {error.message}", hint=_WAIT_HINT, code="cannot_connect")
            _rest(refused, deadline, notify)
            notify = None
        else:
            return connection


@contextlib.contextmanager
def read_only(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A READ ONLY transaction around the block, always rolled back."""
    connection.execute("BEGIN READ ONLY")
    try:
        if (settings := pooler.transaction_settings(connection)) is not None:
            run(connection, tool_sql("session"), settings)
        yield
    finally:
        if not connection.broken:
            connection.execute("ROLLBACK")


def execute(
    connection: psycopg.Connection[Any], text: str, values: Mapping[str, str] | None = None, *, is_bound: bool = False
) -> list[Result]:
    """Send the whole text in one message, `:'parameters'` bound as psql binds them; one result per statement.

    With `is_bound` the text has its values already, and is sent as it is.

    Raises:
        UsageError: A parameter has no value.
        psycopg.Error: As the server gave it, with its place in the text noted for `explain_error`.
    """
    given = values or {}
    with _Cursor(connection) as cursor:
        try:
            cursor.execute((text if is_bound else psqlscript.bind(text, given)).encode())
        except psycopg.Error as error:
            note_place(error, text=text, values=given, statement=cursor.finished)
            raise
        results = []
        more: bool | None = True
        while more:
            columns = tuple(column.name for column in cursor.description or ())
            rows = cursor.fetchall() if columns else []
            results.append(Result(columns, rows, cursor.statusmessage or ""))
            more = cursor.nextset()
        return results


def run(
    connection: psycopg.Connection[Any], text: str, values: Mapping[str, str] | None = None, *, is_bound: bool = False
) -> list[Result]:
    """Run a text as `execute` does, and keep the results that have columns; by the files' contract the last answers."""
    return [result for result in execute(connection, text, values, is_bound=is_bound) if result.columns]


@lru_cache
def tool_sql(name: str) -> str:
    """The text of one of the tool's own SQL files, `schedtool/sql/<name>.sql`."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8")


class _Cursor(psycopg.Cursor[tuple[Any, ...]]):
    """A cursor that knows how many statements had finished when one failed."""

    finished: int | None = None

    def _check_results(self, results: list[PGresult]) -> None:
        try:
            super()._check_results(results)
        except psycopg.Error:
            self.finished = len(results) - 1
            raise


def _open(
    target: Target, *, application: str, wait: float, notify: Callable[[str], None] | None
) -> psycopg.Connection[Any]:
    given = conninfo_to_dict(target.conninfo)
    options = {name: value for name, value in _DEFAULTS.items() if name not in given}
    conninfo = make_conninfo(target.conninfo, application_name=application, client_encoding="utf8", **options)
    deadline = time.monotonic() + wait
    while True:
        try:
            # One message may hold several statements, which cannot be prepared.
            return psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
        except psycopg.OperationalError as error:
            refused = _explain_connection(error, target)
            # Asking again with a wrong password would lock accounts.
            if refused.code == "wrong_password":
                raise refused from None
            _rest(refused, deadline, notify)
            notify = None


def _rest(refused: Busy, deadline: float, notify: Callable[[str], None] | None) -> None:
    """Rest before the next try, and say once why; after the deadline the refusal is the answer."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise refused from None
    if notify is not None:
        notify(f"waiting for the server: {refused.message}")
    time.sleep(min(_RETRY_S, left))


def _explain_connection(error: psycopg.OperationalError, target: Target) -> Busy:
    """A failed connection has no SQLSTATE in libpq: only its words are there to go by."""
    text = scrub(str(error), target)
    failures = re.findall(r"(?:to server (?:at|on socket) )([^\n]*?) failed: (?:FATAL:  )?([^\n]*)", text)
    places: dict[str, list[str]] = {}
    for place, reason in failures:
        found = places.setdefault(reason, [])
        if place not in found:
            found.append(place)
    said = "; ".join(f"{reason} (server {' and '.join(places[reason])})" for reason in places)
    if not said:
        said = next(iter(text.strip().splitlines()), "no reason given").removeprefix("connection failed: ")
    code, hint = "cannot_connect", _WAIT_HINT
    if "password" in said:
        code, hint = "wrong_password", "the password comes from the URL, from PGPASSWORD, or from ~/.pgpass"
    elif match := re.search(r'database "(.*)" does not exist', said):
        code, hint = "database_missing", f"create it first: createdb {match.group(1)}"
    return Busy(f"cannot connect to PostgreSQL: {said}", hint=hint, code=code)


def _set_up(
    connection: psycopg.Connection[Any],
    target: Target,
    lock_timeout: float,
    statement_timeout: float,
    *,
    read_only: bool,
    shared: bool,
) -> None:
    version = connection.info.server_version // 10000
    if version < _OLDEST:
        raise Failed(f"the server is PostgreSQL {version}; {_OLDEST} or later is needed", code="server_too_old")
    values = {
        "schema": target.schema,
        "lock_timeout": f"{round(lock_timeout * 1000)}ms",
        "statement_timeout": f"{round(statement_timeout * 1000)}ms",
        "read_only": "on" if read_only else "off",
        "local": "false",
        "pid": str(connection.info.backend_pid),
    }
    try:
        facts = run(connection, tool_sql("session"), values)[-1].dicts()[0]
        if facts["pid"] != connection.info.backend_pid:
            _set_up_pooled(connection, target, values, shared=shared)
    except psycopg.Error as error:
        raise explain_error(error) from error
    where = f'database "{facts["database"]}"'
    if not facts["schema_exists"]:
        message = f'schema "{target.schema}" does not exist in {where}'
        raise Failed(message, hint="create it, or name another with --schema", code="schema_missing")
    if not facts["schema_usable"]:
        message = f'role "{facts["role"]}" has no right to use schema "{target.schema}" in {where}'
        hint = f'its owner can say: GRANT USAGE ON SCHEMA "{target.schema}" TO "{facts["role"]}"'
        raise Failed(message, hint=hint, code="permission_denied")
    if not read_only and facts["standby"]:
        message = f"the server of {where} is a standby, and this command writes"
        raise Failed(message, hint="connect to the primary", code="standby")
    if not read_only and facts["read_only"]:
        message = f'{where} is read-only for role "{facts["role"]}", and this command writes'
        raise Failed(message, hint="default_transaction_read_only is on", code="read_only")
    if pooler.transaction_settings(connection) is not None:
        return
    # A session whose client was killed would keep its locks until its statement ends. PostgreSQL 13 does not have it,
    # and some systems cannot do it: then we do without.
    with contextlib.suppress(psycopg.Error):
        connection.execute(f"SET client_connection_check_interval = {_CHECK_INTERVAL_MS}")


def _set_up_pooled(
    connection: psycopg.Connection[Any], target: Target, values: Mapping[str, str], *, shared: bool
) -> None:
    """Set up what a pooler gives us: a session where it keeps one for us, else each transaction by itself."""
    keeps = pooler.keeps_sessions(connection, target.conninfo)
    if keeps:
        facts = run(connection, tool_sql("session"), {**values, "pid": "0"})[-1].dicts()[0]
        pooler.note_process(connection, facts["pid"])
        return
    if not shared:
        why = "gives each transaction another session" if keeps is False else "has no second session to tell by"
        raise Failed(
            f"there is a connection pooler before the server, and it {why}; nothing was changed",
            hint="this command keeps a lock and its settings for as long as it works: connect to the server itself, or"
            " to a pool in session mode; status, plan, rejects and query work here",
            code="pooler",
        )
    pooler.note_shared(connection, {**values, "pid": "0", "local": "true"})
