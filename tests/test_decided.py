"""A dry run counts as waiting what waits: not documents that somebody has accepted, as long as they are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.journey import Journey, execute, insert_documents

if TYPE_CHECKING:
    from tests.conftest import RunCli
    from tests.servers import Database

DRY = ("backfill", "--dry-run")


@pytest.fixture
def journey(database: Database, run_cli: RunCli) -> Journey:
    """Three documents, two of them rejected, and a row that differs from its document."""
    insert_documents(database, ['{"monday": "09:00-17:00"}', '"by appointment"', '{"monday": "9-5"}'])
    execute(database, "SET schedtool.sync = 'document'; UPDATE provider_availability SET end_time = '20:00'")
    journey = Journey(run_cli, database)
    journey.run("backfill")
    return journey


def test_accepted_rejects_do_not_wait(journey: Journey) -> None:
    assert journey.run(*DRY).exit_code == 3
    journey.do("rejects", "--accept", "text", "--accept", "not_a_time", "--accept", "row_differs")

    outcome = journey.do(*DRY)
    answer = journey.json(*DRY)

    assert "3 documents that would be rejected are accepted as they are" in outcome.stderr
    assert "wait for a decision" not in outcome.stderr
    assert (answer["ok"], answer["documents"]["rejected"], len(answer["rejects"])) == (True, 3, 3)


def test_what_is_accepted_and_what_is_not_are_told_apart(journey: Journey) -> None:
    journey.do("rejects", "--accept", "text")

    outcome = journey.run(*DRY)

    assert outcome.exit_code == 3
    assert "1 documents that would be rejected are accepted as they are" in outcome.stderr
    assert "2 documents would be rejected and wait for a decision" in outcome.stderr


def test_a_decision_about_another_document_counts_for_nothing(journey: Journey) -> None:
    journey.do("rejects", "--accept", "text", "--accept", "not_a_time", "--accept", "row_differs")
    execute(
        journey.database,
        "SET session_replication_role = replica; UPDATE providers SET availability = '\"at noon\"' WHERE id = 2",
    )

    outcome = journey.run(*DRY)

    assert outcome.exit_code == 3
    assert "1 documents would be rejected and wait for a decision" in outcome.stderr


def test_before_there_are_decisions_all_of_them_wait(empty_database: Database, run_cli: RunCli) -> None:
    empty_database.make_parents()
    insert_documents(empty_database, ['"by appointment"'])

    assert Journey(run_cli, empty_database).run(*DRY).exit_code == 3


def test_another_default_zone_over_converted_rows_is_refused_by_the_dry_run_too(
    database: Database, run_cli: RunCli
) -> None:
    insert_documents(database, ['{"monday": "09:00-17:00"}'])
    journey = Journey(run_cli, database)

    told = journey.run(*DRY, "--default-timezone", "Europe/Paris")
    refused = journey.run("backfill", "--default-timezone", "Europe/Paris")

    assert (told.exit_code, refused.exit_code) == (3, 3)
    assert "1 converted document" in told.stderr
    assert told.stderr == refused.stderr
