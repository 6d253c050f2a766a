"""Sends a migration's file behind its BEGIN, watches who keeps it waiting, and rolls back what fails on the way."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from schedtool import wire
from schedtool.psqlscript import literal, statements
from schedtool.sqlerrors import note_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection

    from schedtool.filework import Timeouts, Work
    from schedtool.sessions import Blockers

PULSE_S: Final = 0.1
LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True)
class Run:
    """What all tries of one file share."""

    begun: float
    timeouts: Timeouts
    blockers: Blockers
    notify: Callable[[object], None]


class Ended(Exception):
    """The database ended a try."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def kept_whole(connection: Connection[Any]) -> Iterator[None]:
    """A block that begins a transaction and ends it; what fails on the way is rolled back."""
    try:
        yield
    except BaseException as failure:
        with suppress(psycopg.Error):
            if connection.info.transaction_status is not TransactionStatus.IDLE:
                connection.execute("ROLLBACK")
        if isinstance(failure, psycopg.Error):
            raise outside(failure) from failure
        raise


def outside(error: psycopg.Error) -> Ended:
    """What the database has against a statement of ours around the file: a place in our own is no place in the file."""
    vars(error).pop("place", None)
    return Ended(error)


def begin(timeouts: Timeouts, settings: Mapping[str, str]) -> str:
    """What goes in front of a file in its message: one short line, for whoever we block reads how the message begins.

    None of it takes a snapshot, so the file may go on with SET TRANSACTION.
    """
    limits = {**timeouts.settings(), **settings}
    return " ".join(["BEGIN;", *(f"SET LOCAL {name} = {literal(value)};" for name, value in limits.items()), "\n"])


def send(connection: Connection[Any], work: Work, run: Run, *, front: str = "") -> int:
    """Send a file, behind what `begin` gives, and return the rows its statements say they wrote.

    Raises:
        Ended: A statement failed; its place in the file is noted on the error.
    """
    # Early enough to see who blocks us before lock_timeout ends the wait.
    every = min(PULSE_S, run.timeouts.lock / 3 or PULSE_S)
    looked = float("-inf")

    def pulse() -> None:
        nonlocal looked
        if time.monotonic() - looked >= LOOK_EVERY_S:
            run.blockers.look()
            looked = time.monotonic()

    answered = wire.send(connection, front + work.text, pulse=pulse, every=every)
    if answered.error is not None:
        ordinal = answered.ordinal - len(statements(front))
        note_place(answered.error, text=work.text, values={}, statement=ordinal, behind=front)
        raise Ended(answered.error)
    return answered.rows
