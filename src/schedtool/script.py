"""One plain SQL script of a project's migrations, for psql, pgAdmin or DBeaver.

Without a migration to go up to, the first migration is live and the others are commented out: they work on data that
is there already, and whoever runs the script decides about that. What destroys (`contract/`) is left out unless it is
named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schedtool import __version__
from schedtool.database import tool_sql
from schedtool.errors import UsageError
from schedtool.psqlscript import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schedtool.project import Migration, Project

_RULE = "-" * 70
# The first line that is commented out, as sed finds it.
_MARK = "-- -- ===="


@dataclass(frozen=True)
class Script:
    """The text, and the ids of the migrations in it that run and that are commented out."""

    text: str = field(repr=False)
    live: tuple[str, ...]
    commented: tuple[str, ...]


def script(project: Project, *, to: str | None = None, records: bool = False, schema: str = "public") -> Script:
    """Write the script; with `to` all migrations up to and with that one are live, and there are no others.

    With `records` everything is live, each migration is recorded as schedtool records it, and one that is recorded
    already is passed over: running the script twice changes nothing.

    Raises:
        UsageError: No such migration, or records are wanted of one that cannot run in a transaction.
    """
    chosen = _chosen(project, to)
    if records:
        return _with_records(chosen, schema)
    count = len(chosen) if to else 1
    live, commented = chosen[:count], chosen[count:]
    parts = [_head(live, commented), _search_path(schema)]
    parts += [_section(migration) for migration in live]
    if commented:
        parts.append(_commented("\n".join(_section(migration) for migration in commented)))
    return Script("\n".join(part for part in parts if part), _ids(live), _ids(commented))


def _chosen(project: Project, to: str | None) -> tuple[Migration, ...]:
    if to is None:
        return tuple(migration for migration in project.migrations if not migration.contract)
    last = project.migrations.index(project.find(to))
    return project.migrations[: last + 1]


def _ids(migrations: Sequence[Migration]) -> tuple[str, ...]:
    return tuple(migration.id for migration in migrations)


def _head(live: Sequence[Migration], commented: Sequence[Migration]) -> str:
    lines = ["-- Written by `schedtool script`. Run it with", "--     psql -X -v ON_ERROR_STOP=1 -f FILE"]
    lines += ["-- or in any other client. It runs:", *(f"--     {migration.id}" for migration in live)]
    if commented:
        lines += [
            "-- and holds, commented out, what works on the data that is there already:",
            *(f"--     {migration.id}" for migration in commented),
            "-- To run that too, take one '-- ' off every line from the first double rule to the end, or",
            f"--     sed '/^{_MARK}/,$ s/^-- \\{{0,1\\}}//' FILE | psql -X -v ON_ERROR_STOP=1",
        ]
    return "\n".join(lines) + "\n"


def _search_path(schema: str) -> str:
    if schema == "public":
        return ""
    name = schema.replace('"', '""')
    return f'SET search_path = "{name}";\n'


def _section(migration: Migration) -> str:
    text = migration.text.strip("\n") + "\n"
    if migration.transactional:
        # In autocommit a failure half-way would leave the first half behind.
        text = f"BEGIN;\n\n{text}\nCOMMIT;\n"
    return f"-- {_RULE}\n-- {migration.id}\n-- {_RULE}\n{text}"


def _commented(text: str) -> str:
    lines = [f"-- ==== {'=' * 65}", *text.rstrip("\n").split("\n")]
    return "\n".join(f"-- {line}" if line else "--" for line in lines) + "\n"


def _with_records(chosen: Sequence[Migration], schema: str) -> Script:
    # Only here: the ledger brings yoyo with it.
    from schedtool.ledger import OWN_TABLES  # noqa: PLC0415
    from schedtool.lock import LOCK_CLASS  # noqa: PLC0415

    for migration in chosen:
        if not migration.transactional:
            raise UsageError(
                f"{migration.id} cannot run in a transaction, so a plain script cannot record it safely",
                hint="use 'schedtool apply', or name an earlier one with --to",
                code="not_transactional",
            )
    parts = [_head(chosen, ()), _search_path(schema), tool_sql("script_tables")]
    parts += [tool_sql(name) for name in OWN_TABLES.values()]
    parts.append(tool_sql("script_function"))
    for migration in chosen:
        values = ", ".join(literal(value) for value in (migration.id, migration.checksum, __version__))
        quote = _quote(migration.text)
        parts.append(
            f"-- {_RULE}\n-- {migration.id}\n-- {_RULE}\n"
            f"SELECT pg_temp.schedtool_apply({LOCK_CLASS}, {values}, {quote}{migration.text}{quote});\n"
        )
    return Script("\n".join(part for part in parts if part), _ids(chosen), ())


def _quote(text: str) -> str:
    """A dollar quote that the text does not hold."""
    number = 1
    while f"$migration{number}$" in text:
        number += 1
    return f"$migration{number}$"
