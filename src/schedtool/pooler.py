"""Connection poolers: seen from the first answer on, and nothing is ever left behind on a session that is not ours.

A pooler (PgBouncer, Odyssey, PgCat) hands out process numbers of its own, so the number libpq was told differs from the
one the server says. Through a pool that gives each transaction another session, a setting or a lock of ours would stay
on a session of the application: the next one to get it would be read-only, or would search another schema.
"""

from __future__ import annotations

import selectors
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import ExecStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

LIMIT_S: Final = 2.0
TRIES: Final = 10
_PID: Final = b"SELECT pg_backend_pid()"

# Settings that a connection through a shared pool gives to each of its transactions, by connection.
_local: WeakKeyDictionary[Connection[Any], Mapping[str, str]] = WeakKeyDictionary()
# The server's processes of connections through a pool that keeps sessions.
_processes: WeakKeyDictionary[Connection[Any], int] = WeakKeyDictionary()


def server_process(connection: Connection[Any]) -> int:
    """Give the number of the server's process, also where a pooler told another one."""
    return _processes.get(connection, connection.info.backend_pid)


def note_process(connection: Connection[Any], pid: int) -> None:
    """Remember the server's process of a connection through a pool that keeps sessions."""
    _processes[connection] = pid


def note_shared(connection: Connection[Any], settings: Mapping[str, str]) -> None:
    """Remember what each transaction of this connection needs, since no session is its own."""
    _local[connection] = settings


def transaction_settings(connection: Connection[Any]) -> Mapping[str, str] | None:
    """Give what a transaction of this connection needs; None where its session is set up already."""
    return _local.get(connection)


def keeps_sessions(connection: Connection[Any], conninfo: str) -> bool | None:
    """Tell whether a pool gives this connection a session of its own; None where that cannot be told.

    Sessions are shared where two connections meet the same one, or where one connection meets several. A pool that has
    but one session, and keeps it for this connection, answers the second one never.
    """
    met = set()
    with closing(psycopg.connect(conninfo, autocommit=True)) as other:
        for _ in range(TRIES):
            mine, others = _process(connection), _process(other)
            if mine is None or others is None:
                return None
            met.add(mine)
            if mine == others or len(met) > 1:
                return False
    return True


def _process(connection: Connection[Any]) -> int | None:
    """Ask for the server's process, and give up after a while: a pool without a free session lets us wait."""
    pgconn = connection.pgconn
    pgconn.send_query(_PID)
    deadline = time.monotonic() + LIMIT_S
    found = None
    with selectors.DefaultSelector() as selector:
        selector.register(pgconn.socket, selectors.EVENT_READ)
        while True:
            while pgconn.is_busy():
                if not selector.select(max(0, deadline - time.monotonic())):
                    return None
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                return found
            if result.status == ExecStatus.TUPLES_OK:
                found = int(result.get_value(0, 0) or b"0")
