"""What a policy tells the independent reading. Written from the rules, never from the SQL."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from tests import reading_words as words

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a key that the policy names is read as: a built-in name of that role, and of no other.
_STANDS_FOR = {
    "start": "start",
    "end": "end",
    "available": "available",
    "closed": "closed",
    "day": "day",
    "slots": "workingblocks",
    "week": "weeklyschedule",
    "days": "daysofweek",
    "zone": "timezone",
    "note": "(note)",
}
NOTE = _STANDS_FOR["note"]
_FIRST_DAYS = {"0=sunday": (0, 6), "0=monday": (0, 0), "1=monday": (1, 0), "1=sunday": (1, 6)}
"""The number of the first day, and the place of that day in the week."""


@dataclass(frozen=True)
class Policy:
    """The settings; without any, the default reading."""

    default_timezone: str | None = None
    day_numbers: Mapping[int, str] = field(default_factory=dict)
    numbers: str = ""
    """The unit of bare numbers: hours, minutes, seconds; "": not told."""
    day_names: Mapping[str, str] = field(default_factory=lambda: words.DAY_NAMES)
    closed_words: frozenset[str] = words.CLOSED_WORDS
    key_names: Mapping[str, str] = field(default_factory=dict)
    zone_aliases: Mapping[str, str] = field(default_factory=dict)
    all_day_words: frozenset[str] = frozenset()
    separators: frozenset[str] = frozenset()
    unicode: str = ""
    switches: frozenset[str] = frozenset()
    """Names of the settings that are true."""

    def on(self, name: str) -> bool:
        return name in self.switches

    def days_named(self, value: object) -> tuple[str, ...]:
        """The days that a key, a field or an element of a list names; none if it names none."""
        if isinstance(value, str):
            if (name := self.day_names.get(words.name_of(value))) is not None:
                return (name,)
            if not words.too_long(value) and re.fullmatch("[0-9]", words.trimmed(value)):
                return self._numbered(int(words.trimmed(value)))
            return words.days_of_group(value, self.day_names) if self.on("day_groups") else ()
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 <= value < 10:
            return ()
        return self._numbered(int(value)) if value == int(value) else ()

    def days_of_key(self, key: str, value: object) -> tuple[str, ...]:
        """The days that a key beside days speaks of: a group that says null speaks of none."""
        if self.day_names.get(words.name_of(key)) is None:
            if words.folded(key) in self.key_names:
                return ()
            if words.is_group(key, self.day_names) and (value is None or self.is_list_of_days(key, value)):
                return ()
        return self.days_named(key)

    def _numbered(self, number: int) -> tuple[str, ...]:
        day = self.day_numbers.get(number)
        return () if day is None else (day,)

    def is_list_of_days(self, key: str, value: object) -> bool:
        """`weekdays` is a group, but a list of days where it holds their names."""
        return (
            words.folded(key) == "weekdays"
            and isinstance(value, list)
            and bool(value)
            and all(len(self.days_named(each)) == 1 for each in value)
        )

    def is_closed_word(self, text: str) -> bool:
        return not words.too_long(text) and words.lowered(words.trimmed(text)) in self.closed_words

    def is_all_day_word(self, text: str) -> bool:
        text = words.lowered(words.trimmed(text))
        return not words.too_long(text) and re.sub(f"[{words.SPACE}]+", " ", text) in self.all_day_words

    def name(self, key: str, value: object) -> str:
        """What a key is read as: its folded name, or the name the policy says it stands for."""
        role = self.key_names.get(words.folded(key))
        if role is None:
            return words.folded(key)
        if role in {"open_or_start", "closed_or_end"}:
            flag, time = role.split("_or_")
            is_flag = isinstance(value, bool) or (isinstance(value, str) and words.flag_of(value) is not None)
            role = (flag if flag == "closed" else "available") if is_flag else time
        return _STANDS_FOR[role]


def policy_of(settings: Mapping[str, object]) -> Policy:
    """The policy that settings say, as the database holds them."""
    return _policy_of(json.dumps(settings, sort_keys=True))


@lru_cache(1_000)
def _policy_of(text: str) -> Policy:
    settings: dict[str, object] = json.loads(text)
    zone = settings.get("default_timezone")
    given = {words.lowered(words.trimmed(name)): day for name, day in _map(settings, "day_names").items()}
    closed = {words.lowered(words.trimmed(word)) for word in _list(settings, "closed_words")}
    all_day = {_evened(word) for word in _list(settings, "all_day_words")} | words.ALL_DAY_WORDS
    return Policy(
        default_timezone=None if zone is None else str(zone),
        day_numbers=_numbers(str(settings.get("day_numbers", ""))),
        numbers=str(settings.get("numbers", "")),
        day_names={**given, **words.DAY_NAMES},
        closed_words=words.CLOSED_WORDS | closed,
        key_names={words.folded(name): role for name, role in _map(settings, "key_names").items()},
        zone_aliases={words.trimmed(name): zone for name, zone in _map(settings, "zone_aliases").items()},
        all_day_words=frozenset(all_day) if settings.get("all_day") is True else frozenset(),
        separators=frozenset(_list(settings, "separators")),
        unicode=str(settings.get("unicode", "")),
        switches=frozenset(name for name, value in settings.items() if value is True),
    )


def _evened(text: str) -> str:
    return re.sub(f"[{words.SPACE}]+", " ", words.lowered(words.trimmed(text)))


def _numbers(base: str) -> dict[int, str]:
    if base not in _FIRST_DAYS:
        return {}
    number, place = _FIRST_DAYS[base]
    return {number + each: words.WEEK[(place + each) % 7] for each in range(7)}


def _map(settings: Mapping[str, object], name: str) -> dict[str, str]:
    value = settings.get(name, {})
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, dict) else {}


def _list(settings: Mapping[str, object], name: str) -> list[str]:
    value = settings.get(name, [])
    return [str(each) for each in value] if isinstance(value, list) else []


DEFAULT = Policy()
