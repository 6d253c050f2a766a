"""Changes to made-up documents: one thing wrong, or one thing less."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from tests import document_words as known
from tests import reading_words as words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.document_values import Values


def mutated(values: Values, document: object) -> object:
    """The document with one thing wrong, or at least other."""
    document = copy.deepcopy(document)
    holders = [holder for holder in _holders(document) if holder]
    if not holders:
        return document
    holder = values.dice.pick(holders)
    if isinstance(holder, list):
        _mutate_list(values, holder)
    else:
        _mutate_object(values, holder)
    return document


def _mutate_list(values: Values, holder: list[object]) -> None:
    place = values.dice.below(len(holder))
    change = values.dice.below(4)
    if change == 0:
        holder[place] = values.value(2)
    elif change == 1:
        holder.insert(place, values.value(2))
    elif change == 2:
        holder.append(copy.deepcopy(holder[place]))
    else:
        del holder[place]


def _mutate_object(values: Values, holder: dict[str, object]) -> None:
    dice = values.dice
    key = dice.pick(list(holder))
    value = holder[key]
    change = dice.below(10)
    if change == 0:
        holder[key] = values.value(2)
    elif change == 1:
        holder[values.key()] = values.value(2)
    elif change == 2:
        holder[values.name(key) if key else "x"] = copy.deepcopy(value)
    elif change == 3:
        holder[values.key()] = holder.pop(key)
    elif change == 4:
        del holder[key]
    elif change == 5:
        other = dice.pick(list(holder))
        holder[key], holder[other] = holder[other], holder[key]
    elif change == 6:
        holder[key] = dice.pick(([value], {values.key(): value}, None, ""))
    elif change == 7:
        holder[values.key()] = dice.pick((True, False, None, "x", 1, 0, [], {}))
    elif change == 8:
        holder[values.name(dice.pick(known.OTHERWISE))] = dice.pick(
            (*known.FLAG_VALUES, "x", 5, "Europe/Paris", "9.00", "FREQ=WEEKLY")
        )
    else:
        holder[key] = values.marred(value) if isinstance(value, str) else dice.pick(known.FLAG_VALUES)


def spelled_otherwise(values: Values, document: object, share: float) -> object:
    """The document with some of its texts in characters that a policy takes for them."""

    def text(text: str) -> str:
        return values.written_otherwise(text) if values.dice.chance(share) else text

    if isinstance(document, str):
        return text(document)
    if isinstance(document, list):
        return [spelled_otherwise(values, each, share) for each in document]
    if isinstance(document, dict):
        spelled = {text(key): spelled_otherwise(values, each, share) for key, each in document.items()}
        return {**document, **spelled} if values.dice.chance(0.03) else spelled
    return document


def said_twice(values: Values, holder: dict[str, object]) -> None:
    """Say a day of an object again, under another spelling of its name."""
    days = [key for key in holder if words.name_of(key) in words.DAY_NAMES]
    if days:
        key = values.dice.pick(days)
        day = words.DAY_NAMES[words.name_of(key)]
        holder[values.dice.pick((day.upper(), day[:3], day.capitalize(), f" {day}"))] = copy.deepcopy(holder[key])


def broken(values: Values, document: object, days: list[str]) -> object | None:
    """The document with one of its days made unreadable; None if its days are no keys of it."""
    if not isinstance(document, dict) or not (keys := [key for key in document if words.name_of(key) in days]):
        return None
    wrong: list[object] = [{"start": "09:00"}, "09:00", {"start": "25:00", "end": "26:00"}, ["x"], 3.5, {"start": "x"}]
    return {**document, values.dice.pick(keys): values.dice.pick(wrong)}


def _holders(document: object) -> Iterator[dict[str, object] | list[object]]:
    """All objects and arrays of a document."""
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield value
            pending.extend(value.values())
        elif isinstance(value, list):
            yield value
            pending.extend(value)


def smaller(document: object) -> Iterator[object]:
    """The document with one thing less, at any depth; the greatest steps first."""
    if isinstance(document, dict):
        yield from document.values()
        for key in document:
            yield {other: value for other, value in document.items() if other != key}
        yield from ({**document, key: less} for key, value in document.items() for less in smaller(value))
    elif isinstance(document, list):
        yield from document
        for place in range(len(document)):
            yield document[:place] + document[place + 1 :]
        for place, value in enumerate(document):
            yield from ([*document[:place], less, *document[place + 1 :]] for less in smaller(value))
    elif isinstance(document, str) and len(document) > 1:
        half = len(document) // 2
        yield from (document[:half], document[half:])
        yield from (document[:place] + document[place + 1 :] for place in range(min(len(document), 40)))
