"""Holds the tool's lock while migrations run: a session advisory lock, and yoyo's own row, so that one runs alone."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from schedtool import records
from schedtool.errors import Busy
from schedtool.events import Note
from schedtool.ledger import Ledger
from schedtool.pooler import server_process
from schedtool.records import answer
from schedtool.sessions import session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

POLL_S = 0.2
"""How often the lock is tried again: often enough not to be noticed, seldom enough not to be load."""

# The first half of the advisory lock's key: "sched" on a telephone's keys, so that other tools' locks stay apart.
LOCK_CLASS = 72433
_LOCK_TABLE = "yoyo_lock"


@dataclass(frozen=True)
class Waiting:
    """Somebody else holds the lock, and we wait for it."""

    holder: str
    wait_s: float

    def __str__(self) -> str:
        return f"waiting up to {self.wait_s:g} s for the lock held by {self.holder}"


@contextmanager
def locked(connection: Connection[Any], *, wait: float, notify: Callable[[object], None]) -> Iterator[Ledger]:
    """Hold the tool's lock on this session, with every table of the tool in place.

    The lock is a session advisory lock, so it ends with the session whatever happens to this process, and it is held by
    the session that runs the migrations, so it does not end before they do. yoyo's own lock is taken as well, which
    keeps plain yoyo out.

    Args:
        connection: In autocommit mode, with the target schema as its search path.
        wait: Seconds to wait for another holder.
        notify: Told when it waits, and when it clears away what a killed run has left.

    Raises:
        Busy: Somebody else holds the lock after `wait` seconds; the message says who.
        Failed: The role may not create the tool's tables.
    """
    row = connection.execute("SELECT current_schema()").fetchone()
    key = {"class": LOCK_CLASS, "key": _lock_key(row[0] if row else "")}
    deadline = time.monotonic() + wait
    patience = _Patience(wait, deadline, notify)
    while not answer(connection, "lock_try", **key)[0]["taken"]:
        holder = _holder(answer(connection, "lock_holder", **key))
        busy = Busy(
            f"another schedtool is at work on this schema: {holder}",
            hint="try again when it has ended, or give --wait SECONDS; nothing was changed",
            code="locked",
        )
        patience.wait(holder, busy)
    try:
        ledger = Ledger(connection)
        ledger.init_database()
        _keep_yoyo_out(connection, _Patience(wait, deadline, notify))
        try:
            yield ledger
        except BaseException:
            with suppress(psycopg.Error):
                ledger.undo_database()
            raise
        finally:
            with suppress(psycopg.Error):
                if _LOCK_TABLE in records.tables(connection):
                    answer(connection, "yoyo_lock_drop", pid=-server_process(connection))
    finally:
        # A session that is gone has given its lock back; one that goes on (behind a pooler) must not keep it.
        with suppress(psycopg.Error):
            answer(connection, "lock_release", **key)


@dataclass
class _Patience:
    """Waits for a holder until a deadline, and says so once."""

    wait_s: float
    deadline: float
    notify: Callable[[object], None]
    told: bool = False

    def wait(self, holder: str, busy: Busy) -> None:
        """Wait a moment, or raise `busy` where the time is up."""
        if time.monotonic() >= self.deadline:
            raise busy
        if not self.told:
            self.notify(Waiting(holder, self.wait_s))
            self.told = True
        time.sleep(min(POLL_S, max(0.01, self.deadline - time.monotonic())))


def _keep_yoyo_out(connection: Connection[Any], patience: _Patience) -> None:
    while not answer(connection, "yoyo_lock_take"):
        rows = answer(connection, "yoyo_lock_read")
        if not rows:
            continue
        pid, age = rows[0]["pid"], rows[0]["age_s"]
        if pid < 0:
            # Only a holder of the advisory lock writes a negative number, and that is us now: its session is gone.
            answer(connection, "yoyo_lock_drop", pid=pid)
            patience.notify(
                Note(f"cleared the lock of a schedtool that was killed (server process {-pid}, {age} s ago)")
            )
            continue
        holder = f"plain yoyo, process {pid} on its own machine, since {age} s (table yoyo_lock)"
        busy = Busy(
            f"this schema is locked by {holder}",
            hint="wait for it with --wait SECONDS; if that process is gone, `yoyo break-lock` removes its lock",
            code="locked_by_yoyo",
        )
        patience.wait(holder, busy)


def _lock_key(schema: str) -> int:
    """Give a schema its number: advisory locks know the database, but not the schema."""
    return int.from_bytes(hashlib.sha256(schema.encode()).digest()[:4], "big", signed=True)


def _holder(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "a session that is just ending"
    return "; ".join(session(row) for row in rows)
