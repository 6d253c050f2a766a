"""The comments at the head of a SQL file that tell the runner what the file is: `-- keys: providers (id)`.

A directive that is misspelt or stands too late would be ignored in silence, and the file would run as something it is
not; so whatever looks like one and is not obeyed is an error that names the line.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schedtool import psqlscript
from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

ALL = frozenset(
    {"transactional", "depends", "guard", "again", "rollback", "keys", "leftover", "settings", "until", "writes"}
)

_HEADER_LINE = re.compile(r"\s*(--.*)?")
_DIRECTIVE = re.compile(r"\s*(?:--|/\*|\*)?\s*([A-Za-z]+)\s*:(.*)")
# Above it are slips of a key or two; below it are words of an explanation.
_LOOKS_ALIKE = 0.85


@dataclass(frozen=True)
class Directive:
    """One `-- name: value` line of a header."""

    name: str
    value: str
    line: int


def read(text: str, *, file: str, known: Collection[str]) -> dict[str, Directive]:
    """The directives of a file's header: the line comments and empty lines before anything else.

    A `depends` that is repeated adds up, as it does for yoyo.

    Raises:
        UsageError: A directive is unknown, misspelt, repeated, or stands where it would be ignored.
    """
    found: dict[str, Directive] = {}
    last = _header_lines(text)
    for comment in psqlscript.scan(text).comments:
        for index, content in enumerate(comment.text.splitlines()):
            line = comment.line + index
            match = _DIRECTIVE.fullmatch(content)
            if match is None:
                continue
            name, value = match.group(1), match.group(2).strip()
            if line > last or not comment.text.startswith("--"):
                _refuse_misplaced(name, file=file, line=line, known=known)
            elif name not in known:
                _refuse_unknown(name, file=file, line=line, known=known)
            elif name not in found:
                found[name] = Directive(name, value, line)
            elif name == "depends":
                found[name] = Directive(name, f"{found[name].value} {value}", found[name].line)
            else:
                raise UsageError(f"{file}:{line}: the directive '-- {name}:' stands there twice", code="bad_file")
    return found


def header(text: str) -> str:
    """The lines before anything else than line comments, where alone directives are obeyed."""
    return "\n".join(text.split("\n")[: _header_lines(text)])


def _header_lines(text: str) -> int:
    for number, line in enumerate(text.split("\n")):
        if not _HEADER_LINE.fullmatch(line):
            return number
    return text.count("\n") + 1


def _refuse_misplaced(name: str, *, file: str, line: int, known: Collection[str]) -> None:
    if name in known:
        raise UsageError(
            f"{file}:{line}: the directive '-- {name}:' would be ignored here",
            hint="directives stand in '--' comments before everything else in the file",
            code="bad_file",
        )


def _refuse_unknown(name: str, *, file: str, line: int, known: Collection[str]) -> None:
    """Refuse what was meant as a directive; other words before a colon are prose."""
    meant = None
    if name.lower() in known:
        meant = name.lower()
    elif name in ALL:
        meant = ""
    elif name.islower():
        meant = next(iter(difflib.get_close_matches(name, known, n=1, cutoff=_LOOKS_ALIKE)), None)
    if meant is None:
        return
    here = ", ".join(f"'-- {directive}:'" for directive in sorted(known)) or "none"
    raise UsageError(
        f"{file}:{line}: unknown directive '-- {name}:'" + (f"; is '-- {meant}:' meant?" if meant else ""),
        hint=f"directives of such a file: {here}",
        code="bad_file",
    )
