"""The files that do a migration's work for one key range, by the contract of `sql/batches/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schedtool.project import Migration, Project, SqlFile


@dataclass(frozen=True)
class Work:
    """The batches of a migration in one direction.

    Attributes:
        session: Runs once on each connection that runs batches, before its first one.
        reject: Writes down the one document that makes the batch file fail; without it such a document stops the run.
        before: Takes something away for the time of the batches, where that is asked for.
        after: Brings it back.
        settings: JSON text for files that ask for it.
    """

    migration: str
    file: SqlFile
    direction: str = "forward"
    session: SqlFile | None = None
    reject: SqlFile | None = None
    before: SqlFile | None = None
    after: SqlFile | None = None
    settings: str | None = field(default=None, repr=False)


def work_of(project: Project, migration: Migration, *, direction: str = "forward") -> Work | None:
    """Return the files that do a migration's work (or, `back`, its rollback's) for one key range, if it has them."""
    parts = {file.part: file for file in project.sql_files("batches", migration)}
    if direction == "back":
        file, reject = parts.get("rollback"), parts.get("rollback.reject")
        return Work(migration.id, file, direction, reject=reject) if file else None
    file = parts.get(None)
    if file is None:
        return None
    return Work(
        migration.id,
        file,
        direction,
        session=parts.get("session"),
        reject=parts.get("reject"),
        before=parts.get("before"),
        after=parts.get("after"),
    )
