"""Which database is meant, and how to speak of it without its password."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# postgresql+psycopg:// is what yoyo and SQLAlchemy call the same thing.
_OUR_SCHEME = re.compile(r"(?:postgresql|postgres)(?:\+\w+)?")
# Any of these says that libpq's own variables are meant to name the database; PGPASSWORD or PGSSLMODE alone do not.
_LIBPQ = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER")
_SECRETS = ("password", "sslpassword")
_MASK = "***"


@dataclass(frozen=True)
class Target:
    """A database and the one schema in it that is worked on.

    Attributes:
        conninfo: For libpq; may hold a password, so it is never shown.
        schema: Its name as the catalog spells it.
    """

    conninfo: str = field(repr=False)
    schema: str = "public"


def resolve(database: str | None, environ: Mapping[str, str]) -> str:
    """The libpq connection string to use: `database`, SCHEDTOOL_DATABASE_URL, DATABASE_URL, then libpq's PG* (as "").

    A variable that is empty counts as not set; an empty `database` is a mistake in a script, and never means another.

    Raises:
        UsageError: None names a database, or what names it cannot be read. The message holds no part of it.
    """
    if database is not None:
        if not database.strip():
            raise UsageError("--database is empty", hint="is the variable set that you pass?", code="no_database")
        return _checked(database, "--database")
    for name in ("SCHEDTOOL_DATABASE_URL", "DATABASE_URL"):
        if environ.get(name, "").strip():
            return _checked(environ[name], name)
    if any(environ.get(name) for name in _LIBPQ):
        return ""
    raise UsageError(
        "no database given",
        hint="give --database postgresql://user@host/name, or set SCHEDTOOL_DATABASE_URL, DATABASE_URL or PGHOST, "
        "PGDATABASE, …",
        code="no_database",
    )


def scrub(text: str, target: Target | None) -> str:
    """The text without the password of `target`, or of PGPASSWORD, however it is spelled."""
    for secret in sorted(_spellings(target), key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def _checked(conninfo: str, source: str) -> str:
    conninfo = conninfo.strip()
    scheme = _SCHEME.match(conninfo)
    if scheme is not None:
        if not _OUR_SCHEME.fullmatch(scheme.group(1)):
            message = f"{source}: the scheme {scheme.group(1)} is not PostgreSQL's"
            raise UsageError(message, hint="it reads postgresql://user@host/name", code="bad_database")
        conninfo = "postgresql://" + conninfo[scheme.end() :]
        _check_separators(conninfo, source)
    elif "=" not in conninfo:
        raise UsageError(
            f"{source} is neither a URL nor keywords",
            hint="it reads postgresql://user@host/name, or host=… dbname=…",
            code="bad_database",
        )
    try:
        conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError as error:
        # libpq quotes the part it stumbled over, which may be a piece of the password.
        reason = re.sub(r'".*"', '"…"', str(error).strip(), flags=re.DOTALL)
        raise UsageError(
            f"{source} cannot be read: {reason}",
            hint="in a URL special characters are percent-encoded (@ is %40); a keyword's value with blanks is quoted",
            code="bad_database",
        ) from None
    return conninfo


def _check_separators(url: str, source: str) -> None:
    """Refuse a URL in which libpq would take the tail of a password for a host or a database, and show it."""
    rest = url.removeprefix("postgresql://")
    # libpq ends user and password at the first @, unless a / stands before it.
    if "@" in rest.partition("/")[0]:
        rest = rest.partition("@")[2]
    if "@" in rest.partition("?")[0]:
        raise UsageError(
            f"{source}: an '@' or '/' inside a password splits the URL in the wrong place",
            hint="write them as %40 and %2F",
            code="bad_database",
        )


def _spellings(target: Target | None) -> set[str]:
    secrets = {os.environ.get("PGPASSWORD", "")}
    if target is not None:
        values = conninfo_to_dict(target.conninfo)
        secrets |= {str(values[name]) for name in _SECRETS if values.get(name)}
        written = re.match(r"postgresql://[^:/?#]*:([^@]*)@", target.conninfo)
        if written is not None:
            secrets |= {written.group(1), unquote(written.group(1))}
    secrets |= {spelled for secret in secrets for spelled in (quote(secret), quote(secret, safe=""))}
    secrets |= {secret.replace("\\", "\\\\").replace("'", "\\'") for secret in secrets}
    return secrets - {""}
