"""Clock times and ranges as the independent reading reads them. Written from the rules, never from the SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.reading_words import DASHES, SPACE, trimmed

_SPACES = f"[{SPACE}]"
_RANGE = re.compile(f"[{DASHES}]|{_SPACES}+[Tt][Oo]{_SPACES}+")
_CLOCK_24 = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6})0*)?)?")
_CLOCK_12 = re.compile(f"([0-9]{{1,2}})(?::([0-9]{{2}})(?::([0-9]{{2}}))?)?{_SPACES}*([AaPp])(?:[Mm]|\\.[Mm]\\.?)")
_CLOCK_4 = re.compile(r"([0-9]{2})([0-9]{2})")
_HALF = re.compile(r"[AaPp](?:[Mm]|\.[Mm]\.?)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OFFSET = re.compile(
    r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?"
    f"(?:{_SPACES}*[AaPp](?:[Mm]|\\.[Mm]\\.?))?{_SPACES}*"
    r"(?:[+\-\u2212][0-9]{1,2}(?::?[0-9]{2})?|[A-Za-z]{1,5}(?:[+\-][0-9]+)?)"
)
_SECOND = 1_000_000


@dataclass(frozen=True)
class Clock:
    """A clock time: microseconds after midnight, and how it was written."""

    micros: int
    twelve: bool
    """Written with am or pm."""
    sure: bool
    """A 24-hour text that nobody would write for an afternoon hour of a 12-hour clock: 0x, or 13 and later."""
    four: bool = False
    """Four digits without a colon."""


def read_clock(text: str, *, end: bool) -> Clock | str:
    """Read one time, or say why it is none. `end`: 24:00 is allowed."""
    text = trimmed(text)
    if found := _CLOCK_24.fullmatch(text):
        last = 24 if end and found[1] == "24" and not re.search("[1-9]", text[2:]) else 23
        return _clock(found[1], found[2], found[3], found[4], last=last)
    if found := _CLOCK_4.fullmatch(text):
        return _clock(found[1], found[2], four=True)
    if found := _CLOCK_12.fullmatch(text):
        return _clock(found[1], found[2], found[3], half=found[4])
    if _DATE.match(text):
        return "date"
    return "offset_in_time" if _OFFSET.fullmatch(text) else "not_a_time"


def _clock(
    hours: str,
    minutes: str | None,
    seconds: str | None = None,
    fraction: str | None = None,
    *,
    last: int = 23,
    half: str = "",
    four: bool = False,
) -> Clock | str:
    hour, minute, second = int(hours), int(minutes or 0), int(seconds or 0)
    if minute > 59 or second > 59 or hour > last or (half and not 1 <= hour <= 12):
        return "not_a_time"
    sure = bool(half) or hour >= 13 or (hours[0] == "0" and len(hours) == 2)
    if half:
        hour = hour % 12 + (12 if half in "Pp" else 0)
    micros = ((hour * 60 + minute) * 60 + second) * _SECOND + int((fraction or "").ljust(6, "0"))
    return Clock(micros, twelve=bool(half), sure=sure, four=four)


def range_sides(text: str) -> tuple[str, str] | None:
    """The two sides of `A - B` or `A to B`, whatever they are; None if the text is not of that form."""
    sides = _RANGE.split(trimmed(text))
    if len(sides) != 2 or not all(trimmed(side) for side in sides):
        return None
    return trimmed(sides[0]), trimmed(sides[1])


def is_time(text: str) -> bool:
    """A time with a colon or am/pm; four digits may be a year."""
    read = read_clock(text, end=True)
    return isinstance(read, Clock) and not read.four


def is_range(text: str) -> bool:
    sides = range_sides(text)
    return sides is not None and all(is_time(side) for side in sides)


def is_half(text: str) -> bool:
    """A bare am or pm."""
    return _HALF.fullmatch(trimmed(text)) is not None


def time_text(micros: int) -> str:
    """A time as PostgreSQL prints it; 24:00:00 is one."""
    seconds, fraction = divmod(micros, _SECOND)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:06}".rstrip("0") if fraction else text
