"""An independent reading of an availability document, written from the rules in words and never from the SQL.

It finds everything that is wrong with a document and reports the first in document order: JSONB's key order (shorter
keys first, then bytes), arrays by index, a node before what it holds.
"""

from __future__ import annotations

import json
import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests import reading_words as words
from tests.reading_clock import time_text
from tests.reading_policy import policy_of
from tests.reading_text import DuplicateKeyError, decoded, normalised
from tests.reading_walk import Walk, is_empty
from tests.reading_week import Week

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


def read(
    document: object,
    settings: Mapping[str, object],
    *,
    zones: Collection[str] = SERVER_ZONES,
) -> Empty | Rejected | Converted:
    """Read a parsed JSON document. `settings`: the policy, as the database holds it."""
    policy = policy_of(settings)
    if isinstance(document, str) and document and policy.on("double_encoded"):
        document = decoded(document)
    if is_empty(document):
        return Empty()
    if not isinstance(document, list | dict):
        return Rejected("$", _shortened(document), "text" if isinstance(document, str) else "no_week")
    try:
        document = normalised(document, policy)
    except DuplicateKeyError:
        return Rejected("$", _shortened(document), "duplicate_key")
    # Four digits are a time if some time of the document starts with 0, which only a reading of the whole can tell.
    week = Week(Walk(zones, four_digits=True, policy=policy), document)
    if week.walk.fours and not any(text.startswith("0") for text in week.walk.fours):
        week = Week(Walk(zones, four_digits=False, policy=policy), document)
    if week.walk.findings:
        _, _, node, reason = min(week.walk.findings, key=lambda finding: finding[:2])
        return Rejected(node.path, _shortened(node.value), reason)
    rows = []
    for day in sorted(week.days, key=lambda day: words.WEEK.index(day.name)):
        zone, start, end = week.zone_of(day), day.reading.start, day.reading.end
        if start is None or end is None:
            rows.append(Row(day.name, available=False, zone=zone))
        else:
            rows.append(Row(day.name, available=True, start=time_text(start), end=time_text(end), zone=zone))
    return Converted(tuple(rows), week.shape, tuple(week.ignored()))


def _shortened(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:79] + "…"
