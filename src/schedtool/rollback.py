"""Takes migrations back, the last one first: the rollback's batches where it has them, then its file and its record."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from schedtool import foretell, hazards
from schedtool.database import connect, read_only
from schedtool.errors import Refused, UsageError
from schedtool.filework import Ran, Timeouts, Work
from schedtool.state import read

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.foretell import Note
    from schedtool.hazards import Lock
    from schedtool.ledger import Ledger
    from schedtool.project import Migration, Project, SqlFile
    from schedtool.state import MigrationState


@dataclass(frozen=True)
class Beginning:
    """The rollback of a migration begins."""

    migration: str

    def __str__(self) -> str:
        return f"rolling back {self.migration}"


@dataclass(frozen=True)
class Done:
    """A migration is rolled back and no longer recorded."""

    ran: Ran

    def __str__(self) -> str:
        return f"rolled back {self.ran.migration} in {self.ran.duration_ms} ms"


@dataclass(frozen=True)
class PlannedRollback:
    """One migration that would be taken back, by batches first or by its file alone.

    Attributes:
        locks: On tables that stay, as the rollback's header declares them.
        notes: What would be undone and lost on this very database, see `foretell.py`.
    """

    id: str
    batches: bool
    text: str
    locks: tuple[Lock, ...]
    notes: tuple[Note, ...]


def plan(target: Target, project: Project, *, to: str | None = None, wait: float = 0) -> tuple[PlannedRollback, ...]:
    """Plan what `rollback` would do, in order, in a READ ONLY transaction.

    Raises:
        UsageError: `to` is no migration, or one that would be taken back has no rollback script.
        Refused: `to` is not applied, or a migration behind it is recorded without a file.
    """
    with (
        closing(connect(target, application="rollback", wait=wait, read_only=True, shared=True)) as connection,
        read_only(connection),
    ):
        chosen = select(project, read(connection, project), to=to)
        return tuple(
            PlannedRollback(
                id=migration.id,
                batches=project.sql_file("batches", migration, "rollback") is not None,
                text=migration.rollback or "",
                locks=hazards.declared(migration.rollback or ""),
                notes=foretell.notes(connection, project, migration, "rollback"),
            )
            for migration in chosen
        )


def rollback(
    target: Target,
    project: Project,
    *,
    confirm: Callable[[Sequence[str]], bool],
    notify: Callable[[object], None],
    to: str | None = None,
    lose: Collection[str] = (),
    lock_timeout: float = 0.5,
    statement_timeout: float | None = None,
    workers: int | None = None,
    nice_ratio: float | None = None,
    wait: float = 0,
) -> tuple[Ran, ...]:
    """Take back the last migration, or all behind `to`; what was taken back stays so if a later one fails.

    Tables named in `lose` may lose rows that stand nowhere else: the rollback's SQL reads them in `schedtool.lose`.

    Raises:
        UsageError: `to` is no migration, or one has no rollback script; nothing was tried.
        Refused: Not confirmed; something recorded without a file stands on it; a guard in the SQL said no.
        Busy: No connection, or a lock was not to be had in time.
        Failed: A rollback has an error; nothing of it was kept.
    """
    with closing(connect(target, application="rollback", wait=wait)) as connection:
        with read_only(connection):
            chosen = select(project, read(connection, project), to=to)
        if not chosen:
            return ()
        if not confirm([migration.id for migration in chosen]):
            raise Refused("not confirmed; nothing was changed", code="not_confirmed")
        # yoyo takes longer to import than everything else together; see apply.
        from schedtool.lock import locked  # noqa: PLC0415

        done = []
        with locked(connection, wait=wait, notify=notify) as ledger:
            again = select(project, read(connection, project), to=to)
            if again != chosen:
                raise Refused("somebody else has changed what is applied; nothing was changed", code="plan_changed")
            for migration in chosen:
                notify(Beginning(migration.id))
                ran = _one(
                    ledger,
                    target,
                    project,
                    migration,
                    lose=lose,
                    lock_timeout=lock_timeout,
                    statement_timeout=statement_timeout,
                    workers=workers,
                    nice_ratio=nice_ratio,
                    notify=notify,
                )
                notify(Done(ran))
                done.append(ran)
        return tuple(done)


def select(project: Project, states: Sequence[MigrationState], *, to: str | None) -> tuple[Migration, ...]:
    """Choose what is to be taken back, the last one first.

    Raises:
        UsageError: `to` is no migration, or one that would be taken back has no rollback script.
        Refused: `to` is not applied, or a migration behind it is recorded without a file.
    """
    applied_at = {found.id: found.applied_at for found in states if found.applied_at}
    applied = [migration for migration in project.migrations if migration.id in applied_at]
    if to is None:
        chosen = applied[-1:]
    else:
        last = project.find(to)
        if last not in applied:
            raise Refused(f"{last.id} is not applied, so there is no way back to it", code="not_applied")
        chosen = applied[applied.index(last) + 1 :]
    if chosen:
        oldest = min(applied_at[migration.id] for migration in chosen)
        for found in states:
            if found.state == "missing" and found.applied_at and found.applied_at > oldest:
                raise Refused(
                    f"{found.id} was applied later, and its file is missing",
                    hint="bring the file back, so that it can be rolled back first",
                    code="missing",
                )
    for migration in chosen:
        if migration.rollback is None:
            raise UsageError(
                f"{migration.id} has no rollback script; nothing was changed",
                hint="it says so itself: -- rollback: none"
                if migration.one_way
                else f"write {project.relative(migration.path.with_suffix('.rollback.sql'))}",
                code="no_rollback",
            )
    return tuple(reversed(chosen))


def _settings(connection: Connection[Any], project: Project, file: SqlFile) -> str | None:
    """Return what a rollback's batches read by: what is stored, since nobody decides anything anew on the way back."""
    if file.settings is None:
        return None
    from schedtool import settings  # noqa: PLC0415 - see rollback

    with read_only(connection):
        stored = settings.current(connection, project, file.settings)
    return settings.as_text(stored.settings if stored else {})


def _one(
    ledger: Ledger,
    target: Target,
    project: Project,
    migration: Migration,
    *,
    lose: Collection[str],
    lock_timeout: float,
    statement_timeout: float | None,
    workers: int | None,
    nice_ratio: float | None,
    notify: Callable[[object], None],
) -> Ran:
    from schedtool.batched import run_batches  # noqa: PLC0415 - see rollback
    from schedtool.runner import run_file  # noqa: PLC0415
    from schedtool.work import work_of  # noqa: PLC0415

    back = work_of(project, migration, direction="back")
    batches = partial(
        run_batches,
        ledger.connection,
        target,
        back and replace(back, settings=_settings(ledger.connection, project, back.file)),
        workers=workers,
        nice_ratio=nice_ratio,
        lock_timeout=lock_timeout,
        statement_timeout=statement_timeout,
        notify=notify,
    )
    work = Work(
        migration=migration.id,
        operation="rollback",
        shown=project.relative(migration.rollback_path or migration.path),
        text=migration.rollback or "",
        checksum=None,
        transactional=migration.transactional,
        settings={"schedtool.lose": ",".join(lose)},
        batches=batches if back else None,
    )
    timeouts = Timeouts(lock=lock_timeout, statement=statement_timeout or 0)
    return run_file(ledger, target, work, timeouts=timeouts, notify=notify)
