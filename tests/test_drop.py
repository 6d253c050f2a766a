"""The drop of the column: refused while anything would be lost, and nothing is lost when it goes through."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from schedtool.project import shipped
from tests.journey import DROP, SYNC, Journey, back, contents, execute, insert_documents, rows, things
from tests.known import all_documents

if TYPE_CHECKING:
    from tests.conftest import Psql, RunCli
    from tests.servers import Database

WEEKS = (
    '{"Mon": {"from": "9am", "to": "5pm", "room": 3}, "note": "kept"}',
    '[{"day": "friday", "start": "09:00", "end": "17:00"}]',
    None,
)
BATCH = shipped() / "sql" / "batches" / DROP.name
OPEN = "SET is_available = true, start_time = '08:00', end_time = '20:00'"


@pytest.fixture
def app(database: Database) -> Database:
    """Three providers, two of them with a document of one day."""
    insert_documents(database, WEEKS)
    return database


@pytest.fixture
def journey(app: Database, run_cli: RunCli) -> Journey:
    return Journey(run_cli, app)


def archive(database: Database) -> dict[object, str | None]:
    return dict(rows(database, "SELECT provider_id, availability::text FROM providers_availability_archive"))


def documents(database: Database) -> dict[object, str | None]:
    return dict(rows(database, "SELECT id, availability::text FROM providers"))


def unheard(statement: str) -> str:
    """A write to the rows that reaches no document."""
    return f"SET schedtool.sync = 'document'; {statement}; RESET schedtool.sync"


REFUSED = {
    "a document that waits for a decision": (
        "UPDATE providers SET availability = '\"mornings\"' WHERE id = 3",
        "1 documents wait for a decision: text",
    ),
    "a document whose last good rows stand": (
        "UPDATE providers SET availability = '\"mornings\"' WHERE id = 1",
        "1 documents wait for a decision: text",
    ),
    "a row that differs": (unheard(f"UPDATE provider_availability {OPEN} WHERE provider_id = 2"), "providers 2"),
    "a row that is missing": (unheard("DELETE FROM provider_availability WHERE provider_id = 1"), "providers 1"),
    "a row that no document says": (
        unheard("INSERT INTO provider_availability (provider_id, day_of_week) VALUES (3, 'sunday')"),
        "providers 3",
    ),
    "a zone that differs": (
        unheard("UPDATE provider_availability SET timezone = 'UTC' WHERE provider_id = 1"),
        "providers 1",
    ),
    "a disabled trigger of the rows": (
        "ALTER TABLE provider_availability DISABLE TRIGGER provider_availability_update_trigger",
        "provider_availability_update_trigger missing or disabled",
    ),
    "a disabled trigger of the documents": (
        "ALTER TABLE providers DISABLE TRIGGER providers_availability_insert_trigger",
        "providers_availability_insert_trigger missing or disabled",
    ),
    "a trigger of the documents that fires on replicas only": (
        "ALTER TABLE providers ENABLE REPLICA TRIGGER providers_availability_update_trigger",
        "providers_availability_update_trigger missing or disabled",
    ),
    "a trigger that is gone": (
        "DROP TRIGGER providers_availability_update_trigger ON providers",
        "providers_availability_update_trigger missing or disabled",
    ),
    "a view that uses the column": (
        "CREATE VIEW weeks AS SELECT id, availability FROM providers",
        "in use: rule _RETURN on view weeks",
    ),
    "a function that uses the column": (
        "CREATE FUNCTION week(bigint) RETURNS jsonb BEGIN ATOMIC SELECT availability FROM providers WHERE id = $1; END",
        "in use: function week(bigint)",
    ),
    "a trigger of the application on the column": (
        (
            "CREATE FUNCTION app() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            " CREATE TRIGGER app AFTER UPDATE OF availability ON providers FOR EACH ROW EXECUTE FUNCTION app()"
        ),
        "in use: trigger app on table providers",
    ),
    "a column made from the documents": (
        "ALTER TABLE providers ADD said text GENERATED ALWAYS AS (availability::text) STORED",
        "said",
    ),
}


@pytest.mark.parametrize("how", [(), ("--no-batches",)], ids=["with batches", "the file alone"])
@pytest.mark.parametrize("case", REFUSED)
def test_the_drop_is_refused_with_the_reason_and_nothing_has_changed(
    app: Database, journey: Journey, case: str, how: tuple[str, ...]
) -> None:
    statement, reason = REFUSED[case]
    execute(app, statement)
    there, held = things(app), contents(app)

    outcome = journey.run("apply", "--contract", "--yes", *how)

    assert outcome.exit_code == 3, outcome
    assert reason in outcome.stderr
    assert "Traceback" not in outcome.stderr
    # The batches may have copied documents ahead; nothing else is there, and nothing that was there is gone.
    now = {name: text for name, text in things(app).items() if "providers_availability_archive" not in name}
    assert now == there
    assert all(contents(app)[table] == content for table, content in held.items())
    [state] = [found["state"] for found in journey.json("status")["migrations"] if found["id"].startswith("0004")]
    assert state in {"pending", "failed"}


def test_what_the_drop_was_refused_for_can_be_mended_and_then_it_goes_through(app: Database, journey: Journey) -> None:
    execute(
        app, *(statement for statement, _ in (REFUSED["a row that differs"], REFUSED["a view that uses the column"]))
    )
    assert journey.run("apply", "--contract", "--yes").exit_code == 3

    execute(
        app,
        "DROP VIEW weeks",
        unheard(
            "UPDATE provider_availability SET is_available = true, start_time = '09:00',"
            " end_time = '17:00' WHERE provider_id = 2"
        ),
    )
    before = documents(app)
    journey.do("apply", "--contract", "--yes")

    assert archive(app) == before


def test_the_run_that_fills_the_rows_does_not_drop_the_column(empty_database: Database, run_cli: RunCli) -> None:
    empty_database.make_parents()
    insert_documents(empty_database, WEEKS)
    journey = Journey(run_cli, empty_database)

    outcome = journey.run("apply", "--contract", "--yes")

    assert outcome.exit_code == 3, outcome
    assert "0003" in outcome.stderr
    assert len(documents(empty_database)) == 3
    journey.do("apply")
    journey.do("apply")
    assert len(documents(empty_database)) == 3
    journey.do("apply", "--contract", "--yes")
    assert len(archive(empty_database)) == 3


def test_documents_left_behind_by_name_are_archived_like_all_others_to_the_letter(
    database: Database, run_cli: RunCli
) -> None:
    insert_documents(database, [*(known.text for known in all_documents() if known.jsonb), None, "null", "[]"])
    before = documents(database)
    journey = Journey(run_cli, database)
    reasons = sorted({reject["reason"] for reject in journey.json("rejects")["rejects"]})
    assert len(reasons) > 10
    journey.do("rejects", *(part for reason in reasons[1:] for part in ("--accept", reason)), "--note", "agreed")
    assert reasons[0] in journey.run("apply", "--contract", "--yes").stderr
    journey.do("rejects", "--accept", reasons[0])

    journey.do("apply", "--contract", "--yes")

    assert archive(database) == before
    assert "column providers.availability" not in things(database)
    journey.do("verify")


def test_a_decision_holds_for_the_document_it_was_taken_on(app: Database, journey: Journey) -> None:
    execute(app, "UPDATE providers SET availability = '\"mornings\"' WHERE id = 3")
    journey.do("rejects", "--accept", "text")
    execute(app, "UPDATE providers SET availability = '\"evenings\"' WHERE id = 3")

    assert "wait for a decision" in journey.run("apply", "--contract", "--yes").stderr


def archive_ahead(database: Database, psql: Psql) -> None:
    """Run the batch that copies the documents ahead of the drop."""
    variables = {"first": "1", "last": "1000", "settings": "{}"}
    outcome = psql(database, "-1", "-v", "ON_ERROR_STOP=1", file=BATCH, variables=variables)
    assert outcome.exit_code == 0, outcome


MEANWHILE = (
    'UPDATE providers SET availability = \'{"Mon": "10:00-12:00"}\' WHERE id = 1',
    'UPDATE providers SET availability = availability || \'{"note": "newer"}\' WHERE id = 1',
    "UPDATE provider_availability SET end_time = '18:00' WHERE provider_id = 2",
    'INSERT INTO providers (id, availability) VALUES (10, \'{"sunday": "off"}\')',
    "UPDATE providers SET id = 30 WHERE id = 3",
)


def test_a_document_that_changes_after_it_was_copied_is_archived_as_it_is_in_the_end(
    app: Database, journey: Journey, psql: Psql
) -> None:
    archive_ahead(app, psql)
    execute(app, *MEANWHILE)
    before = documents(app)

    journey.do("apply", "--contract", "--yes", "--no-batches")

    assert {key: text for key, text in archive(app).items() if key in before} == before


def drop_behind_a_writer(database: Database, statement: str) -> None:
    """Begin the drop while a writer is in flight, who ends when all is done but what his lock holds up."""
    with database.connect() as writer, database.connect() as dropper, database.connect() as watcher:
        writer.execute("BEGIN")
        writer.execute(statement.encode())
        dropper.execute("SET lock_timeout = '60s'")
        with ThreadPoolExecutor(max_workers=1) as pool:
            done = pool.submit(dropper.execute, DROP.read_bytes())
            waits = "SELECT pg_sleep(0.01), wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
            while watcher.execute(waits, (dropper.info.backend_pid,)).fetchone() != ("", True):
                assert not done.done(), done.result()
            writer.execute("COMMIT")
            done.result()


@pytest.mark.parametrize("tripwire", [True, False], ids=["with the tripwire", "without it the change is lost"])
def test_a_document_written_while_the_drop_waits_for_its_writer(app: Database, psql: Psql, tripwire: bool) -> None:
    archive_ahead(app, psql)
    if not tripwire:
        execute(
            app,
            "CREATE OR REPLACE FUNCTION providers_availability_archive_note() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN RETURN NULL; END'",
        )

    drop_behind_a_writer(app, MEANWHILE[0])

    last, former = '{"Mon": "10:00-12:00"}', '{"Mon": {"to": "5pm", "from": "9am", "room": 3}, "note": "kept"}'
    assert archive(app)[1] == (last if tripwire else former)
    assert rows(app, "SELECT end_time::text FROM provider_availability WHERE provider_id = 1") == [("12:00:00",)]


@pytest.mark.parametrize("wire", ["DROP TRIGGER {} ON providers", "ALTER TABLE providers DISABLE TRIGGER {}"])
def test_a_tripwire_that_somebody_took_down_loses_nothing(app: Database, psql: Psql, wire: str) -> None:
    archive_ahead(app, psql)
    execute(app, wire.format("providers_availability_archive_trigger"), *MEANWHILE)
    before = documents(app)

    outcome = psql(app, file=DROP)

    if "column providers.availability" in things(app):
        assert "ERROR:  " in outcome.stderr
    else:
        assert {key: text for key, text in archive(app).items() if key in before} == before


def test_a_copy_that_is_believed_because_it_is_there_would_lose_the_last_form(app: Database, psql: Psql) -> None:
    """Off while somebody wrote, and on again: neither the copy's text nor the proof of the tripwire is believed."""
    compared = (
        r"OR a\.proof IS DISTINCT FROM proved",
        r"OR a\.availability::text IS DISTINCT FROM p\.availability::text",
        r"OR a\.rows_hash IS DISTINCT FROM coalesce\(h\.rows_hash, 0\)",
    )
    believing = DROP.read_text()
    for condition in compared:
        believing, count = re.subn(condition, "", believing)
        assert count == 1
    archive_ahead(app, psql)
    trigger = "TRIGGER providers_availability_archive_trigger"
    execute(
        app, f"ALTER TABLE providers DISABLE {trigger}", *MEANWHILE, f"ALTER TABLE providers ENABLE ALWAYS {trigger}"
    )
    before = documents(app)

    with app.connect() as connection:
        connection.execute("BEGIN")
        connection.execute(believing.encode())
        assert connection.execute("SELECT availability::text FROM providers_availability_archive").fetchone()
        stale: dict[object, str] = dict(
            connection.execute("SELECT provider_id, availability::text FROM providers_availability_archive")
        )
        connection.execute("ROLLBACK")
    execute(app, DROP.read_text())

    assert stale[1] != before[1]
    assert {key: text for key, text in archive(app).items() if key in before} == before


@pytest.mark.parametrize("how", [(), ("--no-batches",)], ids=["with batches", "the file alone"])
def test_a_second_drop_archives_what_was_written_since_the_first_was_taken_back(
    app: Database, journey: Journey, how: tuple[str, ...]
) -> None:
    journey.do("apply", "--contract", "--yes", *how)
    journey.do("rollback", "--yes")
    execute(app, *MEANWHILE)
    before = documents(app)

    journey.do("apply", "--contract", "--yes", *how)

    assert {key: text for key, text in archive(app).items() if key in before} == before


def test_rows_and_providers_are_written_as_before_once_the_column_is_gone(app: Database, journey: Journey) -> None:
    journey.do("apply", "--contract", "--yes")

    execute(
        app,
        f"UPDATE provider_availability {OPEN}",
        "INSERT INTO provider_availability (provider_id, day_of_week) VALUES (3, 'sunday')",
        "UPDATE providers SET name = 'x'",
        "INSERT INTO providers (id) VALUES (10)",
        "DELETE FROM providers WHERE id = 1",
    )

    assert rows(app, "SELECT count(*) FROM provider_availability") == [(2,)]
    journey.do("verify")


def test_a_comment_that_somebody_rewrites_changes_nothing_about_what_is_applied(
    database: Database, journey: Journey, psql: Psql
) -> None:
    execute(database, "COMMENT ON TABLE provider_availability IS 'Ours now; see the wiki.'")

    outcome = psql(database, file=back(SYNC))
    journey.do("apply", "--contract", "--yes")

    assert "migration 0003 stands on this one" in outcome.stderr
