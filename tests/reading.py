"""An independent reading of an availability document, written from the rules in words and never from the SQL.

It finds everything that is wrong with a document and reports the first in document order: JSONB's key order (shorter
keys first, then bytes), arrays by index, a node before what it holds.
"""

from __future__ import annotations

import json
import re
import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests import reading_words as words
from tests.reading_clock import time_text
from tests.reading_days import (
    Reading,
    Times,
    judge,
    read_breaks,
    read_day,
    read_object,
    read_pair,
    read_slot_key,
    read_zones_and_dates,
    settle,
)
from tests.reading_walk import (
    Node,
    Walk,
    is_empty,
    is_full,
    is_number,
    looks_like_hours,
    role,
    says_open,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SERVER_ZONES = frozenset(
    name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(("posix/", "right/"))
) | {"UTC"}


@dataclass(frozen=True)
class Row:
    """One day as the table will say it; times as PostgreSQL prints them."""

    day: str
    available: bool
    start: str | None = None
    end: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class Empty:
    """The document says nothing."""


@dataclass(frozen=True)
class Rejected:
    """The document is not taken, and the first reason why."""

    path: str
    value: str
    reason: str


@dataclass(frozen=True)
class Converted:
    """The document's rows, Monday first; the form its week has; the keys that were not read."""

    rows: tuple[Row, ...]
    shape: str
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Day:
    """A day of the week found; "" as its name stands for one that cannot be told."""

    name: str
    at: Node
    reading: Reading


def read(
    document: object,
    settings: Mapping[str, object],
    *,
    zones: Collection[str] = SERVER_ZONES,
) -> Empty | Rejected | Converted:
    """Read a parsed JSON document. `settings`: `default_timezone`, or nothing."""
    if is_empty(document):
        return Empty()
    if not isinstance(document, list | dict):
        return Rejected("$", _shortened(document), "text" if isinstance(document, str) else "no_week")
    # Four digits are a time if some time of the document starts with 0, which only a reading of the whole can tell.
    week = _Week(Walk(zones, four_digits=True), document)
    if week.walk.fours and not any(text.startswith("0") for text in week.walk.fours):
        week = _Week(Walk(zones, four_digits=False), document)
    if week.walk.findings:
        _, _, node, reason = min(week.walk.findings, key=lambda finding: finding[:2])
        return Rejected(node.path, _shortened(node.value), reason)
    rows = []
    for day in sorted(week.days, key=lambda day: words.WEEK.index(day.name)):
        said = next((words.trimmed(str(zone.value)) for zone in week.zones_of(day)), settings.get("default_timezone"))
        zone = None if said is None else str(said)
        start, end = day.reading.start, day.reading.end
        if start is None or end is None:
            rows.append(Row(day.name, available=False, zone=zone))
        else:
            rows.append(Row(day.name, available=True, start=time_text(start), end=time_text(end), zone=zone))
    return Converted(tuple(rows), week.shape, tuple(week.ignored()))


def _position(node: Node) -> tuple[int, ...]:
    return node.position


def _shortened(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:79] + "…"


class _Week:
    """The week of one document: the way to it, the keys beside its days, and the days."""

    def __init__(self, walk: Walk, document: object) -> None:
        self.walk = walk
        self.shape = "days"
        self.days: list[Day] = []
        self._levels: list[Node] = []
        self._list = Node(None)
        self._taken: set[str] = set()
        """Paths of the keys that were gone into."""
        self._zones: list[Node] = []
        self._look(Node(document))
        if self.days:
            self._beside()
        else:
            self._nothing_found()

    def zones_of(self, day: Day) -> list[Node]:
        return sorted([*self._zones, *day.reading.zones], key=_position)

    def ignored(self) -> list[str]:
        """Paths of the keys that were not read, once each; the entries of a list count as one."""
        paths = [node.path for node in sorted(self.walk.ignored, key=_position)]
        if self.shape == "list":
            array = re.escape(self._list.path)
            paths = [re.sub(rf"^({array})\[[0-9]+\]", r"\1[*]", path) for path in paths]
        return list(dict.fromkeys(paths))

    # -- the way to the week

    def _look(self, node: Node) -> None:
        while isinstance(node.value, dict):
            self._levels.append(node)
            members = node.members()
            if any(words.day_named(key) for key, _, _ in members):
                self._read_keys(members)
                return
            lists = [member for _, name, member in members if _is_days_list(name, member.value)]
            if lists:
                self.shape = "days_list"
                self._taken.add(lists[0].path)
                self.days = [Day(name, at, Reading("given")) for name, at in self._names(lists[0], repeats=True)]
                return
            wrapped = [member for _, name, member in members if name in words.WRAPPERS and is_full(member.value)]
            if len(wrapped) != 1 or len(self._levels) > 2:
                return
            node = wrapped[0]
            self._taken.add(node.path)
        self.shape, self._list = "list", node
        for entry in node.items():
            self._read_entry(entry)

    def _nothing_found(self) -> None:
        """Say what stands where a week was looked for: names of no day, or of several; else nothing at all."""
        for level in self._levels:
            members = level.members()
            wrapped = [member for _, name, member in members if name in words.WRAPPERS and is_full(member.value)]
            last = level is self._levels[-1] and len(self._levels) < 3
            if last and len(wrapped) > 1:
                self.walk.find(wrapped[1], "ambiguous_week")
            for key, name, member in members:
                if member.path not in self._taken and not (last and member in wrapped) and not role(name, member.value):
                    reason = self._unknown(key, name, member.value)
                    if reason:
                        self.walk.find(member, reason)
        if not self.walk.findings and self._levels:
            self.walk.find(self._levels[0], "no_week")

    def _read_keys(self, members: list[tuple[str, str, Node]]) -> None:
        for key, _, member in members:
            name = words.day_named(key)
            if name is not None:
                if any(day.name == name for day in self.days):
                    self.walk.find(member, "duplicate_day", rank=1)
                self._taken.add(member.path)
                self.days.append(Day(name, member, read_day(self.walk, member, name)))

    def _read_entry(self, entry: Node) -> None:
        """Read an entry of a list, with the days it names."""
        reading = Reading("bad")
        named: list[tuple[str, Node]] = []
        if isinstance(entry.value, str):
            self.walk.find(entry, "days_without_times" if words.day_named(entry.value) else "text")
        elif not isinstance(entry.value, dict):
            self.walk.find(entry, "no_day")
        else:
            named = self._entry_days(entry)
            reading = read_object(self.walk, entry, day=None)
        before = list(self.days)
        for name, _ in named or [("", entry)]:
            twin = next((day.reading for day in before if name and day.name == name), None)
            if twin is not None:
                several = twin.state == reading.state == "open" and (twin.start, twin.end) != (
                    reading.start,
                    reading.end,
                )
                self.walk.find(entry, "several_slots" if several else "duplicate_day", rank=1)
            self.days.append(Day(name, entry, reading))

    def _entry_days(self, entry: Node) -> list[tuple[str, Node]]:
        fields = [
            member
            for _, name, member in entry.members()
            if name in words.DAY_FIELDS and member.value is not None and member.value != []
        ]
        named = [self._names(member, repeats=True) for member in fields]
        if not named:
            self.walk.find(entry, "no_day", rank=0)
            return []
        sets = [{name for name, _ in each} for each in named]
        if len(sets) > 1 and any("" in each or each != sets[0] for each in sets):
            self.walk.find(entry, "contradiction", rank=0)
        return named[0]

    def _names(self, node: Node, *, repeats: bool) -> list[tuple[str, Node]]:
        """The days that a value names, "" for what is no name. `repeats`: a day named twice is a finding."""
        named: list[tuple[str, Node]] = []
        for each in node.items() if isinstance(node.value, list) else [node]:
            name = words.day_named(each.value) if isinstance(each.value, str) else None
            if name is None:
                self.walk.find(node, _no_day_name(each.value))
            elif repeats and any(name == other for other, _ in named):
                self.walk.find(node, "duplicate_day")
            named.append((name or "", each))
        return named

    # -- keys beside the days

    def _beside(self) -> None:
        interval: list[tuple[str, Node]] = []
        for level in self._levels:
            self._zones.extend(read_zones_and_dates(self.walk, level))
            read_breaks(self.walk, level)
            for key, name, member in level.members():
                if member.path not in self._taken:
                    week = level is self._levels[-1] and self.shape != "list"
                    if self._is_interval(name, member.value, week=week):
                        interval.append((name, member))
                    else:
                        self._judge(key, name, member, week=week)
        self._read_interval(interval)
        for day in self.days:
            zones = self.zones_of(day)
            for zone in zones:
                if words.trimmed(str(zone.value)) != words.trimmed(str(zones[0].value)):
                    self.walk.find(zone, "contradiction")

    def _is_interval(self, name: str, value: object, *, week: bool) -> bool:
        """Whether a key beside the days holds the times of all days that only say `true`."""
        given = any(day.reading.state == "given" for day in self.days)
        slots = week and given and name in words.SLOTS
        return not is_empty(value) and (role(name, value) == "time" or slots)

    def _judge(self, key: str, name: str, member: Node, *, week: bool) -> None:
        """Judge a key that is not read for times."""
        some_open = any(day.reading.state != "closed" for day in self.days)
        kind, reason = role(name, member.value), None
        if kind == "flag":
            says = says_open(name, member.value)
            reason = "unreadable_flag" if says is None else "contradiction" if some_open and not says else None
        elif kind in {"obstacle", "state"}:
            always = name in words.ALL_DAY | words.BOOKED
            judge(self.walk, name, member, closed=not some_open and not always)
        elif not kind:
            lost = name in words.WRAPPERS or (week and name in words.SLOTS)
            reason = "ambiguous_week" if lost and is_full(member.value) else self._unknown(key, name, member.value)
            if reason is None:
                self.walk.ignore(name, member)
        if reason is not None:
            self.walk.find(member, reason)

    def _unknown(self, key: str, name: str, value: object) -> str | None:
        """Why a key that no rule reads may not be passed over."""
        keyed = [day.at.value for day in self.days if self.shape == "days"]
        array_of_days = isinstance(value, list) and any(isinstance(v, str) and words.day_named(v) for v in value)
        second_list = self.shape == "days_list" and _is_days_list(name, value) and not is_empty(value)
        reason = None
        if self.days and (array_of_days or second_list):
            reason = "ambiguous_week"
        elif words.is_group(key):
            reason = None if value is None else "day_group"
        elif words.is_digits(key):
            reason = "day_number"
        elif words.is_date(key):
            reason = "date"
        elif name not in words.IGNORABLE and (
            (value is not None and words.mentions_day(key))
            or looks_like_hours(value)
            or (isinstance(value, str) and words.trimmed(value) and any(isinstance(day, str) for day in keyed))
            or (value is True and any(isinstance(day, bool) for day in keyed))
        ):
            reason = "unknown_day"
        return reason

    def _read_interval(self, interval: list[tuple[str, Node]]) -> None:
        given = [day for day in self.days if day.reading.state == "given"]
        if interval and any(day.reading.state in {"open", "bad"} for day in self.days):
            self.walk.find(min((member for _, member in interval), key=_position), "contradiction")
        if not given:
            return
        week = self._levels[-1]
        if not interval:
            for at in [week] if self.shape == "days_list" else [day.at for day in given]:
                self.walk.find(at, "no_times")
            return
        times = Times()
        for level in self._levels:
            read_pair(self.walk, level, times)
        for name, member in interval:
            if name in words.SLOTS:
                read_slot_key(self.walk, member, times, day="")
        reading = settle(self.walk, week, times, says=True)
        self._zones.extend(reading.zones)
        for day in given:
            day.reading.start, day.reading.end = reading.start, reading.end


def _is_days_list(name: str, value: object) -> bool:
    if name == "weekdays":
        return (
            is_full(value) and isinstance(value, list) and all(isinstance(v, str) and words.day_named(v) for v in value)
        )
    if name not in words.DAYS_LISTS:
        return False
    if isinstance(value, list):
        return not any(isinstance(item, list | dict) for item in value)
    return isinstance(value, str) or is_number(value)


def _no_day_name(value: object) -> str:
    if is_number(value) or (isinstance(value, str) and words.is_digits(value)):
        return "day_number"
    if isinstance(value, str) and words.is_group(value):
        return "day_group"
    return "date" if isinstance(value, str) and words.is_date(value) else "unknown_day"
