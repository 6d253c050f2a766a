"""What is shipped, broken in one place on a real server: just the checks of that place fail, and say what it is."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from schedtool import ranges
from schedtool.project import shipped
from tests.clusters import cluster, standby
from tests.journey import Journey, contents, execute, insert_documents, rows, things
from tests.servers import run_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clusters import Cluster
    from tests.conftest import RunCli
    from tests.servers import Database, Server

WEEKS = (
    '{"monday": {"start": "09:00", "end": "17:00"}, "tuesday": "closed"}',
    '{"friday": "9:00-17:00", "timezone": "Europe/Paris"}',
    None,
    '"mornings"',
)
END_TIME = "provider_availability.provider_availability_end_time_check"
HOURS = "CHECK (NOT is_available OR start_time < end_time)"
FORGED = "SET schedtool.sync = 'document'; {}; RESET schedtool.sync"
# Where a constraint, an index or a trigger is broken, `schema` tells how it differs and `constraints` that it does not
# hold; a row that differs is seen from both sides.
DAY = ("parity", "every day of every document equals its row")
ROW = ("parity", "every row is said by its document")
COUNT = ("counts", "rows = days read")
EACH = ("counts", "each provider has as many rows as its document has days")
BROKEN: dict[str, tuple[str, set[tuple[str, str]]]] = {
    "a dropped constraint": (
        f"ALTER TABLE provider_availability DROP CONSTRAINT {END_TIME.partition('.')[2]}",
        {("schema", f"constraint {END_TIME}"), ("constraints", END_TIME.partition(".")[2])},
    ),
    "a dropped foreign key": (
        "ALTER TABLE bookings DROP CONSTRAINT bookings_user_id_fkey",
        {("schema", "constraint bookings.bookings_user_id_fkey"), ("constraints", "bookings_user_id_fkey")},
    ),
    "a foreign key that does something else": (
        (
            "ALTER TABLE bookings DROP CONSTRAINT bookings_user_id_fkey;"
            " ALTER TABLE bookings ADD CONSTRAINT bookings_user_id_fkey FOREIGN KEY (user_id) REFERENCES users"
            " ON DELETE CASCADE"
        ),
        {("schema", "constraint bookings.bookings_user_id_fkey")},
    ),
    "a constraint that is not valid": (
        (
            "ALTER TABLE bookings DROP CONSTRAINT bookings_amount_check;"
            " ALTER TABLE bookings ADD CONSTRAINT bookings_amount_check CHECK (amount >= 0) NOT VALID"
        ),
        {("schema", "constraint bookings.bookings_amount_check"), ("constraints", "bookings_amount_check")},
    ),
    "a foreign key that is not enforced": (
        (
            "UPDATE pg_trigger SET tgenabled = 'D' WHERE tgconstraint = (SELECT oid FROM pg_constraint"
            " WHERE conname = 'bookings_user_id_fkey')"
        ),
        {("schema", "constraint bookings.bookings_user_id_fkey"), ("constraints", "bookings_user_id_fkey")},
    ),
    "a disabled trigger of the rows": (
        "ALTER TABLE provider_availability DISABLE TRIGGER provider_availability_update_trigger",
        {
            ("schema", "trigger provider_availability.provider_availability_update_trigger"),
            ("constraints", "provider_availability_update_trigger"),
        },
    ),
    "a disabled trigger of the documents": (
        "ALTER TABLE providers DISABLE TRIGGER providers_availability_update_trigger",
        {
            ("schema", "trigger providers.providers_availability_update_trigger"),
            ("constraints", "providers_availability_update_trigger"),
        },
    ),
    "an index that is not valid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bookings_user_id_appointment_date_idx'::regclass",
        {
            ("schema", "index bookings.bookings_user_id_appointment_date_idx"),
            ("constraints", "bookings_user_id_appointment_date_idx"),
        },
    ),
    "a changed default": (
        "ALTER TABLE bookings ALTER status SET DEFAULT 'confirmed'",
        {("schema", "column bookings.status")},
    ),
    "a column of another type": (
        "ALTER TABLE bookings ALTER notes TYPE varchar(500)",
        {("schema", "column bookings.notes")},
    ),
    "a column that follows its parent's type no more": (
        "ALTER TABLE bookings ALTER user_id TYPE integer",
        {("schema", "column bookings.user_id")},
    ),
    "a column that may be NULL": (
        "ALTER TABLE bookings ALTER appointment_date DROP NOT NULL",
        {("schema", "column bookings.appointment_date")},
    ),
    "an identity that is none": (
        "ALTER TABLE bookings ALTER id DROP IDENTITY",
        {("schema", "column bookings.id")},
    ),
    "a missing column": ("ALTER TABLE bookings DROP notes", {("schema", "column bookings.notes")}),
    "an extra column": ("ALTER TABLE bookings ADD colour text", {("schema", "column bookings.colour")}),
    "a missing comment": (
        "COMMENT ON COLUMN provider_availability.timezone IS NULL",
        {("schema", "column provider_availability.timezone")},
    ),
    "another body of a function": (
        (
            "CREATE OR REPLACE FUNCTION provider_tables_set_updated_at() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN RETURN NEW; END'"
        ),
        {("schema", "function provider_tables_set_updated_at()")},
    ),
    "one changed row": (
        FORGED.format("UPDATE provider_availability SET end_time = '18:00' WHERE day_of_week = 'monday'"),
        {DAY, ROW},
    ),
    "one changed zone": (
        FORGED.format("UPDATE provider_availability SET timezone = 'UTC' WHERE day_of_week = 'friday'"),
        {DAY, ROW},
    ),
    "one missing row": (
        FORGED.format("DELETE FROM provider_availability WHERE day_of_week = 'monday'"),
        {COUNT, EACH, DAY},
    ),
    "one extra row": (
        FORGED.format("INSERT INTO provider_availability (provider_id, day_of_week) VALUES (3, 'sunday')"),
        {COUNT, EACH, ROW},
    ),
    "one row too few and one too many": (
        FORGED.format("UPDATE provider_availability SET provider_id = 3 WHERE day_of_week = 'friday'"),
        {EACH, DAY, ROW},
    ),
    "one changed document": (
        (
            "SET session_replication_role = 'replica';"
            ' UPDATE providers SET availability = \'{"friday": "9:00-18:00"}\' WHERE id = 2;'
            " RESET session_replication_role"
        ),
        {DAY, ROW},
    ),
    "one changed document among the rejects": (
        (
            "SET session_replication_role = 'replica'; UPDATE providers SET availability = '\"evenings\"' WHERE id = 4;"
            " RESET session_replication_role"
        ),
        {("counts", "rejects that are about another document")},
    ),
    "a document that became readable behind the triggers' back": (
        (
            "SET session_replication_role = 'replica'; UPDATE providers SET availability = '{}' WHERE id = 4;"
            " RESET session_replication_role"
        ),
        {
            ("counts", "rejects that are about another document"),
            ("counts", "rejects listed that are none any more"),
        },
    ),
    "a row without a provider": (
        (
            "SET session_replication_role = 'replica'; INSERT INTO provider_availability (provider_id, day_of_week)"
            " VALUES (-7, 'sunday'); RESET session_replication_role"
        ),
        {("counts", "rows of provider_availability without a provider")},
    ),
    "a booking without a user": (
        (
            "SET session_replication_role = 'replica'; INSERT INTO bookings (provider_id, user_id, appointment_date)"
            " VALUES (1, -7, now()); RESET session_replication_role"
        ),
        {("counts", "bookings without a provider or a user")},
    ),
}


@pytest.fixture(scope="module")
def broken(server: Server, template: str) -> Iterator[Database]:
    """One database for all: what a test breaks it mends by rolling the catalog back to a template of its own."""
    made = server.create(template=template)
    insert_documents(made, WEEKS)
    yield made
    server.drop(made.name)


@pytest.mark.parametrize("case", BROKEN)
def test_just_the_checks_of_what_is_broken_fail(server: Server, broken: Database, run_cli: RunCli, case: str) -> None:
    statement, expected = BROKEN[case]
    copy = server.create(template=broken.name)
    try:
        execute(copy, statement)

        checks = Journey(run_cli, copy).json("verify")["checks"]

        failed = [check for check in checks if not check["passed"]]
        assert {(check["section"], check["name"]) for check in failed} == expected
        assert all(check["expected"] != check["actual"] for check in failed)
        for check in failed:
            if check["section"] == "schema":
                kind = "missing" if check["actual"] is None else "extra" if check["expected"] is None else "changed"
                assert check["detail"] == kind
    finally:
        server.drop(copy.name)


def test_nothing_fails_where_nothing_is_broken(broken: Database, run_cli: RunCli) -> None:
    answer = Journey(run_cli, broken).json("verify")

    assert answer["ok"]
    assert {check["section"] for check in answer["checks"]} == {"schema", "constraints", "counts", "parity"}
    [arithmetic] = [check for check in answer["checks"] if check["name"].startswith("documents = ")]
    assert arithmetic["detail"] == "4 = 2 + 1 + 1 + 0"


def probes() -> list[str]:
    return sorted(path.name for path in (shipped() / "sql" / "verify").glob("*.probe.sql"))


@pytest.fixture(scope="module")
def dropped(server: Server, broken: Database) -> Iterator[Database]:
    """The same behind the drop, where all constraints there ever are stand."""
    made = server.create(template=broken.name)
    execute(made, "UPDATE provider_availability_rejects SET accepted_at = now(), accepted_by = 'me'")
    outcome = run_process("--database", made.url, "apply", "--contract", "--yes")
    assert outcome.exit_code == 0, outcome
    yield made
    server.drop(made.name)


@pytest.mark.parametrize("name", probes())
def test_each_constraint_that_is_gone_fails_its_own_probe_and_no_other(dropped: Database, name: str) -> None:
    text = (shipped() / "sql" / "verify" / name).read_text()

    def failing(connection: psycopg.Connection, damage: str) -> list[str]:
        connection.execute("BEGIN")
        try:
            connection.execute(damage.encode())
            cursor = connection.execute(text.encode())
            while cursor.nextset():
                pass
            return [row[1] for row in cursor.fetchall() if not row[2]]
        finally:
            connection.execute("ROLLBACK")

    tried = re.findall(r"^ {4}\('(\w+)', '", text, re.MULTILINE)
    assert len(tried) > 3
    with dropped.connect() as connection:
        assert failing(connection, "SELECT") == []
        for constraint in tried:
            [table] = connection.execute(
                "SELECT conrelid::regclass::text FROM pg_constraint WHERE conname = %s", (constraint,)
            ).fetchone() or [None]
            damage = f"ALTER TABLE {table} DROP CONSTRAINT {constraint} CASCADE"
            assert failing(connection, damage) == [constraint]


@pytest.mark.parametrize("name", probes())
def test_probes_leave_no_trace_and_lock_nothing_that_keeps_anybody_waiting(dropped: Database, name: str) -> None:
    text = (shipped() / "sql" / "verify" / name).read_text()
    sequences = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
    before = contents(dropped), rows(dropped, sequences), things(dropped)
    with dropped.connect() as connection:
        connection.execute("BEGIN")
        connection.execute(text.encode())
        locks = connection.execute(
            "SELECT DISTINCT l.mode FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation"
            " WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'public'::regnamespace"
        ).fetchall()
        connection.execute("ROLLBACK")
    assert {mode for (mode,) in locks} <= {"AccessShareLock", "RowShareLock", "RowExclusiveLock"}
    assert (contents(dropped), rows(dropped, sequences), things(dropped)) == before


def test_the_command_probes_all_of_them(broken: Database, dropped: Database, run_cli: RunCli) -> None:
    for database, least in ((broken, 20), (dropped, 24)):
        checks = Journey(run_cli, database).json("verify", "constraints", "--probe")["checks"]
        assert [check["name"] for check in checks if not check["passed"]] == []
        assert sum(check["expected"] == check["name"] for check in checks) >= least


def test_a_role_that_may_only_read_verifies_before_the_drop_and_after_it(
    broken: Database, dropped: Database, run_cli: RunCli
) -> None:
    role = f"reader_{broken.name}"
    execute(broken, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    try:
        for database in (broken, dropped):
            execute(database, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
            url = database.server.url(database.name, user=role, password="x")  # noqa: S106
            outcome = run_cli("--database", url, "verify", "counts", "parity", "schema")
            assert outcome.exit_code == 0, outcome
    finally:
        for database in (broken, dropped):
            execute(database, f"DROP OWNED BY {role}")
        execute(broken, f"DROP ROLE {role}")


def test_a_hot_standby_is_verified_as_the_primary_is(run_cli: RunCli) -> None:
    with cluster({"wal_level": "replica"}) as primary, primary_with_rows(primary, run_cli), standby(primary) as other:
        answers = [
            run_cli("--database", conninfo, "verify", "--format", "json") for conninfo in (primary.conninfo, other)
        ]

    assert answers[0] == answers[1]
    assert json.loads(answers[0].stdout)["ok"]


@contextmanager
def primary_with_rows(primary: Cluster, run_cli: RunCli) -> Iterator[None]:
    with psycopg.connect(primary.conninfo, autocommit=True) as connection:
        connection.execute((Path(__file__).parent / "sql" / "parents.bigint.sql").read_bytes())
        for text in WEEKS:
            connection.execute("INSERT INTO providers (availability) VALUES (%s)", (text,))
    assert run_cli("--database", primary.conninfo, "apply").exit_code == 0
    yield


def test_workers_find_what_one_finds(broken: Database, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "KEYS", 1)
    journey = Journey(run_cli, broken)

    alone, many = journey.json("verify"), journey.json("verify", "--workers", "3")

    assert alone == many
    assert alone["ok"]
    [arithmetic] = [check for check in alone["checks"] if check["name"].startswith("documents = ")]
    assert arithmetic["detail"] == "4 = 2 + 1 + 1 + 0"
