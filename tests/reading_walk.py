"""What the independent reading walks on: nodes with their paths, findings, and the questions asked of plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, TypeGuard

from tests import reading_words as words
from tests.reading_clock import is_half, is_range, is_time
from tests.reading_policy import DEFAULT, NOTE, Policy
from tests.reading_words import flag_of, folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# Invisible, combining and control characters: a path must show what keeps a key from being `monday`.
_UNSEEN = re.compile(
    "[\x01-\x1f\x7f-\xa0\xad\u0300-\u036f\u061c\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb]"
)


@lru_cache(100_000)
def path_step(key: str) -> str:
    """How a key is written in a path."""
    if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", key):
        return f".{key}"
    key = key.replace("\\", "\\\\").replace("'", "\\'")
    return "['" + _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", key) + "']"


@dataclass(frozen=True)
class Node:
    """A value of the document and where it stands. `position` orders nodes as the document does."""

    value: object
    path: str = "$"
    position: tuple[int, ...] = ()

    def items(self) -> list[Node]:
        """The elements; nothing if this is no array."""
        if not isinstance(self.value, list):
            return []
        return [Node(item, f"{self.path}[{i}]", (*self.position, i)) for i, item in enumerate(self.value)]


@dataclass(frozen=True)
class Member:
    """A key of an object: as it is written, as it is read, and its value."""

    key: str
    name: str
    node: Node


@dataclass
class Walk:
    """One walk over one document: what it knows beforehand, and what it has found."""

    zones: Collection[str]
    four_digits: bool
    """Whether four digits without a colon are a time."""
    fours: list[str] = field(default_factory=list)
    """The times of four digits that were met."""
    findings: list[tuple[tuple[int, ...], int, Node, str]] = field(default_factory=list)
    """Position, rank among the findings of one node, node, reason."""
    ignored: list[Node] = field(default_factory=list)

    policy: Policy = DEFAULT
    _members: dict[tuple[int, ...], list[Member]] = field(default_factory=dict)

    def members(self, node: Node) -> list[Member]:
        """The keys of an object in JSONB's order; nothing if this is no object."""
        if not isinstance(node.value, dict):
            return []
        if node.position in self._members:
            return self._members[node.position]
        keys = sorted(node.value, key=lambda key: (len(key.encode()), key.encode()))
        members = [
            Member(
                key,
                self.policy.name(key, node.value[key]),
                Node(node.value[key], node.path + path_step(key), (*node.position, rank)),
            )
            for rank, key in enumerate(keys)
        ]
        self._members[node.position] = members
        return members

    def find(self, node: Node, reason: str, *, rank: int = 2) -> None:
        self.findings.append((node.position, rank, node, reason))

    def ignore(self, member: Member) -> None:
        """Pass over a key; but a zone below it would be lost, and another one written."""
        self.ignored.append(member.node)
        if (
            member.name != NOTE
            and member.name not in words.EXCEPTIONS
            and any(
                value is not None and (is_zone_key(folded(key)) or is_zone_key(self.policy.name(key, value)))
                for key, value in keys_below(member.node.value)
            )
        ):
            self.find(member.node, "zone_unknown")

    def aside(self) -> Walk:
        """A walk of its own over a part of this document, whose findings may be dropped."""
        return Walk(self.zones, self.four_digits, policy=self.policy)

    def join(self, other: Walk) -> None:
        """Keep what a walk aside has met."""
        self.findings.extend(other.findings)
        self.ignored.extend(other.ignored)


_ROLES = {
    **dict.fromkeys(words.ALL_DAY | words.BOOKED | words.VOID, "obstacle"),
    **dict.fromkeys(words.STATUSES | words.SEATS, "state"),
    **dict.fromkeys(words.DATES | words.RECURRENCES | words.FORTNIGHTS, "when"),
    **dict.fromkeys(words.STARTS | words.ENDS, "time"),
}
_HOUR_KEYS = words.STARTS | words.ENDS | words.POSITIVE | words.NEGATIVE | words.SLOTS


def role(name: str, value: object) -> str:
    """What a key is for, wherever it stands; "" if that depends on the place."""
    if is_flag(name, value):
        return "flag"
    return _role_of_name(name)


@lru_cache(100_000)
def _role_of_name(name: str) -> str:
    if is_zone_key(name):
        return "zone"
    if any(stem in name for stem in words.BREAK_STEMS) and name not in words.VOID:
        return "break"
    return _ROLES.get(name, "")


def is_flag(name: str, value: object) -> bool:
    """`open` and `close` hold a flag in some documents and a time in others: their type decides."""
    if name == "open":
        return isinstance(value, bool) or (isinstance(value, str) and flag_of(value) is not None)
    return name in words.POSITIVE or name in words.NEGATIVE or (name == "close" and isinstance(value, bool))


def says_open(name: str, value: object) -> bool | None:
    """What a flag says; None if it cannot be read, as `close: true`, which may mean either."""
    says = None if name == "close" else flag_of(value)
    return says if says is None else says != (name in words.NEGATIVE)


def is_zone_key(name: str) -> bool:
    return name in words.ZONES or name in words.ZONE_OFFSETS or any(stem in name for stem in words.ZONE_STEMS)


def is_number(value: object) -> TypeGuard[int | float | Decimal]:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_zero(value: object) -> bool:
    return is_number(value) and value == 0


def is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def is_absent(value: object) -> bool:
    """A time that was not given."""
    return value is None or (isinstance(value, str) and not words.too_long(value) and not words.trimmed(value))


def is_off(value: object) -> bool:
    """A switch that is certainly not on."""
    return value is None or flag_of(value) is False


def is_full(value: object) -> bool:
    """An object or array that holds something."""
    return isinstance(value, list | dict) and bool(value)


def has_times(walk: Walk, node: Node) -> bool:
    """Whether an object says anything under a start, end or slot key."""
    return any(
        not is_empty(member.node.value)
        for member in walk.members(node)
        if role(member.name, member.node.value) == "time" or member.name in words.SLOTS
    )


def below(value: object) -> Iterator[object]:
    """The value and all that it holds."""
    pending = [value]
    while pending:
        value = pending.pop()
        yield value
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def keys_below(value: object) -> Iterator[tuple[str, object]]:
    for each in below(value):
        if isinstance(each, dict):
            yield from each.items()


def strings_below(value: object) -> Iterator[str]:
    return (each for each in below(value) if isinstance(each, str))


def looks_like_hours(value: object, policy: Policy) -> bool:
    """Whether a key beside the days may be a day under a name that is not known.

    Names and words that the policy tells count; its notations of times do not, as a policy may not narrow.
    """
    return any(
        is_range(text) or is_time(text) or _is_word_for_closed(text, policy) for text in strings_below(value)
    ) or any(
        policy.name(key, each) in _HOUR_KEYS or policy.day_names.get(words.name_of(key))
        for key, each in keys_below(value)
    )


def _is_word_for_closed(text: str, policy: Policy) -> bool:
    return bool(words.trimmed(text)) and policy.is_closed_word(words.trimmed(text))


def holds_times(key: str, value: object, policy: Policy) -> bool:
    """Whether an unknown key of a day may be a second interval, or change what the times mean."""
    if policy.day_names.get(words.name_of(key)):
        return value is not None
    if is_numbered_time(folded(key), value):
        return True
    return any(is_range(text) or is_time(text) or is_half(text) for text in strings_below(value)) or any(
        _ROLES.get(policy.name(name, each)) == "time" for name, each in keys_below(value)
    )


def is_numbered_time(name: str, value: object) -> bool:
    """A second interval, or minutes apart from their hour."""
    return words.NUMBERED_TIME.fullmatch(name) is not None and not is_empty(value) and not is_zero(value)


_KNOWN = (words.WRAPPERS | words.DAYS_LISTS | words.DAY_FIELDS | words.SLOTS | words.IGNORABLE | {NOTE}) - (
    words.OTHERWISE_NAMES | words.OPEN_AND_CLOSE_DAYS
)


def says_otherwise(member: Member, *, slot: bool = False) -> str:
    """Why a key that no rule knows may not stand beside an open day or in one; "" if it may.

    `slot`: it stands in a slot, where keys of slots mean nothing.
    """
    name, value = member.name, member.node.value
    if is_empty(value) or (name in _KNOWN and not (slot and name in words.SLOTS)) or role(name, value):
        return ""
    flag = flag_of(value)
    if words.IN_FORCE.search(name) and flag is not True:
        return "unknown_key"
    otherwise = words.OTHERWISE.search(name) or name in words.OTHERWISE_NAMES or words.OTHERWISE_NAMED.fullmatch(name)
    if otherwise and flag is not False:
        return "unknown_key"
    if not isinstance(value, str):
        return ""
    if words.ZONE_LIKE.match(words.trimmed(value)):
        return "zone_unknown"
    return "date" if words.IN_TIME.search(name) and words.begins_with_date(value) else ""
