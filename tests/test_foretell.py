"""What plan and rollback --plan tell of this very database beforehand, and that telling changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.journey import Journey, contents, execute, insert_documents, things

if TYPE_CHECKING:
    from tests.conftest import RunCli
    from tests.servers import Database

WEEK = '{"Mon": {"from": "9am", "to": "5pm", "room": 3}, "note": "kept"}'
HANGING = (
    "CREATE INDEX by_document ON providers USING gin (availability)",
    "ALTER TABLE providers ADD CONSTRAINT duo CHECK (name <> 'x' OR availability <> '1')",
    "ALTER TABLE providers ALTER availability SET NOT NULL",
    "ALTER TABLE providers ALTER availability SET DEFAULT '{}'",
    "COMMENT ON COLUMN providers.availability IS 'Weekly hours'",
    "CREATE STATISTICS pair (ndistinct) ON name, availability FROM providers",
    "GRANT SELECT (availability) ON providers TO PUBLIC",
)
USING = (
    "CREATE VIEW weeks AS SELECT id, availability FROM providers",
    "CREATE FUNCTION week(bigint) RETURNS jsonb BEGIN ATOMIC SELECT availability FROM providers WHERE id = $1; END",
    "ALTER TABLE providers ADD said text GENERATED ALWAYS AS (availability::text) STORED",
    "CREATE POLICY mine ON providers USING (availability IS NOT NULL)",
    "CREATE PUBLICATION shared FOR TABLE providers (id, availability)",
    (
        "CREATE FUNCTION plain() RETURNS bigint LANGUAGE plpgsql AS"
        " 'BEGIN RETURN (SELECT count(availability) FROM providers); END'"
    ),
)


@pytest.fixture
def journey(database: Database, run_cli: RunCli) -> Journey:
    insert_documents(database, [WEEK, '"mornings"'])
    execute(database, *HANGING)
    return Journey(run_cli, database)


def told(journey: Journey, *arguments: str) -> list[tuple[str, str, int | None]]:
    """The notes of the first migration in the answer."""
    before = things(journey.database), contents(journey.database)
    found = journey.json(*arguments)["migrations"][0]["notes"]
    assert (things(journey.database), contents(journey.database)) == before
    return [(note["kind"], note["what"], note["n"]) for note in found]


def test_the_drop_tells_what_goes_with_the_column_and_that_space_does_not_come_back(journey: Journey) -> None:
    found = told(journey, "plan", "--contract")

    assert [what for kind, what, _ in found if kind == "archived"] == [
        "NOT NULL",
        "comment: Weekly hours",
        "constraint duo: CHECK (((name <> 'x'::text) OR (availability <> '1'::jsonb)))",
        "default '{}'::jsonb",
        "grants of the column: =r/postgres",
        "index by_document",
        "statistics object pair",
    ]
    assert ("refused", "documents wait for a decision: schedtool rejects", 1) in found
    assert any(kind == "disk space" and "does not come back" in what and n for kind, what, n in found)
    outcome = journey.do("plan", "--contract")
    assert "does not come back by itself" in outcome.stdout
    assert "index by_document" in outcome.stdout


def test_the_drop_tells_everything_that_uses_the_column_at_once(journey: Journey) -> None:
    execute(journey.database, *USING)

    found = told(journey, "plan", "--contract")

    uses = [what for kind, what, _ in found if kind == "refused" and what.startswith("in use")]
    assert len(uses) == 5
    for name in ("weeks", "week(bigint)", "said", "mine", "shared"):
        assert any(name in what for what in uses), name
    assert [what for kind, what, _ in found if kind == "look at"] == [
        "function plain() has the word availability in its body"
    ]
    refused = journey.run("apply", "--contract", "--yes")
    assert refused.exit_code == 3


def test_before_the_tables_are_there_nothing_is_asked(empty_database: Database, run_cli: RunCli) -> None:
    empty_database.make_parents()
    answer = Journey(run_cli, empty_database).json("plan", "--contract")

    assert answer["migrations"][-1]["notes"] == [
        {"kind": "unknown", "what": "can be told when 0003.backfill-provider-availability is applied", "n": None}
    ]
    assert "notes" not in answer["migrations"][0]


def test_the_way_back_tells_what_is_undone_and_lost(journey: Journey) -> None:
    journey.do("rejects", "--accept", "text")
    journey.do("apply", "--contract", "--yes")
    execute(
        journey.database,
        "UPDATE provider_availability SET start_time = '08:00'",
        "DELETE FROM providers WHERE id = 2",
    )

    found = told(journey, "rollback", "--plan")

    assert ("undone", "documents come back from providers_availability_archive, which stays", 1) in found
    assert (
        "changed",
        "documents of providers whose rows were written since: those days are said anew",
        1,
    ) in found
    assert ("stay away", "documents of providers that are gone: they stay in the archive", 1) in found
    assert any(kind == "built again" and "by_document" in what for kind, what, _ in found)
    assert "behind the lock on providers" in journey.do("rollback", "--plan").stdout
    execute(journey.database, "ALTER TABLE providers ADD availability text")
    assert any(kind == "refused" for kind, _, _ in told(journey, "rollback", "--plan"))


def test_each_earlier_way_back_tells_what_would_be_lost(journey: Journey) -> None:
    journey.do("rejects", "--accept", "text")

    assert told(journey, "rollback", "--plan")[0] == (
        "undone",
        "rows of provider_availability are deleted; documents stay as they are",
        1,
    )
    answer = journey.json("rollback", "--plan", "--to", "0001")
    [_, sync] = answer["migrations"]
    assert [(note["kind"], note["n"]) for note in sync["notes"]] == [("undone", None), ("lost", 1), ("lost", 1)]
