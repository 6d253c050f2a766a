"""Settings that a policy takes from files of the project by their names, such as a language's vocabulary.

A property of the schema with `"x-files": "folder"` is a list of names; each is a file `sql/settings/folder/NAME.toml`
that holds sibling settings. They are merged into the policy before it is stored, so that what is stored reads the same
when such a file is changed. What the policy says itself wins; two files that differ are an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schedtool import policyfile
from schedtool.policyfile import Said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def expand(said: Said, schema: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the settings with all that the files say which they name; the list of names stays in it.

    Raises:
        UsageError: A name is of no file, a file breaks the schema, or files contradict each other or the policy.
    """
    parts = schema.get("properties", {})
    value = dict(said.value)
    own = {(setting, policyfile.compared(parts[setting], name)) for setting, name, _ in _entries(said.value)}
    for key in [key for key in value if "x-files" in parts[key]]:
        first: dict[tuple[str, str], tuple[str, object]] = {}
        for index, word in enumerate(said.value[key]):
            file = _file(said, [key, index], folder / parts[key]["x-files"], word)
            policyfile.check(file, schema)
            for setting, name, meant in _entries(file.value):
                place = (setting, policyfile.compared(parts[setting], name))
                if place in own:
                    continue
                by, other = first.setdefault(place, (word, meant))
                if other != meant:
                    message = f"{key}: '{by}' has {setting} '{name}' as {other}, and '{word}' as {meant}"
                    raise said.error([key, index], message)
                if by == word:
                    value[setting] = _with(
                        value.get(setting), name, meant, listed=isinstance(file.value[setting], list)
                    )
    policyfile.check(Said(said.name, said.text, value), schema)
    return value


def names(part: Mapping[str, Any], folder: Path) -> list[str]:
    """Return the names that a property with `x-files` may list."""
    return sorted(path.stem for path in (folder / part["x-files"]).glob("*.toml"))


def _file(said: Said, path: list[str | int], folder: Path, name: str) -> Said:
    # Looked for in the list, never joined to a path: a name may hold anything.
    known = {file.stem: file for file in sorted(folder.glob("*.toml"))}
    if name not in known:
        raise said.error(path, f"{path[0]}: there is no '{name}'; known are {', '.join(known) or 'none'}")
    return policyfile.read(known[name])


def _entries(value: Mapping[str, Any]) -> Iterator[tuple[str, str, object]]:
    """Give each setting, name and meaning; an item of a list means only itself, and a plain value has no name."""
    for setting, said in value.items():
        if isinstance(said, dict):
            yield from ((setting, name, meant) for name, meant in said.items())
        elif isinstance(said, list):
            yield from ((setting, str(name), None) for name in said)
        else:
            yield setting, "", said


def _with(value: Any, name: str, meant: object, *, listed: bool) -> object:  # noqa: ANN401 - what TOML holds
    if listed:
        return [*(value or ()), name]
    return {**(value or {}), name: meant} if name else meant
