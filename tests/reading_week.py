"""How the independent reading finds the week of a document: the way to it, its days, and the keys beside them."""

from __future__ import annotations

import re

from tests import reading_words as words
from tests.reading_days import is_too_large, read_day, read_object, read_slot_key
from tests.reading_parts import Zone, judge, read_breaks, read_zones_and_dates
from tests.reading_policy import NOTE
from tests.reading_times import Reading, Times, read_pair, settle
from tests.reading_twice import Day, said_once
from tests.reading_walk import (
    Member,
    Node,
    Walk,
    is_absent,
    is_empty,
    is_full,
    is_number,
    is_numbered_time,
    looks_like_hours,
    role,
    says_open,
    says_otherwise,
)


def _position(zone: Zone) -> tuple[int, ...]:
    return zone.node.position


class Week:
    """The week of one document: the way to it, the keys beside its days, and the days."""

    def __init__(self, walk: Walk, document: object) -> None:
        self.walk = walk
        self.shape = "days"
        self.days: list[Day] = []
        self._levels: list[Node] = []
        self._list = Node(None)
        self._taken: set[str] = set()
        """Paths of the keys that were gone into."""
        self._zones: list[Zone] = []
        self._look(Node(document))
        if self.days:
            self._beside()
            self.days = said_once(self.walk, self.days, self.zone_of, entries=self.shape == "list")
        else:
            self._nothing_found()

    def zone_of(self, day: Day) -> str | None:
        """The zone that the row of a day gets."""
        zones = self._zones_of(day)
        return zones[0].name if zones else self.walk.policy.default_timezone

    def _zones_of(self, day: Day) -> list[Zone]:
        return sorted([*self._zones, *day.reading.zones], key=_position)

    def ignored(self) -> list[str]:
        """Paths of the keys that were not read, once each; the entries of a list count as one."""
        paths = [node.path for node in sorted(self.walk.ignored, key=lambda node: node.position)]
        if self.shape == "list":
            array = re.escape(self._list.path)
            paths = [re.sub(rf"^({array})\[[0-9]+\]", r"\1[*]", path) for path in paths]
        return list(dict.fromkeys(paths))

    # -- the way to the week

    def _look(self, node: Node) -> None:
        policy = self.walk.policy
        while isinstance(node.value, dict):
            if len(node.value) > words.MOST_IN_WEEK:
                self.walk.find(node, "too_large", rank=0)
                return
            self._levels.append(node)
            members = self.walk.members(node)
            if any(policy.days_of_key(member.key, member.node.value) for member in members):
                self._read_keys(members)
                return
            lists = [member for member in members if self._is_days_list(member)]
            if lists:
                self.shape = "days_list"
                self._taken.add(lists[0].node.path)
                self.days = [Day(name, lists[0].node, Reading("given")) for name in self._names(lists[0].node)]
                return
            wrapped = _wrapped(members)
            if len(wrapped) != 1 or len(self._levels) > 2:
                return
            node = wrapped[0].node
            self._taken.add(node.path)
        if isinstance(node.value, list) and len(node.value) > words.MOST_IN_WEEK:
            self.walk.find(node, "too_large", rank=0)
            return
        self.shape, self._list = "list", node
        for entry in node.items():
            self._read_entry(entry)

    def _nothing_found(self) -> None:
        """Say what stands where a week was looked for: names of no day, or of several; else nothing at all."""
        for level in self._levels:
            members = self.walk.members(level)
            wrapped = _wrapped(members)
            last = level is self._levels[-1] and len(self._levels) < 3
            if last and len(wrapped) > 1:
                self.walk.find(wrapped[1].node, "ambiguous_week")
            for member in members:
                if member.node.path in self._taken or (last and member in wrapped):
                    continue
                if not role(member.name, member.node.value) and (reason := self._unknown(member)):
                    self.walk.find(member.node, reason)
        if not self.walk.findings and self._levels:
            self.walk.find(self._levels[0], "no_week")

    def _read_keys(self, members: list[Member]) -> None:
        for member in members:
            names = self.walk.policy.days_of_key(member.key, member.node.value)
            if not names:
                continue
            self._taken.add(member.node.path)
            if len(names) > 1 and _is_positional(member.node.value):
                self.walk.find(member.node, "day_group")
            else:
                reading = read_day(self.walk, member.node, names[0] if len(names) == 1 else "")
                self.days.extend(Day(name, member.node, reading) for name in names)

    def _read_entry(self, entry: Node) -> None:
        """Read an entry of a list, with the days it names."""
        reading = Reading("bad")
        named: list[str] = []
        if isinstance(entry.value, str):
            policy = self.walk.policy
            is_group = words.is_group(entry.value, policy.day_names) and words.is_joined_in_order(entry.value)
            is_day = (is_group and policy.on("day_groups")) or bool(policy.days_named(entry.value))
            self.walk.find(entry, "days_without_times" if is_day else "text")
        elif not isinstance(entry.value, dict):
            self.walk.find(entry, "no_day")
        elif is_too_large(entry.value):
            self.walk.find(entry, "too_large", rank=0)
        else:
            named = self._entry_days(entry)
            reading = read_object(self.walk, entry, day=None)
        self.days.extend(Day(name, entry, reading) for name in named or [""])

    def _entry_days(self, entry: Node) -> list[str]:
        fields = [
            member.node
            for member in self.walk.members(entry)
            if member.name in words.DAY_FIELDS and member.node.value is not None and member.node.value != []
        ]
        named = [self._names(field) for field in fields]
        if not named:
            self.walk.find(entry, "no_day", rank=0)
            return []
        sets = [set(each) for each in named]
        if len(sets) > 1 and any("" in each or each != sets[0] for each in sets):
            self.walk.find(entry, "contradiction", rank=0)
            return []
        return named[0]

    def _names(self, node: Node) -> list[str]:
        """The days that a value names, "" for what is no name. A day named twice is a finding."""
        named: list[str] = []
        for each in node.items() if isinstance(node.value, list) else [node]:
            days = self.walk.policy.days_named(each.value)
            if not days:
                self.walk.find(node, self._no_day_name(each.value))
            elif set(days) & set(named) and not self.walk.policy.on("equal_duplicates"):
                self.walk.find(node, "duplicate_day")
            named.extend(day for day in days or ("",) if day == "" or day not in named)
        return named

    def _no_day_name(self, value: object) -> str:
        if is_number(value) or (
            # White space around them counts to the length, over which nothing is read.
            isinstance(value, str) and words.is_digits(value) and (value.isdigit() or not words.too_long(value))
        ):
            return "day_number"
        if isinstance(value, str) and words.is_group(value, self.walk.policy.day_names):
            return "day_group"
        return "date" if isinstance(value, str) and words.is_date(value) else "unknown_day"

    def _is_days_list(self, member: Member) -> bool:
        value = member.node.value
        if member.name == "weekdays":
            return self.walk.policy.is_list_of_days(member.key, value)
        if member.name not in words.DAYS_LISTS:
            return False
        if isinstance(value, list):
            return not any(isinstance(item, list | dict) for item in value)
        return isinstance(value, str) or is_number(value)

    # -- keys beside the days

    def _beside(self) -> None:
        interval: list[Member] = []
        for level in self._levels:
            self._zones.extend(read_zones_and_dates(self.walk, level))
            read_breaks(self.walk, level)
            week = level is self._levels[-1] and self.shape != "list"
            for member in self.walk.members(level):
                if member.node.path not in self._taken:
                    if self._is_interval(member, week=week):
                        interval.append(member)
                    else:
                        self._judge(member, week=week)
        # White space alone says no times, but is no slot either where times are said.
        self._read_interval(interval if any(not is_absent(member.node.value) for member in interval) else [])
        for day in self.days:
            zones = self._zones_of(day)
            for zone in zones:
                if zone.name != zones[0].name:
                    self.walk.find(zone.node, "contradiction")

    def _given(self) -> list[Day]:
        return [day for day in self.days if day.reading.state == "given"]

    def _is_interval(self, member: Member, *, week: bool) -> bool:
        """Whether a key beside the days holds the times of all days that only say `true`."""
        slots = week and bool(self._given()) and member.name in words.SLOTS and not is_empty(member.node.value)
        times = role(member.name, member.node.value) == "time" and not is_absent(member.node.value)
        return slots or (times and not is_empty(member.node.value))

    def _judge(self, member: Member, *, week: bool) -> None:
        """Judge a key that is not read for times."""
        some_open = any(day.reading.state != "closed" for day in self.days)
        value = member.node.value
        kind = role(member.name, value)
        reason: str | None = None
        if kind == "flag":
            says = says_open(member.name, value)
            reason = "unreadable_flag" if says is None else "contradiction" if some_open and not says else None
        elif kind in {"obstacle", "state"}:
            always = member.name in words.ALL_DAY | words.BOOKED
            judge(self.walk, member, closed=not some_open and not always)
        elif member.name == NOTE:
            self.walk.ignore(member)
        elif not kind:
            lost = member.name in words.WRAPPERS or (week and member.name in words.SLOTS)
            reason = "ambiguous_week" if lost and is_full(value) else self._unknown_beside(member, some_open=some_open)
            if reason is None:
                self.walk.ignore(member)
        if reason is not None:
            self.walk.find(member.node, reason)

    def _unknown_beside(self, member: Member, *, some_open: bool) -> str | None:
        key = member.key
        special = words.is_digits(key) or words.is_date(key) or words.is_group(key, self.walk.policy.day_names)
        reason = (some_open and not special and says_otherwise(member)) or self._unknown(member)
        numbered = some_open and member.name != NOTE and is_numbered_time(member.name, member.node.value)
        return reason or ("unknown_key" if numbered else None)

    def _unknown(self, member: Member) -> str | None:
        """Why a key that no rule reads may not be passed over."""
        key, name, value = member.key, member.name, member.node.value
        names = self.walk.policy.day_names
        if name == NOTE:
            return None
        keyed = [day.at.value for day in self.days if self.shape == "days"]
        array_of_days = isinstance(value, list) and any(
            isinstance(v, str) and names.get(words.name_of(v)) for v in value
        )
        second_list = self.shape == "days_list" and self._is_days_list(member) and not is_empty(value)
        reason = None
        if self.days and (array_of_days or second_list):
            reason = "ambiguous_week"
        elif words.is_group(key, names):
            reason = None if value is None else "day_group"
        elif words.is_digits(key):
            reason = "day_number"
        elif words.is_date(key):
            reason = "date"
        elif name not in words.IGNORABLE and (
            (value is not None and words.mentions_day(key))
            or looks_like_hours(value, self.walk.policy)
            or (isinstance(value, str) and words.trimmed(value) and any(isinstance(day, str) for day in keyed))
            or (value is True and any(isinstance(day, bool) for day in keyed))
        ):
            reason = "unknown_day"
        return reason

    def _read_interval(self, interval: list[Member]) -> None:
        given = self._given()
        if interval and any(day.reading.state in {"open", "bad"} for day in self.days):
            self.walk.find(min((member.node for member in interval), key=lambda node: node.position), "contradiction")
        if not given:
            return
        week = self._levels[-1]
        if not interval:
            for at in [week] if self.shape == "days_list" else [day.at for day in given]:
                self.walk.find(at, "no_times")
            return
        times = Times()
        for level in self._levels:
            read_pair(self.walk, level, times, minutes={})
        for member in interval:
            if member.name in words.SLOTS:
                read_slot_key(self.walk, member.node, times, day="")
        reading = settle(self.walk, week, times, says=True)
        self._zones.extend(reading.zones)
        for day in given:
            day.reading.start, day.reading.end = reading.start, reading.end


def _wrapped(members: list[Member]) -> list[Member]:
    return [member for member in members if member.name in words.WRAPPERS and is_full(member.node.value)]


def _is_positional(value: object) -> bool:
    """Flags of the days of a group, one by one, which is not supported."""
    return isinstance(value, list) and bool(value) and all(isinstance(each, bool) for each in value)
