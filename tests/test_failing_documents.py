"""A document on which the batch fails is found, becomes a reject with its SQLSTATE, and the run goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from schedtool import batches, jobs
from schedtool.database import Target, connect
from schedtool.errors import Failed, UsageError
from schedtool.transaction import may_be_one_document
from tests import small_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database
    from tests.small_project import Small

REJECT = """
    -- keys: item (id)
    INSERT INTO failed (item_id, state, message) SELECT id, :'sqlstate', :'message'
    FROM item WHERE id BETWEEN :'first' AND :'last';
    SELECT 1::bigint AS documents, 1::bigint AS rejected, 0::bigint AS inserted;
"""


@pytest.fixture
def small(tmp_path: Path) -> Small:
    small = small_project.make(tmp_path)
    small.write("sql/batches/0002.fill-copied.reject.sql", REJECT)
    return small


@pytest.fixture
def items(empty_database: Database, small: Small) -> Iterator[psycopg.Connection[Any]]:
    """Four hundred items, none of them with a digit."""
    with connect(Target(empty_database.conninfo), application="test") as connection:
        small_project.prepare(connection, small, 400)
        connection.execute("UPDATE item SET name = 'x'")
        connection.execute("CREATE TABLE failed (item_id bigint PRIMARY KEY, state text, message text)")
        yield connection


def run(
    connection: psycopg.Connection[Any],
    database: Database,
    small: Small,
    *,
    notify: Callable[[object], None] = lambda _: None,
    **options: Any,  # noqa: ANN401
) -> batches.Result:
    work = batches.work_of(small.load(), small.migration())
    assert work is not None
    options = {"range_keys": 100, "workers": 1, **options}
    return batches.run(
        connection, Target(database.conninfo), work=work, notify=notify, options=batches.Options(**options)
    )


def failed(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT item_id, state FROM failed ORDER BY item_id").fetchall()


def test_the_documents_that_fail_are_found_and_rejected_and_all_others_are_done(
    items: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    items.execute("ALTER TABLE copied ADD CONSTRAINT copied_name_check CHECK (name <> 'bad')")
    bad = [1, 237, 238, 400]
    items.execute("UPDATE item SET name = 'bad' WHERE id = ANY (%s)", [bad])
    told: list[batches.Faulted] = []

    def notify(event: object) -> None:
        if isinstance(event, batches.Faulted):
            told.append(event)

    result = run(items, empty_database, small, notify=notify, workers=2)
    assert failed(items) == [(key, "23514") for key in bad]
    assert result.counters == {"documents": 400, "rejected": 4, "inserted": 396}
    assert items.execute("SELECT count(*) FROM copied").fetchone() == (396,)
    assert sorted(int(event.key) for event in told) == bad
    assert "copied_name_check" in told[0].message


def test_what_a_deferred_constraint_says_at_the_commit_belongs_to_its_document(
    items: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    items.execute("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'late no'; END $$")
    items.execute(
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON copied DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW WHEN (NEW.item_id = 150) EXECUTE FUNCTION no()"
    )
    result = run(items, empty_database, small)
    assert failed(items) == [(150, "P0001")]
    assert result.counters["inserted"] == 399


def test_a_sqlstate_of_the_applications_own_making_is_a_fault_too_and_a_missing_table_is_not(
    items: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    items.execute(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.item_id = 7 THEN RAISE 'mine' USING ERRCODE = 'MY001'; END IF; RETURN NEW; END $$"
    )
    items.execute("CREATE TRIGGER own BEFORE INSERT ON copied FOR EACH ROW EXECUTE FUNCTION no()")
    run(items, empty_database, small)
    assert failed(items) == [(7, "MY001")]
    assert not may_be_one_document("42P01")
    assert not may_be_one_document("42501")
    assert not may_be_one_document("53100")
    assert not may_be_one_document("ST003")


def test_a_document_that_takes_too_long_again_and_again_is_rejected(
    items: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    slow = small_project.BATCH.replace(
        "WITH read AS",
        "SELECT pg_sleep(1) FROM item WHERE id BETWEEN :'first' AND :'last' AND id = 55;\n    WITH read AS",
    )
    small.write("sql/batches/0002.fill-copied.sql", slow)
    run(items, empty_database, small, statement_timeout=0.1, batch_size=20)
    assert failed(items) == [(55, "57014")]


def test_many_failures_in_a_row_are_no_documents_fault_and_stop_the_run(
    items: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    items.execute("ALTER TABLE copied ADD CONSTRAINT copied_never_check CHECK (false)")
    with pytest.raises(Failed, match=r"50 documents in a row failed, the last at key 50: .*copied_never_check"):
        run(items, empty_database, small)
    assert [job.state for job in jobs.jobs(items)] == ["running"]
    assert len(failed(items)) == 50


def test_a_reject_file_that_fails_itself_stops_the_run_at_that_key(
    items: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    items.execute("ALTER TABLE copied ADD CONSTRAINT copied_name_check CHECK (item_id <> 33)")
    items.execute("ALTER TABLE failed ADD CONSTRAINT failed_never_check CHECK (false)")
    with pytest.raises(Failed, match=r"at key 33: .*failed_never_check"):
        run(items, empty_database, small)
    assert items.execute("SELECT count(*) FROM copied").fetchone() == (32,)


def test_a_writer_who_was_quicker_with_a_key_makes_no_reject(
    items: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    plain = small_project.BATCH.replace(
        "ON CONFLICT (item_id) DO NOTHING", "AND NOT EXISTS (SELECT FROM copied WHERE item_id = read.id)"
    )
    once = "SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM copied) THEN 0 ELSE 0.5 END)"
    plain = plain.replace("), written AS (", f"), slow AS MATERIALIZED ({once}), written AS (")
    small.write(
        "sql/batches/0002.fill-copied.sql", plain.replace("FROM read WHERE read", "FROM read, slow WHERE read", 1)
    )
    # Ahead of the batch, which has its snapshot already: seen by no NOT EXISTS, only by the unique index.
    with psycopg.connect(empty_database.conninfo) as writer:
        started = False

        def notify(event: object) -> None:
            nonlocal started
            if isinstance(event, batches.Progress) and not started:
                started = True
                writer.execute("INSERT INTO copied VALUES (5, 'written')")
                writer.commit()

        result = run(items, empty_database, small, notify=notify, batch_size=200, range_keys=400)
    assert started
    assert failed(items) == []
    assert result.retries >= 1
    assert result.counters == {"documents": 400, "rejected": 0, "inserted": 399}
    assert items.execute("SELECT name FROM copied WHERE item_id = 5").fetchone() == ("written",)


@pytest.mark.parametrize("name", ["rejct", "rollback.before", "x"])
def test_a_part_of_another_name_is_refused_instead_of_passed_over(small: Small, name: str) -> None:
    small.write(f"sql/batches/0002.fill-copied.{name}.sql", REJECT)
    with pytest.raises(UsageError, match=rf"'{name}' is no part of batches"):
        small.load()


def test_documents_that_the_applications_constraint_refuses_block_the_drop_until_they_are_accepted(
    run_cli: RunCli, database: Database
) -> None:
    document = {"monday": {"start": "09:00", "end": "17:00"}, "tuesday": {"start": "09:00", "end": "17:00"}}
    late = {**document, "tuesday": {"start": "09:00", "end": "23:00"}}

    def tool(*arguments: str) -> tuple[int, Any]:
        outcome = run_cli("--database", database.url, "--format", "json", *arguments)
        return outcome.exit_code, json.loads(outcome.stdout)

    with database.connect() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO providers (id, availability) SELECT n, CASE WHEN n = 30 THEN %s ELSE %s END::jsonb"
            " FROM generate_series(1, 60) AS n",
            [json.dumps(late), json.dumps(document)],
        )
        connection.execute(
            "ALTER TABLE provider_availability ADD CONSTRAINT no_nights_check CHECK (end_time <= '22:00')"
        )
        code, done = tool("backfill")
        assert code == 3
        assert done["documents"] == {"total": 60, "convertible": 59, "empty": 0, "rejected": 1}
        assert done["rows"] == {"insert": 118, "unchanged": 0}
        (reject,) = done["rejects"]
        assert (reject["provider_id"], reject["path"], reject["reason"]) == (30, "$", "error_23514")
        assert reject["value"].startswith('new row for relation "provider_availability" violates check constraint')
        # Once more: the decision still has to be taken, and nothing else changes.
        code, again = tool("backfill")
        assert (code, again["rows"], again["rejects"]) == (3, {"insert": 0, "unchanged": 118}, done["rejects"])
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0003%'")
        assert tool("apply")[0] == 0
        checks = tool("verify", "counts", "parity")[1]["checks"]
        assert [check for check in checks if not check["passed"]] == []
        connection.execute("ALTER TABLE provider_availability DROP CONSTRAINT no_nights_check")
        code, refused = tool("apply", "--contract", "--yes")
        assert (code, refused["ok"]) == (3, False)
        assert tool("rejects", "--accept", "error_23514")[0] == 0
        assert tool("apply", "--contract", "--yes")[0] == 0
        archived = connection.execute(
            "SELECT availability FROM providers_availability_archive WHERE provider_id = 30"
        ).fetchone()
        assert archived == (late,)
