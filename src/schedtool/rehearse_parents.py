"""What a rehearsal begins with: tables made by the project's own SQL, or copied from a database that is only read."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo

from schedtool import jobs, records
from schedtool.apply import apply
from schedtool.database import Target, connect, explain_error, run, scrub
from schedtool.errors import Failed, Refused, SchedtoolError, UsageError
from schedtool.rehearse_rows import with_names
from schedtool.schema_copy import dump_schema, make_schema, restore_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from schedtool.embedded import Server
    from schedtool.project import Project, SqlFile

TRIAL = "schedtool_trial"
"""A second database of the throw-away server, in which the migrations show what their foreign keys refer to."""


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
            dump = dump_schema(server.bin_dir, parents.source)
            left = restore_schema(server, target, dump)
            referenced = _referenced(server, target, project, dump)
            source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            _copy_rows(source, target, project, parents, referenced)
            source.execute("ROLLBACK")
            return left
    except psycopg.Error as error:
        told = explain_error(error)
        raise type(told)(scrub(told.message, parents.source), hint=told.hint, code=told.code) from None


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


def _referenced(server: Server, target: Target, project: Project, dump: bytes) -> set[str]:
    """Which tables the migrations' foreign keys refer to, shown by migrating a second, empty copy of the schema."""
    with psycopg.connect(make_conninfo(server.conninfo, dbname="template1"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TRIAL} TEMPLATE template0")
        trial = Target(make_conninfo(server.conninfo, dbname=TRIAL), target.schema)
        make_schema(trial)
        restore_schema(server, trial, dump)
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
