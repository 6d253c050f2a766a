"""Settings that a migration's files read by: a TOML policy, checked by the project's schema, stored with a version.

Which settings there are, what they mean and which contradict each other stands in `sql/settings/NNNN.schema.json`.
Beside JSON Schema's own words three annotations are read there: `x-option` names the command line's option that sets a
property, `x-message` replaces what a failing part says, `x-key` names the key whose line it should point at.
"""

from __future__ import annotations

import difflib
import getpass
import json
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg

from schedtool.database import explain_error, read_only, run
from schedtool.errors import Failed, Refused, UsageError
from schedtool.jobs import unfinished_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jsonschema.exceptions import ValidationError
    from psycopg import Connection

    from schedtool.project import Migration, Project, SqlFile

SHOWN_CHARACTERS = 80
REFUSAL = "ST003"
"""The SQLSTATE by which a file says that the answer is no."""
ABOUT_VALUES = frozenset({"22023", "P0001", REFUSAL})
"""SQLSTATEs by which a check says that a value is wrong: invalid_parameter_value, a bare RAISE, a refusal."""


@dataclass(frozen=True)
class Policy:
    """What the user said on the command line.

    Attributes:
        path: A TOML file, which says everything: what it leaves out is as if it were never set.
        options: Values of options by name (`{"default-timezone": "Europe/Paris"}`), which set one property each.
    """

    path: Path | None = None
    options: Mapping[str, str] | None = None

    @property
    def given(self) -> bool:
        """Whether anything was said at all."""
        return self.path is not None or bool(self.options)


@dataclass(frozen=True)
class Stored:
    """Settings as the database holds them."""

    version: int
    settings: Mapping[str, Any]


def number_for(project: Project, migration: Migration) -> str | None:
    """Return the number under which a migration's files read settings, or None where none of them does."""
    files = [file for folder in ("batches", "dry_run") for file in project.sql_files(folder, migration)]
    return next((file.settings for file in files if file.settings is not None), None)


def current(connection: Connection[Any], project: Project, number: str) -> Stored | None:
    """Return the stored settings; None where none are stored, or where their table is not there yet."""
    file = _file(project, number, "current")
    if file is None:
        return None
    try:
        rows = run(connection, file.text, {})[-1].dicts()
    except (pg.UndefinedTable, pg.UndefinedColumn):
        return None
    if not rows:
        return None
    value = rows[0]["settings"]
    return Stored(version=rows[0]["version"], settings=json.loads(value) if isinstance(value, str) else value)


def effective(project: Project, number: str, *, policy: Policy, stored: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the settings that hold: the policy's file or else the stored ones, with the options set on top.

    Raises:
        UsageError: The file cannot be read or says what the schema forbids; the message names file and line.
    """
    if not policy.given:
        return dict(stored or {})
    schema = _schema(project, number)
    text = ""
    if policy.path is not None:
        text, value = _read_toml(policy.path)
        _check_json(value, name=str(policy.path), text=text)
        _check(value, schema, name=str(policy.path), text=text)
    else:
        value = dict(stored or {})
    for option, said in (policy.options or {}).items():
        value[_property_of(schema, option)] = said
    shown = f"--{next(iter(policy.options))}" if policy.options else str(policy.path)
    _check(value, schema, name=shown, text="")
    return value


def foresee(connection: Connection[Any], project: Project, number: str, *, policy: Policy) -> Mapping[str, Any]:
    """Return the settings that would hold, checked against the schema and against what this server knows.

    Writes nothing, and needs no migration applied: `sql/settings/NNNN.check.sql` gets `:'settings'` in a READ ONLY
    transaction and raises what is wrong.

    Raises:
        UsageError: The schema or the server has something against what the policy says.
    """
    stored = None
    if policy.path is None:
        with read_only(connection):
            stored = current(connection, project, number)
    wanted = effective(project, number, policy=policy, stored=stored.settings if stored else None)
    file = _file(project, number, "check")
    if file is not None and policy.given:
        try:
            with read_only(connection):
                run(connection, file.text, {"settings": as_text(wanted)})
        except psycopg.Error as error:
            if error.sqlstate not in ABOUT_VALUES:
                raise explain_error(error, file=file.path, text=file.text) from error
            message = error.diag.message_primary or str(error)
            raise UsageError(message, hint=error.diag.message_hint, code="policy") from error
    return wanted


def store(connection: Connection[Any], project: Project, number: str, settings: Mapping[str, Any]) -> int:
    """Store settings as the current ones and return their version; the database decides what it refuses."""
    file = _file(project, number, "store")
    if file is None:
        raise UsageError(f"the project has no sql/settings/{number}.store.sql to store settings with", code="contract")
    parameters = {"settings": as_text(settings), "who": who(connection)}
    return int(run(connection, file.text, parameters)[-1].dicts()[0]["version"])


def prepare(
    connection: Connection[Any], project: Project, migration: Migration, *, policy: Policy
) -> Mapping[str, Any] | None:
    """Store what a migration's batches are to read by, and return it; None for one that reads no settings.

    Raises:
        UsageError: A policy for a migration that reads none, or one that the schema forbids.
        Refused: An unfinished job reads by another policy, or the database's own guard says no.
        Failed: There is no table yet to store it in.
    """
    number = number_for(project, migration)
    if number is None:
        if policy.given:
            raise UsageError(f"{migration.id} reads no settings, so it takes no policy", code="no_settings")
        return None
    wanted = foresee(connection, project, number, policy=policy)
    unfinished = unfinished_settings(connection, migration=migration.id)
    if unfinished is not None and policy.given and unfinished != wanted:
        # Half of the documents would be read by one policy and half by the other.
        raise Refused(
            f"the unfinished backfill of {migration.id} reads by another policy",
            hint="finish it first, without --policy and --default-timezone; then run it again with the new policy",
            code="settings_fixed",
        )
    if unfinished is not None:
        return unfinished
    if policy.given or _file(project, number, "store") is not None:
        # Also what is stored already: the file knows that, and may bring up to date what the settings are read with.
        try:
            store(connection, project, number, wanted)
        except pg.UndefinedTable as error:
            raise Failed(
                f"{migration.id} has no place to store its settings yet",
                hint="apply the migrations it depends on first",
                code="dependencies",
            ) from error
        except psycopg.Error as error:
            if error.sqlstate == REFUSAL:
                message = error.diag.message_primary or "the settings are refused"
                raise Refused(message, hint=error.diag.message_hint, code="policy_refused") from error
            raise
    return wanted


def as_text(settings: Mapping[str, Any]) -> str:
    """Return settings as the JSON text that SQL files get."""
    return json.dumps(settings, ensure_ascii=False, allow_nan=False)


def who(connection: Connection[Any]) -> str:
    """Return who acts here, for the record: the database's session user and the operating system's."""
    try:
        person = getpass.getuser()
    except (KeyError, OSError):
        person = "unknown"
    return f"{connection.info.user} ({person})"


def _file(project: Project, number: str, part: str) -> SqlFile | None:
    files = project.sql_files("settings", project.find(number))
    return next((file for file in files if file.part == part), None)


def _schema(project: Project, number: str) -> Mapping[str, Any]:
    path = project.root / "sql" / "settings" / f"{number}.schema.json"
    try:
        schema: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"the project has no {path.name}, so it takes no policy", code="no_settings") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}", code="contract") from error
    return schema


def _read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", code="policy") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text", code="policy") from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = found.group(1) if found else str(text.count("\n") + 1)
        message = re.sub(r" \(at .*\)$", "", str(error))
        raise UsageError(f"{path}:{line}: {message}", code="policy") from error


def _check_json(value: Mapping[str, Any], *, name: str, text: str) -> None:
    """Refuse what TOML can say and JSON cannot: bare dates and times, inf and nan."""
    for key, said in value.items():
        try:
            json.dumps(said, allow_nan=False)
        except (TypeError, ValueError) as error:
            message = f"{name}:{line_of(text, [key])}: {key}: a date, a time, inf or nan has to stand in quotes"
            raise UsageError(message, code="policy") from error


def _property_of(schema: Mapping[str, Any], option: str) -> str:
    for name, part in schema.get("properties", {}).items():
        if part.get("x-option") == option:
            return str(name)
    raise UsageError(f"this project's policy has nothing that --{option} sets", code="no_settings")


def _check(value: Mapping[str, Any], schema: Mapping[str, Any], *, name: str, text: str) -> None:
    """Raise the first thing the schema forbids, first by line."""
    # Takes longer to import than all else here, and a run without a policy checks nothing.
    import jsonschema  # noqa: PLC0415

    found = [
        (line_of(text, path), message)
        for error in jsonschema.Draft202012Validator(schema).iter_errors(value)
        for path, message in _findings(error)
    ]
    if not found:
        return
    line, message = min(found, key=lambda one: one[0])
    raise UsageError(f"{name}:{line}: {message}" if text else f"{name}: {message}", code="policy")


def _findings(error: ValidationError) -> list[tuple[Sequence[str | int], str]]:
    """Say what is wrong with which key: an error of the schema's may be about several."""
    path = list(error.absolute_path)
    part = error.schema if isinstance(error.schema, dict) else {}
    if "x-message" in part:
        return [([*path, part["x-key"]] if "x-key" in part else path, str(part["x-message"]))]
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(part.get("properties", {}))
        patterns = part.get("patternProperties", {})
        unknown = [
            key for key in error.instance if key not in known and not any(re.search(one, key) for one in patterns)
        ]
        return [([*path, key], f"unknown key '{key}'{_meant(key, known)}") for key in unknown]
    key = next((str(step) for step in reversed(path) if isinstance(step, str)), None)
    shown = _shortened(error.message)
    return [(path, f"{key}: {shown}" if key else shown)]


def _meant(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"; is '{close[0]}' meant?"
    return f"; known are {', '.join(sorted(known))}" if known else ""


def _shortened(text: str) -> str:
    return text if len(text) <= 2 * SHOWN_CHARACTERS else text[: 2 * SHOWN_CHARACTERS] + "…"


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Return the line on which a TOML text begins to say what stands at this path; 1 where it says nothing.

    The parser itself is asked, with ever more lines: what a line within a string or a list looks like does not matter.
    """
    lines = text.splitlines(keepends=True)
    begins = 1
    for number in range(1, len(lines) + 1):
        try:
            value: Any = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue
        if path and _holds(value, path):
            return begins
        begins = number + 1
    return 1


def _holds(value: Any, path: Sequence[str | int]) -> bool:  # noqa: ANN401 - what TOML holds
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
