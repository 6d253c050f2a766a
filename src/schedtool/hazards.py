"""What is dangerous about a migration, by name, and the locks its header declares.

Read from the words of its statements, never from guesses about data: a name here says what kind of statement to look
at, not that it will hurt. Tables that the same file creates are nobody's live tables: work on them is no hazard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from schedtool import psqlscript

if TYPE_CHECKING:
    from schedtool.project import Migration

_NAME = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?(?P<table>(?:[\w$]+|\"[^\"]+\")(?:\.(?:[\w$]+|\"[^\"]+\"))?)"
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("drops_table", rf"\bDROP\s+TABLE\s+{_NAME}"),
    ("drops_column", rf"\bALTER\s+TABLE\s+{_NAME}[^;]*?\bDROP\s+COLUMN\b"),
    ("drops_constraint", rf"\bALTER\s+TABLE\s+{_NAME}[^;]*?\bDROP\s+CONSTRAINT\b"),
    ("drops_trigger", rf"\bDROP\s+TRIGGER\s+(?:IF\s+EXISTS\s+)?[\w$]+\s+ON\s+{_NAME}"),
    ("drops_index", r"\bDROP\s+INDEX\b(?!\s+CONCURRENTLY)"),
    ("adds_column", rf"\bALTER\s+TABLE\s+{_NAME}[^;]*?\bADD\s+COLUMN\b"),
    ("adds_check", rf"\bALTER\s+TABLE\s+{_NAME}[^;]*?\bADD\s+(?:CONSTRAINT\s+[\w$]+\s+)?CHECK\b"),
    ("adds_unique", rf"\bALTER\s+TABLE\s+{_NAME}[^;]*?\bADD\s+(?:CONSTRAINT\s+[\w$]+\s+)?(?:UNIQUE|PRIMARY\s+KEY)\b"),
    ("adds_foreign_key", rf"\bREFERENCES\s+{_NAME}"),
    ("validates_constraint", rf"\bALTER\s+TABLE\s+{_NAME}[^;]*?\bVALIDATE\s+CONSTRAINT\b"),
    ("rewrites_table", rf"\bALTER\s+TABLE\s+{_NAME}[^;]*?\bALTER\s+(?:COLUMN\s+)?[\w$\"]+\s+(?:SET\s+DATA\s+)?TYPE\b"),
    ("sets_not_null", rf"\bALTER\s+TABLE\s+{_NAME}[^;]*?\bSET\s+NOT\s+NULL\b"),
    ("renames", rf"\bALTER\s+TABLE\s+{_NAME}[^;]*?\bRENAME\b"),
    (
        "creates_trigger",
        rf"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:CONSTRAINT\s+)?TRIGGER\s+[\w$]+\s+[^;]*?\bON\s+{_NAME}\s+[^;]*?\bEXECUTE\b",
    ),
    ("builds_index", rf"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)[^;]*?\bON\s+{_NAME}"),
    ("locks_table", rf"\bLOCK\s+TABLE\s+{_NAME}"),
    # Also a trigger's event, which is no statement.
    ("truncates", rf"(?:^|[;']|\b(?:BEGIN|THEN|ELSE|LOOP))\s*TRUNCATE\s+(?:TABLE\s+)?{_NAME}"),
    ("deletes_rows", rf"\bDELETE\s+FROM\s+{_NAME}"),
    ("updates_rows", rf"\bUPDATE\s+{_NAME}\s+(?:AS\s+[\w$]+\s+|[\w$]+\s+)?SET\b"),
)
_CREATED = re.compile(rf"\bCREATE\s+(?:TEMP\s+|TEMPORARY\s+|UNLOGGED\s+)?TABLE\s+{_NAME}", re.IGNORECASE)
_WRITTEN = re.compile(rf"\bINSERT\s+INTO\s+{_NAME}", re.IGNORECASE)
_INDEXED = re.compile(rf"\bCREATE\s+(?:UNIQUE\s+)?INDEX\b[^;(]*?\bON\s+{_NAME}", re.IGNORECASE)
# Words for people: comments, and the messages and hints of guards.
_PROSE = re.compile(r"--[^\n]*|/\*.*?\*/|\bRAISE\b[^;]*;|\bCOMMENT\s+ON\b[^;]*;?", re.IGNORECASE | re.DOTALL)

# Longest first, so that SHARE is not found where SHARE ROW EXCLUSIVE stands.
_MODES = (
    "SHARE UPDATE EXCLUSIVE",
    "SHARE ROW EXCLUSIVE",
    "ACCESS EXCLUSIVE",
    "ROW EXCLUSIVE",
    "ACCESS SHARE",
    "ROW SHARE",
    "EXCLUSIVE",
    "SHARE",
)
_LOCK = re.compile(rf"--\s*locks:\s*(?P<table>\S+)\s+(?P<mode>{'|'.join(_MODES)})\b[,;:]?\s*(?P<held>.*)")


@dataclass(frozen=True)
class Lock:
    """A lock on a table that was there before, as the header declares it: `-- locks: table MODE how long`."""

    table: str
    mode: str
    held: str


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Compile the patterns when they are first needed, which is not in an apply with nothing to do."""
    return tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _PATTERNS)


def hazards(migration: Migration) -> tuple[str, ...]:
    """Name what is dangerous about a migration, in alphabetical order."""
    found = set() if migration.transactional else {"outside_transaction"}
    texts = [_effective(statement) for statement in psqlscript.statements(migration.text)]
    created = {_plain(match["table"]) for text in texts for match in _CREATED.finditer(text)}
    for text in texts:
        for name, pattern in _patterns():
            for match in pattern.finditer(text):
                table = match.groupdict().get("table")
                if table is None or _plain(table) not in created:
                    found.add(name)
    return tuple(sorted(found))


def tables(migration: Migration) -> tuple[str, ...]:
    """Name the tables that a migration's statements and its declared locks name, in alphabetical order."""
    found = {_plain(lock.table) for lock in locks(migration)}
    for statement in psqlscript.statements(migration.text):
        text = _effective(statement)
        for pattern in (_CREATED, _WRITTEN, _INDEXED, *(pattern for _, pattern in _patterns())):
            names = (match.groupdict().get("table") for match in pattern.finditer(text))
            found |= {_plain(name) for name in names if name is not None}
    return tuple(sorted(found))


def locks(migration: Migration) -> tuple[Lock, ...]:
    """Read the locks that a migration's header declares, in the order they are taken."""
    return declared(migration.text)


def declared(text: str) -> tuple[Lock, ...]:
    """Read the locks that the header of a file declares, in the order they are taken."""
    return tuple(
        Lock(match["table"], match["mode"], match["held"].strip())
        for match in map(_LOCK.match, text.splitlines())
        if match
    )


def _effective(statement: psqlscript.Statement) -> str:
    """Give what a statement does when the migration runs: a function's body is only stored, a DO block's is run."""
    words = [word for word in statement.words if word not in {"or", "replace"}]
    if words[:1] == ["create"] and words[1:2] in (["function"], ["procedure"]):
        return ""
    return _PROSE.sub("", statement.text)


def _plain(table: str) -> str:
    return table.rsplit(".", 1)[-1].strip('"').lower()
