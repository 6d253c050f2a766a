"""The file of the backfill behind its batches: it looks at everything once, whatever the planner knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.journey import FILL, Journey, execute, insert_documents, rows

if TYPE_CHECKING:
    from tests.conftest import Psql, RunCli
    from tests.servers import Database

DOCUMENTS = 200


def test_the_rows_are_read_a_few_times_in_all_and_not_once_per_document(database: Database) -> None:
    """Without statistics PostgreSQL 15 passed over all rows for each provider: 20 s for 8,000 of them."""
    insert_documents(database, [f'{{"monday": "09:00-17:{n % 60:02}", "friday": "closed"}}' for n in range(DOCUMENTS)])

    with database.connect() as connection, connection.transaction():
        # What the planner then does by itself, on every server.
        for setting in ("indexscan", "bitmapscan", "indexonlyscan"):
            connection.execute(f"SET LOCAL enable_{setting} = off".encode())
        connection.execute(FILL.read_bytes())
        read: dict[str, int] = dict(
            connection.execute(
                "SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables"
                " WHERE relname IN ('provider_availability', 'provider_availability_rejects')"
            ).fetchall()
        )

    assert read["provider_availability"] >= 2 * DOCUMENTS
    assert read["provider_availability"] <= 4 * 2 * DOCUMENTS
    assert read["provider_availability_rejects"] <= 4 * DOCUMENTS


@pytest.fixture
def filled(empty_database: Database, run_cli: RunCli) -> Journey:
    """A finished backfill before its file runs."""
    empty_database.make_parents()
    journey = Journey(run_cli, empty_database)
    journey.do("apply", "--to", "0002")
    insert_documents(empty_database, ['{"monday": "09:00-17:00"}'] * 3)
    journey.do("backfill")
    return journey


def behind_the_triggers(database: Database, count: int) -> None:
    """Add documents that no trigger sees, as a restore or a replica does."""
    execute(
        database,
        "SET session_replication_role = replica; INSERT INTO providers (availability)"
        f""" SELECT '{{"friday": "10:00-12:00"}}' FROM generate_series(1, {count})""",
    )


def state(journey: Journey) -> list[tuple[object, ...]]:
    counted = "(SELECT count(*) FROM provider_availability), (SELECT max(id) FROM schedtool_job)"
    return rows(journey.database, f"SELECT {counted}")


def test_a_finished_backfill_is_not_run_a_second_time_and_the_file_still_looks(filled: Journey) -> None:
    behind_the_triggers(filled.database, 5)

    outcome = filled.do("apply")

    assert "job 1 has done its batches" in outcome.stderr
    assert state(filled) == [(8, 1)]
    assert filled.failing() == []


def test_where_much_is_left_the_batches_run_after_all(filled: Journey) -> None:
    behind_the_triggers(filled.database, 1001)

    outcome = filled.do("apply")

    assert "1001 documents are not done, after a finished backfill" in outcome.stderr
    assert state(filled) == [(1004, 2)]
    assert filled.failing() == []


def test_without_the_limit_the_file_does_it_all_in_one_transaction(filled: Journey, psql: Psql) -> None:
    behind_the_triggers(filled.database, 1001)

    assert psql(filled.database, file=FILL).exit_code == 0

    assert state(filled) == [(1004, 1)]


@pytest.mark.parametrize(
    "change",
    [
        "day_of_week = 'friday'",
        "is_available = false",
        "start_time = '09:01'",
        "end_time = '17:01'",
        "timezone = 'UTC'",
    ],
)
def test_a_row_that_differs_in_anything_is_found_behind_the_batches(filled: Journey, psql: Psql, change: str) -> None:
    """A week is held against its rows as a whole first: by all its columns."""
    execute(
        filled.database,
        f"SET session_replication_role = replica; UPDATE provider_availability SET {change} WHERE provider_id = 2",
    )

    assert psql(filled.database, file=FILL).exit_code == 0

    listed = "SELECT provider_id, reason FROM provider_availability_rejects"
    assert rows(filled.database, listed) == [(2, "row_differs")]


def test_times_of_a_closed_day_are_no_difference_to_the_file(filled: Journey, psql: Psql) -> None:
    execute(filled.database, """UPDATE providers SET availability = '{"monday": "closed"}' WHERE id = 2""")
    execute(
        filled.database,
        "SET session_replication_role = replica;"
        " UPDATE provider_availability SET start_time = '09:00', end_time = '17:00' WHERE provider_id = 2",
    )

    assert psql(filled.database, file=FILL).exit_code == 0

    assert rows(filled.database, "SELECT count(*) FROM provider_availability_rejects") == [(0,)]
    assert filled.failing() == []


@pytest.mark.parametrize("changed", [("--default-timezone", "Europe/Paris"), ("--no-batches",)])
def test_another_policy_runs_the_batches_again_and_no_batches_runs_none(
    filled: Journey, changed: tuple[str, ...]
) -> None:
    if changed[0] == "--default-timezone":
        execute(filled.database, "DELETE FROM provider_availability", "UPDATE providers SET availability = NULL")

    outcome = filled.do("apply", *changed)

    assert "has done its batches" not in outcome.stderr
    assert rows(filled.database, "SELECT max(id) FROM schedtool_job") == [(1 if changed == ("--no-batches",) else 2,)]


def test_a_rollback_in_between_makes_the_batches_run_again(filled: Journey) -> None:
    filled.do("apply")
    filled.do("rollback", "--yes")

    outcome = filled.do("apply")

    assert "has done its batches" not in outcome.stderr
    assert state(filled) == [(3, 2)]
