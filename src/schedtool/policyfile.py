"""A policy as a TOML file, held to the project's schema: whatever is wrong is an error that names file and line.

Which settings there are, what they mean and which contradict each other stands in `sql/settings/NNNN.schema.json`.
Beside JSON Schema's own words these annotations are read there:

- `x-message` replaces what a failing part says, with `{key}` and `{value}` for where it failed; `x-key` names the key
  whose line it points at.
- `x-compared` is a pattern; names that are alike in lower case without what it matches are one name.
- `x-apart`, beside `properties`, lists pairs of settings that may not share a name.
- `x-files` names the folder beside the schema that holds a file of further settings for each word of a list.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from jsonschema.exceptions import ValidationError

    # What is wrong, and the path of the key it is wrong at.
    Found = tuple[Sequence[str | int], str]

SHOWN_CHARACTERS: Final = 160


@dataclass(frozen=True)
class Said:
    """Settings as somebody wrote them.

    Attributes:
        name: The file, or the option, as messages call it.
        text: The TOML text; empty where there is none to point into.
    """

    name: str
    text: str
    value: Mapping[str, Any]

    def error(self, path: Sequence[str | int], message: str) -> UsageError:
        """Return the error that points at a key."""
        line = line_of(self.text, path)
        place = f"{self.name}:{line}" if self.text and line else self.name
        return UsageError(f"{place}: {message}", code="policy")


def schema_of(root: Path, number: str) -> Mapping[str, Any]:
    """Return the schema of a project's settings.

    Raises:
        UsageError: It is not there, or no JSON.
    """
    path = root / "sql" / "settings" / f"{number}.schema.json"
    try:
        schema: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"the project has no {path.name}, so it takes no policy", code="no_settings") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}", code="contract") from error
    return schema


def read(path: Path) -> Said:
    """Read a TOML file, with line ends of any kind.

    Raises:
        UsageError: It cannot be read, is no TOML, or says what JSON has no form for.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", code="policy") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text", code="policy") from error
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = found.group(1) if found else str(text.count("\n") + 1)
        message = re.sub(r" \(at .*\)$", "", str(error))
        raise UsageError(f"{path}:{line}: {message}", code="policy") from error
    except RecursionError as error:
        raise UsageError(f"{path}:1: it is nested too deep", code="policy") from error
    said = Said(str(path), text, value)
    for key, one in value.items():
        # TOML can say bare dates and times, inf and nan, and text that no JSON of PostgreSQL holds.
        try:
            written = json.dumps(one, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise said.error([key], f"{key}: a date, a time, inf or nan has to stand in quotes") from error
        if "\\u0000" in written:
            raise said.error([key], f"{key}: the character U+0000 cannot be stored")
    return said


def check(said: Said, schema: Mapping[str, Any]) -> None:
    """Raise the first thing, by line, that the schema forbids."""
    # Takes longer to import than all else here, and a run without a policy checks nothing.
    import jsonschema  # noqa: PLC0415

    found = [
        one for error in jsonschema.Draft202012Validator(schema).iter_errors(said.value) for one in _findings(error)
    ] or [*_twice(said.value, schema), *_shared(said.value, schema)]
    if found:
        path, message = min(found, key=lambda one: line_of(said.text, one[0]) or sys.maxsize)
        raise said.error(path, message)


def compared(part: Mapping[str, Any], name: str) -> str:
    """Return a name as it is compared with others of its setting."""
    pattern = part.get("x-compared")
    return re.sub(pattern, "", name).lower() if pattern else name


def names_of(value: Any) -> list[str]:  # noqa: ANN401 - what TOML holds
    """Return the names that a setting says: the keys of a table, the texts of a list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, dict | list) else []


def as_toml(value: Any) -> str:  # noqa: ANN401 - what TOML holds
    """Return a value as it is written in a policy, on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{as_toml(key)} = {as_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(one) for one in value) + "]"
    # JSON's texts, numbers, true and false are TOML's too.
    return json.dumps(value, ensure_ascii=False)


def _twice(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Found]:
    """Find names of one table that are one name, and say different things."""
    for key, said in value.items():
        part = schema.get("properties", {}).get(key, {})
        if isinstance(said, dict) and "x-compared" in part:
            first: dict[str, str] = {}
            for name, meant in said.items():
                other = first.setdefault(compared(part, name), name)
                if said[other] != meant:
                    yield [key, name], f"{key}: '{other}' and '{name}' are one name, and say {said[other]} and {meant}"


def _shared(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Found]:
    """Find names that two settings share which are to be kept apart."""
    for one, other in schema.get("x-apart", ()):
        parts = [schema["properties"][key] for key in (one, other)]
        there = {compared(parts[1], name) for name in names_of(value.get(other))}
        for name in names_of(value.get(one)):
            # Compared in both ways: what one of them leaves out of a name, the other may not.
            if compared(parts[1], name) in there or compared(parts[0], name) in there:
                for key in (one, other):
                    path = [key, name] if isinstance(value[key], dict) else [key]
                    yield path, f"{one} and {other} both name '{name}'"


def _findings(error: ValidationError) -> list[Found]:
    """Say what is wrong with which key: an error of the schema's may be about several."""
    path = list(error.absolute_path)
    if "propertyNames" in list(error.schema_path)[-2:]:
        path.append(str(error.instance))
    key = next((str(step) for step in reversed(path) if isinstance(step, str)), None)
    part = error.schema if isinstance(error.schema, dict) else {}
    if "x-message" in part:
        shown = str(part["x-message"]).replace("{key}", str(key)).replace("{value}", _shortened(repr(error.instance)))
        return [([*path, part["x-key"]] if "x-key" in part else path, shown)]
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(part.get("properties", {}))
        patterns = part.get("patternProperties", {})
        unknown = [
            name for name in error.instance if name not in known and not any(re.search(one, name) for one in patterns)
        ]
        return [([*path, name], f"unknown key '{name}'{_meant(name, known)}") for name in unknown]
    if error.validator == "enum":
        values = [str(one) for one in part.get("enum", ())]
        shown = f"{_shortened(repr(error.instance))} is none of {', '.join(values)}"
        close = difflib.get_close_matches(str(error.instance).lower(), values, n=1)
        return [(path, f"{key}: {shown}" + (f"; is '{close[0]}' meant?" if close else ""))]
    shown = _shortened(error.message)
    return [(path, f"{key}: {shown}" if key else shown)]


def _meant(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"; is '{close[0]}' meant?"
    return f"; known are {', '.join(sorted(known))}" if known else ""


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Return the line on which a TOML text begins to say what stands at this path; 0 where it does not say it.

    The parser itself is asked, with ever more lines: what a line within a string or a list looks like does not matter.
    """
    if not path:
        return 1
    begins = 1
    read = ""
    for number, line in enumerate(text.split("\n"), 1):
        read += line + "\n"
        try:
            value: Any = tomllib.loads(read)
        except tomllib.TOMLDecodeError:
            continue
        if _holds(value, path):
            return begins
        begins = number + 1
    return 0


def _holds(value: Any, path: Sequence[str | int]) -> bool:  # noqa: ANN401 - what TOML holds
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
