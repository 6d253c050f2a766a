"""Settles, one migration at a time and by evidence, what records and files disagree about.

Nothing is guessed: a repair says what it found, does what that allows, and leaves in the history who did it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schedtool import leftovers, records
from schedtool.database import connect, read_only
from schedtool.errors import Refused
from schedtool.state import difference, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from schedtool.database import Target
    from schedtool.ledger import Ledger
    from schedtool.project import Migration, Project
    from schedtool.state import MigrationState

    Differences = Callable[[Connection[Any], Project, Migration], tuple[str, ...]]


@dataclass(frozen=True)
class Repaired:
    """What a repair found and did.

    Attributes:
        found: The state it met.
        did: One sentence; empty where nothing was to be done.
        old_checksum: Of the text that was applied, for an edited migration.
        new_checksum: Of the file, as recorded now.
        diff: From the applied text to the file, where the old one was stored.
    """

    id: str
    found: str
    did: str
    old_checksum: str | None = None
    new_checksum: str | None = None
    diff: tuple[str, ...] = ()


def repair(
    target: Target,
    project: Project,
    beginning: str,
    *,
    differences: Differences,
    notify: Callable[[object], None],
    adopt: bool = False,
    wait: float = 0,
) -> Repaired:
    """Settle the state of one migration.

    An edit is accepted: the file's checksum is recorded as the applied one. A failed run is settled, since nothing of
    it is left. A half-done or, with `adopt`, a pending one is recorded as applied if `differences` between the catalog
    and what the migration builds are none.

    Raises:
        UsageError: No such migration.
        Refused: The evidence does not allow it; nothing was changed.
        Busy: No connection, or somebody else holds the tool's lock.
    """
    with closing(connect(target, application="repair", wait=wait)) as connection:
        with read_only(connection):
            states = {found.id: found for found in read(connection, project)}
        missing = [found for found in states.values() if found.state == "missing" and found.id.startswith(beginning)]
        if missing and beginning:
            raise Refused(
                f"{missing[0].id} is recorded as applied, and its file is missing",
                hint="bring the file back; what it did cannot be known from here",
                code="missing",
            )
        migration = project.find(beginning)
        if states[migration.id].state == "applied" or (states[migration.id].state == "pending" and not adopt):
            return Repaired(migration.id, states[migration.id].state, "")
        from schedtool.lock import locked  # noqa: PLC0415 - yoyo is slow to import; see apply

        with locked(connection, wait=wait, notify=notify) as ledger:
            states = {found.id: found for found in read(connection, project)}
            state = states[migration.id]
            if state.state == "edited":
                return _accept(ledger, migration, state)
            if state.applied_at is not None:
                raise Refused(
                    f"{migration.id}: its rollback did not end",
                    hint="run it again: schedtool rollback",
                    code="half_done",
                )
            for needed in migration.depends:
                if adopt and states[needed].applied_at is None:
                    raise Refused(f"{migration.id} stands on {needed}, which is not recorded", code="depends")
            return _settle(ledger, project, migration, state, differences=differences, adopt=adopt)


def _accept(ledger: Ledger, migration: Migration, state: MigrationState) -> Repaired:
    from schedtool.ledger import Entry  # noqa: PLC0415 - see repair

    connection: Connection[Any] = ledger.connection
    old = next(record for record in records.records(connection) if record.id == migration.id)
    stored = records.content(connection, old)
    ledger.write(
        Entry(
            migration.id,
            "repair",
            "done",
            checksum=migration.checksum,
            content=migration.text,
            applied_at=old.applied_at,
        )
    )
    return Repaired(
        migration.id,
        "edited",
        "the file's text now counts as the applied one; nothing of it was run",
        old_checksum=state.checksum,
        new_checksum=migration.checksum,
        diff=difference(stored, migration.text) if stored else (),
    )


def _settle(
    ledger: Ledger,
    project: Project,
    migration: Migration,
    state: MigrationState,
    *,
    differences: Differences,
    adopt: bool,
) -> Repaired:
    from schedtool.ledger import Entry  # noqa: PLC0415 - see repair

    connection: Connection[Any] = ledger.connection
    if state.state == "failed" and not adopt:
        ledger.write(Entry(migration.id, "repair", "done"))
        return Repaired(migration.id, "failed", "settled: nothing of the failed run is left; apply will try it again")
    index = None if migration.transactional else leftovers.index_of(migration.text)
    if index is not None:
        stands = leftovers.index_state(connection, index)
        found: tuple[str, ...] = () if stands == "valid" else (f"the index {index.name} is {stands}",)
    else:
        found = differences(connection, project, migration)
    if not found:
        ledger.adopt(migration)
        return Repaired(
            migration.id,
            state.state,
            "recorded as applied: the catalog holds what it builds",
            new_checksum=migration.checksum,
        )
    if state.state == "half_done" and index is not None and not adopt:
        ledger.write(Entry(migration.id, "repair", "done"))
        return Repaired(migration.id, "half_done", f"settled: {found[0]}; apply will build it again")
    raise Refused(
        f"{migration.id} cannot be recorded as applied: what is there differs from what it builds in {len(found)}"
        f" {'place' if len(found) == 1 else 'places'}",
        hint="\n".join([*found, "mend these, or remove what is there and apply"]),
        code="catalog_differs",
    )
