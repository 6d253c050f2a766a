"""Applies what is pending, in order: the batches of a migration first, then its file, each with its record.

Every migration is a transaction of its own. One that fails leaves nothing, and those before it stay.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from schedtool import guards
from schedtool.apply_events import Beginning, Done, Finished, Kept, LeftOver
from schedtool.database import connect, read_only
from schedtool.errors import Refused, SchedtoolError
from schedtool.events import Note
from schedtool.filework import Batched, Ran, Timeouts, Work
from schedtool.halves import finished_index, refuse_what_stands
from schedtool.plan import check_ways_back, fingerprint, select
from schedtool.state import WAITING, read

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.ledger import Ledger
    from schedtool.project import Migration, Project
    from schedtool.settings import Policy


@dataclass(frozen=True)
class Applied:
    """What a run of `apply` came to.

    Attributes:
        applied: In order; empty where there was nothing to do.
        rejected: Documents that wait for a decision, over all migrations that are applied.
        left_alone: Pending ones of `contract/`, which only `--contract` goes into.
    """

    applied: tuple[Ran, ...]
    rejected: int
    left_alone: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """How to apply. Times in seconds; `statement_timeout` None is none for files and the engine's own for batches."""

    policy: Path | None = None
    default_timezone: str | None = None
    workers: int | None = None
    nice_ratio: float | None = None
    no_batches: bool = False
    lock_timeout: float = 0.5
    statement_timeout: float | None = None


def apply(
    target: Target,
    project: Project,
    *,
    confirm: Callable[[Sequence[str]], bool],
    notify: Callable[[object], None],
    to: str | None = None,
    plan_hash: str | None = None,
    contract: bool = False,
    options: Options | None = None,
    wait: float = 0,
) -> Applied:
    """Apply what is pending, up to `to`, and without `contract` nothing of `contract/`.

    `confirm` is asked, before anything runs, about the ones of `contract/`. None of those runs in a run that applied
    what it depends on: the rest is applied then, and the answer is Refused.

    Raises:
        UsageError: `to` is no migration, or one of `contract/` without `contract`; a policy that its schema or the
            server forbids.
        Refused: A migration is edited, missing or out of order; the plan is not the one of `plan_hash`; `confirm` or a
            guard of a migration said no; one of `contract/` must wait for another run.
        Busy: No connection, or a lock was not to be had in time; nothing of that migration was kept.
        Failed: A migration has an error; nothing of it was kept, and those before it stay.
    """
    options = options or Options()
    with closing(connect(target, application="apply", wait=wait)) as connection:
        with read_only(connection):
            pending = select(project, read(connection, project), to=to, contract=contract)
            if pending or plan_hash is not None:
                project = project.thorough()
                pending = _pending(connection, project, to=to, contract=contract, plan_hash=plan_hash)
        now = pending
        if pending:
            check_ways_back(project, pending)
            now, _ = _split(pending)
            with read_only(connection):
                refuse_what_stands(connection, project, now)
            guards.ask(connection, project, now)
            _foresee(connection, project, now, options)
            destroying = [migration.id for migration in now if migration.contract]
            if destroying and not confirm(destroying):
                raise Refused("not confirmed; nothing was changed", code="not_confirmed")
            applied = _locked(
                connection,
                target,
                project,
                to=to,
                plan_hash=plan_hash,
                contract=contract,
                allowed={migration.id for migration in pending},
                options=options,
                wait=wait,
                notify=notify,
            )
        else:
            applied = ()
        if options.policy is not None or options.default_timezone is not None:
            _tell_unused(project, applied, notify)
        with read_only(connection):
            states = read(connection, project)
            left = tuple(found.id for found in states if found.contract and found.state in WAITING)
            recorded = {found.id for found in states if found.applied_at}
            return Applied(applied, undecided(connection, project, recorded), left)


def undecided(connection: Connection[Any], project: Project, recorded: Collection[str]) -> int:
    """Count the documents that wait for a decision. The caller is in a transaction."""
    waiting = [
        migration
        for migration in project.migrations
        if migration.id in recorded and project.sql_file("rejects", migration) is not None
    ]
    if not waiting:
        return 0
    from schedtool import rejects  # noqa: PLC0415 - see _locked

    return sum(rejects.undecided(connection, project, migration) for migration in waiting)


def _foresee(connection: Connection[Any], project: Project, migrations: Sequence[Migration], options: Options) -> None:
    """Check the policy that was given before anything is applied, for whichever migration will read it."""
    if options.policy is None and options.default_timezone is None:
        return
    from schedtool import settings  # noqa: PLC0415 - see _locked

    for migration in migrations:
        file = project.sql_file("batches", migration)
        if file is not None and file.settings is not None:
            settings.foresee(connection, project, file.settings, policy=_policy(options))


def _policy(options: Options) -> Policy:
    from schedtool.settings import Policy  # noqa: PLC0415 - see _locked

    zone = {"default-timezone": options.default_timezone} if options.default_timezone is not None else None
    return Policy(options.policy, zone)


def _pending(
    connection: Connection[Any], project: Project, *, to: str | None, contract: bool, plan_hash: str | None
) -> tuple[Migration, ...]:
    pending = select(project, read(connection, project), to=to, contract=contract)
    if plan_hash is not None and not _same(plan_hash, fingerprint(connection, project, pending)):
        raise Refused(
            "the files or the database have changed since that plan; nothing was changed",
            hint="look at the new one: schedtool plan",
            code="plan_changed",
        )
    return pending


def _same(given: str, computed: str) -> bool:
    """Compare hashes; the first twelve digits are enough, as git users expect."""
    shortest = 12
    return len(given) >= shortest and computed.startswith(given.lower())


def _split(pending: Sequence[Migration]) -> tuple[tuple[Migration, ...], tuple[Migration, ...]]:
    """Part what may run now from the ones of `contract/` that depend on something this very run applies."""
    now: list[Migration] = []
    later: list[Migration] = []
    for migration in pending:
        fresh = {other.id for other in [*now, *later] if not other.contract} | {other.id for other in later}
        needs = set(migration.depends) or fresh
        (later if migration.contract and _closure(needs, pending) & fresh else now).append(migration)
    return tuple(now), tuple(later)


def _closure(needs: set[str], pending: Sequence[Migration]) -> set[str]:
    by_id = {migration.id: migration for migration in pending}
    found, left = set(needs), list(needs)
    while left:
        more = set(by_id[left[-1]].depends) if left[-1] in by_id else set()
        left.pop()
        left += more - found
        found |= more
    return found


def _locked(
    connection: Connection[Any],
    target: Target,
    project: Project,
    *,
    to: str | None,
    plan_hash: str | None,
    contract: bool,
    allowed: Collection[str],
    options: Options,
    wait: float,
    notify: Callable[[object], None],
) -> tuple[Ran, ...]:
    # yoyo takes longer to import than everything else together, and a run with nothing to do needs none of it.
    from schedtool.lock import locked  # noqa: PLC0415

    with locked(connection, wait=wait, notify=notify) as ledger:
        # Somebody may have been at work until we got the lock.
        pending = _pending(connection, project, to=to, contract=contract, plan_hash=plan_hash)
        now, later = _split([migration for migration in pending if migration.id in allowed])
        applied = []
        for migration in now:
            notify(Beginning(migration.id))
            applied.append(_one(ledger, target, project, migration, options=options, notify=notify))
            notify(Done(applied[-1]))
    if later:
        names = ", ".join(migration.id for migration in later)
        raise Refused(
            f"left for another run: {names}; this one has applied {', '.join(ran.migration for ran in applied)},"
            " on which it depends",
            hint="what destroys wants a day between; then: schedtool apply --contract",
            code="contract_too_soon",
        )
    return tuple(applied)


def _one(
    ledger: Ledger,
    target: Target,
    project: Project,
    migration: Migration,
    *,
    options: Options,
    notify: Callable[[object], None],
) -> Ran:
    from schedtool.runner import run_again, run_file  # noqa: PLC0415 - see _locked

    if (index := finished_index(ledger.connection, migration)) is not None:
        ledger.adopt(migration)
        notify(Finished(migration.id, index))
        return Ran(migration.id, duration_ms=0, retries=0, documents=None, rows=0)
    batches = _batches(ledger.connection, target, project, migration, options=options, notify=notify)
    work = Work(
        migration=migration.id,
        operation="apply",
        shown=project.relative(migration.path),
        text=migration.text,
        checksum=migration.checksum,
        transactional=migration.transactional,
        batches=None if batches is None else partial(batches, again=False),
        again=None if batches is None else partial(batches, again=True),
    )
    timeouts = Timeouts(lock=options.lock_timeout, statement=options.statement_timeout or 0)
    ran = run_file(ledger, target, work, timeouts=timeouts, notify=notify)
    if migration.again:
        try:
            run_again(ledger, target, work, timeouts=timeouts, notify=notify)
        except SchedtoolError as error:
            # It is applied and recorded, and nothing depends on the rest.
            notify(LeftOver(migration.id, work.shown, error.message))
    return ran


def _batches(
    connection: Connection[Any],
    target: Target,
    project: Project,
    migration: Migration,
    *,
    options: Options,
    notify: Callable[[object], None],
) -> Callable[..., Batched] | None:
    """Give what does a migration's work in batches; its settings are stored first, with or without them."""
    file = project.sql_file("batches", migration)
    if file is None:
        return None

    def run(*, again: bool) -> Batched:
        from schedtool import jobs, settings  # noqa: PLC0415 - see _locked
        from schedtool.batched import run_batches  # noqa: PLC0415
        from schedtool.work import work_of  # noqa: PLC0415

        wanted = None
        if file.settings is not None:
            wanted = settings.prepare(connection, project, migration, policy=_policy(options))
        text = None if wanted is None else settings.as_text(wanted)
        work = work_of(project, migration)
        if file.leftover is not None and not (options.no_batches or again):
            job = jobs.done_before(connection, migration=migration.id, file=file, settings=text)
            if job is not None:
                notify(Kept(migration.id, job))
                return Batched(None, 0, 0, leftover=file.leftover)
        return run_batches(
            connection,
            target,
            None if options.no_batches or work is None else replace(work, settings=text),
            workers=options.workers,
            nice_ratio=options.nice_ratio,
            lock_timeout=options.lock_timeout,
            statement_timeout=options.statement_timeout,
            notify=notify,
        )

    return run


def _tell_unused(project: Project, applied: Sequence[Ran], notify: Callable[[object], None]) -> None:
    ran = {found.migration for found in applied}
    if not any(file.settings for file in project.folder("batches") if file.migration in ran):
        notify(Note("the policy was not used: nothing that was applied reads one; `schedtool backfill` does"))
