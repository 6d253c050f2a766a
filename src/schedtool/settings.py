"""Settings that a migration's files read by: a TOML policy, checked by the project's schema, stored with a version.

The schema's annotation `x-option` names the command line's option that sets a property; policyfile.py says the others.
"""

from __future__ import annotations

import getpass
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg

from schedtool import presence
from schedtool.database import explain_error, read_only, run
from schedtool.errors import Failed, Refused, UsageError
from schedtool.jobs import unfinished_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from psycopg import Connection

    from schedtool.project import Migration, Project, SqlFile
    from schedtool.rescues import Candidates

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
    """Settings as the database holds them; by whom and when is None where the project does not keep it."""

    version: int
    settings: Mapping[str, Any]
    created_by: str | None
    created_at: datetime | None


def number_for(project: Project, migration: Migration) -> str | None:
    """Return the number under which a migration's files read settings, or None where none of them does."""
    files = [file for folder in ("batches", "dry_run") for file in project.sql_files(folder, migration)]
    return next((file.settings for file in files if file.settings is not None), None)


def current(connection: Connection[Any], project: Project, number: str) -> Stored | None:
    """Return the stored settings; None where none are stored, or where their table is not there yet."""
    file = _file(project, number, "current")
    if file is None or not presence.readable(connection, project, file):
        return None
    try:
        # A savepoint, for a table that is not there must not end the caller's transaction.
        with connection.transaction():
            rows = run(connection, file.text, {})[-1].dicts()
    except (pg.UndefinedTable, pg.UndefinedColumn):
        return None
    if not rows:
        return None
    value = rows[0]["settings"]
    return Stored(
        version=rows[0]["version"],
        settings=json.loads(value) if isinstance(value, str) else value,
        created_by=rows[0].get("created_by"),
        created_at=rows[0].get("created_at"),
    )


def effective(project: Project, number: str, *, policy: Policy, stored: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the settings that hold: the policy's file or else the stored ones, with the options set on top.

    Raises:
        UsageError: The file cannot be read or says what the schema forbids; the message names file and line.
    """
    if not policy.given:
        return dict(stored or {})
    # Imported where they are used: `status` only reads what is stored.
    from schedtool import expansion, policyfile  # noqa: PLC0415

    schema = policyfile.schema_of(project.root, number)
    shown = str(policy.path)
    if policy.path is not None:
        said = policyfile.read(policy.path)
        policyfile.check(said, schema)
        value = expansion.expand(said, schema, project.root / "sql" / "settings")
    else:
        # Expanded when it was stored; what its files say today is none of its business.
        value = dict(stored or {})
    for option, word in (policy.options or {}).items():
        value[_property_of(schema, option)] = word
        shown = f"--{option}"
    policyfile.check(policyfile.Said(shown, "", value), schema)
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


def candidates(project: Project, number: str, settings: Mapping[str, Any]) -> Candidates:
    """Return the settings that a dry run tries on rejected documents, on top of those that hold."""
    from schedtool import policyfile, rescues  # noqa: PLC0415 - only a dry run tries them

    schema = policyfile.schema_of(project.root, number)
    return rescues.candidates(schema, project.root / "sql" / "settings", settings)


def widens(connection: Connection[Any], project: Project, number: str, settings: Mapping[str, Any]) -> bool:
    """Refuse settings under which what is converted would read otherwise; False where that could not be told.

    Raises:
        Refused: See `widening.check`.
    """
    from schedtool import widening  # noqa: PLC0415 - see effective

    stored = current(connection, project, number)
    known = stored is not None and stored.settings == settings
    return known or widening.check(connection, project, number, settings)


def store(
    connection: Connection[Any], project: Project, number: str, settings: Mapping[str, Any], *, checked: bool
) -> int:
    """Store settings as the current ones and return their version; the database decides what it refuses.

    `checked` says that `check_unchanged` has found nothing, so that the file need not read all in one transaction.
    """
    file = _file(project, number, "store")
    if file is None:
        raise UsageError(f"the project has no sql/settings/{number}.store.sql to store settings with", code="contract")
    given = {"settings": as_text(settings), "who": who(connection), "checked": str(checked).lower()}
    parameters = {name: given[name] for name in file.parameters if name in given}
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
    checked = policy.given and widens(connection, project, number, wanted)
    if policy.given or _file(project, number, "store") is not None:
        # Also what is stored already: the file knows that, and may bring up to date what the settings are read with.
        try:
            store(connection, project, number, wanted, checked=checked)
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


def _property_of(schema: Mapping[str, Any], option: str) -> str:
    for name, part in schema.get("properties", {}).items():
        if part.get("x-option") == option:
            return str(name)
    raise UsageError(f"this project's policy has nothing that --{option} sets", code="no_settings")
