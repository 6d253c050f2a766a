"""Start a new migration: two numbered files whose headers ask what a reader will want to know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schedtool.errors import Failed, UsageError
from schedtool.project import number_of

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST = 60
_WIDTH = 4
# Until somebody writes it, running it must not pass for done. One DO block: bare `psql -f` runs in autocommit, where
# SET LOCAL would be lost and a statement behind a failed guard would still run.
_BODY = """\
-- {what}
-- Locks: which tables, in which mode, for how long.
-- May be run again: say why.
-- psql -X -v ON_ERROR_STOP=1 -f migrations/{file}
DO $$
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    RAISE EXCEPTION 'migrations/{file} is not written yet'
        USING HINT = 'Replace this block with what it is to do.';
END
$$;
"""


@dataclass(frozen=True)
class Created:
    """The id of the new migration, and its two files."""

    id: str
    path: Path
    rollback_path: Path


def new(root: Path, name: str) -> Created:
    """Write `migrations/NNNN.<name>.sql` and its rollback, with the number after the highest there is.

    Raises:
        UsageError: The name is no lower-case name of letters, digits and hyphens, or `root` is no folder.
        Failed: The files cannot be written.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise UsageError(
            f"'{name}' is no name for a migration",
            hint=f"lower-case letters and digits with hyphens between, at most {_LONGEST}: add-invoice-table",
            code="bad_name",
        )
    if not root.is_dir():
        raise UsageError(f"{root} is no folder", hint="make it first", code="no_project")
    folder = root / "migrations"
    migration = f"{_next_number(folder)}.{name}"
    created = Created(migration, folder / f"{migration}.sql", folder / f"{migration}.rollback.sql")
    texts = {
        created.path: f"{name.replace('-', ' ').capitalize()}: what it does, and why.",
        created.rollback_path: f"Undo {migration}: what it gives back, and what is lost.",
    }
    try:
        folder.mkdir(exist_ok=True)
        for path, what in texts.items():
            # Exclusive: two people who start one at the same time get two numbers or an error, never one file.
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(_BODY.format(what=what, file=path.name))
    except OSError as error:
        raise Failed(f"{error.filename} cannot be written: {error.strerror}", code="not_written") from error
    return created


def _next_number(folder: Path) -> str:
    """The number after the highest, as wide as the widest; those of contract/ count too."""
    found = [number_of(path.name.partition(".")[0]) for path in folder.rglob("*.sql")]
    numbers = [number.partition("_")[0] for number in found if number[:1].isdigit()]
    highest = max((int(number) for number in numbers), default=0)
    return str(highest + 1).zfill(max([_WIDTH, *map(len, numbers)]))
