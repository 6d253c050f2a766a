"""Whether the catalog holds what a migration builds: the evidence for recording one that was not run by us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schedtool import catalog, records
from schedtool.errors import Refused

if TYPE_CHECKING:
    from psycopg import Connection

    from schedtool.catalog import Difference
    from schedtool.project import Migration, Project


def differences(connection: Connection[Any], project: Project, migration: Migration) -> tuple[str, ...]:
    """List how the catalog differs from what the migration builds, one sentence each; none means it is all there.

    What later migrations build or change may be there too: they are recorded in their turn.

    Raises:
        Refused: There is no evidence to be had: nothing says what it builds, or it builds nothing that a catalog shows.
    """
    builds, takes_away, unknown = catalog.expected(project, {migration.id})
    if unknown:
        raise Refused(
            f"nothing says what {migration.id} builds, so it cannot be recognised",
            hint=f"sql/expected/{migration.id}.txt would; `schedtool verify --write` writes it",
            code="no_evidence",
        )
    if not builds and not takes_away:
        raise Refused(
            f"{migration.id} builds nothing that the catalog shows, so what is there proves nothing",
            hint="apply it: where its work is done already it finds nothing to do",
            code="no_evidence",
        )
    found = catalog.snapshot(connection)
    recorded = {record.id for record in records.records(connection)}
    # With everything behind it applied too, an object may look as one of those leaves it.
    order = [other.id for other in project.migrations]
    behind = set(order[order.index(migration.id) :])
    fine = {
        one.name for one in catalog.compare(connection, project, recorded | behind, found=found) if one.kind is None
    }
    own = builds.keys() | takes_away
    tables = {name.removeprefix("table ") for name in new_tables(project, migration)}
    return tuple(
        _said(one)
        for one in catalog.compare(connection, project, recorded | {migration.id}, found=found)
        if one.kind is not None
        and one.name not in fine
        and (one.name in own or (_table_of(one.name) in tables and not _is_built(project, one.name)))
    )


def new_tables(project: Project, migration: Migration) -> frozenset[str]:
    """Name the tables that a migration is the first to make, as `table parcel`; none where nothing says so."""
    if not catalog.path_of(project, migration).is_file():
        return frozenset()
    before: set[str] = set()
    for other in project.migrations:
        builds, _, _ = catalog.expected(project, {other.id})
        tables = {name for name in builds if name.startswith("table ")}
        if other.id == migration.id:
            return frozenset(tables - before)
        before |= tables
    return frozenset()


def _is_built(project: Project, name: str) -> bool:
    return any(name in catalog.expected(project, {other.id})[0] for other in project.migrations)


def _table_of(name: str) -> str:
    return name.partition(" ")[2].partition(".")[0]


def _said(difference: Difference) -> str:
    """Say one difference with what it comes down to."""
    text = f"{difference.kind}: {difference.name}"
    if difference.expected is None or difference.actual is None:
        return text
    expected, actual = difference.expected.splitlines(), difference.actual.splitlines()
    for wanted, there in zip(expected, actual, strict=False):
        if wanted != there:
            return f"{text}: {there.strip()} instead of {wanted.strip()}"
    more, what = (expected, "without") if len(expected) > len(actual) else (actual, "with")
    return f"{text}: {what} {more[min(len(expected), len(actual))].strip()}"
