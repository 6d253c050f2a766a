"""How the independent reading reads one day: its value, object, slots and times."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests import reading_words as words
from tests.reading_clock import Clock, range_sides, read_clock
from tests.reading_walk import (
    Node,
    Walk,
    has_times,
    holds_times,
    is_absent,
    is_empty,
    is_number,
    is_off,
    is_zero,
    path_step,
    role,
    says_open,
)
from tests.reading_words import flag_of

_COUNTERPARTS = (
    ("opening", "closing"),
    ("opens", "closes"),
    ("open", "close"),
    ("start", "end"),
    ("begin", "end"),
    ("from", "to"),
)


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
    zones: list[Node] = field(default_factory=list)
    failed: bool = False
    """Something could not be read, and a finding says so."""
    empty: Node | None = None
    """A slot key that holds nothing."""
    closed: Node | None = None
    """A slot key that says closed."""


@dataclass
class Reading:
    """What one day value says. `state`: closed, open, given (`true`: the container's interval), or bad."""

    state: str
    start: int | None = None
    end: int | None = None
    zones: list[Node] = field(default_factory=list)


def read_day(walk: Walk, node: Node, day: str) -> Reading:
    """Read the value of a day's key."""
    value = node.value
    if value is None or value is False or value == []:
        return Reading("closed")
    if value is True:
        return Reading("given")
    if isinstance(value, dict) and value:
        return read_object(walk, node, day=day)
    times = Times()
    _slots(walk, node, times, day=day)
    return settle(walk, node, times, says=None)


def read_object(walk: Walk, node: Node, *, day: str | None) -> Reading:
    """Read a day's object. `day`: None for an entry of a list, whose day keys the list reads."""
    times = Times()
    closed, says = _parts(walk, node, times, day=day, slot=False)
    if closed is not None and day is None and has_times(node):
        walk.find(closed, "absence")
        return Reading("bad", zones=times.zones)
    if closed is not None:
        return Reading("closed", zones=times.zones)
    for _, name, member in node.members():
        if name in words.SLOTS:
            read_slot_key(walk, member, times, day=day)
    return settle(walk, node, times, says=says)


def _parts(walk: Walk, node: Node, times: Times, *, day: str | None, slot: bool) -> tuple[Node | None, bool | None]:
    """Read all keys of a day's, entry's or slot's object but its slots.

    Returns the flag that closes it, and whether a flag opens it (None: no flag).
    """
    closed, says = _flags(walk, node)
    times.zones.extend(read_zones_and_dates(walk, node))
    if closed is None:
        read_breaks(walk, node)
        read_pair(walk, node, times)
    for key, name, member in node.members():
        kind = role(name, member.value)
        if name in words.DAY_FIELDS:
            if (slot or day is not None) and member.value is not None and not _names_just(member.value, day):
                walk.find(member, "contradiction")
        elif kind in {"obstacle", "state"}:
            judge(walk, name, member, closed=closed is not None)
        elif not kind and (slot or name not in words.SLOTS):
            if closed is None and holds_times(key, member.value):
                walk.find(member, "unknown_key")
            else:
                walk.ignore(name, member)
    return closed, says


def _flags(walk: Walk, node: Node) -> tuple[Node | None, bool | None]:
    flags: list[tuple[Node, bool]] = []
    for _, name, member in node.members():
        if role(name, member.value) == "flag":
            says = says_open(name, member.value)
            if says is None:
                walk.find(member, "unreadable_flag")
            else:
                flags.append((member, says))
    odd = next((member for member, says in flags if says != flags[0][1]), None)
    if odd is not None:
        walk.find(odd, "contradiction")
    closing = next((member for member, says in flags if not says), None)
    return closing, any(says for _, says in flags) if flags else None


def _names_just(value: object, day: str | None) -> bool:
    values = value if isinstance(value, list) else [value]
    return (
        day is not None
        and bool(values)
        and all(isinstance(each, str) and words.day_named(each) == day for each in values)
    )


def read_zones_and_dates(walk: Walk, node: Node) -> list[Node]:
    """Judge what counts on closed days too: zones, dates, recurrence. Returns the readable zones."""
    zones: list[Node] = []
    for _, name, member in node.members():
        value, reason = member.value, ""
        if name in words.ZONES:
            if isinstance(value, str) and words.trimmed(value) in walk.zones:
                zones.append(member)
            elif value is not None:
                reason = "zone_unknown"
        elif role(name, value) == "zone" and value is not None:
            reason = "zone_offset"
        elif role(name, value) == "when":
            reason = _dated(name, value)
        if reason:
            walk.find(member, reason)
    return zones


def _dated(name: str, value: object) -> str:
    if name in words.DATES:
        return "" if is_empty(value) or value is False else "date"
    if name in words.FORTNIGHTS:
        return "" if is_off(value) else "not_weekly"
    weekly = isinstance(value, str) and words.lowered(words.trimmed(value)) == "weekly"
    return "" if value is None or weekly or flag_of(value) is True else "not_weekly"


def read_breaks(walk: Walk, node: Node) -> None:
    """Judge the breaks of one object, and the switches that turn them off."""
    members = [(name, member) for _, name, member in node.members() if role(name, member.value) == "break"]
    switches = [member for name, member in members if name in words.BREAK_SWITCHES]
    for member in switches:
        if not is_off(member.value):
            walk.find(member, "break")
    if not any(flag_of(member.value) is False for member in switches):
        for name, member in members:
            if name not in words.BREAK_SWITCHES and not _is_break_off(member):
                walk.find(member, "break")


def _is_break_off(node: Node) -> bool:
    if is_empty(node.value) or node.value is False or is_zero(node.value):
        return True
    return any(
        name in words.POSITIVE | {"open"} and says_open(name, member.value) is False
        for _, name, member in node.members()
    )


def judge(walk: Walk, name: str, member: Node, *, closed: bool) -> None:
    """Judge a key that makes an open day something else: all-day, booked, deleted; status words; seats."""
    value, reason = member.value, "contradiction"
    if name in words.STATUSES:
        away = isinstance(value, str) and words.lowered(words.trimmed(value)) in words.AWAY_WORDS
        passed = not (away or value is False or is_zero(value))
    elif name in words.SEATS:
        passed = value is None or (isinstance(value, int | float) and is_number(value) and value >= 1)
    else:
        reason = "all_day" if name in words.ALL_DAY else "booked" if name in words.BOOKED else reason
        passed = is_off(value)
    if not passed and not closed:
        walk.find(member, reason)


def read_pair(walk: Walk, node: Node, times: Times) -> None:
    """Read the start and end keys of one object: both or neither."""
    present: dict[bool, list[tuple[str, Node]]] = {True: [], False: []}
    absent: dict[bool, list[Node]] = {True: [], False: []}
    for key, name, member in node.members():
        if role(name, member.value) != "time":
            continue
        start = name in words.STARTS
        if is_absent(member.value):
            absent[start].append(member)
            continue
        present[start].append((key, member))
        clock: Clock | str = "bare_number" if is_number(member.value) else "not_a_time"
        if isinstance(member.value, str):
            clock = _clock(walk, member.value, start=start)
        if isinstance(clock, Clock):
            (times.starts if start else times.ends).append(Stamp(member, clock))
        else:
            walk.find(member, clock)
            times.failed = True
    for start in (True, False):
        if present[start] and not present[not start]:
            missing = node.path + path_step(_counterpart(present[start][0][0], start=start))
            path = absent[not start][0].path if absent[not start] else missing
            walk.find(Node(None, path, node.position), "missing_end" if start else "missing_start")
            times.failed = True


def _counterpart(key: str, *, start: bool) -> str:
    """How a document that writes `openTime` would write its end."""
    pairs = _COUNTERPARTS if start else tuple((end, begin) for begin, end in _COUNTERPARTS if begin != "begin")
    for old, new in pairs:
        for before, after in ((old, new), (old.capitalize(), new.capitalize())):
            if before in key:
                return key.replace(before, after, 1)
    return "end" if start else "start"


def _clock(walk: Walk, text: str, *, start: bool) -> Clock | str:
    clock = read_clock(text, end=not start)
    if isinstance(clock, Clock) and clock.four:
        walk.fours.append(words.trimmed(text))
        return clock if walk.four_digits else "ambiguous_time"
    return clock


def read_slot_key(walk: Walk, node: Node, times: Times, *, day: str | None) -> None:
    """Read what a key like `slots` or `hours` holds."""
    if node.value is None or node.value == []:
        times.empty = times.empty or node
    elif isinstance(node.value, bool):
        walk.find(node, "not_a_range")
        times.failed = True
    elif isinstance(node.value, dict):
        _slot(walk, node, node, times, day=day)
    else:
        _slots(walk, node, times, day=day)


def _slots(walk: Walk, node: Node, times: Times, *, day: str | None) -> None:
    """Read a day's value, or a slot key's, that is no object with keys and not empty. Findings stand at `node`."""
    items = node.items()
    value = items[0].value if len(items) == 1 else node.value
    if len(items) == 1 and isinstance(value, dict):
        _slot(walk, items[0], node, times, day=day)
    elif isinstance(value, str):
        _text(walk, value, node, times)
    else:
        times.failed = True
        if len(items) > 1:
            walk.find(node, _several([item.value for item in items]))
        elif is_number(value):
            walk.find(node, "slot_starts" if items else "bare_number")
        else:
            walk.find(node, "not_a_range" if isinstance(value, list) else "no_times")


def _several(values: list[object]) -> str:
    starts = all(
        is_number(value) or (isinstance(value, str) and isinstance(read_clock(value, end=True), Clock))
        for value in values
    )
    return ("pair_or_starts" if len(values) == 2 else "slot_starts") if starts else "several_slots"


def _slot(walk: Walk, node: Node, key: Node, times: Times, *, day: str | None) -> None:
    closed, _ = _parts(walk, node, times, day=day, slot=True)
    if closed is not None and has_times(node):
        walk.find(closed, "absence")
        times.failed = True
    elif closed is not None:
        times.closed = times.closed or key


def _text(walk: Walk, text: str, node: Node, times: Times) -> None:
    """Read a day's string."""
    if words.is_closed_word(text):
        times.closed = times.closed or node
        return
    sides = range_sides(text)
    if not words.trimmed(text):
        reason = "empty_value"
    elif sides is None:
        reason = "slot_starts" if isinstance(read_clock(text, end=True), Clock) else "not_a_range"
    else:
        start, end = _clock(walk, sides[0], start=True), _clock(walk, sides[1], start=False)
        if isinstance(start, str) or isinstance(end, str):
            reason = start if isinstance(start, str) else str(end)
        elif start.twelve != end.twelve:
            reason = "mixed_clock"
        else:
            times.starts.append(Stamp(node, start))
            times.ends.append(Stamp(node, end))
            return
    walk.find(node, reason)
    times.failed = True


def settle(walk: Walk, at: Node, times: Times, *, says: bool | None) -> Reading:
    """Hold together all that was gathered about one day at `at`. `says`: what the day's own flags say."""
    reading = Reading("bad", zones=times.zones)
    given = bool(times.starts or times.ends)
    if times.failed:
        return reading
    if times.closed is not None and (given or says):
        walk.find(times.closed, "contradiction")
    elif times.closed is not None or (not given and times.empty is not None and says is None):
        reading.state = "closed"
    elif not given:
        walk.find(times.empty if times.empty is not None and says else at, "no_times")
    elif _agree(walk, at, times):
        reading.state = "open"
        reading.start, reading.end = times.starts[0].clock.micros, times.ends[0].clock.micros
    return reading


def _agree(walk: Walk, at: Node, times: Times) -> bool:
    """Whether all starts are one, all ends are one, and the one is before the other, on one kind of clock."""
    odd: list[tuple[Node, str]] = []
    for same in (times.starts, times.ends):
        same.sort(key=lambda stamp: stamp.node.position)
        odd.extend((each.node, "contradiction") for each in same if each.clock.micros != same[0].clock.micros)
    stamps = sorted([*times.starts, *times.ends], key=lambda stamp: stamp.node.position)
    if not all(stamp.clock.sure for stamp in stamps):
        odd.extend((each.node, "mixed_clock") for each in stamps if each.clock.twelve != stamps[0].clock.twelve)
    if times.starts[0].clock.micros >= times.ends[0].clock.micros:
        odd.append((at, "start_not_before_end"))
    for node, reason in odd:
        walk.find(node, reason)
    return not odd
