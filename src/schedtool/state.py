"""What state every migration is in: the project's files held against yoyo's records and schedtool's history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from schedtool import halves, records
from schedtool.database import connect, read_only
from schedtool.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.jobs import Job
    from schedtool.project import Migration, Project
    from schedtool.records import Latest, Run

State = Literal["pending", "applied", "edited", "missing", "out_of_order", "failed", "half_done"]

WAITING: frozenset[State] = frozenset({"pending", "out_of_order", "failed", "half_done"})
"""States of a migration that is not recorded as applied."""


@dataclass(frozen=True)
class MigrationState:
    """One migration as it stands.

    Attributes:
        state: `edited` is applied with another text than the file has now; `missing` is recorded without a file;
            `out_of_order` is pending behind one that is applied; `failed` left nothing; `half_done` may have left
            something.
        applied_at: By yoyo's record (UTC).
        duration_ms: What applying it took, where schedtool did it.
        checksum: Of the text that was applied, None where only plain yoyo knows; of the file while it is not applied.
        file_checksum: Of the file as it is now; None where it is missing.
        error: What its last run said, for `failed` and `half_done`.
        found: What of it stands in the database without a record, and what to do about it; `status` alone looks.
        diff: From the applied text to the file, for `edited`, where the old one was stored; `status` alone looks.
    """

    id: str
    contract: bool
    state: State
    applied_at: datetime | None
    duration_ms: int | None
    checksum: str | None
    file_checksum: str | None
    error: str | None
    found: str | None = None
    diff: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether `status --check` has nothing to say about it: applied, or optional and not asked for."""
        return self.state == "applied" or (self.contract and self.state == "pending")


@dataclass(frozen=True)
class Policy:
    """The settings that a migration's files read by, as they are stored: which, since when, and by whom."""

    migration: str
    version: int
    settings: Mapping[str, Any]
    created_by: str | None
    created_at: datetime | None


@dataclass(frozen=True)
class Status:
    """Everything `status` tells. `history` is empty unless it was asked for."""

    migrations: tuple[MigrationState, ...]
    jobs: tuple[Job, ...]
    policies: tuple[Policy, ...]
    history: tuple[Run, ...]

    @property
    def good(self) -> bool:
        """Whether everything is as the files say."""
        return all(migration.good for migration in self.migrations)


def status(target: Target, project: Project, *, history: bool = False, wait: float = 0) -> Status:
    """Read the state of every migration, the batches, and if asked the history, in one READ ONLY transaction.

    Raises:
        Busy: The server cannot be reached.
        Failed: It can, but refuses us.
    """
    from schedtool.jobs import jobs  # noqa: PLC0415 - reaches the batch engine's modules, which only this needs

    with (
        connect(target, application="status", wait=wait, read_only=True, shared=True) as connection,
        read_only(connection),
    ):
        return Status(
            migrations=_looked_at(
                connection, project, read(connection, project), tried=records.latest(connection).keys()
            ),
            jobs=jobs(connection),
            policies=_policies(connection, project),
            history=records.history(connection) if history else (),
        )


def read(connection: Connection[Any], project: Project) -> tuple[MigrationState, ...]:
    """Read the state of every migration: the project's in the order they are applied, then those without a file."""
    recorded = {record.id: record for record in records.records(connection)}
    latest = records.latest(connection)
    overtaken = _overtaken(project, recorded)
    states = [
        _state(
            migration,
            recorded.get(migration.id),
            latest.get(migration.id),
            overtaken=migration.id in overtaken,
        )
        for migration in project.migrations
    ]
    known = {migration.id for migration in project.migrations}
    missing = [
        MigrationState(
            id=record.id,
            contract=False,
            state="missing",
            applied_at=record.applied_at,
            duration_ms=None,
            checksum=_checksum(record, latest.get(record.id)),
            file_checksum=None,
            error=None,
        )
        for record in recorded.values()
        if record.id not in known
    ]
    return (*states, *missing)


def _policies(connection: Connection[Any], project: Project) -> tuple[Policy, ...]:
    from schedtool.settings import current  # noqa: PLC0415 - most projects have none

    found = []
    for migration in project.migrations:
        if project.sql_file("settings", migration, "current") is not None:
            stored = current(connection, project, migration.number)
            if stored is not None:
                found.append(Policy(migration.id, **vars(stored)))
    return tuple(found)


def _state(migration: Migration, record: Record | None, latest: Latest | None, *, overtaken: bool) -> MigrationState:
    applied = _checksum(record, latest) if record else None
    state: State
    if record:
        state = "edited" if applied not in {None, migration.checksum} else "applied"
        if latest and latest.operation == "rollback" and _left_something(migration, latest):
            state = "half_done"
    elif latest and latest.operation == "apply" and _left_something(migration, latest):
        state = "half_done"
    elif latest and latest.operation == "apply" and latest.outcome == "failed":
        state = "failed"
    else:
        state = "out_of_order" if overtaken else "pending"
    return MigrationState(
        id=migration.id,
        contract=migration.contract,
        state=state,
        applied_at=record.applied_at if record else None,
        duration_ms=latest.duration_ms if record and latest and applied else None,
        checksum=applied if record else migration.checksum,
        file_checksum=migration.checksum,
        error=latest.error if latest and state in {"failed", "half_done"} else None,
    )


def _looked_at(
    connection: Connection[Any], project: Project, states: Iterable[MigrationState], *, tried: Collection[str]
) -> tuple[MigrationState, ...]:
    """Add what the catalog and the history tell about those that are not as the files say."""
    by_id = {migration.id: migration for migration in project.migrations}
    return tuple(_look(connection, project, by_id.get(found.id), found, tried=tried) for found in states)


def _look(
    connection: Connection[Any],
    project: Project,
    migration: Migration | None,
    found: MigrationState,
    *,
    tried: Collection[str],
) -> MigrationState:
    if migration is None or found.good:
        return found
    if found.state == "edited" and found.applied_at is not None:
        stored = records.content(connection, Record(found.id, found.applied_at))
        return replace(found, diff=difference(stored, migration.text) if stored else ())
    if found.state == "half_done" and found.applied_at is None:
        return replace(found, found=halves.left_by_run(connection, migration))
    if found.state == "pending" and found.id not in tried:
        differs = halves.made_by_hand(connection, project, migration)
        if differs == ():
            said = f"what it builds is there, and its record is not; schedtool repair {found.id} --adopt records it"
            return replace(found, state="half_done", found=said)
        if differs:
            said = f"its tables are there already and are not as it builds them: {differs[0]}"
            return replace(found, found=said + (f", and {len(differs) - 1} more" if len(differs) > 1 else ""))
    return found


def difference(applied: str, file: str) -> tuple[str, ...]:
    """Give the lines in which a file differs from the text that was applied, as `diff -u` does."""
    import difflib  # noqa: PLC0415 - only an edited file needs it

    return tuple(difflib.unified_diff(applied.splitlines(), file.splitlines(), "applied", "file", n=1, lineterm=""))


def _left_something(migration: Migration, latest: Latest) -> bool:
    """Tell whether the last run may have left half of its work: only one outside a transaction can."""
    return not migration.transactional and latest.outcome in {"started", "failed", "busy", "interrupted"}


def _checksum(record: Record, latest: Latest | None) -> str | None:
    """Give the checksum of the text a record stands for, unless plain yoyo wrote the record and nobody knows."""
    return latest.checksum if latest and latest.applied_at == record.applied_at else None


def _overtaken(project: Project, recorded: Mapping[str, Record]) -> frozenset[str]:
    """Name those before the last one that is applied. What `contract/` holds is optional, so it overtakes nobody."""
    found: set[str] = set()
    behind = {False: False, True: False}
    for migration in reversed(project.migrations):
        if behind[migration.contract]:
            found.add(migration.id)
        behind[migration.contract] |= migration.id in recorded
    return frozenset(found)
