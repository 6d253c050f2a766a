"""Answers on stdout as text or JSON, progress on stderr: nothing in the data can drive the terminal."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import time
import unicodedata
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

# Enough rows to find the width of a column by, few enough to hold.
_ROWS_AT_ONCE = 1000
# Wider than any value that a document is shown with.
_WIDEST = 100
_NARROWEST = 8
# Formatting marks that reorder or hide text; category Cf would also hit the joiners that many scripts need.
_TREACHEROUS = frozenset("\u200b\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_PLAIN_LINES_EVERY_S = 5.0


class JsonAnswer:
    """One JSON object, written as it comes: arrays are streamed, and `ok` is written last.

    Whatever happens half-way, `fail` still ends it as valid JSON.
    """

    def __init__(self, stream: TextIO, command: str) -> None:
        self.ok = True
        self.started = False
        self._stream = stream
        self._command = command

    def put(self, name: str, value: object) -> None:
        """Write one field."""
        self._key(name)
        self._stream.write(_dump(value))

    def array(self, name: str, items: Iterable[object]) -> int:
        """Write an array item by item as they come, one line each; return how many."""
        self._key(name)
        self._stream.write("[")
        count = 0
        try:
            for item in items:
                self._stream.write(("\n  " if count == 0 else ",\n  ") + _dump(item))
                count += 1
        finally:
            self._stream.write("]")
        return count

    def close(self) -> None:
        """Write `ok` and end the object."""
        self._key("ok")
        self._stream.write(f"{_dump(self.ok)}}}\n")

    def fail(self, code: str, message: str, hint: str | None) -> None:
        """End the object with the error, wherever it stands."""
        self.ok = False
        error = {"code": code, "message": message, "hint": hint}
        if self.started:
            self.put("error", error)
            self.close()
        else:
            self._stream.write(_dump({"command": self._command, "ok": False, "error": error}) + "\n")

    def _key(self, name: str) -> None:
        if not self.started:
            self.started = True
            self._stream.write(f'{{"command": {_dump(self._command)}')
        self._stream.write(f", {_dump(name)}: ")


def plain(value: object) -> object:
    """A value that JSON has no form for, in one that it has: times in RFC 3339, UTC where the zone is known."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value.isoformat()
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | clock_time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def printable(value: object) -> str:
    """A value as text on one line: controls, terminal escapes and direction marks become visible escapes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        text = _dump(value, ascii_only=False)
    elif isinstance(value, datetime | bytes | memoryview):
        text = str(plain(value))
    else:
        text = str(value)
    if text.isprintable() and not text.isascii():
        return "".join(_escaped(character) for character in text)
    return text if text.isprintable() else "".join(_escaped(character) for character in text)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, stream: TextIO | None = None) -> int:
    """Write aligned columns under a heading; return how many rows. Memory stays constant however many come.

    Nothing is cut: a pipe gets whole values on one line, where one long cell pushes its own line out, not all others.
    On a terminal that is too narrow long cells go on below themselves, so that columns stay columns.
    """
    out = stream or sys.stdout
    room = shutil.get_terminal_size().columns if out.isatty() else None
    waiting = iter(rows)
    count = 0
    heading: list[Sequence[object]] = [columns]
    while chunk := [[printable(cell) for cell in row] for row in (*heading, *islice(waiting, _ROWS_AT_ONCE))]:
        widths = [min(max(width(row[index]) for row in chunk), _WIDEST) for index in range(len(columns))]
        lines: Iterable[Sequence[str]] = chunk
        if room is not None:
            widths = _fitted(widths, room)
            lines = (line for row in chunk for line in zip_longest(*map(_folded, row, widths), fillvalue=""))
        for line in lines:
            cells = [cell + " " * (wide - width(cell)) for cell, wide in zip(line, widths, strict=True)]
            out.write("  ".join(cells).rstrip() + "\n")
        count += len(chunk) - len(heading)
        heading = []
    return count


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    """Take from the widest columns until all fit; where that would leave nothing to read, the terminal folds."""
    fitted = list(widths)
    while sum(fitted) + 2 * (len(fitted) - 1) > room and max(fitted) > _NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _folded(cell: str, wide: int) -> list[str]:
    return textwrap.wrap(cell, wide, break_on_hyphens=False) if width(cell) > wide else [cell]


class Progress:
    """How far long work has come: a bar with rate and time left on a terminal, a line now and then elsewhere."""

    def __init__(self, what: str, total: int | None, *, quiet: bool) -> None:
        self._what = what
        self._total = total
        self._quiet = quiet
        self._started = self._last_line = time.monotonic()
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            self._bar = _rich_bar()
            self._task = self._bar.add_task(self._what, total=self._total, note="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, *, total: int | None = None, note: str = "", rate: float | None = None) -> None:
        """Show that `done` of the total are done; the note says why it waits, or what it is at.

        `rate` per second is for work that was begun earlier, or that rests; else it is all that is done by the time.
        """
        self._total = self._total if total is None else total
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=self._total, note=printable(note))
        elif not self._quiet and time.monotonic() - self._last_line >= _PLAIN_LINES_EVERY_S:
            self._last_line = time.monotonic()
            sys.stderr.write(f"{self._what}: {self._line(done, rate)}{f'; {printable(note)}' if note else ''}\n")
            sys.stderr.flush()

    def _line(self, done: int, rate: float | None) -> str:
        if rate is None:
            rate = done / max(time.monotonic() - self._started, 0.001)
        if not self._total:
            return f"{done} done, {rate:.0f}/s"
        left = f", {(self._total - done) / rate:.0f} s left" if rate > 0 else ""
        return f"{done} of {self._total} ({100 * done // self._total} %), {rate:.0f}/s{left}"


def _rich_bar() -> RichProgress:
    # rich would cost every other command a third of its start.
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Rate(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.0f}/s" if speed else "")

    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
    )


def _dump(value: object, *, ascii_only: bool = True) -> str:
    """JSON that any terminal and encoding can carry: ASCII, with everything else escaped."""
    return json.dumps(_finite(value), default=plain, ensure_ascii=ascii_only)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity; they go as text."""
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _number(value: Decimal) -> int | float | str:
    """A number where JSON's readers keep every digit of it, else text."""
    if value.is_finite():
        if value == value.to_integral_value() and value.as_tuple().exponent == 0:
            return int(value)
        if Decimal(repr(float(value))) == value:
            return float(value)
    return str(value)


def _escaped(character: str) -> str:
    if character.isprintable() and character not in _TREACHEROUS:
        return character
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    if named:
        return named
    code = ord(character)
    if unicodedata.category(character) == "Cf" and character not in _TREACHEROUS:
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004


def width(text: str) -> int:
    """How many columns a terminal gives the text."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)
