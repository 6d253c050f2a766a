"""The rehearsal: the whole journey of a project on a throw-away server, step by step, with the proof at its end.

Which migrations fill from documents and which destroy is read off the project's files: those with a file in
`sql/batches/`, and those of `migrations/contract/`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from schedtool import rehearse_steps as steps
from schedtool.database import explain_error
from schedtool.errors import SchedtoolError
from schedtool.rehearse_locks import Held, watched
from schedtool.rehearse_steps import Journey, Outcome
from schedtool.schema_copy import make_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from schedtool.database import Target
    from schedtool.embedded import Server
    from schedtool.project import Migration, Project
    from schedtool.rehearse_parents import Copied, Made


@dataclass(frozen=True)
class Begun:
    """A step begins; it is about these migrations."""

    step: str
    migrations: tuple[str, ...]


@dataclass(frozen=True)
class Ended:
    """The step that began last has ended; what it came to is a `Step`."""


@dataclass(frozen=True)
class Step:
    """A step that is done.

    Attributes:
        migrations: The ids of those it is about.
        locks: On tables that were there before it.
        error: What ended it, where something did.
    """

    step: str
    migrations: tuple[str, ...]
    elapsed_s: float
    outcome: Outcome
    locks: tuple[Held, ...]
    error: SchedtoolError | None = None


def rehearse(
    server: Server,
    target: Target,
    project: Project,
    *,
    parents: Made | Copied,
    notify: Callable[[object], None],
) -> Iterator[Step]:
    """Walk through the whole journey on an empty throw-away server; the first step that goes wrong is the last.

    `notify` gets `Begun` and `Ended` around the events of the operations.
    """
    make_schema(target)
    for planned in _steps(Journey(server, target, project, parents, notify)):
        notify(Begun(planned.step, planned.migrations))
        step = _walk(target, planned)
        notify(Ended())
        yield step
        if not step.outcome.ok:
            return


class _Planned(NamedTuple):
    step: str
    migrations: tuple[str, ...]
    work: Callable[[], Outcome]


def _walk(target: Target, planned: _Planned) -> Step:
    started = time.monotonic()
    error: SchedtoolError | None = None
    with watched(target) as seen:
        try:
            outcome = planned.work()
        except (SchedtoolError, psycopg.Error) as caught:
            error = caught if isinstance(caught, SchedtoolError) else explain_error(caught)
            outcome = Outcome(error.message, ok=False)
    return Step(planned.step, planned.migrations, time.monotonic() - started, outcome, seen.locks, error)


def _plan(step: str, migrations: Sequence[Migration], work: Callable[..., Outcome], *arguments: object) -> _Planned:
    return _Planned(step, tuple(migration.id for migration in migrations), partial(work, *arguments))


def _steps(journey: Journey) -> Iterator[_Planned]:
    """Lay the steps out; what comes next may depend on what the last one found, so they are asked for one by one."""
    yield _plan("parents", (), steps.make_parents, journey)
    yield _plan("plan", (), steps.make_plan, journey)
    migrations = journey.project.migrations
    plain = [migration for migration in migrations if not migration.contract]
    contract = [migration for migration in migrations if migration.contract]
    filled = [migration for migration in plain if journey.project.sql_file("batches", migration)]
    applied = 0
    for migration in filled:
        place = plain.index(migration)
        if journey.project.sql_file("dry_run", migration) is not None:
            yield _plan("dry_run", [migration], steps.foretell, journey, migration)
        if applied < place:
            yield _plan("apply", plain[applied:place], steps.run_apply, journey, plain[place - 1])
        yield _plan("backfill", [migration], steps.run_backfill, journey, migration)
        yield _plan("apply", [migration], steps.run_apply, journey, migration)
        applied = place + 1
    if applied < len(plain):
        yield _plan("apply", plain[applied:], steps.run_apply, journey, plain[-1])
    if plain:
        yield _plan("verify", (), steps.run_verify, journey)
    for migration in contract:
        steps.keep_anew(journey, migration)
        if waiting := steps.undecided(journey):
            yield _plan("refusal", [migration], steps.be_refused, journey, migration, waiting)
            yield _plan("accept", (), steps.accept, journey, waiting)
        yield _plan("contract", [migration], steps.run_apply, journey, migration)
        yield _plan("verify", (), steps.run_verify, journey)
    # Back to before what destroys; without such, to before what fills; else to the very beginning.
    first = migrations.index((contract or filled or plain)[0])
    floor = migrations[first - 1] if first else None
    yield _plan("rollback", migrations[: first - 1 if first else None : -1], steps.roll_back, journey, floor)
    if floor:
        yield _plan("verify", (), steps.run_verify, journey)
    yield _plan("compare", (), steps.compare, journey)
