"""The plan: what apply would do, and a hash that stands for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.team import DROP, Team

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database


@pytest.fixture
def team(tmp_path: Path, empty_database: Database, run_cli: RunCli) -> Team:
    return Team(tmp_path, empty_database, run_cli)


def test_the_plan_names_pending_files_in_order_with_their_hazards(team: Team) -> None:
    team.migration("contract/0004.drop-name", DROP)
    team.run("apply", "--to", "0001")

    plan = team.json("plan", "--contract")

    assert set(plan) == {"command", "ok", "hash", "migrations"}
    assert [(found["id"], found["contract"], found["hazards"]) for found in plan["migrations"]] == [
        ("0002.fill-thing", False, []),
        ("0003.index-thing", False, ["outside_transaction"]),
        ("0004.drop-name", True, ["drops_column"]),
    ]
    assert set(plan["migrations"][0]) == {"id", "contract", "batches", "documents", "hazards", "locks"}


def test_without_contract_its_files_are_named_apart(team: Team) -> None:
    team.migration("contract/0004.drop-name", DROP)

    outcome = team.run("plan")

    assert "0004" not in outcome.stdout
    assert "left alone without --contract: 0004.drop-name" in outcome.stderr


def test_what_a_file_does_to_its_own_new_table_is_no_hazard(team: Team) -> None:
    team.migration(
        "0001.make-thing",
        """
        CREATE TABLE thing (id bigint PRIMARY KEY, other_id bigint REFERENCES other (id));
        CREATE INDEX ON thing (other_id);
        ALTER TABLE thing ADD CHECK (id > 0);
        CREATE FUNCTION wipe() RETURNS void LANGUAGE sql AS 'DELETE FROM other';
        CREATE TRIGGER t AFTER UPDATE OR TRUNCATE ON other FOR EACH STATEMENT EXECUTE FUNCTION f();
        DO $$ BEGIN RAISE 'no' USING HINT = 'ALTER TABLE other ALTER COLUMN a TYPE jsonb'; END $$;
        """,
    )

    plan = team.json("plan", "--to", "0001")

    assert plan["migrations"][0]["hazards"] == ["adds_foreign_key", "creates_trigger"]


def test_locks_are_those_the_header_declares(team: Team) -> None:
    team.migration(
        "0001.make-thing",
        "-- locks: other SHARE ROW EXCLUSIVE for an instant\n"
        "-- locks: more ACCESS EXCLUSIVE, until it commits\n"
        "SELECT 1;",
    )

    plan = team.json("plan", "--to", "0001")

    assert plan["migrations"][0]["locks"] == [
        {"table": "other", "mode": "SHARE ROW EXCLUSIVE", "held": "for an instant"},
        {"table": "more", "mode": "ACCESS EXCLUSIVE", "held": "until it commits"},
    ]


def test_a_migration_with_batches_tells_how_many_documents_they_run_over(team: Team) -> None:
    team.files.write(
        "sql/batches/0002.fill-thing.sql",
        "-- keys: thing (id)\nSELECT count(*) AS documents FROM thing WHERE id BETWEEN :'first' AND :'last';\n",
    )
    before = team.json("plan")["migrations"][1]
    team.run("apply", "--to", "0001")
    with team.database.connect() as connection:
        connection.execute("INSERT INTO thing SELECT generate_series(10, 50)")

    after = team.json("plan")["migrations"][0]

    assert (before["batches"], before["documents"]) == (True, None)
    assert (after["id"], after["batches"], after["documents"]) == ("0002.fill-thing", True, 41)


def test_sql_prints_what_would_be_sent(team: Team) -> None:
    outcome = team.run("plan", "--sql", "--to", "0002")

    assert "CREATE TABLE thing (id bigint PRIMARY KEY, name text);" in outcome.stdout
    assert "INSERT INTO thing" in outcome.stdout
    assert "CONCURRENTLY" not in outcome.stdout


def test_tables_that_a_file_names_are_told(team: Team) -> None:
    lines = team.run("plan").stdout.splitlines()

    assert [line.split()[:3] for line in lines[1:4]] == [
        ["0001.make-thing", "no", "thing"],
        ["0002.fill-thing", "no", "thing"],
        ["0003.index-thing", "no", "thing"],
    ]


def test_sql_prints_the_batches_before_the_file_they_work_for(team: Team) -> None:
    batch = "-- keys: thing (id)\nSELECT 0::bigint AS documents;\n"
    team.files.write("sql/batches/0002.fill-thing.sql", batch)

    outcome = team.run("plan", "--sql", "--to", "0002")

    assert outcome.stdout.index(batch) < outcome.stdout.index("INSERT INTO thing")


def test_the_hash_is_the_same_for_the_same_and_another_for_anything_else(team: Team) -> None:
    first = team.json("plan")["hash"]
    assert team.json("plan")["hash"] == first

    seen = {first, team.json("plan", "--to", "0001")["hash"]}
    team.files.write("sql/batches/0002.fill-thing.sql", "-- keys: thing (id)\nSELECT 0::bigint AS documents;\n")
    seen.add(team.json("plan")["hash"])
    team.migration("0002.fill-thing", "SELECT 2;")
    seen.add(team.json("plan")["hash"])
    team.run("apply", "--to", "0001")
    seen.add(team.json("plan")["hash"])

    assert len(seen) == 5


def test_the_plan_of_a_database_with_everything_applied_is_empty(team: Team) -> None:
    team.run("apply")

    assert team.run("plan").stdout == "nothing to do: everything is applied\n"
    assert team.json("plan")["migrations"] == []
