"""Sends a script to the server whole, in one message, and keeps each statement's answer.

The server is the only exact splitter of SQL. It answers every statement it has finished before it reports an error, so
the statement that failed is known by its place even where the error carries no position (lock timeouts, RAISE).
"""

from __future__ import annotations

import selectors
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import OperationalError
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg
    from psycopg import Connection
    from psycopg.pq.abc import PGconn, PGresult

CANCEL_S = 5.0
"""How long a cancelled statement is waited for before its connection is given up."""

WRITING = frozenset({b"INSERT", b"UPDATE", b"DELETE", b"MERGE", b"COPY"})
COPYING = frozenset({ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH})


@dataclass(frozen=True)
class Answer:
    """What a script did: rows its statements say they wrote, and its error with the place of the statement it is of.

    Attributes:
        rows: From the command tags; what functions and DO blocks write is not in them.
        error: None where all went well.
        ordinal: How many statements ended before the error, or in all.
    """

    rows: int
    error: psycopg.Error | None
    ordinal: int


def send(connection: Connection[Any], text: str, *, pulse: Callable[[], None], every: float) -> Answer:
    """Send a text and read all its answers; `pulse` is called every so many seconds while there is none.

    An interruption (Ctrl-C, SIGTERM) cancels the statement on the server and goes on upwards.

    Raises:
        UsageError: A statement wants to copy data over this connection.
        psycopg.OperationalError: The connection is gone.
    """
    pgconn = connection.pgconn
    rows = ordinal = 0
    try:
        pgconn.send_query(text.encode())
        with selectors.DefaultSelector() as selector:
            _flush(pgconn, selector)
            while (result := _next(pgconn, selector, pulse, every)) is not None:
                _refuse_copy(connection, result)
                if result.status in {ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE}:
                    error = error_from_result(result, encoding=connection.info.encoding)
                    with suppress(OperationalError):
                        _drain(pgconn, selector, pulse, every)
                    return Answer(rows, error, ordinal)
                rows += _written(result)
                ordinal += 1
    except BaseException:
        _abandon(connection)
        raise
    return Answer(rows, None, ordinal)


def _refuse_copy(connection: Connection[Any], result: PGresult) -> None:
    # Files that say so are refused when they are read; a function or a DO block cannot, so this is for what comes next.
    if result.status in COPYING:
        connection.close()
        raise UsageError("COPY from or to the client does not work in a file of a project", code="copy")


def _flush(pgconn: PGconn, selector: selectors.BaseSelector) -> None:
    """Send what is not sent yet, and leave the selector watching for answers."""
    selector.register(pgconn.socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
    while pgconn.flush():
        # The server may answer while a long text is still under way; unread, both sides would wait for ever.
        if any(events & selectors.EVENT_READ for _, events in selector.select()):
            pgconn.consume_input()
    selector.modify(pgconn.socket, selectors.EVENT_READ)


def _next(pgconn: PGconn, selector: selectors.BaseSelector, pulse: Callable[[], None], every: float) -> PGresult | None:
    while pgconn.is_busy():
        if selector.select(every):
            pgconn.consume_input()
        else:
            pulse()
    return pgconn.get_result()


def _drain(pgconn: PGconn, selector: selectors.BaseSelector, pulse: Callable[[], None], every: float) -> None:
    while _next(pgconn, selector, pulse, every) is not None:
        pass


def _written(result: PGresult) -> int:
    tag = (result.command_status or b"").split()
    # A SELECT without rows to read is CREATE TABLE AS or SELECT INTO.
    if tag and (tag[0] in WRITING or (tag[0] == b"SELECT" and result.status == ExecStatus.COMMAND_OK)):
        return result.command_tuples or 0
    return 0


def _abandon(connection: Connection[Any]) -> None:
    """Stop what runs on the server; a server that does not answer loses the connection instead of hanging us."""
    deadline = time.monotonic() + CANCEL_S

    def give_up() -> None:
        if time.monotonic() > deadline:
            connection.close()

    with suppress(Exception):
        connection.cancel_safe(timeout=CANCEL_S)
        with selectors.DefaultSelector() as selector:
            _flush(connection.pgconn, selector)
            _drain(connection.pgconn, selector, give_up, CANCEL_S / 10)
