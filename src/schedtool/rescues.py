"""Which settings might convert documents that are rejected: what a dry run tries, each by itself.

A property of the schema says so with `x-rescues`: `reasons` are the names of rejects it may help; `where` is a
PostgreSQL pattern that a document must match to be worth a reading; `values` are what to try where the type does not
tell (it does for a boolean, an `enum`, a list of them and for `x-files`). With `by_value` the property is a table whose
names are what the documents hold: each rejected text is tried with this meaning, which stands for whichever is right.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from schedtool import expansion, policyfile
from schedtool.errors import UsageError
from schedtool.policyfile import Said, as_toml, names_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

VALUES: Final = 50
"""Different texts tried by value: documents may hold them without number."""
LONGEST: Final = 40
TRIES: Final = 20_000
"""Rejects that a setting is tried on without helping one, before it is given up: a reading costs as much each time."""
UNSAID: Final = "…"


@dataclass(frozen=True)
class Found:
    """One rejected document: the key has its own type, the path is where the reason lies."""

    key: Any
    path: str | None
    value: str | None
    reason: str


@dataclass(frozen=True)
class Candidate:
    """A setting to try.

    Attributes:
        setting: As it would stand in a policy.
        reasons: Rejects that it may help.
        change: What it changes in the settings that hold.
        where: A pattern that a document matches, or None for every document.
        value: The rejected value it is about, as JSON text, or None for any.
    """

    setting: str
    reasons: tuple[str, ...]
    change: Mapping[str, Any]
    where: str | None = None
    value: str | None = None


@dataclass
class Candidates:
    """What to try with each range's rejects: the settings of the schema, and those that its values suggest."""

    schema: Mapping[str, Any]
    settings: Mapping[str, Any]
    fixed: tuple[Candidate, ...]
    by_value: dict[str, Candidate] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)

    def texts(self, rejects: Iterable[Found], *, helped: Collection[str] = ()) -> Mapping[str, str] | None:
        """Return `:'rejects'` and `:'candidates'` for a range, or None where there is nothing to try.

        What is none of those that have helped, after many tries, is tried no more.
        """
        waiting = list(rejects)
        self._note(waiting)
        found = Counter(reject.reason for reject in waiting)
        tried = [
            one
            for one in (*self.fixed, *self.by_value.values())
            if found.keys() & set(one.reasons) and (self.tries[one.setting] < TRIES or one.setting in helped)
        ]
        self.tries.update({one.setting: sum(found[reason] for reason in one.reasons) for one in tried})
        helped = {reason for one in tried for reason in one.reasons}
        rejected = [[str(one.key), one.reason, one.value] for one in waiting if one.reason in helped]
        if not rejected:
            return None
        return {
            "rejects": json.dumps(rejected, ensure_ascii=False),
            "candidates": json.dumps([vars(one) for one in tried], ensure_ascii=False),
        }

    def _note(self, rejects: Iterable[Found]) -> None:
        for key, part in self.schema.get("properties", {}).items():
            said = part.get("x-rescues", {})
            for reject in rejects:
                if "by_value" in said and reject.reason in said["reasons"] and len(self.by_value) < VALUES:
                    text = _text(reject.value)
                    if text is not None and reject.value is not None and reject.value not in self.by_value:
                        change = {key: {**self.settings.get(key, {}), text: said["by_value"]}}
                        shown = f"{key} = {as_toml({text: UNSAID})}"
                        reasons = tuple(said["reasons"])
                        self.by_value[reject.value] = Candidate(shown, reasons, change, value=reject.value)


def candidates(schema: Mapping[str, Any], folder: Path, settings: Mapping[str, Any]) -> Candidates:
    """Return what may be tried on top of the settings that hold, without what is set already or contradicts them."""
    return Candidates(schema, settings, tuple(_fixed(schema, folder, settings)))


def _fixed(schema: Mapping[str, Any], folder: Path, settings: Mapping[str, Any]) -> Iterator[Candidate]:
    for key, part in schema.get("properties", {}).items():
        said = part.get("x-rescues", {})
        for value in _values(part, folder):
            before = settings.get(key)
            if isinstance(value, list):
                if set(value) <= set(before or ()):
                    continue
                merged: object = [*(before or ()), *value]
            elif before:
                continue
            else:
                merged = value
            change: dict[str, Any] = {key: merged}
            where = said.get("where")
            try:
                if "x-files" in part:
                    whole = expansion.expand(Said(key, "", {**settings, key: value}), schema, folder)
                    change = {name: one for name, one in whole.items() if one != settings.get(name)} | change
                    where = _pattern({name: one for name, one in change.items() if name != key}, settings)
                policyfile.check(Said(key, "", {**settings, **change}), schema)
            except UsageError:
                continue
            yield Candidate(f"{key} = {as_toml(merged)}", tuple(said["reasons"]), change, where)


def _values(part: Mapping[str, Any], folder: Path) -> list[Any]:
    said = part.get("x-rescues")
    if said is None or "by_value" in said:
        return []
    if "values" in said:
        return list(said["values"])
    if "x-files" in part:
        return [[name] for name in expansion.names(part, folder)]
    if "enum" in part:
        return list(part["enum"])
    if "enum" in part.get("items", {}):
        return [[one] for one in part["items"]["enum"]]
    return [True] if part.get("type") == "boolean" else []


def _pattern(change: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return a pattern for documents that hold one of the words that are new: a word takes less time than a reading."""
    words = {
        "[-_ ]*".join(
            # A letter that is none of ASCII's is any such: which case it has is the reading's to know.
            "".join(re.escape(letter) if letter.isascii() else r"[^\u0001-\u007f]" for letter in piece)
            for piece in re.split(r"[-_\s]+", word.strip().lower())
        )
        for name, said in change.items()
        for word in names_of(said)
        if word not in names_of(settings.get(name))
    }
    return rf"(?<!\w)(?:{'|'.join(sorted(words))})(?!\w)"


def _text(value: str | None) -> str | None:
    """Return the text that a rejected value is; None for one that is no text, empty, or was shortened."""
    try:
        said = json.loads(value or "")
    except ValueError:
        return None
    return said.strip() if isinstance(said, str) and 0 < len(said.strip()) <= LONGEST else None
