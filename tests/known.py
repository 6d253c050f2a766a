"""The known documents of tests/corpus: real ones, and dirty ones, each with what it means.

documents.jsonl: `accept` is out_of_box, mapping (only a policy can say), reject or empty; `meaning` the rows or null.
dirty.jsonl: `kind` is accept, policy or reject; `expected` what no policy gives; `expected_if` what one would give.
neighbours.jsonl: made up, each one step from a known one; `rows` in short, or `reason` and `path` of its reject.
told.jsonl: the same under a `policy`, on both sides of each setting's edges.
`raw` instead of `doc`: the text to be stored, because parsing would change it or cannot be done.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.reading import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Known:
    """A known document."""

    id: str
    text: str
    """The JSON text as it is stored."""
    kind: str
    """out_of_box, mapping, reject, empty; of dirty ones accept, policy, reject."""
    rows: tuple[Row, ...] | None
    """What it means without a policy, Monday first; None: nothing may be read. Of a `mapping` one: with its policy."""
    bad_path: str | None
    jsonb: bool
    """Whether JSONB takes the text at all."""


def real_documents() -> tuple[Known, ...]:
    return tuple(_known(record, record["accept"], record["meaning"]) for record in _lines("documents.jsonl"))


def dirty_documents() -> tuple[Known, ...]:
    return tuple(
        _known(record, record["kind"], None if record["expected"] == "reject" else record["expected"])
        for record in _lines("dirty.jsonl")
    )


def all_documents() -> tuple[Known, ...]:
    return real_documents() + dirty_documents()


@cache
def _conditional() -> dict[str, tuple[Row, ...]]:
    """What dirty documents mean once a policy tells what is missing, by their names."""
    return {
        str(record["id"]): tuple(_row(row) for row in told["rows"])
        for record in _lines("dirty.jsonl")
        if isinstance(told := record.get("expected_if"), dict)
    }


def conditional_rows(name: str) -> tuple[Row, ...] | None:
    """What a dirty document means under the policy it needs; None if it needs none, or no policy helps."""
    return _conditional().get(name)


@dataclass(frozen=True)
class Neighbour:
    """A made-up neighbour of a known document, one step from being read wrongly."""

    what: str
    text: str
    rows: str | None
    """What it means, as in `mon 09:00-17:00 UTC, tue closed`; None if it is rejected."""
    reason: str | None
    path: str | None
    settings: Mapping[str, object]
    """The policy under which it is read."""


def neighbours() -> tuple[Neighbour, ...]:
    """Neighbours that are read without a policy, and those at the edges of each setting."""
    return tuple(
        Neighbour(
            what=str(record["what"]),
            text=json.dumps(record["doc"]),
            rows=None if "rows" not in record else str(record["rows"]),
            reason=None if "reason" not in record else str(record["reason"]),
            path=None if "path" not in record else str(record["path"]),
            settings=settings if isinstance(settings := record.get("policy", {}), dict) else {},
        )
        for record in (*_lines("neighbours.jsonl"), *_lines("told.jsonl"))
    )


def in_short(rows: tuple[Row, ...]) -> str:
    """Rows as `Neighbour.rows` writes them."""
    return ", ".join(
        f"{row.day[:3]} "
        + (f"{row.start[:5]}-{row.end[:5]}" if row.start and row.end else "closed")
        + (f" {row.zone}" if row.zone else "")
        for row in rows
    )


def _lines(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


def _known(record: dict[str, object], kind: object, rows: object) -> Known:
    text = record["raw"] if "raw" in record else json.dumps(record["doc"], ensure_ascii=False)
    if "repeat" in record:
        # A document too long to be kept: one of its strings is repeated.
        repeat = record["repeat"]
        assert isinstance(repeat, dict)
        text = str(text).replace(json.dumps(repeat["string"]), json.dumps(repeat["string"] * repeat["times"]))
    return Known(
        id=str(record["id"]),
        text=str(text),
        kind=str(kind),
        rows=tuple(_row(row) for row in rows) if isinstance(rows, list) else None,
        bad_path=str(record["bad_path"]) if "bad_path" in record else None,
        jsonb=record.get("jsonb_accepts") is not False,
    )


def _row(row: dict[str, str | bool | None]) -> Row:
    def seconds(time: object) -> str | None:
        return None if time is None else str(time) if str(time).count(":") == 2 else f"{time}:00"

    zone = row["timezone"]
    return Row(
        day=str(row["day_of_week"]),
        available=bool(row["is_available"]),
        start=seconds(row["start_time"]),
        end=seconds(row["end_time"]),
        zone=None if zone is None else str(zone),
    )
