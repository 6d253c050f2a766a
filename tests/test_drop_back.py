"""The way back: the column with its exact documents and all that hung on it, and rows that nothing else says."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.journey import DROP, FILL, Journey, back, execute, insert_documents, rows, things
from tests.known import all_documents
from tests.servers import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RunCli
    from tests.servers import Database

WEEK = '{"Mon": {"from": "9am", "to": "5pm", "room": 3}, "tue": "off", "note": "kept"}'


@pytest.fixture
def journey(database: Database, run_cli: RunCli) -> Journey:
    return Journey(run_cli, database)


DAYS = "SELECT a::text FROM provider_availability AS a ORDER BY id"


def documents(database: Database) -> list[tuple[object, str | None]]:
    return rows(database, "SELECT id, availability::text FROM providers ORDER BY id")


def drop(journey: Journey) -> None:
    """Leave behind by name whatever waits for a decision, and drop."""
    reasons = {reject["reason"] for reject in journey.json("rejects")["rejects"]}
    if reasons:
        journey.do("rejects", *(part for reason in sorted(reasons) for part in ("--accept", reason)))
    journey.do("apply", "--contract", "--yes")


def test_every_known_document_comes_back_to_the_letter(database: Database, journey: Journey) -> None:
    insert_documents(database, [*(known.text for known in all_documents() if known.jsonb), None, "null", "[]", '""'])
    before, days = documents(database), rows(database, DAYS)
    drop(journey)

    journey.do("rollback", "--yes")

    assert documents(database) == before
    assert rows(database, DAYS) == days
    journey.do("verify")


def test_a_day_that_changed_in_the_rows_meanwhile_changes_in_its_document_and_nothing_else_does(
    database: Database, journey: Journey
) -> None:
    insert_documents(database, [WEEK, WEEK, '"by appointment"', None, '{"days": ["mon"], "hours": "9am-5pm"}'])
    before = documents(database)
    drop(journey)
    execute(
        database,
        "UPDATE provider_availability SET end_time = '18:30' WHERE provider_id = 1 AND day_of_week = 'monday'",
        "INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time)"
        " VALUES (1, 'friday', true, '10:00', '24:00'), (4, 'sunday', false, NULL, NULL)",
        "DELETE FROM provider_availability WHERE provider_id = 1 AND day_of_week = 'tuesday'",
        # A provider that came meanwhile has no document in the archive, one that went has no use for his.
        "INSERT INTO providers (id) VALUES (10)",
        "INSERT INTO provider_availability (provider_id, day_of_week) VALUES (10, 'monday')",
        "DELETE FROM providers WHERE id = 2",
    )

    journey.do("rollback", "--yes")

    found = {key: text and json.loads(text) for key, text in documents(database)}
    assert found.pop(1) == {
        "Mon": {"from": "9am", "to": "18:30", "room": 3},
        "note": "kept",
        "friday": {"available": True, "start": "10:00", "end": "24:00"},
    }
    assert found.pop(4) == {"sunday": {"available": False}}
    assert found.pop(10) == {"monday": {"available": False}}
    assert found == {key: text and json.loads(text) for key, text in before if key in {3, 5}}
    assert Journey.failing(journey, "counts", "parity", "constraints") == []


def test_a_row_that_was_left_to_stand_by_name_leaves_its_document_as_it_was(
    database: Database, journey: Journey
) -> None:
    insert_documents(database, [WEEK])
    execute(
        database,
        "SET schedtool.sync = 'document'; UPDATE provider_availability SET end_time = '20:00', start_time = '08:00',"
        " is_available = true; RESET schedtool.sync",
    )
    assert [reject["reason"] for reject in journey.json("backfill")["rejects"]] == ["row_differs"]
    before = documents(database)
    drop(journey)

    journey.do("rollback", "--yes")

    assert documents(database) == before


def test_both_directions_follow_again(database: Database, journey: Journey) -> None:
    insert_documents(database, [WEEK])
    drop(journey)
    journey.do("rollback", "--yes")

    execute(
        database,
        "UPDATE provider_availability SET start_time = '08:00' WHERE day_of_week = 'monday'",
        'UPDATE providers SET availability = availability || \'{"tue": "9:00-10:00"}\'',
    )

    [(_, text)] = documents(database)
    assert json.loads(str(text)) == {
        "Mon": {"from": "08:00", "to": "5pm", "room": 3},
        "tue": "9:00-10:00",
        "note": "kept",
    }
    journey.do("verify")


def test_it_may_be_dropped_and_taken_back_again_and_again(database: Database, journey: Journey) -> None:
    insert_documents(database, [WEEK, None])
    before, catalog = documents(database), things(database)
    for _ in range(2):
        drop(journey)
        journey.do("rollback", "--yes")
        assert documents(database) == before
    left = {name: text for name, text in things(database).items() if "providers_availability_archive" not in name}
    assert left == catalog


@pytest.fixture
def clerk(database: Database) -> Iterator[str]:
    """A role that may be granted things."""
    role = f"clerk_{database.name}"
    execute(database, f"CREATE ROLE {role}")
    yield role
    execute(database, f"DROP OWNED BY {role}; DROP ROLE {role}")


def schema(database: Database) -> Counter[str]:
    """The schema as pg_dump tells it, without the archive; lines in no order: the column comes back as the last one."""
    outcome = run_program(
        database.server.bin_dir / "pg_dump",
        *("--schema-only", "--exclude-table=providers_availability_archive*"),
        *("--exclude-table=*schedtool_*", "--exclude-table=*yoyo*", "-d", database.url),
    )
    assert outcome.exit_code == 0, outcome
    # Some servers count the versions of a column in an option of their own.
    text = re.sub(r"pg_attver=\d+(, )?", "", outcome.stdout)
    # A condition over rows is dumped with parentheses that nothing needs, and loses them on its way through a text.
    text = re.sub(r"CREATE TRIGGER .*", lambda match: re.sub("[()]", "", match.group()), text)
    lines = (line.rstrip().rstrip(",") for line in text.splitlines())
    return Counter(line for line in lines if line and not line.startswith(("--", "\\")))


HANGING = {
    "a default": "ALTER TABLE providers ALTER availability SET DEFAULT '{\"a\": \"it''s\"}'",
    "not null": "ALTER TABLE providers ALTER availability SET NOT NULL",
    "a check": "ALTER TABLE providers ADD CONSTRAINT small CHECK (pg_column_size(availability) < 8000)",
    "a check of several columns": "ALTER TABLE providers ADD CONSTRAINT duo CHECK (name <> 'x' OR availability <> '1')",
    "a check not valid yet": "ALTER TABLE providers ADD CONSTRAINT later CHECK (availability <> '1') NOT VALID",
    "a unique constraint": "ALTER TABLE providers ADD CONSTRAINT once UNIQUE (id, availability)",
    "an index": "CREATE INDEX by_document ON providers USING gin (availability jsonb_path_ops)",
    "an index of an expression": "CREATE INDEX \"By note\" ON providers ((availability ->> 'note'), name)",
    "an index of a part": "CREATE INDEX part ON providers (name) WHERE availability IS NOT NULL",
    "an index that includes it": "CREATE INDEX wide ON providers (name) INCLUDE (availability)",
    "statistics": "CREATE STATISTICS pair (ndistinct) ON name, availability FROM providers",
    "statistics of an expression": "CREATE STATISTICS notes ON (availability ->> 'note'), name FROM providers",
    "a comment": "COMMENT ON COLUMN providers.availability IS 'Weekly hours. It''s JSON.'",
    "grants of the column": "GRANT SELECT (availability), UPDATE (availability) ON providers TO {clerk}",
    "a grant with grant option": "GRANT SELECT (availability) ON providers TO {clerk} WITH GRANT OPTION",
    "a grant to everybody": "GRANT SELECT (availability) ON providers TO PUBLIC",
    "a comment of an index": "CREATE INDEX i ON providers (availability); COMMENT ON INDEX i IS 'Ours.'",
    "a comment of a check": (
        "ALTER TABLE providers ADD CONSTRAINT c CHECK (availability <> '1');"
        " COMMENT ON CONSTRAINT c ON providers IS 'Ours.'"
    ),
    "its storage": "ALTER TABLE providers ALTER availability SET STORAGE EXTERNAL",
    "its statistics target": "ALTER TABLE providers ALTER availability SET STATISTICS 500",
    "its options": "ALTER TABLE providers ALTER availability SET (n_distinct = -0.5)",
}


def test_what_goes_with_the_column_comes_back_with_it(database: Database, journey: Journey, clerk: str) -> None:
    insert_documents(database, [WEEK, "{}"])
    execute(database, *(statement.replace("{clerk}", clerk) for statement in HANGING.values()))
    before, letters = schema(database), documents(database)
    assert any("by_document" in line for line in before)

    drop(journey)
    assert not any("by_document" in line for line in schema(database))
    journey.do("rollback", "--yes")

    after = schema(database)
    assert (before - after, after - before) == (Counter(), Counter())
    assert documents(database) == letters


def test_what_a_column_had_in_another_schema_comes_back_there(empty_database: Database, run_cli: RunCli) -> None:
    empty_database.make_parents()
    insert_documents(empty_database, [WEEK])
    execute(
        empty_database,
        *(HANGING[name] for name in ("a check", "an index of an expression", "statistics", "a comment")),
        'CREATE SCHEMA "My-App"; ALTER TABLE users SET SCHEMA "My-App"; ALTER TABLE providers SET SCHEMA "My-App"',
        # PostgreSQL leaves statistics where they were.
        'ALTER STATISTICS pair SET SCHEMA "My-App"',
    )
    journey = Journey(run_cli, empty_database, "--schema", "My-App")
    journey.do("apply")
    before = things(empty_database, "My-App")

    drop(journey)
    journey.do("rollback", "--yes")

    left = things(empty_database, "My-App").items()
    assert {name: text for name, text in left if "providers_availability_archive" not in name} == before


def test_rolling_back_the_backfill_takes_the_rows_and_leaves_the_documents(
    database: Database, journey: Journey
) -> None:
    insert_documents(database, [WEEK, '"by appointment"', None])
    before = documents(database)

    answer = journey.json("rollback", "--yes")

    assert [done["rows"] for done in answer["rolled_back"]] == [2]
    assert documents(database) == before
    assert rows(database, "SELECT FROM provider_availability") == []
    journey.do("apply")
    assert rows(database, "SELECT count(*) FROM provider_availability") == [(2,)]
    assert len(journey.json("rejects")["rejects"]) == 1


def test_a_decision_about_a_document_outlives_the_rows_and_goes_only_when_it_is_named(
    database: Database, journey: Journey
) -> None:
    insert_documents(database, [WEEK, '"by appointment"', '"on request"'])
    journey.do("rejects", "--accept", "text", "--note", "agreed")
    execute(database, "UPDATE providers SET availability = '\"at noon\"' WHERE id = 3")
    decided = "SELECT provider_id, reason, note, stale FROM provider_availability_rejects"

    journey.do("rollback", "--yes")
    assert rows(database, decided) == [(2, "text", "agreed", False)]
    refused = journey.run("rollback", "--yes")
    assert refused.exit_code == 3, refused
    assert "decisions about 1 documents exist nowhere else" in refused.stderr
    assert "--lose provider_availability_rejects" in refused.stderr
    journey.do("apply")
    assert rows(database, f"{decided} WHERE accepted_at IS NOT NULL") == [(2, "text", "agreed", False)]

    journey.do("rollback", "--to", "0001", "--yes", "--lose", "provider_availability_rejects")
    assert rows(database, "SELECT to_regclass('provider_availability_rejects')") == [(None,)]


def test_a_decision_that_a_row_stands_goes_with_the_row(database: Database, journey: Journey) -> None:
    insert_documents(database, [WEEK])
    execute(database, UNSAID["a row written while nobody followed"])
    journey.run("backfill")
    journey.do("rejects", "--accept", "row_differs")

    journey.do("rollback", "--yes", "--lose", "provider_availability")
    journey.do("apply", "--no-batches")

    assert rows(database, "SELECT FROM provider_availability_rejects") == []
    assert journey.failing() == []


def test_a_policy_goes_only_when_it_is_named(journey: Journey) -> None:
    journey.do("backfill", "--default-timezone", "Europe/Paris")
    journey.do("rollback", "--yes")

    refused = journey.run("rollback", "--yes")
    assert refused.exit_code == 3, refused
    assert "policies that documents were read by exist nowhere else: 1" in refused.stderr

    journey.do("rollback", "--yes", "--lose", "provider_availability_policy")


UNSAID = {
    "last good rows of an unreadable document": "UPDATE providers SET availability = '\"by appointment\"'",
    "a row written while nobody followed": (
        "SET schedtool.sync = 'document'; UPDATE provider_availability SET end_time = '20:00'"
    ),
    "a row of a day the document does not name": (
        "SET schedtool.sync = 'document';"
        " INSERT INTO provider_availability (provider_id, day_of_week) VALUES (1, 'sunday')"
    ),
}


@pytest.mark.parametrize("case", UNSAID)
def test_rows_that_no_document_says_stop_it_unless_they_are_named(
    database: Database, journey: Journey, case: str
) -> None:
    insert_documents(database, [WEEK])
    execute(database, UNSAID[case])
    before, days = documents(database), rows(database, DAYS)

    for lose in ((), ("--lose", "bookings")):
        refused = journey.run("rollback", "--yes", *lose)
        assert refused.exit_code == 3, refused
        assert "say what no document says" in refused.stderr
        assert "--lose provider_availability" in refused.stderr
        assert rows(database, DAYS) == days

    journey.do("rollback", "--yes", "--lose", "provider_availability")
    assert rows(database, "SELECT FROM provider_availability") == []
    assert documents(database) == before


def test_with_sync_on_taking_the_rows_would_empty_the_documents(database: Database) -> None:
    insert_documents(database, [WEEK])
    line = "    PERFORM set_config('schedtool.sync', 'document', true);\n"
    text = back(FILL).read_text()
    assert text.count(line) == 1

    execute(database, text.replace(line, ""))

    [(_, document)] = documents(database)
    assert "Mon" not in str(document)


def test_only_the_last_can_be_taken_back_first(database: Database, journey: Journey) -> None:
    insert_documents(database, [WEEK])
    drop(journey)
    before = documents_in_archive(database)

    for number in ("0003", "0002"):
        assert journey.json("rollback", "--plan", "--to", number)["migrations"][0]["id"] == DROP.stem
    journey.do("rollback", "--to", "0001", "--yes")

    assert documents(database) == before
    assert rows(database, "SELECT to_regclass('provider_availability_rejects')") == [(None,)]


def documents_in_archive(database: Database) -> list[tuple[object, str | None]]:
    return rows(
        database, "SELECT provider_id, availability::text FROM providers_availability_archive ORDER BY provider_id"
    )
