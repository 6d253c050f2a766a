"""Between the batches of the drop and the drop itself: whatever is written there, and however, is seen or stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schedtool.project import shipped
from tests.journey import DROP, Journey, execute, insert_documents, rows, things

if TYPE_CHECKING:
    from tests.conftest import Psql, RunCli
    from tests.servers import Database

BATCH = shipped() / "sql" / "batches" / DROP.name
WEEKS = (
    '{"Mon": {"from": "9am", "to": "5pm", "room": 3}, "note": "kept"}',
    '{"friday": "9:00-17:00"}',
    '"mornings"',
)
COLUMN = "column providers.availability"
OPEN = "is_available = true, start_time = '08:00', end_time = '20:00'"
FORGED = "SET schedtool.sync = 'document'; {}; RESET schedtool.sync"
REPLICA = "SET session_replication_role = 'replica'; {}; RESET session_replication_role"


@pytest.fixture
def app(database: Database, run_cli: RunCli, psql: Psql) -> Database:
    """Three providers, proved and archived by the batches: two with a day each, one left behind by name."""
    insert_documents(database, WEEKS)
    Journey(run_cli, database).do("rejects", "--accept", "text")
    archive(database, psql)
    return database


def archive(database: Database, psql: Psql) -> None:
    variables = {"first": "1", "last": "1000", "settings": "{}"}
    outcome = psql(database, "-1", "-v", "ON_ERROR_STOP=1", file=BATCH, variables=variables)
    assert outcome.exit_code == 0, outcome


def documents(database: Database) -> dict[object, str | None]:
    return dict(rows(database, "SELECT id, availability::text FROM providers"))


def archived(database: Database) -> dict[object, str | None]:
    return dict(rows(database, "SELECT provider_id, availability::text FROM providers_availability_archive"))


BEHIND = {
    "a row written by who forged the setting": FORGED.format(
        f"UPDATE provider_availability SET {OPEN} WHERE provider_id = 2"
    ),
    "a row taken by who forged the setting": FORGED.format("DELETE FROM provider_availability WHERE provider_id = 2"),
    "a row written as a replica": REPLICA.format(f"UPDATE provider_availability SET {OPEN} WHERE provider_id = 2"),
    "a document written as a replica": REPLICA.format(
        'UPDATE providers SET availability = \'{"friday": "8:00-17:00"}\' WHERE id = 2'
    ),
    "a row written while the emergency stop held": (
        "CREATE OR REPLACE FUNCTION provider_availability_follow_row() RETURNS trigger LANGUAGE plpgsql AS"
        f" 'BEGIN RETURN NULL; END'; UPDATE provider_availability SET {OPEN} WHERE provider_id = 2"
    ),
    "a document written while the emergency stop held": (
        "CREATE OR REPLACE FUNCTION provider_availability_follow_document() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NULL; END'; UPDATE providers SET availability = '{\"friday\": \"8:00-17:00\"}' WHERE id = 2"
    ),
    "a document written while all triggers were off": (
        "ALTER TABLE providers DISABLE TRIGGER USER;"
        ' UPDATE providers SET availability = \'{"friday": "8:00-17:00"}\' WHERE id = 2;'
        " ALTER TABLE providers ENABLE TRIGGER USER;"
        " ALTER TABLE providers ENABLE ALWAYS TRIGGER providers_availability_archive_trigger"
    ),
    "a provider that came as a replica": REPLICA.format(
        'INSERT INTO providers (id, availability) VALUES (4, \'{"friday": "8:00-17:00"}\')'
    ),
    "a decision taken back by hand": "DELETE FROM provider_availability_rejects",
}


@pytest.mark.parametrize("case", BEHIND)
def test_what_is_written_behind_the_proof_makes_the_drop_refuse(app: Database, psql: Psql, case: str) -> None:
    execute(app, BEHIND[case])

    outcome = psql(app, file=DROP)

    assert "documents do not equal their rows: providers " in outcome.stderr
    assert COLUMN in things(app)


def test_without_the_hash_of_the_rows_the_drop_would_believe_an_old_proof(app: Database) -> None:
    execute(app, BEHIND["a row written by who forged the setting"])
    believing = DROP.read_text()
    condition = "OR a.rows_hash IS DISTINCT FROM coalesce(h.rows_hash, 0)"
    assert believing.count(condition) == 1

    execute(app, believing.replace(condition, ""))

    assert COLUMN not in things(app)


def test_a_proof_under_another_policy_is_none(app: Database, psql: Psql) -> None:
    """No store of ours would let in a policy that reads otherwise; one written by hand does not get round the proof."""
    proofs = "SELECT DISTINCT proof FROM providers_availability_archive"
    [before] = rows(app, proofs)
    execute(
        app,
        "INSERT INTO provider_availability_policy (version, settings, created_by)"
        " VALUES (99, '{\"default_timezone\": \"Europe/Paris\"}', 'by hand')",
    )

    assert psql(app, "-v", "ON_ERROR_STOP=1", file=DROP).exit_code == 0

    [after] = rows(app, proofs)
    assert before != after


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_writer_whose_snapshot_is_older_than_the_proof_is_seen(
    app: Database, psql: Psql, run_cli: RunCli, isolation: str
) -> None:
    newer = '{"friday": "8:00-17:00", "note": "newer"}'
    with app.connect() as writer:
        writer.execute(f"BEGIN ISOLATION LEVEL {isolation}".encode())
        writer.execute("SELECT count(*) FROM providers")
        writer.execute("UPDATE providers SET availability = %s WHERE id = 2", (newer,))
        archive(app, psql)
        writer.execute("COMMIT")

    Journey(run_cli, app).do("apply", "--contract", "--yes", "--no-batches")

    assert archived(app)[2] == rows(app, f"SELECT '{newer}'::jsonb::text")[0][0]


def test_batches_keep_no_writer_waiting(app: Database) -> None:
    text = BATCH.read_text().replace(":'first'", "'1'").replace(":'last'", "'9'").replace(":'settings'", "'{}'")
    with app.connect() as batch, app.connect(options="-c lock_timeout=2s") as writer:
        batch.execute("BEGIN")
        batch.execute(text.encode())
        writer.execute('UPDATE providers SET availability = \'{"friday": "8:00-17:00"}\' WHERE id = 2')
        writer.execute("UPDATE provider_availability SET start_time = '07:00' WHERE provider_id = 2")
        writer.execute('INSERT INTO providers (availability) VALUES (\'{"sunday": "off"}\')')
        batch.execute("COMMIT")


def test_the_drop_locks_no_writer_of_rows_out_of_his_table(app: Database) -> None:
    """Behind providers it would meet row writers, who come the other way round."""
    with app.connect() as dropper:
        dropper.execute("BEGIN")
        dropper.execute(DROP.read_bytes())
        held = dropper.execute(
            "SELECT relation::regclass::text, mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN"
            " ('providers'::regclass, 'provider_availability'::regclass)"
        ).fetchall()
        dropper.execute("ROLLBACK")

    assert ("providers", "AccessExclusiveLock") in held
    assert {mode for table, mode in held if table == "provider_availability"} == {"AccessShareLock"}


def test_the_triggers_of_the_rows_go_in_a_run_of_their_own(app: Database, psql: Psql) -> None:
    assert psql(app, "-v", "ON_ERROR_STOP=1", file=DROP).exit_code == 0
    sync = "trigger provider_availability.provider_availability_update_trigger"
    assert sync in things(app)
    execute(app, f"UPDATE provider_availability SET {OPEN} WHERE provider_id = 2")

    again = psql(app, "-v", "ON_ERROR_STOP=1", file=DROP)

    assert again.exit_code == 0
    assert "is dropped already" in again.stderr
    assert [name for name in things(app) if name.startswith("trigger provider_availability.")] == [
        "trigger provider_availability.provider_availability_updated_at_trigger"
    ]
    execute(app, "TRUNCATE provider_availability")


def test_once_the_column_is_gone_rows_may_be_truncated_at_once(app: Database, psql: Psql) -> None:
    with app.connect() as connection, pytest.raises(Exception, match="cannot be truncated"):
        connection.execute("TRUNCATE provider_availability")
    assert psql(app, "-v", "ON_ERROR_STOP=1", file=DROP).exit_code == 0

    execute(app, "TRUNCATE provider_availability")


def test_the_command_takes_them_by_itself_and_waits_for_no_writer_of_rows_forever(
    app: Database, run_cli: RunCli
) -> None:
    journey = Journey(run_cli, app)
    with app.connect() as writer:
        writer.execute("BEGIN")
        writer.execute("LOCK TABLE provider_availability IN ROW EXCLUSIVE MODE")
        outcome = journey.do("apply", "--contract", "--yes", "--lock-timeout", "0.01")
        writer.execute("ROLLBACK")

    assert "is applied; " in outcome.stderr
    assert "run migrations/contract/0004.drop-providers-availability.sql once more" in outcome.stderr
    assert [found["state"] for found in journey.json("status")["migrations"]][-1] == "applied"
    left = [name for name, *_ in journey.failing("constraints")]
    assert left == ["triggers of provider_availability that do nothing any more"]
    execute(app, DROP.read_text())
    journey.do("verify")


def test_documents_follow_the_key_of_their_provider_and_nobody_inherits_one(app: Database, run_cli: RunCli) -> None:
    execute(app, "UPDATE providers SET id = 20 WHERE id = 2", "DELETE FROM providers WHERE id = 3")
    execute(app, "INSERT INTO providers (id) VALUES (3)")
    Journey(run_cli, app).do("apply", "--contract", "--yes", "--no-batches")

    found = rows(app, "SELECT provider_id, availability::text FROM providers_availability_archive ORDER BY id")

    assert sorted(found, key=str) == sorted(
        [(1, documents_of_one(WEEKS[0], app)), (20, '{"friday": "9:00-17:00"}'), (None, WEEKS[2]), (3, None)], key=str
    )


def documents_of_one(text: str, database: Database) -> str:
    [(found,)] = rows(database, "SELECT %(text)s::jsonb::text", {"text": text})
    return str(found)
