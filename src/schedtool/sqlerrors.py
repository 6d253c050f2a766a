"""PostgreSQL's errors as one clear line: file and line, what the server said, and its hints below."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from schedtool import psqlscript
from schedtool.errors import Busy, Failed, SchedtoolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Somebody else's lock or decision stopped it; nothing was changed, and trying again may work.
_BUSY = {
    "55P03": "lock_timeout",
    "40P01": "deadlock",
    "40001": "serialization_failure",
    "57014": "canceled",
}
_NAMED = {
    "42501": "permission_denied",
    "25006": "read_only",
    "P0001": "raised",
    "23514": "check_violation",
    "23505": "unique_violation",
}
_CONNECTION_LOST = ("08", "57P01", "57P02", "57P03")
_IN_DO_BLOCK = re.compile(r"inline_code_block line (\d+)")


@dataclass(frozen=True)
class Place:
    """Where in a file a statement failed; kept on the error by `note_place`.

    Attributes:
        line: Counted from 1.
        column: Counted from 0, or None where only the statement is known.
    """

    line: int
    column: int | None


def note_place(
    error: psycopg.Error, *, text: str, values: Mapping[str, str], statement: int | None, behind: str = ""
) -> None:
    """Note on the error where in `text` it happened, which was sent behind another one.

    `statement` is the ordinal, from 0, of the failing one: libpq hands out each finished result before an error, so it
    is known even where the server gives no position.
    """
    position = error.diag.statement_position
    place = None
    if position is not None and int(position) > len(behind):
        offset = psqlscript.unbound_offset(text, values, int(position) - 1 - len(behind))
        line_start = text.rfind("\n", 0, offset) + 1
        place = Place(psqlscript.line_of(text, offset), offset - line_start)
    elif statement is not None and statement >= 0:
        found = psqlscript.statements(text)
        if statement < len(found):
            place = Place(_line_in_block(error, found[statement]), None)
    if place is not None:
        vars(error)["place"] = place


def explain_error(error: psycopg.Error, *, file: Path | str | None = None, text: str | None = None) -> SchedtoolError:
    """The error as a user reads it: file, line, message and SQLSTATE in one line; source, detail and hint below.

    The line is known where `note_place` has been told (`database.run` does). A lock not had in time, a deadlock and a
    cancelled statement are `Busy`; everything else has `Failed`.
    """
    diagnostics = error.diag
    place = vars(error).get("place")
    where = f"{_shown(file)}:{place.line}: " if file and place else f"{_shown(file)}: " if file else ""
    said = diagnostics.message_primary or next(iter(str(error).strip().splitlines()), type(error).__name__)
    state = error.sqlstate
    if state is None and not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return Failed(f"{where}{said}", code="sql_error")
    if state is None or state.startswith(_CONNECTION_LOST):
        return Failed(
            f"{where}the connection was lost: {said}",
            hint="'schedtool status' says what was done; running the command again goes on from there",
            code="connection_lost",
        )
    details = []
    if place is not None and text is not None and place.column is not None:
        details += _caret(text, place)
    if diagnostics.message_detail:
        details.append(f"detail: {diagnostics.message_detail}")
    if diagnostics.message_hint:
        details.append(diagnostics.message_hint)
    message = f"{where}{said} ({state})"
    hint = "\n".join(details) or None
    if state in _BUSY:
        return Busy(message, hint=hint or "nothing was changed by it; try again", code=_BUSY[state])
    return Failed(message, hint=hint, code=_NAMED.get(state, "sql_error"))


def _line_in_block(error: psycopg.Error, statement: psqlscript.Statement) -> int:
    """The line of a statement, or within a DO block the line that PL/pgSQL names."""
    inside = _IN_DO_BLOCK.findall(error.diag.context or "")
    body = re.search(r"\$\w*\$", statement.text)
    if not inside or body is None or statement.words[:1] != ("do",):
        return statement.line
    # The outermost frame is the last; PL/pgSQL counts from the line on which the body's quote opens.
    return statement.line + statement.text.count("\n", 0, body.end()) + int(inside[-1]) - 1


def _caret(text: str, place: Place) -> list[str]:
    line = text.split("\n")[place.line - 1].replace("\t", " ")
    column = place.column or 0
    start = max(0, column - 60)
    return [line[start : start + 100], " " * (column - start) + "^"]


def _shown(file: Path | str | None) -> str:
    """A file from the project's folder on, which is how people name it."""
    parts = str(file).split("/")
    for folder in ("migrations", "sql"):
        if folder in parts:
            return "/".join(parts[len(parts) - 1 - parts[::-1].index(folder) :])
    return str(file)
