"""Old code writes documents, and their rows follow: whatever is written, whoever writes it, without a loop."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from tests.journey import CREATE, SYNC, Journey, execute, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RunCli
    from tests.servers import Database

NINE = '{"start": "09:00", "end": "17:00"}'
TEN = '{"start": "10:00", "end": "18:00"}'


@pytest.fixture
def app(database: Database, run_cli: RunCli) -> Iterator[Database]:
    """A provider with a Monday and a Tuesday; at the end every document equals its rows."""
    execute(
        database,
        f"""INSERT INTO providers (id, availability) VALUES (1, '{{"monday": {NINE}, "tuesday": "closed"}}')""",
    )
    yield database
    assert Journey(run_cli, database).failing("counts", "parity") == []


def write(database: Database, document: str | None, provider: int = 1) -> None:
    """Write a document as old code does."""
    with database.connect() as connection:
        done = connection.execute("UPDATE providers SET availability = %s WHERE id = %s", (document, provider))
        assert done.rowcount == 1


def days(database: Database, provider: int = 1) -> list[tuple[object, ...]]:
    return rows(
        database,
        "SELECT day_of_week, is_available, left(start_time::text, 5), left(end_time::text, 5), timezone"
        f" FROM provider_availability WHERE provider_id = {provider} ORDER BY 1",
    )


def rejects(database: Database) -> list[tuple[object, ...]]:
    return rows(database, "SELECT provider_id, path, reason, stale FROM provider_availability_rejects ORDER BY 1")


MONDAY = ("monday", True, "09:00", "17:00", None)
TUESDAY = ("tuesday", False, None, None, None)


def test_a_new_document_becomes_rows(app: Database) -> None:
    assert days(app) == [MONDAY, TUESDAY]


def test_a_changed_document_changes_its_rows(app: Database) -> None:
    write(app, f'{{"timezone": "Europe/Paris", "monday": {TEN}, "tuesday": {NINE}}}')

    assert days(app) == [
        ("monday", True, "10:00", "18:00", "Europe/Paris"),
        ("tuesday", True, "09:00", "17:00", "Europe/Paris"),
    ]


def test_only_the_rows_of_days_that_are_said_anew_are_written(app: Database) -> None:
    version = "SELECT xmin::text FROM provider_availability WHERE day_of_week = 'tuesday'"
    before = rows(app, version)

    write(app, f'{{"monday": {TEN}, "tuesday": {{"closed": true}}, "notes": "new"}}')

    assert days(app) == [("monday", True, "10:00", "18:00", None), TUESDAY]
    assert rows(app, version) == before


def test_a_write_that_leaves_the_document_alone_writes_no_row(app: Database) -> None:
    versions = "SELECT xmin::text FROM provider_availability"
    before = rows(app, versions)

    execute(app, "UPDATE providers SET name = 'Dr. Who', availability = availability")

    assert rows(app, versions) == before


@pytest.mark.parametrize("document", [None, "{}", "[]", '""', "null"])
def test_a_document_that_says_nothing_any_more_has_no_rows(app: Database, document: str | None) -> None:
    write(app, document)

    assert (days(app), rejects(app)) == ([], [])


def test_a_day_taken_out_of_the_document_loses_its_row(app: Database) -> None:
    write(app, f'{{"monday": {NINE}}}')

    assert days(app) == [MONDAY]


def test_an_unreadable_document_keeps_its_last_good_rows_until_it_is_mended(app: Database) -> None:
    write(app, '{"monday": "mornings", "tuesday": "closed"}')

    assert days(app) == [MONDAY, TUESDAY]
    assert rejects(app) == [(1, "$.monday", "not_a_range", True)]

    write(app, f'{{"monday": {TEN}}}')

    assert days(app) == [("monday", True, "10:00", "18:00", None)]
    assert rejects(app) == []


def test_an_unreadable_document_that_never_was_read_has_a_reject_and_no_rows(app: Database) -> None:
    execute(app, """INSERT INTO providers (id, availability) VALUES (2, '{"monday": "mornings"}')""")

    assert days(app, 2) == []
    assert rejects(app) == [(2, "$.monday", "not_a_range", False)]
    write(app, None, 2)
    assert rejects(app) == []


def test_another_unreadable_document_wants_another_decision(app: Database) -> None:
    write(app, '"mornings"')
    execute(app, "UPDATE provider_availability_rejects SET accepted_by = 'me', accepted_at = now(), note = 'fine'")

    write(app, '"afternoons"')

    assert rows(app, "SELECT accepted_by, accepted_at, note, value FROM provider_availability_rejects") == [
        (None, None, None, '"afternoons"')
    ]


DIFFERS = (
    # Both days written while nobody followed, then found by the backfill.
    (
        "SET schedtool.sync = 'document'; UPDATE provider_availability SET end_time = '20:00', is_available = true,"
        " start_time = '08:00'; RESET schedtool.sync"
    ),
    (
        "INSERT INTO provider_availability_rejects (provider_id, path, value, reason, document_hash)"
        " VALUES (1, '$', 'monday', 'row_differs', (SELECT md5(availability::text) FROM providers))"
    ),
)


def test_a_row_that_differs_is_settled_by_a_write_of_its_day_and_by_no_other(app: Database) -> None:
    execute(app, *DIFFERS)
    late = ("08:00", "20:00", None)

    write(app, f'{{"monday": {NINE}, "tuesday": "closed", "notes": "touched"}}')

    assert days(app) == [("monday", True, *late), ("tuesday", True, *late)]
    assert rejects(app) == [(1, "$", "row_differs", False)]

    write(app, f'{{"monday": {TEN}, "tuesday": "closed", "notes": "touched"}}')

    assert days(app) == [("monday", True, "10:00", "18:00", None), ("tuesday", True, *late)]
    assert rejects(app) == [(1, "$", "row_differs", False)]

    write(app, f'{{"monday": {TEN}, "tuesday": {NINE}}}')

    assert days(app) == [("monday", True, "10:00", "18:00", None), ("tuesday", True, "09:00", "17:00", None)]
    assert rejects(app) == []


def test_a_row_that_was_accepted_to_differ_stands_until_its_day_is_written(app: Database) -> None:
    execute(app, *DIFFERS, "UPDATE provider_availability_rejects SET accepted_by = 'me', accepted_at = now()")
    accepted = (
        "SELECT accepted_by, document_hash = (SELECT md5(availability::text) FROM providers)"
        " FROM provider_availability_rejects"
    )

    write(app, f'{{"monday": {NINE}, "tuesday": "closed", "notes": "touched"}}')
    assert rows(app, accepted) == [("me", True)]

    # Another document is another decision, and the row of the other day still stands.
    write(app, f'{{"monday": {TEN}, "tuesday": "closed", "notes": "touched"}}')
    assert rows(app, accepted) == [(None, True)]
    assert days(app)[1] == ("tuesday", True, "08:00", "20:00", None)


def test_a_deleted_provider_takes_rows_and_rejects_along(app: Database) -> None:
    execute(app, "INSERT INTO providers (id, availability) VALUES (2, '\"mornings\"'), (3, NULL)")
    execute(app, "DELETE FROM providers WHERE id < 3")

    assert rows(app, "SELECT provider_id FROM provider_availability") == []
    assert rejects(app) == []


@pytest.mark.parametrize("document", ["availability", f"""'{{"monday": {TEN}}}'"""])
def test_a_provider_whose_key_changes_takes_its_rows_along(app: Database, document: str) -> None:
    execute(app, f"UPDATE providers SET id = 100, availability = {document}")

    assert days(app) == []
    assert days(app, 100)[0][0] == "monday"
    assert rows(app, "SELECT availability IS NOT NULL FROM providers") == [(True,)]


def test_two_writes_in_one_transaction_leave_the_last(app: Database) -> None:
    with app.connect() as connection, connection.transaction():
        for document in (f'{{"monday": {TEN}}}', '"mornings"', f'{{"friday": {NINE}}}'):
            connection.execute("UPDATE providers SET availability = %s", (document,))

    assert days(app) == [("friday", True, "09:00", "17:00", None)]


def test_what_the_applications_own_trigger_makes_of_a_document_is_what_is_read(app: Database) -> None:
    execute(
        app,
        f"""CREATE FUNCTION app_default() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.availability := '{{"monday": {TEN}}}'; RETURN NEW; END $$""",
        "CREATE TRIGGER app_default BEFORE INSERT OR UPDATE ON providers"
        " FOR EACH ROW WHEN (NEW.name = 'default') EXECUTE FUNCTION app_default()",
        # The statement does not name the column at all: a trigger "OF availability" would not fire.
        "UPDATE providers SET name = 'default'",
        "INSERT INTO providers (id, name) VALUES (2, 'default')",
    )

    assert days(app) == days(app, 2) == [("monday", True, "10:00", "18:00", None)]


def test_a_trigger_of_the_column_alone_would_miss_what_the_applications_own_trigger_writes(database: Database) -> None:
    execute(
        database,
        "INSERT INTO providers (id) VALUES (1)",
        f"""CREATE FUNCTION app_default() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.availability := '{{"monday": {TEN}}}'; RETURN NEW; END $$""",
        "CREATE TRIGGER app_default BEFORE UPDATE ON providers FOR EACH ROW EXECUTE FUNCTION app_default()",
        "CREATE OR REPLACE TRIGGER providers_availability_update_trigger AFTER UPDATE OF availability ON providers"
        " FOR EACH ROW EXECUTE FUNCTION provider_availability_follow_document()",
        "UPDATE providers SET name = 'default'",
    )

    assert days(database) == []


@contextmanager
def old_code(database: Database) -> Iterator[psycopg.Connection]:
    """A connection as a role that may write `providers` and knows nothing of our tables."""
    role = sql.Identifier(f"old_{database.name}")
    with database.connect() as owner:
        owner.execute(sql.SQL("CREATE ROLE {}").format(role))
        owner.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON providers TO {}").format(role))
        try:
            with database.connect() as connection:
                connection.execute(sql.SQL("SET ROLE {}").format(role))
                # As if it searched a schema of its own, with a trap in it.
                connection.execute("SET search_path = pg_temp, public")
                connection.execute("CREATE TEMPORARY TABLE provider_availability (LIKE public.providers)")
                yield connection
        finally:
            owner.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))


def test_a_writer_without_any_right_on_our_tables_is_followed(app: Database) -> None:
    with old_code(app) as connection:
        connection.execute("UPDATE public.providers SET availability = %s", (f'{{"monday": {TEN}}}',))
        connection.execute("INSERT INTO public.providers (id, availability) VALUES (2, '\"mornings\"')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM public.provider_availability")

    assert days(app) == [("monday", True, "10:00", "18:00", None)]
    assert rejects(app) == [(2, "$", "text", False)]


def test_without_the_owners_rights_old_code_would_fail(database: Database) -> None:
    execute(
        database,
        "INSERT INTO providers (id) VALUES (1)",
        "ALTER FUNCTION provider_availability_follow_document() SECURITY INVOKER",
    )
    with old_code(database) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE public.providers SET availability = %s", (f'{{"monday": {NINE}}}',))


def test_nobody_may_call_the_trigger_functions(database: Database) -> None:
    public = rows(
        database,
        "SELECT proname FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a"
        " WHERE p.prosecdef AND a.grantee = 0 AND p.pronamespace = 'public'::regnamespace",
    )
    assert public == []


def test_truncate_of_the_rows_is_refused_while_a_document_would_stay_behind(app: Database) -> None:
    with pytest.raises(psycopg.DatabaseError, match="cannot be truncated while its documents follow"):
        execute(app, "TRUNCATE provider_availability")

    assert days(app) == [MONDAY, TUESDAY]


def test_truncate_of_the_providers_takes_their_rows_along(app: Database) -> None:
    execute(app, "TRUNCATE providers CASCADE")

    assert (days(app), rejects(app)) == ([], [])
    execute(app, "INSERT INTO providers (id, availability) VALUES (1, NULL)")


def test_truncate_is_refused_no_more_once_the_column_is_gone(app: Database, run_cli: RunCli) -> None:
    Journey(run_cli, app).do("apply", "--contract", "--yes")

    execute(app, "TRUNCATE provider_availability")

    assert days(app) == []
    Journey(run_cli, app).do("rollback", "--yes")
    assert rows(app, "SELECT availability FROM providers") == [({},)]


def test_without_its_trigger_truncate_would_empty_the_rows_behind_the_documents(
    database: Database, run_cli: RunCli
) -> None:
    execute(
        database,
        f"""INSERT INTO providers (availability) VALUES ('{{"monday": {NINE}}}')""",
        "DROP TRIGGER provider_availability_truncate_trigger ON provider_availability",
        "TRUNCATE provider_availability",
    )

    assert [name for name, *_ in Journey(run_cli, database).failing("parity")] == [
        "every day of every document equals its row"
    ]


def test_before_the_backfill_a_changed_document_fills_its_rows_and_overwrites_none(
    empty_database: Database,
) -> None:
    empty_database.make_parents()
    execute(
        empty_database,
        f"""INSERT INTO providers (id, availability) VALUES (1, '{{"monday": {NINE}, "tuesday": "closed"}}')""",
        CREATE.read_text(encoding="utf-8"),
        # A row from before the triggers, that says something else.
        "INSERT INTO provider_availability (provider_id, day_of_week, is_available) VALUES (1, 'monday', false)",
        SYNC.read_text(encoding="utf-8"),
        'UPDATE providers SET availability = availability || \'{"friday": "closed"}\'',
    )

    closed = (False, None, None, None)
    assert days(empty_database) == [("friday", *closed), ("monday", *closed), ("tuesday", *closed)]
    assert rejects(empty_database) == [(1, "$", "row_differs", False)]
