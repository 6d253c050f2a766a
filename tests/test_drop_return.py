"""The way back in batches: what changes meanwhile is noted, and only what is ours is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

from schedtool.project import shipped
from tests.journey import DROP, Journey, back, execute, insert_documents, rows, things

if TYPE_CHECKING:
    from tests.conftest import Psql, RunCli
    from tests.servers import Database

BATCH = shipped() / "sql" / "batches" / back(DROP).name
WEEK = '{"Mon": {"from": "9am", "to": "5pm", "room": 3}, "note": "kept"}'
READABLE = (WEEK, '[{"day": "friday", "start": "09:00", "end": "17:00", "x": [1, 2]}]', None, "{}")
TEXT = '"by appointment"'
COLUMN = "column providers.availability"


@pytest.fixture
def journey(database: Database, run_cli: RunCli) -> Journey:
    """Five providers whose column is dropped; the last one's document was left behind by name."""
    insert_documents(database, [*READABLE, TEXT])
    journey = Journey(run_cli, database)
    journey.do("rejects", "--accept", "text")
    journey.do("apply", "--contract", "--yes")
    return journey


def documents(database: Database) -> dict[object, object]:
    found = rows(database, "SELECT id, availability::text FROM providers ORDER BY id")
    return {key: text and json.loads(text) for key, text in found}


def batches(database: Database, psql: Psql, times: int = 3) -> list[str]:
    """Run the batch so often: the first two make the tripwire and the column."""
    said = []
    for _ in range(times):
        outcome = psql(
            database,
            *("-1", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1"),
            file=BATCH,
            variables={"first": "1", "last": "1000", "settings": "{}"},
        )
        assert outcome.exit_code == 0, outcome
        said.append(outcome.stdout.splitlines()[-1])
    return said


def test_the_batches_make_the_tripwire_then_the_column_then_fill_it(
    database: Database, journey: Journey, psql: Psql
) -> None:
    assert batches(database, psql, 4) == ["0|0|0|0|0", "0|0|0|0|0", "5|0|0|4|1", "5|0|0|0|5"]
    assert rows(database, "SELECT count(availability_returning) FROM providers") == [(4,)]
    assert COLUMN not in things(database)

    journey.do("rollback", "--yes")

    assert list(documents(database).values()) == [text and json.loads(text) for text in (*READABLE, TEXT)]
    journey.do("verify")


MEANWHILE = (
    "UPDATE provider_availability SET end_time = '18:30' WHERE provider_id = 1",
    "DELETE FROM provider_availability WHERE provider_id = 2",
    "INSERT INTO provider_availability (provider_id, day_of_week) VALUES (3, 'sunday')",
    "INSERT INTO providers (id) VALUES (10), (11)",
    "INSERT INTO provider_availability (provider_id, day_of_week) VALUES (10, 'monday')",
    "DELETE FROM providers WHERE id = 4",
    "UPDATE providers SET id = 50 WHERE id = 5",
)
AFTER: dict[object, object] = {
    1: {"Mon": {"from": "9am", "to": "18:30", "room": 3}, "note": "kept"},
    2: [],
    3: {"sunday": {"available": False}},
    10: {"monday": {"available": False}},
    11: None,
    50: "by appointment",
}


@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_rows_written_between_the_batches_and_the_end_are_in_the_documents(
    database: Database, journey: Journey, psql: Psql, times: int
) -> None:
    batches(database, psql, times)
    execute(database, *MEANWHILE)

    if times:
        outcome = psql(database, "-v", "ON_ERROR_STOP=1", file=back(DROP))
        assert outcome.exit_code == 0, outcome
        execute(database, "DELETE FROM _yoyo_migration WHERE migration_id LIKE '0004%'")
    else:
        journey.do("rollback", "--yes")

    assert documents(database) == AFTER
    assert journey.failing("schema", "constraints", "parity") == []


@pytest.mark.usefixtures("journey")
def test_without_the_tripwire_they_would_be_lost(database: Database, psql: Psql) -> None:
    batches(database, psql)
    execute(
        database,
        "CREATE OR REPLACE FUNCTION provider_availability_follow_row() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NULL; END'",
        MEANWHILE[0],
    )

    execute(database, back(DROP).read_text())

    assert documents(database)[1] == json.loads(WEEK)


def test_a_writer_in_flight_at_a_batch_is_noted(database: Database, journey: Journey, psql: Psql) -> None:
    batches(database, psql, 2)
    with database.connect() as writer:
        writer.execute("BEGIN")
        writer.execute(MEANWHILE[0].encode())
        batches(database, psql, 1)
        writer.execute("COMMIT")

    journey.do("rollback", "--yes")

    assert documents(database)[1] == AFTER[1]


def test_a_column_of_the_same_name_that_somebody_made_is_left_alone(
    database: Database, journey: Journey, psql: Psql
) -> None:
    execute(database, "ALTER TABLE providers ADD availability text DEFAULT 'busy'")
    before, said = things(database), documents_text(database)

    for outcome in (
        journey.run("rollback", "--yes"),
        psql(database, "-v", "ON_ERROR_STOP=1", file=back(DROP)),
    ):
        assert outcome.exit_code == 3
        assert "has a column availability that is not the one that was dropped" in outcome.stderr
    assert (things(database), documents_text(database)) == (before, said)
    assert [found["state"] for found in journey.json("status")["migrations"]][-1] == "applied"

    execute(database, "ALTER TABLE providers RENAME availability TO mood")
    journey.do("rollback", "--yes")
    assert documents(database)[1] == json.loads(WEEK)


def documents_text(database: Database) -> list[tuple[object, ...]]:
    return rows(database, "SELECT id, availability FROM providers ORDER BY id")


def test_a_column_of_the_temporary_name_that_somebody_made_is_left_alone(database: Database, journey: Journey) -> None:
    execute(database, "ALTER TABLE providers ADD availability_returning text DEFAULT 'soon'")

    outcome = journey.run("rollback", "--yes")

    assert outcome.exit_code == 3
    assert "a column availability_returning of somebody else's" in outcome.stderr
    assert rows(database, "SELECT DISTINCT availability_returning FROM providers") == [("soon",)]


def test_a_document_follows_its_provider_to_another_key_with_all_that_no_row_says(
    database: Database, journey: Journey
) -> None:
    execute(
        database,
        "UPDATE providers SET id = 100 WHERE id = 1",
        "DELETE FROM providers WHERE id = 2",
        "INSERT INTO providers (id) VALUES (1), (2)",
    )

    journey.do("rollback", "--yes")

    found = documents(database)
    assert (found[100], found[1], found[2]) == (json.loads(WEEK), None, None)


def test_a_row_that_no_document_can_say_waits_for_a_decision(database: Database, journey: Journey) -> None:
    execute(
        database,
        "UPDATE provider_availability SET timezone = 'Nowhere/At_All' WHERE provider_id = 1",
    )

    outcome = journey.do("rollback", "--yes")

    assert "1 documents that came back do not say what their rows say" in outcome.stderr
    assert documents(database)[1] == json.loads(WEEK)
    undecided = [found for found in journey.json("rejects")["rejects"] if found["accepted_at"] is None]
    assert [(found["provider_id"], found["reason"]) for found in undecided] == [(1, "row_differs")]


def test_rows_cannot_be_truncated_while_documents_come_back(database: Database, journey: Journey, psql: Psql) -> None:
    execute(database, "TRUNCATE provider_availability")
    batches(database, psql, 1)

    with database.connect() as connection, pytest.raises(psycopg.Error, match="while the documents come back"):
        connection.execute("TRUNCATE provider_availability")

    journey.do("rollback", "--yes")
    assert documents(database)[1] == {"note": "kept"}


def test_a_writer_of_rows_in_flight_keeps_the_way_back_waiting_and_loses_nothing(
    database: Database, journey: Journey, psql: Psql
) -> None:
    batches(database, psql)
    with database.connect() as writer:
        writer.execute("BEGIN")
        writer.execute(MEANWHILE[0].encode())
        busy = psql(database, "-v", "ON_ERROR_STOP=1", file=back(DROP))
        writer.execute("COMMIT")
    assert "lock timeout" in busy.stderr
    assert COLUMN not in things(database)

    journey.do("rollback", "--yes")

    assert documents(database)[1] == AFTER[1]


def test_many_documents_go_and_come_back_in_batches(database: Database, run_cli: RunCli) -> None:
    execute(
        database,
        "INSERT INTO providers (availability) SELECT jsonb_build_object('Mon', '9am-5pm', 'note', n)"
        " FROM generate_series(1, 1500) AS n",
    )
    before = rows(database, "SELECT id, availability::text FROM providers ORDER BY id")
    journey = Journey(run_cli, database)
    answer = journey.json("apply", "--contract", "--yes")
    assert [(ran["documents"]) for ran in answer["applied"]] == [1500]
    execute(database, "UPDATE provider_availability SET start_time = '08:00' WHERE provider_id % 500 = 7")

    answer = journey.json("rollback", "--yes")

    assert answer["rolled_back"][0]["rows"] >= 1500
    after = rows(database, "SELECT id, availability::text FROM providers ORDER BY id")
    changed = [key for (key, text), (_, now) in zip(before, after, strict=True) if text != now]
    assert changed == [7, 507, 1007]
    assert after[6] == (7, '{"Mon": "08:00-17:00", "note": 7}')
    journey.do("verify")
