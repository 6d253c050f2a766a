"""One round of made-up documents under one made-up policy, and all that must hold for both readings of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests import reading_words as words
from tests.comparing import Outcome, kind, read_by_server, read_here, smallest
from tests.dice import Dice
from tests.document_changes import broken
from tests.documents import Documents
from tests.made_policies import OTHERWISE, made_policy
from tests.reading_policy import policy_of
from tests.reading_text import DuplicateKeyError, normalised
from tests.reading_walk import keys_below, strings_below

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

    from tests.reading import Row


@dataclass
class Round:
    """What came of one round."""

    policy: Mapping[str, object]
    outcomes: Counter[str] = field(default_factory=Counter)
    """Documents by their outcome, rejected ones by their reason."""
    told: int = 0
    """Documents that only the policy converts."""
    kept: int = 0
    """Documents that were held to what they are without the policy."""
    halved: int = 0
    """Documents that were tried with one day unreadable."""
    wrong: list[str] = field(default_factory=list)
    """What does not hold, the documents made as small as they go."""


def play(connection: psycopg.Connection, seed: int, number: int) -> Round:
    """Make `number` documents, read them on both sides, and hold the answers to the rules."""
    dice = Dice(seed)
    policy = made_policy(dice)
    documents = Documents(dice.below(2**63), policy).take(number)
    found = Round(policy)
    answers = _read(connection, documents, policy)
    differing = []
    for document, answer in zip(documents, answers, strict=True):
        found.outcomes[kind(answer)] += 1
        if answer != read_here(document, policy):
            differing.append(document)
    differing.sort(key=lambda document: len(json.dumps(document)))
    found.wrong.extend(f"read differently: {smallest(connection, document, policy)}" for document in differing[:3])
    if differing[3:]:
        found.wrong.append(f"read differently: {len(differing) - 3} more of {number}")
    if policy:
        _hold_to_the_default(connection, documents, answers, found)
    _halve(connection, dice, documents, answers, found)
    return found


def _read(connection: psycopg.Connection, documents: Sequence[object], policy: Mapping[str, object]) -> list[Outcome]:
    return read_by_server(connection, [json.dumps(document) for document in documents], policy)


def _hold_to_the_default(
    connection: psycopg.Connection, documents: Sequence[object], answers: Sequence[Outcome], found: Round
) -> None:
    """A policy widens: what converts without it converts with it, to the same rows."""
    for document, before, after in zip(documents, _read(connection, documents, {}), answers, strict=True):
        if kind(before) != "converted":
            found.told += kind(after) == "converted"
        elif not is_rewritten(document, found.policy):
            found.kept += 1
            if kind(after) != "converted" or _in_zone(_rows(before), found.policy) != _rows(after):
                found.wrong.append(
                    f"changed by the policy {found.policy}: {json.dumps(document)}\n  {before}\n  {after}"
                )


def _rows(outcome: Outcome) -> tuple[Row, ...]:
    rows = outcome[1] if len(outcome) > 1 else ()
    return rows if isinstance(rows, tuple) else ()


def _in_zone(rows: tuple[Row, ...], policy: Mapping[str, object]) -> tuple[Row, ...]:
    """Rows as the default zone makes them."""
    zone = policy.get("default_timezone")
    return tuple(replace(row, zone=str(zone)) if zone is not None and row.zone is None else row for row in rows)


def is_rewritten(document: object, policy: Mapping[str, object]) -> bool:
    """Whether a policy gives a word of the document another meaning, or has the document written otherwise."""
    if not OTHERWISE & set(policy):
        return False
    told = policy_of(policy)
    try:
        if normalised(document, told) != document:
            return True
    except DuplicateKeyError:
        return True
    names = set(told.day_names) - set(words.DAY_NAMES) | told.closed_words - words.CLOSED_WORDS
    texts = [*strings_below(document), *(key for key, _ in keys_below(document))]
    return any(
        words.lowered(words.trimmed(text)) in names
        or words.folded(text) in told.key_names
        or any(part in names for part in words.parts_of_group(text))
        for text in texts
    )


def _halve(
    connection: psycopg.Connection,
    dice: Dice,
    documents: Sequence[object],
    answers: Sequence[Outcome],
    found: Round,
) -> None:
    """Whole or nothing: a document that converts gives no row any more when one of its days cannot be read."""
    values = Documents(dice.below(2**63), found.policy).values
    halved = []
    for document, answer in zip(documents, answers, strict=True):
        days = [row.day for row in _rows(answer)]
        names = [name for name, day in words.DAY_NAMES.items() if day in days]
        if len(days) > 1 and (half := broken(values, document, names)) is not None:
            halved.append(half)
    found.halved = len(halved)
    for half, answer in zip(halved, _read(connection, halved, found.policy), strict=True):
        if len(answer) == 1 or kind(answer) == "converted":
            found.wrong.append(f"half a week is read under {found.policy}: {json.dumps(half)}\n  {answer}")
