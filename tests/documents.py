"""Made-up documents for the two readings: usual ones, near misses of them, salads of known words, and hostile ones.

One seed gives one sequence of documents. They are made with `random` and not with hypothesis' strategies, which need
milliseconds for each; hypothesis gives the seeds, and `smaller` makes what it would have shrunk.
"""

from __future__ import annotations

import copy
import json
import random
from typing import TYPE_CHECKING, TypeVar

from tests import reading_words as words
from tests.known import CORPUS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

# Key names as applications write them; every folded name of the rules is tried as well, with strokes and capitals.
_PAIRS = (
    ("start", "end"),
    ("startTime", "endTime"),
    ("start_time", "end_time"),
    ("open", "close"),
    ("openTime", "closeTime"),
    ("opens", "closes"),
    ("from", "to"),
    ("openingTime", "closingTime"),
    ("timeStart", "timeEnd"),
    ("begin", "finish"),
    ("start_local_time", "end_local_time"),
)
_OPEN_FLAGS = ("available", "isAvailable", "is_available", "enabled", "active", "isOpen", "open", "is_selected")
_CLOSED_FLAGS = ("closed", "isClosed", "is_closed", "unavailable", "closed_all_day", "dayOff")
_SLOT_KEYS = ("slots", "timeSlots", "intervals", "periods", "hours", "working_blocks", "timing", "time_periods")
_WRAPPERS = (
    "availability",
    "schedule",
    "weeklySchedule",
    "weekly",
    "days",
    "hours",
    "workingHours",
    "periods",
    "windows",
)
_DAY_FIELDS = ("day", "dayOfWeek", "day_of_week", "dayName", "weekday", "wday", "daysOfWeek", "days")
_LISTS = ("days", "workingDays", "daysOfWeek", "work_days", "availableDays", "weekdays")
_ZONES = ("UTC", "America/New_York", "Europe/Paris", "Asia/Tokyo", "Etc/UTC", "Etc/GMT+5")
_NOISE = (
    "notes",
    "note",
    "location",
    "slotDuration",
    "bufferMinutes",
    "exceptions",
    "overrides",
    "id",
    "updatedAt",
    "x",
)
# Strings that stand in no usual document: keys that are no day, times that are none, ranges, hostile ones, zones.
_ODD: dict[str, tuple[str, ...]] = {
    kind: tuple(strings) for kind, strings in json.loads((CORPUS / "odd.json").read_text(encoding="utf-8")).items()
}
_DASHES = (
    "-",
    " - ",
    "\u2013",
    " \u2013 ",
    "\u2014",
    "\u2212",
    "\u2011",
    "\u2010",
    "\u2012",
    "\u2015",
    " to ",
    " TO ",
    "\tto\n",
)
_FLAG_VALUES: tuple[object, ...] = (
    True,
    False,
    "true",
    "False",
    "yes",
    " no ",
    1,
    0,
    1.0,
    None,
    "maybe",
    "1",
    2,
    [],
    "",
    {},
)
_ALL_NAMES = tuple(
    sorted(
        words.WRAPPERS
        | words.DAYS_LISTS
        | words.DAY_FIELDS
        | words.STARTS
        | words.ENDS
        | words.POSITIVE
        | words.NEGATIVE
        | words.ALL_DAY
        | words.BOOKED
        | words.VOID
        | words.SEATS
        | words.SLOTS
        | words.BREAK_SWITCHES
        | words.ZONES
        | words.ZONE_OFFSETS
        | words.DATES
        | words.RECURRENCES
        | words.FORTNIGHTS
        | words.STATUSES
        | words.IGNORABLE
        | words.GROUPS
        | set(words.DAY_NAMES)
        | {
            "breaks",
            "lunchStart",
            "lunch_end",
            "pause",
            "siesta",
            "start2",
            "end_time_2",
            "openMinutes",
            "startPeriod",
            "provider_timezone",
            "utcOffsetMinutes",
            "afternoon",
            "morning",
            "am",
            "pm",
            "constructor",
        }
    )
)


class Documents:
    """A stream of documents."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 a test's documents, not a secret

    def take(self, number: int) -> list[object]:
        return [self.document() for _ in range(number)]

    def document(self) -> object:
        """One document: usual, or near to usual, or a salad, or hostile."""
        kind = self._random.random()
        if kind < 0.02:
            return self._pick((None, {}, [], "", " ", "text", 0, 1.5, True, False, "null", "[]", "Mon-Fri 9-5"))
        if kind < 0.03:
            return self._hostile()
        if kind < 0.13:
            return self._salad(3)
        document = self._wrapped(self._week())
        for _ in range(self._weighted((0, 1, 2, 3), (30, 45, 15, 10))):
            document = self._mutated(document)
        return document

    # -- usual documents

    def _week(self) -> object:
        family: Callable[[], object] = self._weighted(
            (self._keyed, self._list, self._days_list, self._true_days), (60, 22, 10, 8)
        )
        return family()

    def _keyed(self) -> dict[str, object]:
        mixed = self._chance(0.2)
        make = self._day_maker()
        week: dict[str, object] = {}
        for day in self._some_days():
            make = self._day_maker() if mixed else make
            week[self._day_key(day)] = make()
        return self._furnished(week)

    def _true_days(self) -> dict[str, object]:
        week: dict[str, object] = {self._day_key(day): self._chance(0.7) for day in self._some_days()}
        week.update(self._interval())
        return self._furnished(week)

    def _list(self) -> object:
        field = self._pick(_DAY_FIELDS)
        make = self._object_maker()
        entries: list[object] = []
        days = list(self._some_days())
        while days:
            entry = make()
            name: object = self._day_text(days.pop())
            if self._chance(0.15):
                name = [name, *(self._day_text(days.pop()) for _ in range(min(len(days), self._random.randrange(3))))]
            entries.append({field: name, **entry} if self._chance(0.9) else {**entry, field: name})
        return entries

    def _days_list(self) -> dict[str, object]:
        names: object = [self._day_text(day) for day in self._some_days()]
        if self._chance(0.1):
            names = self._day_text(self._pick(words.WEEK))
        document: dict[str, object] = {self._pick(_LISTS): names}
        document.update(self._interval())
        return self._furnished(document)

    def _wrapped(self, week: object) -> object:
        for _ in range(self._weighted((0, 1, 2, 3), (55, 33, 10, 2))):
            week = self._furnished({self._name(self._pick(_WRAPPERS)): week})
        return week

    def _furnished(self, container: dict[str, object]) -> dict[str, object]:
        """Put some of the keys beside the days that real documents have."""
        if self._chance(0.25):
            container[self._pick(("timezone", "timeZone", "time_zone", "tz"))] = self._zone()
        if self._chance(0.12):
            container[self._pick(_OPEN_FLAGS)] = True
        if self._chance(0.15):
            container[self._pick(_NOISE)] = self._plain()
        if self._chance(0.05):
            container[self._name(self._pick(_ALL_NAMES))] = self._value(2)
        return container

    def _day_maker(self) -> Callable[[], object]:
        times = self._range_maker()
        make = self._object_maker()
        makers: tuple[Callable[[], object], ...] = (
            make,
            lambda: [make()] if self._chance(0.8) else [],
            times,
            lambda: [times()] if self._chance(0.85) else [],
            lambda: self._pick(("closed", "Closed", "OFF", None, False, [], {"closed": True}, {"isOpen": "no"})),
        )
        maker = self._weighted(makers, (50, 14, 14, 10, 5))
        closed = makers[-1]
        return lambda: closed() if self._chance(0.12) else maker()

    def _object_maker(self) -> Callable[[], dict[str, object]]:
        start_key, end_key = self._pick(_PAIRS)
        flag = self._pick((None, None, *_OPEN_FLAGS, *_CLOSED_FLAGS))
        flag = None if flag == "open" and start_key == "open" else flag
        slots = self._pick(_SLOT_KEYS) if self._chance(0.2) else None
        style = self._style()
        noise = self._pick(_NOISE) if self._chance(0.15) else None

        def make() -> dict[str, object]:
            first, last = self._hours()
            times: dict[str, object] = {start_key: self._time(first, style), end_key: self._time(last, style)}
            shaped: object = self._pick(([times], times, [self._range(style)], self._range(style), []))
            day: dict[str, object] = times if slots is None else {slots: shaped}
            if flag is not None:
                is_open = self._chance(0.85)
                day[flag] = is_open != (flag in _CLOSED_FLAGS)
                if not is_open and self._chance(0.5):
                    day = {flag: day[flag]}
            if noise is not None:
                day[noise] = self._plain()
            if self._chance(0.04):
                day[self._pick(("breaks", "lunch", "hasBreak", "status", "seats", "allDay", "tz", "date"))] = (
                    self._value(1)
                )
            return day

        return make

    def _interval(self) -> dict[str, object]:
        style = self._style()
        if self._chance(0.25):
            return {
                self._pick(_SLOT_KEYS): self._pick((self._range(style), [self._range(style)], self._object_maker()()))
            }
        start_key, end_key = self._pick(_PAIRS)
        first, last = self._hours()
        return {start_key: self._time(first, style), end_key: self._time(last, style)}

    # -- words and values

    def _some_days(self) -> list[str]:
        return self._random.sample(words.WEEK, self._weighted((1, 2, 3, 5, 7), (25, 25, 20, 15, 15)))

    def _day_text(self, day: str) -> str:
        short = self._weighted((day, day[:3], day[:2]), (70, 22, 8))
        text = self._pick((short, short, short.capitalize(), short.upper()))
        return f" {text}\t" if self._chance(0.02) else text

    _day_key = _day_text

    def _style(self) -> str:
        return self._weighted(("24", "9", "24s", "12", "hhmm", "mixed"), (50, 12, 10, 15, 6, 7))

    def _hours(self) -> tuple[int, int]:
        """Two minutes of the day, mostly in order."""
        first, last = sorted(self._random.sample(range(0, 1441, 15), 2))
        return (last, first) if self._chance(0.03) else (first, last)

    def _time(self, minute: int, style: str) -> str:
        hour, minute = divmod(minute, 60)
        if style == "mixed":
            style = self._style()
        if style == "12":
            half = self._pick((("am", "pm"), ("AM", "PM"), ("a.m.", "p.m."), ("Am", "pM")))[hour % 24 >= 12]
            text = f"{hour % 12 or 12}" if minute == 0 and self._chance(0.3) else f"{hour % 12 or 12}:{minute:02}"
            return text + self._pick(("", " ")) + half
        if style == "hhmm":
            return f"{hour:02}{minute:02}"
        if style == "9":
            return f"{hour}:{minute:02}"
        return f"{hour:02}:{minute:02}" + (self._pick((":00", ":30", ":00.000")) if style == "24s" else "")

    def _range(self, style: str) -> str:
        first, last = self._hours()
        return self._time(first, style) + self._pick(_DASHES) + self._time(last, style)

    def _range_maker(self) -> Callable[[], str]:
        style = self._style()
        return lambda: self._range(style)

    def _zone(self) -> object:
        return self._weighted((self._pick(_ZONES), self._pick(_ODD["zones"]), None, 5), (85, 9, 4, 2))

    def _plain(self) -> object:
        return self._pick(("x", "", None, 30, 0, True, False, [], {}, ["a"], {"a": 1}, {"timezone": "UTC"}, "12:00"))

    def _name(self, name: str) -> str:
        """The same folded name, written otherwise."""
        if self._chance(0.6):
            return name
        place = self._random.randrange(len(name) + 1)
        return self._pick(
            (name.upper(), name.capitalize(), name[:place] + self._pick("_- ") + name[place:], f"{name}_")
        )

    def _string(self) -> str:
        pool = self._weighted(
            (_ODD["times"], _ODD["ranges"], _ODD["strings"], _ODD["keys"], _ODD["zones"]), (40, 25, 8, 12, 5)
        )
        return self._weighted(
            (self._pick(pool), self._time(self._hours()[0], self._style()), self._range(self._style())), (50, 30, 20)
        )

    def _value(self, depth: int) -> object:
        scalar = self._weighted(
            (
                self._string(),
                self._pick(_FLAG_VALUES),
                self._random.randrange(-2, 1500),
                self._day_text(self._pick(words.WEEK)),
            ),
            (55, 25, 10, 10),
        )
        if depth == 0 or self._chance(0.6):
            return scalar
        if self._chance(0.5):
            return [self._value(depth - 1) for _ in range(self._weighted((0, 1, 2, 3), (10, 55, 25, 10)))]
        return self._salad(depth - 1)

    def _key(self) -> str:
        kind = self._random.random()
        if kind < 0.55:
            return self._name(self._pick(_ALL_NAMES))
        if kind < 0.8:
            return self._day_text(self._pick(words.WEEK))
        return self._pick(self._weighted((_ODD["keys"], _ODD["strings"], _NOISE), (70, 15, 15)))

    def _salad(self, depth: int) -> dict[str, object]:
        return {self._key(): self._value(depth) for _ in range(self._weighted((1, 2, 3, 5), (30, 35, 25, 10)))}

    def _hostile(self) -> object:
        kind = self._random.randrange(6)
        if kind == 0:
            nested: object = self._string()
            for _ in range(self._random.randrange(2, 150)):
                nested = [nested] if self._chance(0.5) else {self._key(): nested}
            return nested
        if kind == 1:
            return {
                f"{self._pick(_ODD['strings'])}{number}": self._plain()
                for number in range(self._random.randrange(1, 400))
            }
        if kind == 2:
            return {"monday": {"start": "9" * self._random.randrange(1, 20_000), "end": " " * 5_000 + "17:00"}}
        if kind == 3:
            return [self._pick((self._value(2), self._salad(1))) for _ in range(self._random.randrange(1, 40))]
        if kind == 4:
            return {
                self._random.choice(_ODD["strings"]): {"start": self._string(), "end": self._string()},
                **self._keyed(),
            }
        return {"".join(self._random.choices("monday \u200b\ufeff_-'\\\"\u0301\u00e9\U0001f600", k=6)): self._value(2)}

    # -- near misses

    def _mutated(self, document: object) -> object:
        """The document with one thing wrong, or at least other."""
        document = copy.deepcopy(document)
        holders = [holder for holder in _holders(document) if holder]
        if not holders:
            return document
        holder = self._pick(holders)
        if isinstance(holder, list):
            self._mutate_list(holder)
        else:
            self._mutate_object(holder)
        return document

    def _mutate_list(self, holder: list[object]) -> None:
        place = self._random.randrange(len(holder))
        change = self._random.randrange(4)
        if change == 0:
            holder[place] = self._value(2)
        elif change == 1:
            holder.insert(place, self._value(2))
        elif change == 2:
            holder.append(copy.deepcopy(holder[place]))
        else:
            del holder[place]

    def _mutate_object(self, holder: dict[str, object]) -> None:
        key = self._pick(list(holder))
        value = holder[key]
        change = self._random.randrange(9)
        if change == 0:
            holder[key] = self._value(2)
        elif change == 1:
            holder[self._key()] = self._value(2)
        elif change == 2:
            holder[self._name(key) if key else "x"] = copy.deepcopy(value)
        elif change == 3:
            holder[self._key()] = holder.pop(key)
        elif change == 4:
            del holder[key]
        elif change == 5:
            other = self._pick(list(holder))
            holder[key], holder[other] = holder[other], holder[key]
        elif change == 6:
            holder[key] = self._pick(([value], {self._key(): value}, None, ""))
        elif change == 7:
            holder[self._key()] = self._pick((True, False, None, "x", 1, 0, [], {}))
        else:
            holder[key] = self._marred(value) if isinstance(value, str) else self._pick(_FLAG_VALUES)

    def _marred(self, text: str) -> str:
        place = self._random.randrange(len(text) + 1)
        mark = self._pick(("\u200b", "\u00a0", "0", "9", ":", "-", " ", ".", "Z", "\t", "m", "x", "\u0660"))
        return self._pick((text[:place] + mark + text[place:], text[:place] + text[place + 1 :], text[:place] + mark))

    # -- chance

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _pick(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)

    def _weighted(self, choices: Sequence[T], weights: Sequence[int]) -> T:
        return self._random.choices(choices, weights)[0]


def _holders(document: object) -> Iterator[dict[str, object] | list[object]]:
    """All objects and arrays of a document."""
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield value
            pending.extend(value.values())
        elif isinstance(value, list):
            yield value
            pending.extend(value)


def smaller(document: object) -> Iterator[object]:
    """The document with one thing less, at any depth; the greatest steps first."""
    if isinstance(document, dict):
        yield from document.values()
        for key in document:
            yield {other: value for other, value in document.items() if other != key}
        yield from ({**document, key: less} for key, value in document.items() for less in smaller(value))
    elif isinstance(document, list):
        yield from document
        for place in range(len(document)):
            yield document[:place] + document[place + 1 :]
        for place, value in enumerate(document):
            yield from ([*document[:place], less, *document[place + 1 :]] for less in smaller(value))
    elif isinstance(document, str) and len(document) > 1:
        half = len(document) // 2
        yield from (document[:half], document[half:])
        yield from (document[:place] + document[place + 1 :] for place in range(min(len(document), 40)))
