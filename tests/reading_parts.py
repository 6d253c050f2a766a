"""How the independent reading judges the keys of one object that are no times: flags, zones, dates, breaks, states."""

from __future__ import annotations

from dataclasses import dataclass

from tests import reading_words as words
from tests.reading_walk import (
    Member,
    Node,
    Walk,
    is_empty,
    is_number,
    is_off,
    is_zero,
    role,
    says_open,
)
from tests.reading_words import flag_of


@dataclass(frozen=True)
class Zone:
    """A zone that was named, and where."""

    node: Node
    name: str


def read_flags(walk: Walk, node: Node) -> tuple[Node | None, bool | None]:
    """Read the flags of an object: the one that closes it, and whether one opens it (None: there is no flag)."""
    flags: list[tuple[Node, bool]] = []
    for member in walk.members(node):
        if role(member.name, member.node.value) == "flag":
            says = says_open(member.name, member.node.value)
            if says is None:
                walk.find(member.node, "unreadable_flag")
            else:
                flags.append((member.node, says))
    odd = next((flag for flag, says in flags if says != flags[0][1]), None)
    if odd is not None:
        walk.find(odd, "contradiction")
    closing = next((flag for flag, says in flags if not says), None)
    return closing, any(says for _, says in flags) if flags else None


def read_zones_and_dates(walk: Walk, node: Node) -> list[Zone]:
    """Judge what counts on closed days too: zones, dates, recurrence. Returns the readable zones."""
    zones: list[Zone] = []
    for member in walk.members(node):
        kind, reason = role(member.name, member.node.value), ""
        if kind == "zone":
            zone, reason = _zone(walk, member)
            zones.extend([Zone(member.node, zone)] if zone else [])
        elif kind == "when":
            reason = _dated(member.name, member.node.value)
        if reason:
            walk.find(member.node, reason)
    return zones


def _zone(walk: Walk, member: Member) -> tuple[str, str]:
    """The zone that a key names, or why it names none; neither if it says nothing."""
    value, policy = member.node.value, walk.policy
    offset = member.name not in words.ZONES
    text = words.trimmed(value) if isinstance(value, str) and not words.too_long(value) else None
    if value is None or (text == "" and policy.on("empty_zone")):
        return "", ""
    if text in walk.zones and not offset:
        return str(text), ""
    alias = policy.zone_aliases.get(text) if text is not None else None
    if alias in walk.zones:
        return str(alias), ""
    return "", "zone_offset" if offset else "zone_unknown"


def _dated(name: str, value: object) -> str:
    if name in words.DATES:
        return "" if is_empty(value) or value is False else "date"
    if name in words.FORTNIGHTS:
        return "" if is_off(value) else "not_weekly"
    weekly = isinstance(value, str) and words.lowered(words.trimmed(value)) == "weekly"
    return "" if value is None or weekly or flag_of(value) is True else "not_weekly"


def read_breaks(walk: Walk, node: Node) -> None:
    """Judge the breaks of one object, and the switches that turn them off."""
    members = [member for member in walk.members(node) if role(member.name, member.node.value) == "break"]
    switches = [member.node for member in members if member.name in words.BREAK_SWITCHES]
    for switch in switches:
        if not is_off(switch.value):
            walk.find(switch, "break")
    if not any(flag_of(switch.value) is False for switch in switches):
        for member in members:
            if member.name not in words.BREAK_SWITCHES and not _is_break_off(walk, member.node):
                walk.find(member.node, "break")


def _is_break_off(walk: Walk, node: Node) -> bool:
    if is_empty(node.value) or node.value is False or is_zero(node.value):
        return True
    return any(
        member.name in words.POSITIVE | {"open"} and says_open(member.name, member.node.value) is False
        for member in walk.members(node)
    )


def judge(walk: Walk, member: Member, *, closed: bool) -> None:
    """Judge a key that makes an open day something else: all-day, booked, deleted; status words; seats."""
    name, value, reason = member.name, member.node.value, "contradiction"
    if name in words.STATUSES:
        away = isinstance(value, str) and words.lowered(words.trimmed(value)) in words.AWAY_WORDS
        passed = not (away or value is False or is_zero(value))
    elif name in words.SEATS:
        passed = value is None or (is_number(value) and value >= 1)
    else:
        reason = "all_day" if name in words.ALL_DAY else "booked" if name in words.BOOKED else reason
        passed = is_off(value)
    if not passed and not closed:
        walk.find(member.node, reason)


def read_all_day(walk: Walk, node: Node) -> list[Node]:
    """The flags that say of a day that it is open around the clock, where the policy has such flags read."""
    flags = [member.node for member in walk.members(node) if member.name in words.ALL_DAY]
    for flag in flags:
        if not is_off(flag.value) and flag_of(flag.value) is not True:
            walk.find(flag, "all_day")
    on = [flag for flag in flags if flag_of(flag.value) is True]
    if on and any(flag_of(flag.value) is False for flag in flags):
        walk.find(on[0], "contradiction")
    return on
