"""One batch in one transaction: claim a range, find its next keys, send the batch file, move the cursor, commit.

Killed at any instant, either all of that is there or none of it. A single key whose document makes the file fail is
written down by the migration's reject file instead, in the same transaction, and the cursor passes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg

from schedtool import database, jobs
from schedtool.errors import Refused, SchedtoolError, UsageError

if TYPE_CHECKING:
    from psycopg import Connection

    from schedtool.project import SqlFile
    from schedtool.work import Work

REFUSAL: Final = "ST003"
"""The SQLSTATE by which a file says that the answer is no."""
TIMED_OUT: Final = "57014"
UNIQUE: Final = "23505"
# At a single document these may be somebody else's doing, so it is tried again before it is rejected.
TRIES_AT_ONE: Final = {UNIQUE: 5, TIMED_OUT: 3}
# Classes of SQLSTATEs that no document can be the cause of: the file, the role, the server, its resources, a lock.
# Any other class, one that an application's trigger made up included, may be one document's fault.
_OF_THE_WHOLE: Final = frozenset(
    {"00", "01", "02", "03", "08", "0A", "0B", "0L", "0P", "25", "26", "28", "2B", "2D", "34", "3B", "3D", "3F"}
    | {"40", "42", "53", "55", "57", "58", "72", "F0", "HV"}
)
_MESSAGE: Final = 80


@dataclass(frozen=True)
class Fault:
    """The document of one key made the batch file fail, and is a reject now."""

    key: str
    sqlstate: str
    message: str


@dataclass(frozen=True)
class Batch:
    """A committed batch."""

    keys: int
    fault: Fault | None = None


class Broken(Exception):
    """A batch that the server rolled back, with the keys it was for."""

    def __init__(self, error: psycopg.Error, *, first: str | None, last: str | None, keys: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.first = first
        self.last = last
        self.keys = keys

    @property
    def state(self) -> str:
        """The SQLSTATE; empty where the server said none."""
        return self.error.sqlstate or ""


def may_be_one_document(state: str) -> bool:
    """Tell whether an error may be the fault of a single document, so that it is worth looking for."""
    return len(state) == len(REFUSAL) and state != REFUSAL and state[:2] not in _OF_THE_WHOLE


def one_batch(connection: Connection[Any], work: Work, *, job: int, size: int, tries: int) -> Batch | None:
    """Do one batch of at most `size` keys; None when no range is left to claim.

    A batch of one key that fails is rejected by the reject file, if there is one. Where another session may be the
    cause (a timeout, a duplicate key) that is done only when this is the last of some `tries`, counted from 1.

    Raises:
        Broken: The server rolled it back; the caller decides whether to try again.
        UsageError: A file answers something that breaks its contract; nothing of the batch is kept.
    """
    first: str | None = None
    last: str | None = None
    keys = 0
    try:
        connection.execute("BEGIN")
        claimed = jobs.answer(connection, "batch_claim", job=job)
        if not claimed:
            connection.execute("ROLLBACK")
            return None
        found = claimed[0]
        batch = jobs.answer(
            connection,
            "batch_keys",
            over=work.file.keys,
            first=found["first_key"] if found["done_key"] is None else found["done_key"],
            included=str(found["done_key"] is None).lower(),
            last=found["last_key"],
            size=size,
        )[0]
        keys = batch["n"]
        if not keys:
            jobs.answer(connection, "range_finish", job=job, number=found["number"])
            connection.execute("COMMIT")
            return Batch(0)
        first, last = batch["first_key"], batch["last_key"]
        if keys == 1 and work.reject is not None:
            counters, fault = _counters_or_reject(connection, work, work.reject, key=first, tries=tries)
        else:
            counters, fault = counters_of(connection, work.file, work, first=first, last=last), None
        jobs.answer(
            connection,
            "batch_move",
            job=job,
            number=found["number"],
            last=last,
            n=keys,
            counters=json.dumps(counters),
        )
        connection.execute("COMMIT")
    except psycopg.Error as error:
        if connection.closed:
            raise
        raise Broken(error, first=first, last=last, keys=keys) from error
    except SchedtoolError:
        connection.execute("ROLLBACK")
        raise
    return Batch(int(keys), fault)


def _counters_or_reject(
    connection: Connection[Any], work: Work, reject: SqlFile, *, key: str, tries: int
) -> tuple[dict[str, int], Fault | None]:
    connection.execute("SAVEPOINT schedtool_document")
    try:
        counters = counters_of(connection, work.file, work, first=key, last=key)
        # What a deferred constraint would say at the commit belongs to this document too.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        state = error.sqlstate or ""
        is_its_fault = state in TRIES_AT_ONE or may_be_one_document(state)
        if connection.closed or not is_its_fault or tries < TRIES_AT_ONE.get(state, 1):
            raise
        message = " ".join((error.diag.message_primary or str(error)).split())[:_MESSAGE]
        connection.execute("ROLLBACK TO SAVEPOINT schedtool_document")
        fault = Fault(key, state, message)
        return counters_of(connection, reject, work, first=key, last=key, sqlstate=state, message=message), fault
    return counters, None


def counters_of(connection: Connection[Any], file: SqlFile, work: Work, **parameters: str) -> dict[str, int]:
    """Send a file for some keys and return the row of counters that it answers."""
    if file.settings is not None:
        parameters["settings"] = work.settings or "{}"
    results = database.run(connection, file.text, parameters)
    rows = results[-1].dicts() if results else []
    # Exactly int: a numeric (what sum() of a bigint is) or a boolean would be added up into something else.
    if len(rows) != 1 or any(type(value) is not int for value in rows[0].values()):
        found = ", ".join(f"{name} {type(value).__name__}" for name, value in rows[0].items()) if rows else ""
        raise UsageError(
            f"{file.path}: its last result must be one row of bigint counters"
            f", and it is {len(rows)} rows{': ' + found if found else ''}",
            hint="nothing of this batch was kept",
            code="contract",
        )
    return rows[0]


def explained(error: psycopg.Error, file: SqlFile) -> SchedtoolError:
    """Turn the database's error into one for people; a guard of the file that said no is a refusal."""
    found = database.explain_error(error, file=file.path, text=file.text)
    if error.sqlstate == REFUSAL:
        return Refused(error.diag.message_primary or found.message, hint=error.diag.message_hint)
    return found
