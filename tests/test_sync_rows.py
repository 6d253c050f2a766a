"""New code writes rows, and their day in the document follows: that day only, everything else as it was spelled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.journey import Journey, execute, rows
from tests.row_writes import CLOSE, LATER, NEW, OPEN, PATCHED, SET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RunCli
    from tests.servers import Database


@pytest.fixture
def app(database: Database, run_cli: RunCli) -> Iterator[Database]:
    """A database in use; at the end every document equals its rows."""
    yield database
    assert Journey(run_cli, database).failing("counts", "parity") == []


def documents(database: Database) -> list[object]:
    return [document for (document,) in rows(database, "SELECT availability FROM providers ORDER BY id")]


def insert(database: Database, document: str | None) -> None:
    with database.connect() as connection:
        connection.execute("INSERT INTO providers (id, availability) VALUES (1, %s)", (document,))
        assert connection.execute("SELECT FROM provider_availability_rejects").fetchall() == []


@pytest.mark.parametrize(
    ("document", "write", "expected"), [case[1:] for case in PATCHED], ids=[case[0] for case in PATCHED]
)
def test_a_write_to_the_rows_reaches_its_day_in_the_document(
    app: Database, document: str | None, write: str, expected: str
) -> None:
    insert(app, document)

    execute(app, write)

    assert documents(app) == [json.loads(expected)]


WEEK = """{"Mon": {"from": "9am", "to": "5pm"}, "tue": "9:00-17:00", "wednesday": null, "note": "kept"}"""


def test_a_write_that_says_the_same_leaves_the_document_as_it_is(app: Database) -> None:
    insert(app, WEEK)
    before = rows(app, "SELECT xmin::text, availability::text FROM providers")

    execute(app, "UPDATE provider_availability SET start_time = start_time, is_available = is_available")
    execute(app, "UPDATE provider_availability SET start_time = '08:00', end_time = NULL WHERE NOT is_available")

    assert rows(app, "SELECT xmin::text, availability::text FROM providers") == before


def test_there_is_no_loop_one_write_is_one_write(app: Database) -> None:
    insert(app, WEEK)
    execute(
        app,
        "CREATE TABLE writes (id bigint GENERATED ALWAYS AS IDENTITY, what text)",
        "CREATE FUNCTION app_count() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN INSERT INTO writes (what) VALUES (TG_TABLE_NAME); RETURN NULL; END $$",
        "CREATE TRIGGER app_count AFTER UPDATE ON providers FOR EACH ROW EXECUTE FUNCTION app_count()",
        "CREATE TRIGGER app_count AFTER INSERT OR UPDATE OR DELETE ON provider_availability"
        " FOR EACH ROW EXECUTE FUNCTION app_count()",
    )

    def writes(statement: str) -> list[str]:
        execute(app, "TRUNCATE writes", statement)
        return [what for (what,) in rows(app, "SELECT what FROM writes ORDER BY id")]

    assert sorted(writes(LATER)) == ["provider_availability", "providers"]
    assert sorted(writes('UPDATE providers SET availability = availability || \'{"Mon": "8:00-17:00"}\'')) == [
        "provider_availability",
        "providers",
    ]


UNSETTLED = (
    # A Tuesday written while nobody followed, found by the backfill, and waiting for a decision.
    (
        "SET schedtool.sync = 'document';"
        " UPDATE provider_availability SET is_available = true, start_time = '08:00', end_time = '20:00'"
        " WHERE day_of_week = 'tuesday'; RESET schedtool.sync"
    ),
    (
        "INSERT INTO provider_availability_rejects (provider_id, path, value, reason, document_hash)"
        " VALUES (1, '$', 'tuesday', 'row_differs', (SELECT md5(availability::text) FROM providers))"
    ),
)
UNSETTLED_NOW = (
    "SELECT a.is_available, r.reason FROM provider_availability AS a"
    " LEFT JOIN provider_availability_rejects AS r USING (provider_id) WHERE day_of_week = 'tuesday'"
)


def test_a_row_that_waits_for_a_decision_is_not_overwritten_when_another_day_is_written(app: Database) -> None:
    insert(app, '{"monday": "09:00-17:00", "tuesday": "closed"}')

    execute(app, *UNSETTLED, LATER)

    assert documents(app) == [{"monday": "10:15-17:00", "tuesday": "closed"}]
    assert rows(app, UNSETTLED_NOW) == [(True, "row_differs")]


def test_writes_both_ways_in_one_transaction_end_alike(app: Database) -> None:
    insert(app, WEEK)
    with app.connect() as connection, connection.transaction():
        connection.execute(LATER.encode())
        connection.execute("UPDATE providers SET availability = availability - 'tue'")
        connection.execute(NEW.format("NULL").encode())
        connection.execute("UPDATE providers SET availability = availability - 'Mon'")

    assert documents(app) == [
        {"wednesday": None, "note": "kept", "sunday": {"available": True, "start": "10:00", "end": "24:00"}}
    ]
    assert rows(app, "SELECT day_of_week FROM provider_availability ORDER BY 1") == [("sunday",), ("wednesday",)]


def test_a_write_that_fails_leaves_the_direction_open_for_the_next(app: Database) -> None:
    insert(app, WEEK)
    with app.connect(autocommit=False) as connection:
        with connection.transaction(force_rollback=True):
            connection.execute(LATER.encode())
        connection.execute(CLOSE.encode())

    assert documents(app) == [{**json.loads(WEEK), "Mon": {"from": "9am", "to": "5pm", "available": False}}]


def test_many_rows_in_one_statement_reach_all_their_days(app: Database) -> None:
    insert(app, WEEK)
    execute(app, 'INSERT INTO providers (id, availability) VALUES (2, \'[{"day": "mon", "hours": "9am-5pm"}]\')')

    execute(app, f"UPDATE provider_availability SET {OPEN}")

    opened = {"available": True, "start": "10:00", "end": "12:00"}
    assert documents(app) == [
        {"Mon": {"from": "10:00", "to": "12:00"}, "tue": "10:00-12:00", "wednesday": opened, "note": "kept"},
        [{"day": "mon", "hours": "10:00-12:00"}],
    ]


def test_a_row_moved_to_another_provider_moves_in_both_documents(app: Database) -> None:
    insert(app, '{"monday": "09:00-17:00", "tuesday": "closed"}')
    execute(app, "INSERT INTO providers (id) VALUES (2)")

    execute(app, SET.format("provider_id = 2"))

    assert documents(app) == [
        {"tuesday": "closed"},
        {"monday": {"available": True, "start": "09:00", "end": "17:00"}},
    ]


def test_rows_of_an_unreadable_document_may_be_written_and_leave_it_alone(app: Database) -> None:
    insert(app, '{"monday": "09:00-17:00"}')
    execute(app, 'UPDATE providers SET availability = \'{"monday": "mornings"}\'', LATER, NEW.format("NULL"))

    assert documents(app) == [{"monday": "mornings"}]
    assert rows(app, "SELECT stale FROM provider_availability_rejects") == [(True,)]


def test_a_document_that_was_left_behind_by_name_stays_so_while_new_code_writes_its_rows(app: Database) -> None:
    execute(
        app,
        'INSERT INTO providers (id, availability) VALUES (1, \'{"monday": "mornings"}\')',
        "UPDATE provider_availability_rejects SET accepted_by = 'me', accepted_at = now(), note = 'agreed'",
        NEW.format("NULL"),
    )
    decision = "SELECT accepted_by, note, stale FROM provider_availability_rejects"
    assert rows(app, decision) == [("me", "agreed", True)]

    execute(app, "DELETE FROM provider_availability")
    assert rows(app, decision) == [("me", "agreed", False)]


def test_a_role_that_may_write_rows_only_still_reaches_the_document(app: Database) -> None:
    insert(app, '{"monday": "09:00-17:00"}')
    role = f"new_{app.name}"
    execute(app, f"CREATE ROLE {role}", f"GRANT SELECT, UPDATE ON provider_availability TO {role}")
    try:
        execute(app, f"SET ROLE {role}; {LATER}")
    finally:
        execute(app, f"DROP OWNED BY {role}; DROP ROLE {role}")

    assert documents(app) == [{"monday": "10:15-17:00"}]


def test_a_row_that_was_accepted_to_differ_stands_when_another_day_is_written_and_goes_with_its_own(
    app: Database,
) -> None:
    insert(app, '{"monday": "09:00-17:00", "tuesday": "closed"}')
    accepted = (
        "SELECT accepted_by, document_hash = (SELECT md5(availability::text) FROM providers)"
        " FROM provider_availability_rejects"
    )
    execute(app, *UNSETTLED, "UPDATE provider_availability_rejects SET accepted_by = 'me', accepted_at = now()")

    execute(app, LATER)
    assert rows(app, accepted) == [("me", True)]

    execute(app, "UPDATE provider_availability SET end_time = '12:00' WHERE day_of_week = 'tuesday'")
    assert rows(app, accepted) == []
    assert documents(app) == [{"monday": "10:15-17:00", "tuesday": "08:00-12:00"}]


def test_rows_without_a_timezone_agree_with_documents_without_one_whatever_the_default_is(app: Database) -> None:
    execute(
        app,
        "INSERT INTO provider_availability_policy (version, settings, created_by)"
        """ VALUES (100, '{"default_timezone": "Europe/Paris"}', 'me')""",
    )
    insert(app, '{"monday": "09:00-17:00", "note": "kept"}')
    zones = "SELECT timezone FROM provider_availability ORDER BY day_of_week"
    assert rows(app, zones) == [("Europe/Paris",)]

    # New code says none, and the row keeps it so.
    execute(app, NEW.format("NULL"), SET.format("timezone = NULL, start_time = '10:15'"))
    assert rows(app, zones) == [(None,), (None,)]
    opened = {"available": True, "start": "10:00", "end": "24:00"}
    assert documents(app) == [{"monday": "10:15-17:00", "sunday": opened, "note": "kept"}]

    # It differs where the document says another zone: then the document says none any more.
    execute(app, SET.format("timezone = 'Asia/Tokyo'"))
    assert rows(app, zones) == [("Asia/Tokyo",), (None,)]
    execute(app, SET.format("timezone = NULL"))
    assert rows(app, zones) == [(None,), (None,)]
    assert rows(app, "SELECT availability::text LIKE '%Tokyo%' FROM providers") == [(False,)]
    # A write of the document to another day leaves it alone as well.
    execute(app, 'UPDATE providers SET availability = availability || \'{"friday": "closed"}\'')
    assert rows(app, zones) == [("Europe/Paris",), (None,), (None,)]
