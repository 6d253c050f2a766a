"""What stands around the batches, where it is asked for: a file that takes something away, and one that brings it back.

`.before` runs in one transaction. `.after` runs statement by statement, each in a transaction of its own, as psql runs
it: what must be quick under a strong lock and what takes long under a weak one are kept apart. Both may run again, so a
failure anywhere leaves a job that the next run finishes.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import psycopg

from schedtool import database, jobs, psqlscript
from schedtool.errors import UsageError
from schedtool.events import Retried
from schedtool.sqlerrors import note_place
from schedtool.transaction import explained

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from schedtool.project import SqlFile
    from schedtool.work import Work

TRIES = 30
RETRIED = frozenset({"55P03", "40P01"})
LOCK_TIMEOUT = "500ms"


def before(connection: Connection[Any], work: Work, *, notify: Callable[[object], None]) -> None:
    """Run the `.before` file and remember it, in one transaction.

    Raises:
        Refused: The file says that it would not be safe; nothing was changed.
        Busy: A lock was not to be had; nothing was changed.
        Failed: The file has an error; nothing was changed.
    """
    file = work.before
    if file is None:
        return

    def strip() -> None:
        with connection.transaction():
            _limit(connection)
            database.run(connection, file.text)
            jobs.answer(connection, "job_strip", migration=work.migration, is_stripped="true")

    _tried(strip, file, work.migration, notify=notify)


def after(connection: Connection[Any], work: Work, *, notify: Callable[[object], None]) -> None:
    """Run the `.after` file, statement by statement, and remember at its end that all is back.

    Raises:
        UsageError: It is not there any more.
        Refused, Busy, Failed: A statement could not run; the job stays unfinished, and the next run tries again.
    """
    if work.after is None:
        raise UsageError(
            f"{work.migration} has taken something away by its .before file, and its .after file is not there",
            hint="bring sql/batches/….after.sql back",
            code="contract",
        )
    for place, statement in enumerate(psqlscript.statements(work.after.text)):

        def restore(text: str = statement.text, place: int = place) -> None:
            try:
                with connection.transaction():
                    _limit(connection)
                    database.run(connection, text)
            except psycopg.Error as error:
                note_place(error, text=work.after.text if work.after else text, values={}, statement=place)
                raise

        _tried(restore, work.after, work.migration, notify=notify)
    jobs.answer(connection, "job_strip", migration=work.migration, is_stripped="false")


def _limit(connection: Connection[Any]) -> None:
    connection.execute(
        "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', '0', true)", [LOCK_TIMEOUT]
    )


def _tried(act: Callable[[], None], file: SqlFile, migration: str, *, notify: Callable[[object], None]) -> None:
    for tries in range(1, TRIES + 1):
        try:
            act()
        except psycopg.Error as error:
            if error.sqlstate in RETRIED and tries < TRIES:
                notify(Retried(migration, error.sqlstate, str(error).splitlines()[0], tries))
                time.sleep(random.uniform(0.5, 1.5) * min(0.1 * 2**tries, 3.0))  # noqa: S311 - jitter
                continue
            raise explained(error, file) from error
        return
