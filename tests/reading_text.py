"""What the independent reading does to a whole document first: text that holds JSON, Unicode, invisible characters."""

from __future__ import annotations

import json
import re
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.reading_walk import keys_below, strings_below

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.reading_policy import Policy

_DEEPEST = 8
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER_TOO_GREAT = re.compile(r"[0-9]{101}|\.[0-9]{100}|[eE][+-]?[0-9]{4}")
_ZERO_WIDTH = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")
# They become quotes and strokes, which end strings in JSON.
_BECOMES_SYNTAX = re.compile("[\uff02\uff3c\ufe68]")
# JSON writes these as a stroke and a letter; an accent behind it would go to the letter.
_ESCAPED_THEN_MORE = re.compile("[\x01-\x1f][^\x00-\x7f]")


def decoded(text: str) -> object:
    """The object or array whose JSON text a text holds; the text itself if it holds none."""
    if _NUMBER_TOO_GREAT.search(_STRING.sub('""', text)) or _depth(text) > _DEEPEST:
        return text
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_refused)
    except ValueError:
        return text
    if (value is not None and not isinstance(value, list | dict)) or any(
        "\0" in each or _SURROGATE.search(each) for each in _all_texts(value)
    ):
        return text
    return value


def _refused(name: str) -> object:
    raise ValueError(name)


def _depth(text: str) -> int:
    depth = deepest = 0
    for mark in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if mark in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _all_texts(value: object) -> list[str]:
    return [*strings_below(value), *(key for key, _ in keys_below(value))]


class DuplicateKeyError(Exception):
    """By normalising, two keys of one object became one."""


def normalised(document: object, policy: Policy) -> object:
    """The document as the policy has it written.

    Raises:
        DuplicateKeyError: two keys of one object would become one.
    """
    if policy.on("zero_width"):
        document = _mapped(document, lambda text: _ZERO_WIDTH.sub("", text))
    if policy.unicode and not any(
        _BECOMES_SYNTAX.search(text) or _ESCAPED_THEN_MORE.search(text) for text in _all_texts(document)
    ):
        document = _mapped(document, _composed if policy.unicode == "nfc" else _compatible)
    return document


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _compatible(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _mapped(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(each, change) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {change(key): _mapped(each, change) for key, each in value.items()}
    if len(changed) < len(value):
        raise DuplicateKeyError
    return changed
