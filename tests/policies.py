"""The policies under which the known documents mean what they mean, and the documents that no policy reads.

tests/corpus/policies.json: by the document's name, `policy` as a user writes it (and `rows` in short where the document
itself does not say what it means), or `unsupported` and why.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.known import CORPUS

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = Path(__file__).parents[1] / "sql" / "settings" / "languages"


@dataclass(frozen=True)
class Told:
    """What the user has to say of a known document."""

    id: str
    settings: Mapping[str, object] | None
    """The policy as the database holds it; None: no policy reads the document."""
    unsupported: str
    """Why not."""
    rows: str | None
    """What the document means then, in short; None: it says so itself."""


def told() -> dict[str, Told]:
    records = json.loads((CORPUS / "policies.json").read_text(encoding="utf-8"))
    return {
        name: Told(
            id=name,
            settings=expanded(record["policy"]) if "policy" in record else None,
            unsupported=record.get("unsupported", ""),
            rows=record.get("rows"),
        )
        for name, record in records.items()
    }


def expanded(policy: Mapping[str, object]) -> dict[str, object]:
    """A policy with the words of its languages in it, by the rule in words and not by the client's code."""
    settings = dict(policy)
    languages = policy.get("languages", [])
    assert isinstance(languages, list)
    for part, empty in (("day_names", dict[str, str]()), ("key_names", dict[str, str]())):
        given: dict[str, object] = dict(empty)
        for language in languages:
            given |= _language(language).get(part, {})
        own = policy.get(part, {})
        assert isinstance(own, dict)
        if given | own:
            settings[part] = given | own
    words = [word for language in languages for word in _language(language).get("closed_words", [])]
    own_words = policy.get("closed_words", [])
    assert isinstance(own_words, list)
    if words + own_words:
        settings["closed_words"] = words + own_words
    return settings


@cache
def _language(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((LANGUAGES / f"{name}.toml").read_text(encoding="utf-8"))
