"""A copy of a schema's definitions, no rows, on a throw-away server: what a rehearsal and a trace of locks work on."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schedtool.database import Target, scrub
from schedtool.errors import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schedtool.embedded import Server

TRACED = "schedtool_traced"
"""A database of the throw-away server, in which each statement is watched."""
DUMP_LOCK_WAIT_MS = 5000


def make_schema(target: Target) -> None:
    """Make the schema to work in, where the server has not made it itself."""
    with psycopg.connect(target.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(target.schema)))


@contextmanager
def schema_copy(server: Server, source: Target) -> Iterator[tuple[Target, str]]:
    """Copy the definitions of a schema, no rows, into a database of a throw-away server; gone with the block.

    Yields:
        The copy, and what could not be had there.
    """
    with psycopg.connect(make_conninfo(server.conninfo, dbname="template1"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TRACED} TEMPLATE template0")
        copy = Target(make_conninfo(server.conninfo, dbname=TRACED), source.schema)
        make_schema(copy)
        yield copy, restore_schema(server, copy, dump_schema(server.bin_dir, source))
        connection.execute(f"DROP DATABASE {TRACED} WITH (FORCE)")


def dump_schema(bin_dir: Path, source: Target) -> bytes:
    """The definitions of the source's schema, by pg_dump, which takes ACCESS SHARE and waits for it 5 s at most."""
    given: dict[str, Any] = conninfo_to_dict(source.conninfo)
    password = given.pop("password", None)
    environ = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    command = [
        str(bin_dir / "pg_dump"),
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-tablespaces",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        f"--lock-wait-timeout={DUMP_LOCK_WAIT_MS}",
        f"--schema={sql.Identifier(source.schema).as_string()}",
        f"--dbname={make_conninfo(**{**given, 'application_name': 'schedtool rehearse'})}",
    ]
    try:
        done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603 - beside the server's programs
    except OSError as error:
        raise Failed(f"{bin_dir / 'pg_dump'} does not run: {error.strerror}", code="no_pg_dump") from error
    if done.returncode != 0:
        said = scrub(done.stderr.decode(errors="replace"), source).strip()
        raise Failed(f"pg_dump could not read the schema: {said.splitlines()[0] if said else ''}", hint=said or None)
    return done.stdout


def restore_schema(server: Server, target: Target, dump: bytes) -> str:
    """Make what the dump says; what it cannot have here (roles, extensions, other schemas) is told, not fatal."""
    command = [str(server.bin_dir / "psql"), "-X", "-q", "-d", target.conninfo]
    try:
        done = subprocess.run(  # noqa: S603 - beside the server's programs
            command, input=dump, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"}
        )
    except OSError as error:
        raise Failed(f"{server.bin_dir / 'psql'} does not run: {error.strerror}", code="no_psql") from error
    errors = [line.partition("ERROR:")[2].strip() for line in done.stderr.decode(errors="replace").splitlines()]
    # Some minor releases keep an option of their own with each column, which others do not know and nothing needs.
    noise = {f'schema "{target.schema}" already exists', 'unrecognized parameter "pg_attver"'}
    errors = [line for line in errors if line and line not in noise]
    return f"not copied: {len(errors)} of the definitions, the first because: {errors[0]}" if errors else ""
