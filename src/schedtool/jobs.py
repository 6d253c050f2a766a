"""The engine's bookkeeping: a job is one pass of a migration's batches, kept in the database and taken up again.

What a job may go on with is decided here: the same batch file, the same settings, and no rollback since. Anything else
starts a new job over all keys, which is cheap (rows that are there are counted as unchanged) and never wrong.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from schedtool.database import run, tool_sql
from schedtool.errors import Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection

    from schedtool.sqlfile import Keys, SqlFile

RANGE_KEYS = 5_000
"""Keys per range: what a worker claims. Small enough to share out the end of a job, large enough to keep few rows."""


@dataclass(frozen=True)
class Job:
    """A job as `status` shows it: the latest one of its migration and direction.

    Attributes:
        state: running (begun and not finished, whether or not somebody works on it now), done or abandoned.
        is_at_work: Somebody works on it now, or did until some seconds ago.
        is_stripped: Its `.before` file has taken something away that its `.after` file has not brought back yet.
        rate: Keys per second of late, of the run that is at it; rests for a reason left out.
        total: Keys there were when it began.
        done: Keys passed so far.
        counters: What the batch file answered, added up by name.
        runner: Who runs it, or ran it last.
        resting: Why its workers rest just now, or None.
    """

    id: int
    migration: str
    direction: str
    state: str
    paused: bool
    runner: str
    resting: str | None
    is_stripped: bool
    is_at_work: bool
    rate: float
    total: int
    done: int
    counters: Mapping[str, int]
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes at the present rate; None where nobody is at it."""
        return max(self.total - self.done, 0) / self.rate if self.is_at_work and self.rate > 0 else None


@dataclass(frozen=True)
class Begun:
    """A job ready for its workers; `is_stripped` as in `Job`."""

    id: int
    total: int
    done: int
    resumed: bool
    is_stripped: bool


def make_tables(connection: Connection[Any]) -> None:
    """Make the engine's tables where they are missing. The caller holds the tool's lock."""
    run(connection, tool_sql("tables_job"))


def jobs(connection: Connection[Any]) -> tuple[Job, ...]:
    """Return the latest job of each migration and direction, oldest first; none where the tables are not there."""
    if not answer(connection, "jobs_exist")[0]["present"]:
        return ()
    rows = answer(connection, "jobs")
    return tuple(Job(**{**row, "counters": json.loads(row["counters"])}) for row in rows)


def unfinished_settings(connection: Connection[Any], *, migration: str) -> Mapping[str, Any] | None:
    """Return the settings that the unfinished forward job reads by; None without such a job."""
    if not answer(connection, "jobs_exist")[0]["present"]:
        return None
    rows = answer(connection, "job_current", migration=migration, direction="forward")
    return json.loads(rows[0]["settings"]) if rows and rows[0]["settings"] else None


def begin(
    connection: Connection[Any],
    *,
    migration: str,
    direction: str,
    file: SqlFile,
    settings: str | None,
    range_keys: int = RANGE_KEYS,
) -> Begun:
    """Take up the unfinished job, or plan a new one, in one transaction.

    The caller holds the tool's lock. A job begun with another batch file, over another key, or before a rollback is
    abandoned and all keys are planned anew.

    Raises:
        Refused: The unfinished job reads by other settings than these; it is finished with its own first.
    """
    make_tables(connection)
    over = keys_of(file)
    with connection.transaction():
        # Planning walks the whole key index once: minutes for a billion keys, and nobody waits for a lock of it.
        connection.execute("SELECT set_config('statement_timeout', '0', true)")
        keys, checksum, rollbacks = _marks(connection, file)
        found = answer(connection, "job_current", migration=migration, direction=direction)
        if found and (found[0]["keys"], found[0]["checksum"], found[0]["rollbacks"]) == (keys, checksum, rollbacks):
            job = found[0]["id"]
            if not _same_json(found[0]["settings"], settings):
                raise Refused(
                    f"the unfinished job {job} of {migration} reads by other settings",
                    hint="finish it with its own first: run it again without --policy and --default-timezone",
                    code="settings_fixed",
                )
            row = answer(connection, "job_resume", job=job, runner=runner_name())[0]
            return Begun(job, row["total"], row["done"], resumed=True, is_stripped=row["is_stripped"])
        row = answer(
            connection,
            "job_start",
            migration=migration,
            direction=direction,
            keys=keys,
            checksum=checksum,
            settings=settings or "",
            rollbacks=rollbacks,
            runner=runner_name(),
        )[0]
        job, is_stripped = row["id"], row["is_stripped"]
        total = answer(connection, "job_ranges", over=over, job=job, size=range_keys)[0]["total"]
        return Begun(job, total, 0, resumed=False, is_stripped=is_stripped)


def done_before(connection: Connection[Any], *, migration: str, file: SqlFile, settings: str | None) -> int | None:
    """Return the job that has done a migration's work: by this file, keys and settings, and no rollback since."""
    if not answer(connection, "jobs_exist")[0]["present"]:
        return None
    keys, checksum, rollbacks = _marks(connection, file)
    rows = answer(
        connection,
        "job_finished",
        migration=migration,
        keys=keys,
        checksum=checksum,
        rollbacks=rollbacks,
        settings=settings or "",
    )
    return rows[0]["id"] if rows else None


def _marks(connection: Connection[Any], file: SqlFile) -> tuple[str, str, int]:
    """Say what a job is known by: its keys, the checksum of its file, and the rollbacks on record."""
    over = keys_of(file)
    rollbacks = 0
    if answer(connection, "records_exist")[0]["present"]:
        rollbacks = answer(connection, "rollbacks")[0]["rollbacks"]
    return f"{over.table} ({over.column})", hashlib.sha256(file.text.encode()).hexdigest(), rollbacks


@dataclass(frozen=True)
class Finished:
    """A job whose ranges are all finished: keys passed over all its runs, and what the batch file answered."""

    done: int
    counters: Mapping[str, int]


def finish(connection: Connection[Any], *, job: int) -> Finished | None:
    """Close a job whose ranges are all finished; None while a range is open."""
    rows = answer(connection, "job_finish", job=job)
    return Finished(rows[0]["done"], json.loads(rows[0]["counters"])) if rows else None


def leave(connection: Connection[Any], *, job: int) -> None:
    """Say that nobody is at work on a job any more."""
    answer(connection, "job_leave", job=job)


def pause(connection: Connection[Any], *, migration: str, paused: bool) -> tuple[int, ...]:
    """Set or clear the pause of a migration's unfinished jobs and return their ids; needs no lock of the tool's."""
    if not answer(connection, "jobs_exist")[0]["present"]:
        return ()
    return tuple(row["id"] for row in answer(connection, "job_pause", migration=migration, paused=str(paused).lower()))


def abandon(connection: Connection[Any]) -> None:
    """Make every unfinished job start over when it is run again: to be called in the transaction of any rollback."""
    if answer(connection, "jobs_exist")[0]["present"]:
        run(connection, tool_sql("jobs_abandon"))


def runner_name() -> str:
    """Return who this process is, for people who find it in the job's row: user, host and process id."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}, process {os.getpid()}"


def answer(
    connection: Connection[Any], name: str, *, over: Keys | None = None, **parameters: object
) -> list[dict[str, Any]]:
    """Run one of the tool's own SQL files and return the rows of its last result.

    A file over a table of the project gets that table and its key as :"table" and :"key", and their names as texts:
    :'table' (quoted where it must be) and :'column'.
    """
    text = tool_sql(name)
    texts = {parameter: str(value) for parameter, value in parameters.items()}
    if over is not None:
        texts |= {"table": sql.Identifier(over.table).as_string(), "column": over.column}
        text = text.replace(':"table"', texts["table"]).replace(':"key"', sql.Identifier(over.column).as_string())
    results = run(connection, text, texts)
    return results[-1].dicts() if results else []


def keys_of(file: SqlFile) -> Keys:
    """Return the table and key that a file runs over; the project's lint has seen to it that it names them."""
    if file.keys is None:
        raise UsageError(f"{file.path}: the file has no line `-- keys: table (column)`", code="contract")
    return file.keys


def _same_json(stored: str | None, given: str | None) -> bool:
    left: object = json.loads(stored) if stored else None
    right: object = json.loads(given) if given else None
    return left == right
