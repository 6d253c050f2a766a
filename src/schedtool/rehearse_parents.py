"""What a rehearsal begins with: tables made by the project's own SQL, or copied from a database that is only read."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schedtool import jobs, records
from schedtool.apply import apply
from schedtool.database import Target, connect, explain_error, run, scrub
from schedtool.errors import Failed, Refused, SchedtoolError, UsageError
from schedtool.rehearse_rows import with_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from psycopg import Connection

    from schedtool.embedded import Server
    from schedtool.project import Project, SqlFile

TRIAL = "schedtool_trial"
"""A second database of the throw-away server, in which the migrations show what their foreign keys refer to."""
TRACED = "schedtool_traced"
"""Another one, in which each statement is watched."""
DUMP_LOCK_WAIT_MS = 5000


@dataclass(frozen=True)
class Made:
    """Parents made by `sql/rehearse/parents.sql`, from its parameters."""

    file: SqlFile
    values: Mapping[str, str]


@dataclass(frozen=True)
class Copied:
    """Parents copied from a database: its schema, and a share of its documents.

    Attributes:
        source: Where from; its password is passed on by the environment only.
        percent: About how many of every hundred keys; other parents come whole.
    """

    source: Target = field(repr=False)
    percent: float = 100.0


def made(project: Project, values: Mapping[str, str]) -> Made:
    """Find the file that makes the parents.

    Raises:
        UsageError: The project has none.
    """
    file = next((file for file in project.folder("rehearse") if file.name == "parents"), None)
    if file is None:
        raise UsageError(
            f"{project.relative(project.root / 'sql' / 'rehearse' / 'parents.sql')} is missing: nothing says which"
            " tables are there before the first migration",
            hint="write it, or rehearse on a copy of a database: --from URL",
            code="no_parents",
        )
    return Made(file, values)


def prepare(server: Server, target: Target, project: Project, parents: Made | Copied) -> str:
    """Bring the parents into an empty schema of a throw-away server; return what of them cannot be had there.

    Raises:
        SchedtoolError: They could not be made, or not be copied; the source is unchanged in any case.
    """
    left = ""
    if isinstance(parents, Made):
        with closing(connect(target, application="rehearse")) as connection:
            try:
                run(connection, parents.file.text, parents.values)
            except psycopg.Error as error:
                raise explain_error(error, file=parents.file.path, text=parents.file.text) from error
    else:
        left = _copy(server, target, project, parents)
    return left


def make_schema(target: Target) -> None:
    """Make the schema to work in, where the server has not made it itself."""
    with psycopg.connect(target.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(target.schema)))


def _copy(server: Server, target: Target, project: Project, parents: Copied) -> str:
    try:
        with closing(connect(parents.source, application="rehearse", read_only=True)) as source:
            recorded = [record.id for record in records.records(source)]
            if recorded:
                raise Refused(
                    f"{recorded[-1]} is applied in the database to copy, and a rehearsal begins before the first one",
                    hint="rehearse on a copy of it from before that",
                    code="applied_already",
                )
            dump = _dump(server.bin_dir, parents.source)
            left = _restore(server, target, dump)
            referenced = _referenced(server, target, project, dump)
            source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            _copy_rows(source, target, project, parents, referenced)
            source.execute("ROLLBACK")
            return left
    except psycopg.Error as error:
        told = explain_error(error)
        raise type(told)(scrub(told.message, parents.source), hint=told.hint, code=told.code) from None


def _dump(bin_dir: Path, source: Target) -> bytes:
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


def _restore(server: Server, target: Target, dump: bytes) -> str:
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


def _copy_rows(
    source: Connection[Any], target: Target, project: Project, parents: Copied, referenced: set[str]
) -> None:
    sampled = {file.keys.table for file in project.folder("batches") if file.keys is not None}
    wanted = referenced | sampled
    with closing(connect(target, application="rehearse")) as copy:
        # Rows that others refer to may not be in the sample; the triggers have done their work at the source.
        copy.execute("SET session_replication_role = replica")
        tables = {row["name"]: row["given"] for row in jobs.answer(copy, "rehearse_tables")}
        for table in sorted(sampled - tables.keys()):
            raise Failed(f"{table} is not in the database to copy, or its definition could not be copied here")
        for table in sorted(wanted & tables.keys()):
            share = {"percent": str(parents.percent if table in sampled else 100)}
            reading = with_names("rehearse_copy_out", table, tables[table], share)
            writing = with_names("rehearse_copy_in", table, tables[table])
            with (
                source.cursor() as reader,
                copy.cursor() as writer,
                reader.copy(reading.encode()) as rows,
                writer.copy(writing.encode()) as into,
            ):
                for data in rows:
                    into.write(data)


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
        yield copy, _restore(server, copy, _dump(server.bin_dir, source))
        connection.execute(f"DROP DATABASE {TRACED} WITH (FORCE)")


def _referenced(server: Server, target: Target, project: Project, dump: bytes) -> set[str]:
    """Which tables the migrations' foreign keys refer to, shown by migrating a second, empty copy of the schema."""
    with psycopg.connect(make_conninfo(server.conninfo, dbname="template1"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TRIAL} TEMPLATE template0")
        trial = Target(make_conninfo(server.conninfo, dbname=TRIAL), target.schema)
        make_schema(trial)
        _restore(server, trial, dump)
        with closing(connect(trial, application="rehearse")) as inside:
            before = {row["name"] for row in jobs.answer(inside, "rehearse_tables")}
        # What fails here the rehearsal itself is about to meet, and shows as a step.
        with suppress(SchedtoolError):
            apply(trial, project, confirm=_never, notify=_nothing)
        with closing(connect(trial, application="rehearse")) as inside:
            found = {
                row["name"] for row in jobs.answer(inside, "rehearse_referenced") if row["referring"] not in before
            }
        connection.execute(f"DROP DATABASE {TRIAL}")
    return found & before


def _never(_names: object) -> bool:
    return False


def _nothing(_event: object) -> None:
    pass
