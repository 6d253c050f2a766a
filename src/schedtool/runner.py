"""Runs one migration's file, forward or back: one message, one transaction with its record, retries, and the history.

A file that cannot run in a transaction is one statement. Its start is recorded first, so that a run that ends without a
word is known as half done, and an INVALID index that such a run has left is dropped before the next one.
"""

from __future__ import annotations

import random
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from schedtool import database
from schedtool.database import connect, explain_error, scrub
from schedtool.errors import Busy, Refused, SchedtoolError
from schedtool.filework import Notice, Ran, Retrying, Stopped
from schedtool.jobs import abandon
from schedtool.ledger import Entry, Ledger
from schedtool.leftovers import drop_invalid
from schedtool.pooler import server_process
from schedtool.records import answer, bound
from schedtool.sending import Ended, Run, begin, kept_whole, outside, send
from schedtool.sessions import Blockers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.filework import Batched, Timeouts, Work
    from schedtool.ledger import Outcome

# Lock not available, deadlock, no serial order, statement cancelled: the transaction is gone, and the same one may well
# pass next time.
LOCKED, DEADLOCK, UNORDERED, CANCELLED = "55P03", "40P01", "40001", "57014"
# A statement that ran into its timeout once will most likely do so again, so that is tried less often.
TRIES: Mapping[str, int] = {LOCKED: 10, DEADLOCK: 10, UNORDERED: 10, CANCELLED: 3}
REFUSAL = "ST003"
"""The SQLSTATE by which a migration's guard says that the answer is no."""

LEFTOVER = "schedtool.leftover"
TOO_MUCH_LEFT = "ST004"
"""The SQLSTATE by which a file says that it finds more left than its transaction should do alone."""

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 3.0


def run_file(
    ledger: Ledger, target: Target, work: Work, *, timeouts: Timeouts, notify: Callable[[object], None]
) -> Ran:
    """Run a file, its batches first, and record it; nothing of a transactional one is kept unless its record is.

    Raises:
        Refused: A guard in the file said no.
        Busy: Locks, deadlocks or cancelled statements outlasted the retries.
        Failed: The file has an error; the message shows its line.
    """
    entry = Entry(
        work.migration,
        work.operation,
        "started",
        checksum=work.checksum,
        content=work.text,
        rows=0,
    )
    run_id: int | None = None
    connection: Connection[Any] = ledger.connection
    begun = time.monotonic()

    def say(diagnostic: psycopg.errors.Diagnostic) -> None:
        notify(Notice(work.migration, diagnostic.message_primary or ""))

    try:
        if work.batches is not None or not work.transactional:
            ledger.keep()
        if work.batches is not None:
            work, entry = _batched(work, work.batches(), entry)
        batch_retries = entry.retries
        connection.add_notice_handler(say)
        with Blockers(target, server_process(connection)) as blockers:
            run = Run(begun, timeouts, blockers, notify)
            if not work.transactional:
                run_id = ledger.write(entry).id
            while True:
                try:
                    return _attempt(ledger, work, entry, run_id, run)
                except Ended as ended:
                    if ended.error.sqlstate == TOO_MUCH_LEFT and work.again is not None and LEFTOVER in work.settings:
                        notify(Notice(work.migration, ended.error.diag.message_primary or "much is left"))
                        work, entry = _batched(work, work.again(), entry)
                        batch_retries = entry.retries
                        continue
                    entry = replace(entry, retries=entry.retries + 1)
                    _wait_or_raise(ended, work, run, tries=entry.retries - batch_retries)
    except BaseException as failure:
        outcome = outcome_of(failure)
        text = scrub(str(failure), target) or None
        failed = replace(entry, outcome=outcome, rows=None, duration_ms=_spent_ms(begun), error=text)
        remember(ledger, target, failed, run_id)
        if outcome == "interrupted":
            notify(Stopped(work.migration, work.transactional, batches=work.batches is not None))
        raise
    finally:
        with suppress(ValueError):
            connection.remove_notice_handler(say)


def _batched(work: Work, batched: Batched, entry: Entry) -> tuple[Work, Entry]:
    """Take over what the batches came to; a file that may do the rest alone learns how much that is."""
    settings = {name: value for name, value in work.settings.items() if name != LEFTOVER}
    if batched.leftover is not None:
        settings[LEFTOVER] = str(batched.leftover)
    counted = replace(entry, documents=batched.documents, rows=batched.rows, retries=batched.retries)
    return replace(work, settings=settings), counted


def run_again(
    ledger: Ledger, target: Target, work: Work, *, timeouts: Timeouts, notify: Callable[[object], None]
) -> None:
    """Send a file that is applied once more, for what it left to a transaction of its own; nothing is recorded.

    Raises:
        Busy: Locks, deadlocks or cancelled statements outlasted the retries; the file stays applied.
        Failed: The file has an error when it runs again.
    """
    connection: Connection[Any] = ledger.connection
    with Blockers(target, server_process(connection)) as blockers:
        run = Run(time.monotonic(), timeouts, blockers, notify)
        tries = 0
        while True:
            try:
                with kept_whole(connection):
                    send(connection, work, run, front=begin(run.timeouts, work.settings))
                    end = bound("file_end", search_path=ledger.search_path)
                    database.run(connection, f"{end}COMMIT;", is_bound=True)
            except Ended as ended:
                tries += 1
                _wait_or_raise(ended, work, run, tries=tries)
            else:
                return


def _wait_or_raise(ended: Ended, work: Work, run: Run, *, tries: int) -> None:
    state = ended.error.diag.sqlstate or ""
    if tries >= TRIES.get(state, 0):
        raise _explained(ended, work, tries=tries, blockers=run.blockers.seen) from ended.error
    pause = random.uniform(0.5, 1) * min(FIRST_PAUSE_S * 2**tries, LONGEST_PAUSE_S)  # noqa: S311 - jitter
    reason = ended.error.diag.message_primary or state
    run.notify(Retrying(work.migration, tries + 1, reason, run.blockers.seen, pause))
    time.sleep(pause)


def remember(ledger: Ledger, target: Target, entry: Entry, run_id: int | None = None) -> None:
    """Write a failure into the history in a transaction of its own, on a new connection where ours is gone.

    Whatever goes wrong here must not hide the failure itself.
    """
    with suppress(psycopg.Error, SchedtoolError), ExitStack() as stack:
        if ledger.connection.broken or ledger.connection.closed:
            ledger = Ledger(stack.enter_context(connect(target, application="history")))
        if run_id is None:
            ledger.write(entry)
        else:
            ledger.finish(run_id, entry)


def _attempt(ledger: Ledger, work: Work, entry: Entry, run_id: int | None, run: Run) -> Ran:
    """Try once: the file, its record and its history, in one transaction where the file can run in one."""
    connection: Connection[Any] = ledger.connection
    try:
        if work.transactional:
            return _in_transaction(ledger, work, entry, run)
        settings = {**run.timeouts.settings(), **work.settings}
        before = {name: _setting(connection, name) for name in [*settings, "search_path"]}
        _set(connection, settings)
        try:
            if (index := drop_invalid(connection, work.text)) is not None:
                run.notify(Notice(work.migration, f"dropped the INVALID index {index} that an earlier run had left"))
            rows = send(connection, work, run)
        finally:
            with suppress(psycopg.OperationalError):
                connection.execute("RESET ROLE")
                _set(connection, before)
        with connection.transaction():
            return _record(ledger, work, replace(entry, rows=(entry.rows or 0) + rows), run_id, run)
    except psycopg.Error as error:
        raise outside(error) from error


def _in_transaction(ledger: Ledger, work: Work, entry: Entry, run: Run) -> Ran:
    """Two messages: the file as it is behind a BEGIN with its limits, and its record with the COMMIT."""
    connection: Connection[Any] = ledger.connection
    with kept_whole(connection):
        rows = send(connection, work, run, front=begin(run.timeouts, work.settings))
        if work.operation == "rollback":
            # A job that was cut short must not go on where it stopped: what it had written may be gone now.
            answer(connection, "file_end", search_path=ledger.search_path)
            abandon(connection)
        spent = _spent_ms(run.begun)
        entry = replace(entry, outcome="done", rows=(entry.rows or 0) + rows, duration_ms=spent)
        written = ledger.record(entry)
    return Ran(work.migration, spent, entry.retries, entry.documents, written.rows or 0)


def _record(ledger: Ledger, work: Work, entry: Entry, run_id: int | None, run: Run) -> Ran:
    """Record what ran outside a transaction. The caller's transaction decides whether it counts."""
    if work.operation == "rollback":
        ledger.unmark(work.migration)
        # A job that was cut short must not go on where it stopped: what it had written may be gone now.
        abandon(ledger.connection)
        entry = replace(entry, outcome="done")
    else:
        applied_at = ledger.mark(work.migration, operation=work.operation)
        entry = replace(entry, outcome="done", applied_at=applied_at)
    entry = replace(entry, duration_ms=_spent_ms(run.begun))
    written = ledger.write(entry) if run_id is None else ledger.finish(run_id, entry)
    return Ran(work.migration, entry.duration_ms or 0, entry.retries, entry.documents, written.rows or 0)


def _setting(connection: Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s, true)", [name]).fetchone()
    return (row[0] if row else None) or ""


def _set(connection: Connection[Any], settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])


def _explained(ended: Ended, work: Work, *, tries: int, blockers: tuple[str, ...]) -> SchedtoolError:
    """Turn the database's error into one for people: its place in the file, and the exit code of its kind."""
    error = ended.error
    explained = explain_error(error, file=work.shown, text=work.text)
    if error.diag.sqlstate == REFUSAL:
        return Refused(f"{work.migration}: {error.diag.message_primary}", hint=error.diag.message_hint, code="refused")
    if isinstance(explained, Busy):
        blocked = f"; in the way: {'; '.join(blockers)}" if blockers else ""
        hint = "nothing of this file was kept; try again, or let it wait longer with --lock-timeout"
        return Busy(f"{explained.message} after {tries} tries{blocked}", hint=hint, code=explained.code)
    return explained


def outcome_of(failure: BaseException) -> Outcome:
    """Name the outcome the history gets for an error or an interruption."""
    if isinstance(failure, Refused):
        return "refused"
    if isinstance(failure, Busy):
        return "busy"
    return "failed" if isinstance(failure, Exception) else "interrupted"


def _spent_ms(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
