"""How the independent reading reads one day: its value, object and slots."""

from __future__ import annotations

from itertools import pairwise

from tests import reading_words as words
from tests.reading_clock import Clock, range_sides, read_clock
from tests.reading_parts import judge, read_all_day, read_breaks, read_flags, read_zones_and_dates
from tests.reading_policy import NOTE, Policy
from tests.reading_times import (
    END_OF_DAY,
    MIDNIGHT,
    Reading,
    Stamp,
    Times,
    clock_of,
    is_one_clock,
    minutes_apart,
    read_pair,
    settle,
    text_clock,
)
from tests.reading_walk import (
    Member,
    Node,
    Walk,
    has_times,
    holds_times,
    is_number,
    role,
    says_otherwise,
)


def is_too_large(value: object) -> bool:
    """More in one day than is looked into."""
    return isinstance(value, dict | list) and len(value) > words.MOST_IN_DAY


def read_day(walk: Walk, node: Node, day: str) -> Reading:
    """Read the value of a day's key. `day`: "" for the key of several days."""
    value = node.value
    if value is None or value is False or value == []:
        return Reading("closed")
    if value is True:
        return Reading("given")
    if is_too_large(value):
        walk.find(node, "too_large", rank=0)
        return Reading("bad")
    if isinstance(value, dict) and value:
        return read_object(walk, node, day=day)
    times = Times()
    _slots(walk, node, times, day=day)
    return settle(walk, node, times, says=None)


def read_object(walk: Walk, node: Node, *, day: str | None) -> Reading:
    """Read a day's object. `day`: None for an entry of a list, whose day keys the list reads."""
    times = Times()
    closed, says = _parts(walk, node, times, day=day, slot=False)
    if closed is not None and day is None and has_times(walk, node):
        walk.find(closed, "absence")
        return Reading("bad", zones=times.zones)
    if closed is not None:
        return Reading("closed", zones=times.zones)
    for member in walk.members(node):
        if member.name in words.SLOTS:
            read_slot_key(walk, member.node, times, day=day)
    return settle(walk, node, times, says=says)


def _parts(walk: Walk, node: Node, times: Times, *, day: str | None, slot: bool) -> tuple[Node | None, bool | None]:
    """Read all keys of a day's, entry's or slot's object but its slots.

    Returns the flag that closes it, and whether a flag opens it (None: no flag).
    """
    closed, says = read_flags(walk, node)
    times.zones.extend(read_zones_and_dates(walk, node))
    all_day = walk.policy.on("all_day") and not slot and closed is None
    minutes = minutes_apart(walk, node) if closed is None else {}
    if closed is None:
        read_breaks(walk, node)
        blank = read_pair(walk, node, times, minutes=minutes)
        times.blank = times.blank or (blank and not says and walk.policy.on("empty_times"))
    if all_day:
        times.all_day = read_all_day(walk, node)
    read = {member.key for member in minutes.values()}
    for member in walk.members(node):
        kind = role(member.name, member.node.value)
        if member.name in words.DAY_FIELDS:
            value = member.node.value
            if (slot or day is not None) and value is not None and not _names_just(walk, value, day):
                walk.find(member.node, "contradiction")
        elif kind in {"obstacle", "state"}:
            if not (all_day and member.name in words.ALL_DAY):
                judge(walk, member, closed=closed is not None)
        elif not kind and (slot or member.name not in words.SLOTS) and member.key not in read:
            _unknown(walk, member, closed=closed is not None, slot=slot)
    return closed, says


def _unknown(walk: Walk, member: Member, *, closed: bool, slot: bool) -> None:
    """Judge a key of a day that no rule reads."""
    reason = ""
    if not closed and member.name != NOTE:
        reason = says_otherwise(member, slot=slot)
        if not reason and holds_times(member.key, member.node.value, walk.policy):
            reason = "unknown_key"
    if reason:
        walk.find(member.node, reason)
    else:
        walk.ignore(member)


def _names_just(walk: Walk, value: object, day: str | None) -> bool:
    values = value if isinstance(value, list) else [value]
    return day is not None and bool(values) and all(walk.policy.days_named(each) == (day,) for each in values)


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
    elif _is_pair(walk, items):
        _pair(walk, items, node, times)
    elif times.starts or not _join(walk, items, node, times, day=day):
        times.failed = True
        if len(items) > 1:
            reason = _several(walk, [item.value for item in items])
            times.apart = reason == "several_slots" and _may_join(walk, items)
            walk.find(node, reason)
        elif is_number(value):
            walk.find(node, "slot_starts" if items else "bare_number")
        else:
            walk.find(node, "not_a_range" if isinstance(value, list) else "no_times")


def _is_time_text(policy: Policy, value: object) -> bool:
    return isinstance(value, str) and isinstance(read_clock(words.trimmed(value), end=True, policy=policy), Clock)


def _several(walk: Walk, values: list[object]) -> str:
    usual = Policy(separators=walk.policy.separators)
    starts = all(is_number(value) or _is_time_text(usual, value) for value in values)
    return ("pair_or_starts" if len(values) == 2 else "slot_starts") if starts else "several_slots"


def _slot(walk: Walk, node: Node, key: Node, times: Times, *, day: str | None) -> None:
    closed, _ = _parts(walk, node, times, day=day, slot=True)
    if closed is not None and has_times(walk, node):
        walk.find(closed, "absence")
        times.failed = True
    elif closed is not None:
        times.closed = times.closed or key


def _is_pair(walk: Walk, items: list[Node]) -> bool:
    """Whether a list is a start and an end, which only a policy can say."""
    if len(items) != 2 or not walk.policy.on("pairs"):
        return False
    usual = Policy(separators=walk.policy.separators)
    return all(_is_time_text(usual, item.value) for item in items)


def _pair(walk: Walk, items: list[Node], node: Node, times: Times) -> None:
    start, end = (clock_of(walk, item.value, start=start) for start, item in zip((True, False), items, strict=True))
    _stamp(walk, start, end, node, times)


def _may_join(walk: Walk, items: list[Node]) -> bool:
    kinds = {type(item.value) for item in items}
    return len(items) > 1 and walk.policy.on("adjacent_slots") and kinds in ({dict}, {str})


def _join(walk: Walk, items: list[Node], node: Node, times: Times, *, day: str | None) -> bool:
    """Read several slots as one, if the policy says so, each is open, and each begins where the one before ends."""
    if not _may_join(walk, items):
        return False
    aside, parts = walk.aside(), [Times() for _ in items]
    readings: list[Reading] = []
    for item, own in zip(items, parts, strict=True):
        if isinstance(item.value, str):
            _text(aside, item.value, item, own)
        else:
            _slot(aside, item, item, own, day=day)
        readings.append(settle(aside, item, own, says=None))
    # Also where they are apart, their times of four digits are some of the document's.
    walk.fours.extend(aside.fours)
    stamps = [stamp for own in parts for stamp in (*own.starts, *own.ends)]
    if not is_one_clock([stamp.clock for stamp in stamps]) or joint_interval(readings) is None:
        return False
    walk.join(aside)
    start = min((own.starts[0] for own in parts), key=lambda stamp: stamp.clock.micros)
    end = max((own.ends[0] for own in parts), key=lambda stamp: stamp.clock.micros)
    times.starts.append(Stamp(node, start.clock))
    times.ends.append(Stamp(node, end.clock))
    times.zones.extend(zone for own in parts for zone in own.zones)
    return True


def joint_interval(readings: list[Reading]) -> tuple[int, int] | None:
    """The one interval that several make up; None if one is not open, or they leave a gap, or overlap."""
    intervals: list[tuple[int, int]] = []
    for reading in readings:
        if reading.state != "open" or reading.start is None or reading.end is None:
            return None
        intervals.append((reading.start, reading.end))
    intervals.sort()
    if any(before[1] != after[0] for before, after in pairwise(intervals)):
        return None
    return intervals[0][0], intervals[-1][1]


def _text(walk: Walk, text: str, node: Node, times: Times) -> None:
    """Read a day's string."""
    if walk.policy.is_closed_word(text):
        times.closed = times.closed or node
        return
    if walk.policy.is_all_day_word(text):
        _stamp(walk, MIDNIGHT, END_OF_DAY, node, times)
        return
    sides = range_sides(text)
    if sides is not None:
        start, end = text_clock(walk, sides[0], start=True), text_clock(walk, sides[1], start=False)
        _stamp(walk, start, end, node, times)
        return
    if not words.too_long(text) and not words.trimmed(text):
        reason = "empty_value"
    else:
        usual = Policy(separators=walk.policy.separators)
        reason = "slot_starts" if _is_time_text(usual, text) else "not_a_range"
    walk.find(node, reason)
    times.failed = True


def _stamp(walk: Walk, start: Clock | str, end: Clock | str, node: Node, times: Times) -> None:
    """Keep a start and an end that stand in one value, or find what is wrong with them."""
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
