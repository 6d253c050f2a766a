"""The backfill of a migration: its batches on a live database, or read-only a census of what they would do.

It records nothing as applied. It may run before its migration's file does, and after, to read again what was rejected.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from schedtool import batches, dry_run, jobs, ranges, records, rejects, settings
from schedtool.database import connect, read_only
from schedtool.errors import Failed, UsageError
from schedtool.reconnect import Runs, keep_going

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.project import Migration, Project
    from schedtool.rescues import Found


@dataclass(frozen=True)
class Backfilled:
    """A finished backfill.

    Attributes:
        rejected: Documents that wait for a decision; those of earlier runs that nobody decided are among them.
    """

    migration: str
    result: batches.Result
    rejected: int


def choose(project: Project, beginning: str | None) -> Migration:
    """Return the migration meant; without a name, the only one that has both batches and a dry run.

    Raises:
        UsageError: There is no such migration, it has no batches, or several could be meant.
    """
    if beginning is not None:
        migration = project.find(beginning)
        if batches.work_of(project, migration) is None:
            raise UsageError(f"{migration.id} has no file in sql/batches, so there is nothing to backfill")
        return migration
    found = [
        migration
        for migration in project.migrations
        if batches.work_of(project, migration) and project.sql_file("dry_run", migration)
    ]
    if len(found) != 1:
        names = ", ".join(migration.id for migration in found) or "none"
        raise UsageError(f"say which migration to backfill: {names} of this project has batches and a dry run")
    return found[0]


def backfill(
    target: Target,
    project: Project,
    migration: Migration,
    *,
    policy: settings.Policy,
    options: batches.Options,
    notify: Callable[[object], None],
    wait: float = 0,
) -> Backfilled:
    """Run a migration's batches to their end, under the tool's lock, so that two runs never meet.

    A connection that is lost on the way, because the server restarts or another takes over, is made anew for
    a minute, counted from the last progress, and the job goes on where it stands.

    Raises:
        UsageError: The policy or the throttle query is wrong; nothing ran.
        Refused: The policy is not the one an unfinished job was begun with.
        Failed: A migration it depends on is not applied, or a batch fails; what was done stays for the next run.
        Busy: Somebody else holds the tool's lock, or a row's lock, for too long; or the server did not come back.
    """
    runs = Runs(notify)

    def fill(wait: float) -> batches.Result:
        return _once(target, project, migration, policy=policy, options=options, notify=runs.note, wait=wait)

    def count(wait: float) -> int:
        return _undecided(target, project, migration, wait=wait)

    result = runs.whole(keep_going(fill, runs, wait=wait))
    # Apart, on a connection of its own: if this one is lost, the batches are done all the same.
    return Backfilled(migration.id, result, keep_going(count, runs, wait=wait))


def _undecided(target: Target, project: Project, migration: Migration, *, wait: float) -> int:
    with closing(connect(target, application="backfill", wait=wait)) as connection, read_only(connection):
        return rejects.undecided(connection, project, migration)


def _once(
    target: Target,
    project: Project,
    migration: Migration,
    *,
    policy: settings.Policy,
    options: batches.Options,
    notify: Callable[[object], None],
    wait: float,
) -> batches.Result:
    from schedtool.lock import locked  # noqa: PLC0415 - yoyo takes longer to import than all else

    work = batches.work_of(project, migration)
    if work is None:
        raise UsageError(f"{migration.id} has no file in sql/batches, so there is nothing to backfill")
    with closing(connect(target, application="backfill", wait=wait)) as connection:
        with read_only(connection):
            _check_dependencies(connection, project, migration)
        with locked(connection, wait=wait, notify=notify):
            wanted = settings.prepare(connection, project, migration, policy=policy)
            text = None if wanted is None else settings.as_text(wanted)
            return batches.run(connection, target, work=replace(work, settings=text), options=options, notify=notify)


def census(
    target: Target,
    project: Project,
    migration: Migration,
    *,
    policy: settings.Policy,
    workers: int | None = None,
    on_reject: Callable[[Found], None],
    notify: Callable[[dry_run.Read], None],
    wait: float = 0,
) -> dry_run.Census:
    """Say what the backfill would do, by the policy given or stored: READ ONLY, with SELECT on the documents alone.

    Raises:
        UsageError: There is no dry run of this migration, or the policy is wrong.
        Refused: Documents that are converted already would read otherwise under the policy.
        Failed: The documents cannot be read.
    """
    dry_run.files_of(project, migration)
    number = settings.number_for(project, migration)
    if number is None and policy.given:
        raise UsageError(f"{migration.id} reads no settings, so it takes no policy", code="no_settings")
    with ExitStack() as stack:
        connection = stack.enter_context(closing(connect(target, application="dry run", wait=wait, read_only=True)))
        at_once = workers or ranges.tried(lambda: batches.default_workers(connection))
        wanted: Mapping[str, Any] = {}
        if number is not None:
            wanted = ranges.tried(lambda: settings.foresee(connection, project, number, policy=policy))
            if policy.given:
                ranges.tried(lambda: settings.widens(connection, project, number, wanted))
        return dry_run.census(
            connection,
            project,
            migration,
            settings=wanted,
            candidates=settings.candidates(project, number, wanted) if number is not None else None,
            readers=[
                stack.enter_context(closing(connect(target, application="dry run", read_only=True)))
                for _ in range(at_once if at_once > 1 else 0)
            ],
            on_reject=on_reject,
            notify=notify,
        )


def pause(target: Target, migration: Migration, *, paused: bool, wait: float = 0) -> tuple[int, ...]:
    """Pause a migration's unfinished jobs, or let them go on; return their numbers. Takes no lock of the tool's."""
    with closing(connect(target, application="backfill", wait=wait)) as connection:
        return jobs.pause(connection, migration=migration.id, paused=paused)


def _check_dependencies(connection: Connection[Any], project: Project, migration: Migration) -> None:
    applied = {record.id for record in records.records(connection)}
    needed = _needed(project, migration)
    missing = [other.id for other in project.migrations if other.id in needed and other.id not in applied]
    if missing:
        last = project.find(missing[-1])
        raise Failed(
            f"{migration.id} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not applied",
            hint=f"schedtool apply --to {last.number}; `backfill --dry-run` works before that",
            code="dependencies",
        )
    gone = [
        other.id
        for other in project.migrations
        if other.contract and other.id in applied and migration.id in _needed(project, other)
    ]
    if gone:
        raise Failed(
            f"{gone[0]} is applied, so what {migration.id} reads is gone",
            hint="schedtool rollback brings it back",
            code="gone",
        )


def _needed(project: Project, migration: Migration) -> set[str]:
    """Name what must be applied before a migration: what it depends on, or all before it where it does not say."""
    if not migration.depends:
        before = project.migrations[: project.migrations.index(migration)]
        return {other.id for other in before if migration.contract or not other.contract}
    found: set[str] = set()
    for name in migration.depends:
        found |= {name} | (_needed(project, project.find(name)) if project.find(name).depends else set())
    return found
