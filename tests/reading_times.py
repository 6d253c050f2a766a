"""How the independent reading gathers the times of one day, and holds them together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests import reading_words as words
from tests.reading_clock import (
    LAST,
    Clock,
    read_clock,
    read_hour_and_minute,
    read_number,
    read_time_object,
    whole,
)
from tests.reading_walk import Member, Node, Walk, is_absent, is_empty, is_number, path_step, role

if TYPE_CHECKING:
    from tests.reading_parts import Zone

_COUNTERPARTS = (
    ("opening", "closing"),
    ("opens", "closes"),
    ("open", "close"),
    ("start", "end"),
    ("begin", "end"),
    ("from", "to"),
)
MIDNIGHT = Clock(0, twelve=False, sure=True)
END_OF_DAY = Clock(LAST, twelve=False, sure=True)
_MINUTE = 60_000_000
_ENDS_OF_ALL_DAY = (0, LAST - _MINUTE, LAST - 1_000_000)


@dataclass(frozen=True)
class Stamp:
    """A clock time and where it stands."""

    node: Node
    clock: Clock


@dataclass
class Times:
    """What one day, or the container's interval, says about times, gathered from its own keys and its slots."""

    starts: list[Stamp] = field(default_factory=list)
    ends: list[Stamp] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    failed: bool = False
    """Something could not be read, and a finding says so."""
    empty: Node | None = None
    """A slot key that holds nothing."""
    closed: Node | None = None
    """A slot key that says closed."""
    blank: bool = False
    """Both a start and an end are there and empty, which the policy takes as closed."""
    apart: bool = False
    """Slots that the policy would have as one, were they not apart."""
    all_day: list[Node] = field(default_factory=list)
    """Flags that say: around the clock."""


@dataclass
class Reading:
    """What one day value says. `state`: closed, open, given (`true`: the container's interval), or bad."""

    state: str
    start: int | None = None
    end: int | None = None
    zones: list[Zone] = field(default_factory=list)
    apart: bool = False
    """Slots that the policy would have as one are apart, and that is what is wrong with the day."""
    clocks: list[Clock] = field(default_factory=list)
    """How the times of an open day were written."""


def minutes_apart(walk: Walk, node: Node) -> dict[str, Member]:
    """The minutes that stand under keys of their own and belong to an hour of the same object, by the first part."""
    if walk.policy.numbers != "hours":
        return {}
    hours: set[str] = set()
    minutes: dict[str, list[Member]] = {}
    for member in walk.members(node):
        if (hour := words.HOUR_APART.fullmatch(member.name)) and whole(member.node.value) is not None:
            hours.add(hour[1] or hour[2])
        elif (minute := words.MINUTE_APART.fullmatch(member.name)) and not is_empty(member.node.value):
            minutes.setdefault(minute[1], []).append(member)
    return {
        part: found[0]
        for part, found in minutes.items()
        if part in hours and len(found) == 1 and whole(found[0].node.value) in range(60)
    }


def read_pair(walk: Walk, node: Node, times: Times, *, minutes: dict[str, Member]) -> bool:
    """Read the start and end keys of one object: both or neither. Returns whether both are there and empty.

    `minutes`: those that stand under keys of their own.
    """
    present: dict[bool, list[tuple[str, Node]]] = {True: [], False: []}
    absent: dict[bool, list[Node]] = {True: [], False: []}
    for member in walk.members(node):
        if role(member.name, member.node.value) != "time":
            continue
        start = member.name in words.STARTS
        if is_absent(member.node.value):
            absent[start].append(member.node)
            continue
        present[start].append((member.key, member.node))
        hour = words.HOUR_APART.fullmatch(member.name)
        clock = clock_of(walk, member.node.value, minutes.get(hour[1] or hour[2]) if hour else None, start=start)
        if isinstance(clock, Clock):
            (times.starts if start else times.ends).append(Stamp(member.node, clock))
        else:
            walk.find(member.node, clock)
            times.failed = True
    for start in (True, False):
        if present[start] and not present[not start]:
            missing = node.path + path_step(_counterpart(present[start][0][0], start=start))
            path = absent[not start][0].path if absent[not start] else missing
            walk.find(Node(None, path, node.position), "missing_end" if start else "missing_start")
            times.failed = True
    return not any(present.values()) and all(absent.values())


def _counterpart(key: str, *, start: bool) -> str:
    """How a document that writes `openTime` would write its end."""
    pairs = _COUNTERPARTS if start else tuple((end, begin) for begin, end in _COUNTERPARTS if begin != "begin")
    for old, new in pairs:
        for before, after in ((old, new), (old.capitalize(), new.capitalize())):
            if before in key:
                return key.replace(before, after, 1)
    return "end" if start else "start"


def clock_of(walk: Walk, value: object, minute: Member | None = None, *, start: bool) -> Clock | str:
    """Read what stands under a start or an end key, or on a side of a pair. `minute`: stood under a key of its own."""
    if isinstance(value, str):
        return text_clock(walk, value, start=start)
    if minute is not None and (hour := whole(value)) is not None:
        return read_hour_and_minute(hour, whole(minute.node.value) or 0, end=not start)
    if is_number(value):
        return read_number(value, end=not start, policy=walk.policy)
    if isinstance(value, dict) and walk.policy.on("time_objects"):
        return read_time_object(value, end=not start)
    return "not_a_time"


def text_clock(walk: Walk, text: str, *, start: bool) -> Clock | str:
    """Read a time that is a text, by the rule of four digits."""
    clock = read_clock(text, end=not start, policy=walk.policy)
    if isinstance(clock, Clock) and clock.four:
        walk.fours.append(words.trimmed(text))
        # 1440 is a clock time, and the minutes of a day.
        return clock if walk.four_digits and words.trimmed(text) != "1440" else "ambiguous_time"
    return clock


def settle(walk: Walk, at: Node, times: Times, *, says: bool | None) -> Reading:
    """Hold together all that was gathered about one day at `at`. `says`: what the day's own flags say."""
    reading = Reading("bad", zones=times.zones)
    reading.apart = times.apart
    if times.failed:
        return reading
    given = bool(times.starts or times.ends)
    if times.all_day and times.closed is None:
        _stand_around_the_clock(times)
        given = True
    if times.closed is not None and (given or says or times.all_day):
        walk.find(times.closed, "contradiction")
    elif times.closed is not None or (not given and says is None and (times.empty is not None or times.blank)):
        reading.state = "closed"
    elif not given:
        walk.find(times.empty if times.empty is not None and says else at, "no_times")
    else:
        _move_midnight(walk, times)
        odd = _odd(times)
        if times.starts[0].clock.micros >= times.ends[0].clock.micros:
            odd.append((at, "start_not_before_end"))
        if not odd:
            reading.state = "open"
            reading.start, reading.end = times.starts[0].clock.micros, times.ends[0].clock.micros
            reading.clocks = [stamp.clock for stamp in (*times.starts, *times.ends)]
        for node, reason in odd:
            walk.find(node, reason)
    return reading


def _stand_around_the_clock(times: Times) -> None:
    """Take the flags that say so for a start at 00:00 and an end at 24:00, and the last minute for the end."""
    times.ends = [
        Stamp(stamp.node, replace(stamp.clock, micros=LAST)) if stamp.clock.micros in _ENDS_OF_ALL_DAY else stamp
        for stamp in times.ends
    ]
    times.starts.extend(Stamp(flag, MIDNIGHT) for flag in times.all_day)
    times.ends.extend(Stamp(flag, END_OF_DAY) for flag in times.all_day)


def _move_midnight(walk: Walk, times: Times) -> None:
    """Take 00:00 as an end for the end of the day, where the policy says so."""
    first = min(times.starts, key=lambda stamp: stamp.node.position).clock.micros
    if walk.policy.on("midnight_end" if first else "whole_day"):
        times.ends = [
            stamp if stamp.clock.micros else Stamp(stamp.node, replace(stamp.clock, micros=LAST))
            for stamp in times.ends
        ]


def _odd(times: Times) -> list[tuple[Node, str]]:
    """What keeps all starts from being one, all ends from being one, and all from being on one kind of clock."""
    odd: list[tuple[Node, str]] = []
    for same in (times.starts, times.ends):
        same.sort(key=lambda stamp: stamp.node.position)
        odd.extend((each.node, "contradiction") for each in same if each.clock.micros != same[0].clock.micros)
    stamps = sorted([*times.starts, *times.ends], key=lambda stamp: stamp.node.position)
    if not is_one_clock([stamp.clock for stamp in stamps]):
        odd.extend((each.node, "mixed_clock") for each in stamps if each.clock.twelve != stamps[0].clock.twelve)
    return odd


def is_one_clock(clocks: list[Clock]) -> bool:
    """Whether times may stand side by side: all with am/pm, all without, or all beyond doubt."""
    return all(clock.sure for clock in clocks) or len({clock.twelve for clock in clocks}) == 1
