"""Clock times and ranges as the independent reading reads them. Written from the rules, never from the SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from tests.reading_policy import DEFAULT, Policy
from tests.reading_words import DASHES, SPACE, too_long, trimmed

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
_CLOCK_DOT = re.compile(r"([0-9]{1,2})\.([0-9]{2})")
_CLOCK_H = re.compile(r"([0-9]{1,2})h([0-9]{2})?")
_CLOCK_1970 = re.compile(r"1970-01-01[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)(?:Z|\+00:00|\+00)?")
_SECOND = 1_000_000
_UNITS = {"hours": 3_600, "minutes": 60, "seconds": 1}
_PARTS = {"hours": 24, "minutes": 59, "seconds": 59, "nanos": 0}
"""The keys of a time that is an object, and their greatest values."""
LAST = 86_400 * _SECOND
"""The end of the day."""


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


def read_clock(text: str, *, end: bool, policy: Policy = DEFAULT) -> Clock | str:
    """Read one time, or say why it is none. `end`: 24:00 is allowed."""
    return "not_a_time" if too_long(text) else _read(trimmed(text), end=end, policy=policy)


def _read(text: str, *, end: bool, policy: Policy = DEFAULT) -> Clock | str:
    if policy.on("datetimes_1970") and (found := _CLOCK_1970.fullmatch(text)):
        text = found[1]
    if found := _CLOCK_24.fullmatch(text):
        return _clock(found[1], found[2], found[3], found[4], end=end)
    if found := _CLOCK_4.fullmatch(text):
        return _clock(found[1], found[2], four=True)
    if found := _CLOCK_12.fullmatch(text):
        return _clock(found[1], found[2], found[3], half=found[4], lenient=policy.on("lenient_12_hour"))
    for separator, form in ((".", _CLOCK_DOT), ("h", _CLOCK_H)):
        if separator in policy.separators and (found := form.fullmatch(text)):
            return _clock(found[1], found[2], end=end)
    if _DATE.match(text):
        return "date"
    return "offset_in_time" if _OFFSET.fullmatch(text) else "not_a_time"


def read_number(value: float | Decimal, *, end: bool, policy: Policy) -> Clock | str:
    """Read a bare number as a time, in the unit that the policy tells."""
    if policy.numbers not in _UNITS:
        return "bare_number"
    if not 0 <= value <= 86_400 or (policy.numbers != "hours" and value != int(value)):
        return "not_a_time"
    # By its text: 9.1 hours are 09:06, which 9.1 in binary is not.
    return _of_seconds(Fraction(str(value)) * _UNITS[policy.numbers], end=end)


def read_hour_and_minute(hour: int, minute: int, *, end: bool) -> Clock | str:
    """An hour and its minutes that stood under keys of their own."""
    return _of_seconds(Fraction(hour * 3_600 + minute * 60), end=end)


def read_time_object(value: dict[str, object], *, end: bool) -> Clock | str:
    """Read `{"hours": 9, "minutes": 30}`."""
    parts = dict.fromkeys(_PARTS, 0)
    for key, part in value.items():
        if key not in _PARTS or not isinstance(part, int) or isinstance(part, bool) or not 0 <= part <= _PARTS[key]:
            return "not_a_time"
        parts[key] = part
    if not value or (parts["hours"] == 24 and len(value) > 1):
        return "not_a_time"
    return _of_seconds(Fraction(parts["hours"] * 3_600 + parts["minutes"] * 60 + parts["seconds"]), end=end)


def whole(value: object) -> int | None:
    """A whole number of JSON, also when it is written 9.0."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not -86_400 <= value <= 86_400:
        return None
    return int(value) if value == int(value) else None


def _of_seconds(seconds: Fraction, *, end: bool) -> Clock | str:
    if seconds.denominator != 1 or not 0 <= seconds <= 86_400 or (seconds == 86_400 and not end):
        return "not_a_time"
    return Clock(int(seconds) * _SECOND, twelve=False, sure=True)


def _clock(
    hours: str,
    minutes: str | None,
    seconds: str | None = None,
    fraction: str | None = None,
    *,
    end: bool = False,
    half: str = "",
    four: bool = False,
    lenient: bool = False,
) -> Clock | str:
    hour, minute, second, micro = int(hours), int(minutes or 0), int(seconds or 0), int((fraction or "").ljust(6, "0"))
    if minute > 59 or second > 59:
        return "not_a_time"
    if half and lenient:
        hour = 12 if hour == 0 else hour - 12 if 13 <= hour <= 23 and half in "Pp" else hour
    last = 12 if half else 24 if end and not (minute or second or micro) else 23
    if hour > last or (half and hour == 0):
        return "not_a_time"
    sure = bool(half) or hour >= 13 or (hours[0] == "0" and len(hours) == 2)
    if half:
        hour = hour % 12 + (12 if half in "Pp" else 0)
    micros = ((hour * 60 + minute) * 60 + second) * _SECOND + micro
    return Clock(micros, twelve=bool(half), sure=sure, four=four)


def range_sides(text: str) -> tuple[str, str] | None:
    """The two sides of `A - B` or `A to B`, whatever they are; None if the text is not of that form."""
    return None if too_long(text) else _sides(text)


def _sides(text: str) -> tuple[str, str] | None:
    sides = _RANGE.split(trimmed(text))
    if len(sides) != 2 or not all(trimmed(side) for side in sides):
        return None
    return trimmed(sides[0]), trimmed(sides[1])


def is_time(text: str) -> bool:
    """A time with a colon or am/pm, however long its text; four digits may be a year."""
    read = _read(trimmed(text), end=True)
    return isinstance(read, Clock) and not read.four


def is_range(text: str) -> bool:
    sides = _sides(text)
    return sides is not None and all(is_time(side) for side in sides)


def is_half(text: str) -> bool:
    """A bare am or pm."""
    return _HALF.fullmatch(trimmed(text)) is not None


def time_text(micros: int) -> str:
    """A time as PostgreSQL prints it; 24:00:00 is one."""
    seconds, fraction = divmod(micros, _SECOND)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:06}".rstrip("0") if fraction else text
