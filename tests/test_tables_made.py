"""How the tables are made: comments, names, keys that follow their parents, any schema, the same when made twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import pytest

from tests.journey import (
    CREATE,
    DROP,
    FILES,
    MIGRATIONS,
    Journey,
    back,
    contents,
    execute,
    insert_documents,
    rows,
    things,
)
from tests.servers import HERE

if TYPE_CHECKING:
    from tests.conftest import RunCli
    from tests.servers import Database


@pytest.mark.parametrize("upto", ["0003", "0004"])
def test_every_table_column_function_and_trigger_of_ours_has_a_comment(
    database: Database, run_cli: RunCli, upto: str
) -> None:
    if upto == "0004":
        Journey(run_cli, database).do("apply", "--contract", "--yes")

    silent = [
        name
        for name, text in things(database).items()
        if name.split(" ")[0] in {"table", "column", "function", "trigger"}
        and not re.match(r"(table|column) (users|providers)\b", name)
        and "-- " not in text
    ]
    assert silent == []


def test_every_constraint_and_index_is_named_table_column_kind(database: Database, run_cli: RunCli) -> None:
    Journey(run_cli, database).do("apply", "--contract", "--yes")
    kinds = {"p": "pkey", "u": "key", "f": "fkey", "c": "check", "n": "not_null"}
    found = rows(
        database,
        "SELECT c.conname, t.relname, c.contype, array("
        "   SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (n, i)"
        "   JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.n ORDER BY k.i)"
        " FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = c.conrelid"
        " WHERE t.relnamespace = 'public'::regnamespace AND t.relname ~ '^(bookings|providers?_availability)'",
    )
    assert len(found) > 20
    for name, table, kind, columns in found:
        # A check of several columns is named for the one it is about.
        about = columns if kind == "c" else ["_".join(columns)]
        assert name in {f"{table}_{column}_{kinds[kind]}" for column in about}

    indexes = [name for name in things(database) if name.startswith("index ")]
    assert indexes == [
        "index bookings.bookings_provider_id_appointment_date_idx",
        "index bookings.bookings_user_id_appointment_date_idx",
        "index provider_availability.provider_availability_day_of_week_timezone_idx",
    ]


@pytest.mark.parametrize("providers_key", ["integer", "bigint", "uuid"])
@pytest.mark.parametrize("users_key", ["integer", "bigint", "uuid"])
def test_foreign_keys_follow_the_type_of_their_parents_keys(
    empty_database: Database, providers_key: Literal["integer", "bigint", "uuid"], users_key: str
) -> None:
    empty_database.make_parents(providers_key)
    default = "DEFAULT gen_random_uuid()" if users_key == "uuid" else ""
    execute(
        empty_database,
        f"DROP TABLE users; CREATE TABLE users (id {users_key} PRIMARY KEY {default})",
        CREATE.read_text(),
    )

    types = rows(
        empty_database,
        "SELECT attrelid::regclass::text || '.' || attname, format_type(atttypid, atttypmod), attnotnull"
        " FROM pg_attribute"
        " WHERE attrelid IN ('bookings'::regclass, 'provider_availability'::regclass) AND attname ~ '_id$'"
        " ORDER BY 1",
    )
    assert types == [
        ("bookings.provider_id", providers_key, True),
        ("bookings.user_id", users_key, True),
        ("provider_availability.provider_id", providers_key, True),
    ]


@pytest.mark.parametrize("schema", ["app", "My-App", 'odd "name" 1'])
def test_the_whole_journey_in_another_schema_touches_no_other(
    empty_database: Database, run_cli: RunCli, schema: str
) -> None:
    quoted = '"' + schema.replace('"', '""') + '"'
    parents = (HERE / "sql" / "parents.bigint.sql").read_text()
    execute(empty_database, f"CREATE SCHEMA {quoted}; SET search_path = {quoted}; {parents}")
    week = '{"monday": {"start": "09:00", "end": "17:00"}}'
    execute(empty_database, f"INSERT INTO {quoted}.providers (availability) VALUES ('{week}'), (NULL)")
    journey = Journey(run_cli, empty_database, "--schema", schema)

    for step in (
        ["apply"],
        ["verify"],
        ["apply", "--contract", "--yes"],
        ["verify"],
        ["rollback", "--yes"],
        ["verify"],
    ):
        journey.do(*step)
    # The triggers find their tables whatever the writer searches.
    execute(empty_database, f"UPDATE {quoted}.provider_availability SET end_time = '18:00'")

    assert rows(empty_database, f"SELECT availability FROM {quoted}.providers ORDER BY id") == [
        ({"monday": {"start": "09:00", "end": "18:00"}},),
        (None,),
    ]
    assert things(empty_database) == {}
    journey.do("rollback", "--yes")
    journey.do("rollback", "--yes")
    journey.do("rollback", "--yes")
    assert {name for name in things(empty_database, schema) if name.startswith("table ")} == {
        "table providers",
        "table users",
        "table providers_availability_archive",
        "table providers_availability_archive_definitions",
    }


def test_running_a_file_again_changes_nothing(empty_database: Database) -> None:
    empty_database.make_parents()
    insert_documents(empty_database, ['{"monday": {"start": "09:00", "end": "17:00"}}', "[]", None])

    for file in (*FILES, back(DROP), *(back(file) for file in reversed(FILES[:-1]))):
        for _ in range(2 if file == DROP else 1):
            # The drop leaves something to a second run, on purpose; a third one finds nothing left.
            execute(empty_database, file.read_text())
        once = things(empty_database), contents(empty_database)
        execute(empty_database, file.read_text())
        assert (things(empty_database), contents(empty_database)) == once, file.relative_to(MIGRATIONS)
