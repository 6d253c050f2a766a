"""What the independent reading makes of days that a document says twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.reading_days import joint_interval
from tests.reading_times import Reading, is_one_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.reading_walk import Node, Walk


@dataclass(frozen=True)
class Day:
    """A day of the week found; "" as its name stands for one that cannot be told."""

    name: str
    at: Node
    reading: Reading


def said_once(walk: Walk, days: list[Day], zone_of: Callable[[Day], str | None], *, entries: bool) -> list[Day]:
    """Make one of days that are said twice, where the policy says how; else they are findings.

    `entries`: the days are entries of a list, which may be slots of one day.
    """
    kept: list[Day] = []
    failed: set[str] = set()
    for name in dict.fromkeys(day.name for day in days if day.name):
        said = [day for day in days if day.name == name]
        one = _one_of(walk, said, zone_of, entries=entries)
        if one is None and not any(day.reading.apart for day in said):
            failed.add(name)
        kept.append(one or said[0])
    for place, day in enumerate(days):
        twin = next((each for each in days[:place] if each.name == day.name and each.at is not day.at), None)
        if day.name in failed and twin is not None and not _is_equal(walk, twin, day, zone_of):
            walk.find(day.at, _reason(twin.reading, day.reading, entries=entries), rank=1)
    return kept


def _one_of(walk: Walk, said: list[Day], zone_of: Callable[[Day], str | None], *, entries: bool) -> Day | None:
    rest = said[:1]
    for day in said[1:]:
        if not any(_is_equal(walk, other, day, zone_of) for other in rest):
            rest.append(day)
    if len(rest) == 1:
        return rest[0]
    joined = joint_interval([day.reading for day in rest])
    if not entries or not walk.policy.on("adjacent_slots") or joined is None or len(set(map(zone_of, rest))) > 1:
        return None
    if not is_one_clock([clock for day in rest for clock in day.reading.clocks]):
        return None
    return Day(said[0].name, said[0].at, Reading("open", *joined, rest[0].reading.zones))


def _is_equal(walk: Walk, one: Day, other: Day, zone_of: Callable[[Day], str | None]) -> bool:
    if one.at is other.at:
        return True
    first, second = one.reading, other.reading
    return (
        walk.policy.on("equal_duplicates")
        and first.state == second.state != "bad"
        and (first.start, first.end) == (second.start, second.end)
        and zone_of(one) == zone_of(other)
    )


def _reason(first: Reading, second: Reading, *, entries: bool) -> str:
    several = first.state == second.state == "open" and (first.start, first.end) != (second.start, second.end)
    return "several_slots" if several and entries else "duplicate_day"
