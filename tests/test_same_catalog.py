"""One file, one catalog, whoever runs it; there and back and there again; a batch's file outside a transaction."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import pytest

from schedtool.project import shipped
from tests.journey import (
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
from tests.servers import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Psql, RunCli
    from tests.servers import Database, Server

BATCHES = shipped() / "sql" / "batches"
DOCUMENTS = (
    '{"monday": {"start": "09:00", "end": "17:00"}, "tuesday": "closed", "notes": "kept"}',
    '[{"day": "friday", "start": "9am", "end": "5pm"}]',
    "{}",
    None,
)


@pytest.fixture
def three(server: Server) -> Iterator[tuple[Database, Database, Database]]:
    """Three databases with the same parents and documents."""
    made = server.create(), server.create(), server.create()
    for database in made:
        database.make_parents()
        insert_documents(database, DOCUMENTS)
    yield made
    for database in made:
        server.drop(database.name)


def yoyo(database: Database, command: str, *sources: str | Path) -> None:
    """Run plain yoyo."""
    url = database.url.replace("postgresql://", "postgresql+psycopg://", 1)
    outcome = run_program(sys.executable, "-m", "yoyo", command, "-b", "-d", url, *sources)
    assert outcome.exit_code == 0, outcome


def test_psql_plain_yoyo_and_schedtool_build_the_same_catalog_and_the_same_rows(
    three: tuple[Database, Database, Database], psql: Psql, run_cli: RunCli
) -> None:
    by_psql, by_yoyo, by_tool = three
    journey = Journey(run_cli, by_tool)
    days = "SELECT provider_id, day_of_week, is_available, start_time, end_time, timezone FROM provider_availability"

    for file in FILES[:-1]:
        assert psql(by_psql, "-1", "-v", "ON_ERROR_STOP=1", file=file).exit_code == 0
    yoyo(by_yoyo, "apply", MIGRATIONS)
    journey.do("apply")
    assert things(by_psql) == things(by_yoyo) == things(by_tool)
    [expected, *others] = [rows(database, f"{days} ORDER BY 1, 2") for database in three]
    assert len(expected) == 3
    assert others == [expected, expected]

    assert psql(by_psql, "-1", "-v", "ON_ERROR_STOP=1", file=DROP).exit_code == 0
    yoyo(by_yoyo, "apply", MIGRATIONS, DROP.parent)
    for database in (by_psql, by_yoyo):
        # What it leaves to a transaction of its own.
        assert psql(database, "-1", "-v", "ON_ERROR_STOP=1", file=DROP).exit_code == 0
    journey.do("apply", "--contract", "--yes")
    assert things(by_psql) == things(by_yoyo) == things(by_tool)
    assert "column providers.availability" not in things(by_tool)

    for file in reversed(FILES):
        assert psql(by_psql, "-1", "-v", "ON_ERROR_STOP=1", file=back(file)).exit_code == 0
    yoyo(by_yoyo, "rollback", "-r", FILES[0].stem, MIGRATIONS, DROP.parent)
    journey.do("rollback", "--to", "0001", "--yes")
    journey.do("rollback", "--yes")
    assert things(by_psql) == things(by_tool)
    assert things(by_yoyo) == things(by_tool)
    assert rows(by_tool, "SELECT availability::text FROM providers ORDER BY id") == rows(
        by_psql, "SELECT availability::text FROM providers ORDER BY id"
    )


def test_psql_in_autocommit_builds_the_same_catalog_where_no_guard_says_no(
    three: tuple[Database, Database, Database], psql: Psql
) -> None:
    alone, in_one, _ = three
    for file in (*FILES, *(back(file) for file in reversed(FILES))):
        bare = psql(alone, file=file)
        assert "ERROR" not in bare.stderr, bare
        assert psql(in_one, "-1", "-v", "ON_ERROR_STOP=1", file=file).exit_code == 0
        assert things(alone) == things(in_one), file.name


def test_plain_yoyo_over_migrations_never_drops(three: tuple[Database, Database, Database]) -> None:
    database = three[0]

    yoyo(database, "apply", MIGRATIONS)
    yoyo(database, "apply", MIGRATIONS)

    assert rows(database, "SELECT migration_id FROM _yoyo_migration ORDER BY 1") == [
        (file.stem,) for file in FILES if file != DROP
    ]
    assert rows(database, "SELECT count(availability) FROM providers") == [(3,)]


def test_plain_yoyo_cannot_take_back_what_something_stands_on(three: tuple[Database, Database, Database]) -> None:
    database = three[0]
    yoyo(database, "apply", MIGRATIONS)
    yoyo(database, "apply", MIGRATIONS, DROP.parent)
    before = things(database), contents(database)

    url = database.url.replace("postgresql://", "postgresql+psycopg://", 1)
    outcome = run_program(sys.executable, "-m", "yoyo", "rollback", "-b", "-d", url, MIGRATIONS)

    assert outcome.exit_code != 0
    assert "migration 0004 stands on this one" in outcome.stderr
    assert (things(database), contents(database)) == before


@pytest.mark.parametrize("key", ["integer", "bigint", "uuid"])
def test_there_and_back_and_there_again_is_the_same_catalog(
    empty_database: Database, run_cli: RunCli, key: Literal["integer", "bigint", "uuid"]
) -> None:
    empty_database.make_parents(key)
    insert_documents(empty_database, DOCUMENTS)
    journey = Journey(run_cli, empty_database)
    archive = "providers_availability_archive"

    def there() -> list[dict[str, str]]:
        found = []
        for step in (["apply", "--to", "0001"], ["apply", "--to", "0002"], ["apply"], ["apply", "--contract", "--yes"]):
            journey.do(*step)
            found.append(things(empty_database))
        return found

    before, documents = things(empty_database), contents(empty_database)
    once = there()
    for expected in (*reversed(once[:-1]), before):
        journey.do("rollback", "--yes")
        left = {name: text for name, text in things(empty_database).items() if archive not in name}
        assert left == expected

    # The archive is never dropped by us; all else is as it was before the first step.
    assert {table: held for table, held in contents(empty_database).items() if archive not in table} == documents
    execute(empty_database, f"DROP TABLE {archive}, {archive}_definitions")
    assert there() == once


# What works on a range; what stands around the batches, or writes one reject, has tests of its own.
RANGED = [
    file
    for file in sorted(BATCHES.iterdir())
    if not file.name.endswith((".session.sql", ".before.sql", ".after.sql", ".reject.sql"))
]


@pytest.mark.parametrize("file", RANGED, ids=lambda file: file.name)
def test_a_batch_outside_a_transaction_refuses(database: Database, psql: Psql, file: Path) -> None:
    insert_documents(database, DOCUMENTS)
    if file.name.endswith(".rollback.sql"):
        execute(database, DROP.read_text())
    else:
        # As if nothing had been read yet, so that there is something to do.
        execute(
            database,
            "SET schedtool.sync = 'document'; DELETE FROM provider_availability WHERE provider_id = 2"
            if file.name.startswith("0003")
            else "SELECT",
        )
    held = contents(database)
    variables = {"first": "1", "last": "1000", "settings": "{}"}

    outcome = psql(database, file=file, variables=variables)

    assert "not in a transaction: run this file with psql -1" in outcome.stderr
    now = contents(database)
    assert {table: now[table] for table in held} == held
    assert all(not now[table] for table in now.keys() - held.keys())
    assert psql(database, "-1", "-v", "ON_ERROR_STOP=1", file=file, variables=variables).exit_code == 0
    assert contents(database) != now


def test_a_policy_outside_a_transaction_is_not_stored(database: Database, psql: Psql) -> None:
    insert_documents(database, DOCUMENTS)
    variables = {"settings": '{"default_timezone": "Europe/Paris"}', "who": "me", "checked": "false"}
    held = contents(database)

    outcome = psql(database, file=shipped() / "sql" / "settings" / "0003.store.sql", variables=variables)

    assert "not in a transaction: run this file with psql -1" in outcome.stderr
    assert contents(database) == held


def test_the_files_are_all_there_is() -> None:
    assert sorted(MIGRATIONS.rglob("*.sql")) == sorted([*FILES, *(back(file) for file in FILES)])
