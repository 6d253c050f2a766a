"""What `apply` would do, in order, and a hash that stands for exactly that on exactly this database."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from schedtool import foretell, hazards, records, state
from schedtool.database import connect, read_only
from schedtool.errors import Refused, UsageError
from schedtool.foretell import Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.hazards import Lock
    from schedtool.project import Keys, Migration, Project
    from schedtool.state import MigrationState
    from schedtool.trace import Traced

COUNTED_BYTES = 200_000_000
"""A table up to this size is counted; of a larger one the planner's estimate is told, which reads nothing."""


@dataclass(frozen=True)
class Planned:
    """One migration that would be applied.

    Attributes:
        batches: Its work is done in batches before its file runs.
        documents: Keys those batches run over; an estimate for a large table, None where there is no table yet.
        hazards: By name, see `hazards.py`.
        locks: On tables that were there before, as its header declares them.
        tables: That its statements name.
        text: The file as it would be sent.
        batch: The file of its batches as it would be sent for each range of keys, or None.
        notes: What it would meet and do on this very database, see `foretell.py`.
    """

    id: str
    contract: bool
    batches: bool
    documents: int | None
    hazards: tuple[str, ...]
    locks: tuple[Lock, ...]
    tables: tuple[str, ...]
    text: str
    batch: str | None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What would be applied, and what is left alone because `--contract` was not given."""

    hash: str
    migrations: tuple[Planned, ...]
    left_alone: tuple[str, ...]


def plan(target: Target, project: Project, *, to: str | None = None, contract: bool = False, wait: float = 0) -> Plan:
    """Plan what `apply` with the same arguments would do, in a READ ONLY transaction.

    Raises:
        UsageError: `to` is no migration, or one of `contract/` without `contract`; one has no rollback script.
        Refused: `apply` would refuse: a migration is edited, missing or out of order.
    """
    with (
        connect(target, application="plan", wait=wait, read_only=True, shared=True) as connection,
        read_only(connection),
    ):
        states = state.read(connection, project)
        pending = select(project, states, to=to, contract=contract)
        check_ways_back(project, pending)
        return Plan(
            hash=fingerprint(connection, project, pending),
            migrations=tuple(
                _planned(connection, project, migration, after=pending[:place])
                for place, migration in enumerate(pending)
            ),
            left_alone=tuple(
                found.id for found in states if found.contract and found.state in state.WAITING and not contract
            ),
        )


def traced(target: Target, project: Project, found: Plan) -> tuple[tuple[Traced, ...], str]:
    """Run what is planned, statement by statement, on a throw-away copy of the schema; the database is only read.

    Returns:
        What each statement did, and what of the schema could not be had on the copy.

    Raises:
        Failed: There is no PostgreSQL to start, the schema cannot be copied, or a statement fails on the copy.
    """
    from schedtool import embedded, trace  # noqa: PLC0415 - only plan --locks starts a server
    from schedtool.schema_copy import schema_copy  # noqa: PLC0415

    migrations = [project.find(one.id) for one in found.migrations]
    with embedded.throwaway() as server, schema_copy(server, target) as (copy, left):
        return tuple(trace.trace(copy, project, migrations)), left


def select(
    project: Project, states: Sequence[MigrationState], *, to: str | None, contract: bool
) -> tuple[Migration, ...]:
    """Choose what is to be applied, in order.

    Raises:
        UsageError: `to` is no migration, or one of `contract/` without `contract`.
        Refused: A migration is edited, missing or out of order.
    """
    last = project.find(to) if to is not None else None
    if last and last.contract and not contract:
        raise UsageError(f"{last.id} is in migrations/contract/", hint="add --contract to go into it", code="contract")
    for found in states:
        if found.state == "edited":
            raise Refused(
                f"{found.id} was edited after it was applied",
                hint=f"bring the old text back, or accept the new one: schedtool repair {found.id}",
                code="edited",
            )
        if found.state == "missing":
            raise Refused(
                f"{found.id} is recorded as applied, and its file is missing",
                hint="bring the file back, or name the right folder with --project",
                code="missing",
            )
    by_id = {found.id: found for found in states}
    chosen = []
    for migration in project.migrations:
        if by_id[migration.id].state in state.WAITING and (contract or not migration.contract):
            if by_id[migration.id].state == "out_of_order" and migration != last:
                raise Refused(
                    f"{migration.id} is out of order: later ones are applied already",
                    hint=f"give it a later number, or run it as it is: schedtool apply --to {migration.id}",
                    code="out_of_order",
                )
            chosen.append(migration)
        if migration == last:
            break
    return tuple(chosen)


def check_ways_back(project: Project, pending: Sequence[Migration]) -> None:
    """Refuse what could not be rolled back, unless the file says that there is no way back.

    Raises:
        UsageError: A migration has no rollback script.
    """
    for migration in pending:
        if migration.rollback is None and not migration.one_way:
            path = project.relative(migration.path)
            raise UsageError(
                f"{path}:1: it has no rollback script; nothing was changed",
                hint=f"write {path.removesuffix('.sql')}.rollback.sql, or where there is no way back, say so in the"
                " first lines of the file: -- rollback: none",
                code="no_rollback",
            )


def fingerprint(connection: Connection[Any], project: Project, pending: Sequence[Migration]) -> str:
    """Hash what would run and what it would run on: pending files, the files beside them, and the records."""
    files = [
        [migration.id, migration.checksum]
        + [[file.folder, file.name, _sha256(file.text)] for file in project.sql_files("batches", migration)]
        for migration in pending
    ]
    recorded = [[record.id, record.applied_at.isoformat()] for record in records.records(connection)]
    return _sha256(json.dumps([files, recorded]))


def _planned(
    connection: Connection[Any], project: Project, migration: Migration, *, after: Sequence[Migration]
) -> Planned:
    batches = project.sql_file("batches", migration)
    if after and project.sql_file("plan", migration) is not None:
        notes: tuple[Note, ...] = (Note("unknown", f"can be told when {after[-1].id} is applied", None),)
    else:
        notes = foretell.notes(connection, project, migration)
    return Planned(
        id=migration.id,
        contract=migration.contract,
        batches=batches is not None,
        documents=_count(connection, batches.keys) if batches and batches.keys else None,
        hazards=hazards.hazards(migration),
        locks=hazards.locks(migration),
        tables=hazards.tables(migration),
        text=migration.text,
        batch=batches.text if batches else None,
        notes=notes,
    )


def _count(connection: Connection[Any], keys: Keys) -> int | None:
    found = records.answer(connection, "table_size", table=keys.table)[0]
    if found["bytes"] is None:
        return None
    estimate: int | None = found["estimate"]
    if found["bytes"] > COUNTED_BYTES:
        return estimate
    try:
        with connection.transaction():
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(keys.table))).fetchone()
    except psycopg.Error:
        # No right to read it, or only some of its rows: a number that is not known is better than a wrong one.
        return None
    return row[0] if row else None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
