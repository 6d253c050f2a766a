"""Triggers of the application in between ours, and what each guard between the two directions is for.

Whatever they change, refuse or copy: in what is committed, rows equal documents, or a reject says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.journey import Journey, execute, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RunCli
    from tests.servers import Database

LATER = "UPDATE provider_availability SET start_time = '07:00' WHERE provider_id = 1 AND day_of_week = 'monday'"
OLD = 'UPDATE providers SET availability = \'{"monday": "07:00-17:00", "tuesday": "closed"}\' WHERE id = 1'
SAID = '{"monday": "09:00-17:00", "tuesday": "closed"}'
DOCUMENTS = "SELECT id, availability FROM providers ORDER BY id"
MONDAYS = (
    "SELECT provider_id, left(start_time::text, 5) FROM provider_availability WHERE day_of_week = 'monday' ORDER BY 1"
)
REJECTS = "SELECT provider_id, value, reason FROM provider_availability_rejects"

# Old rules of the application: nobody begins before eight.
CLAMP_DOCUMENTS = (
    (
        "CREATE FUNCTION app_clamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " NEW.availability := replace(NEW.availability::text, '07:00', '08:00')::jsonb; RETURN NEW; END $$"
    ),
    "CREATE TRIGGER app_clamp BEFORE UPDATE ON providers FOR EACH ROW EXECUTE FUNCTION app_clamp()",
)
CLAMP_ROWS = (
    (
        "CREATE FUNCTION app_clamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " NEW.start_time := greatest(NEW.start_time, '08:00'); RETURN NEW; END $$"
    ),
    (
        "CREATE TRIGGER app_clamp BEFORE INSERT OR UPDATE ON provider_availability"
        " FOR EACH ROW EXECUTE FUNCTION app_clamp()"
    ),
)
# Provider 2 is a branch of provider 1 and has its hours.
COPY_DOCUMENTS = (
    (
        "CREATE FUNCTION app_branch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE providers SET availability = NEW.availability WHERE id = 2; RETURN NULL; END $$"
    ),
    "CREATE TRIGGER {} AFTER UPDATE ON providers FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION app_branch()",
)
COPY_ROWS = (
    (
        "CREATE FUNCTION app_branch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE provider_availability SET start_time = NEW.start_time"
        " WHERE provider_id = 2 AND day_of_week = NEW.day_of_week; RETURN NULL; END $$"
    ),
    (
        "CREATE TRIGGER {} AFTER UPDATE ON provider_availability"
        " FOR EACH ROW WHEN (NEW.provider_id = 1) EXECUTE FUNCTION app_branch()"
    ),
)
# Triggers fire in the order of their names: before ours, and after.
ORDERS = ("a_branch", "z_branch")


@pytest.fixture
def providers(database: Database) -> Database:
    """Two providers with the same hours."""
    execute(database, f"INSERT INTO providers (id, availability) VALUES (1, '{SAID}'), (2, '{SAID}')")
    return database


@pytest.fixture
def app(providers: Database, run_cli: RunCli) -> Iterator[Database]:
    """Two providers with the same hours; at the end rows equal documents, but for those that a reject names."""
    yield providers
    assert unsaid(providers, run_cli) == []


def unsaid(database: Database, run_cli: RunCli) -> list[str]:
    """Names of the checks that fail: differences that no reject says."""
    return [name for name, *_ in Journey(run_cli, database).failing("counts", "parity")]


def rewrite(database: Database, what: str, *replaced: tuple[str, str]) -> None:
    """Create one of our triggers or functions anew with something in it replaced."""
    function = what.endswith("()")
    (name,) = rows(
        database,
        "SELECT pg_get_functiondef(to_regprocedure(%(name)s))"
        if function
        else "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %(name)s",
        {"name": what},
    )[0]
    text = name if function else name.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1)
    for old, new in replaced:
        assert old in text, (old, text)
        text = text.replace(old, new)
    execute(database, text)


def test_where_the_application_changes_what_a_row_made_of_a_document_the_row_follows(app: Database) -> None:
    execute(app, *CLAMP_DOCUMENTS, LATER)

    assert rows(app, DOCUMENTS)[0] == (1, {"monday": "08:00-17:00", "tuesday": "closed"})
    assert rows(app, MONDAYS) == [(1, "08:00"), (2, "09:00")]
    assert rows(app, REJECTS) == []


def test_without_the_documents_hash_in_the_setting_what_the_application_changed_would_be_taken_for_ours(
    providers: Database, run_cli: RunCli
) -> None:
    rewrite(providers, "providers_availability_update_trigger", (" || ' '::text) || jsonb_hash(new.availability)", ")"))
    rewrite(
        providers,
        "provider_availability_follow_row()",
        (" || ' ' || jsonb_hash(patched)", ""),
        ("PERFORM provider_availability_note(target.provider_id, policy);", "NULL;"),
    )
    execute(providers, *CLAMP_DOCUMENTS, LATER)

    assert rows(providers, MONDAYS)[0] == (1, "07:00")
    assert unsaid(providers, run_cli) != []


def test_where_the_application_changes_what_a_document_made_of_a_row_a_decision_is_asked_for(app: Database) -> None:
    execute(app, *CLAMP_ROWS, OLD)

    assert rows(app, MONDAYS) == [(1, "08:00"), (2, "09:00")]
    assert rows(app, REJECTS) == [(1, "monday", "row_differs")]

    execute(app, OLD.replace("07:00", "08:00"))
    assert rows(app, REJECTS) == []


def test_where_the_application_refuses_a_row_a_decision_is_asked_for(app: Database) -> None:
    execute(
        app,
        "CREATE FUNCTION app_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER app_refuse BEFORE UPDATE ON provider_availability"
        " FOR EACH ROW WHEN (NEW.start_time < '08:00') EXECUTE FUNCTION app_refuse()",
        OLD,
    )

    assert rows(app, MONDAYS)[0] == (1, "09:00")
    assert rows(app, REJECTS) == [(1, "monday", "row_differs")]


def test_where_both_sides_are_changed_they_do_not_chase_each_other(app: Database) -> None:
    execute(
        app,
        *CLAMP_ROWS,
        "CREATE FUNCTION app_early() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " NEW.availability := regexp_replace(NEW.availability::text, '\"0[789]:00', '\"06:00')::jsonb;"
        " RETURN NEW; END $$",
        "CREATE TRIGGER app_early BEFORE UPDATE ON providers FOR EACH ROW EXECUTE FUNCTION app_early()",
        LATER.replace("07:00", "09:30"),
        LATER,
    )

    assert rows(app, DOCUMENTS)[0] == (1, {"monday": "06:00-17:00", "tuesday": "closed"})
    assert rows(app, MONDAYS)[0] == (1, "08:00")
    assert rows(app, REJECTS) == [(1, "monday", "row_differs")]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("write", [LATER, OLD], ids=["new code", "old code"])
@pytest.mark.parametrize("copy", [COPY_DOCUMENTS, COPY_ROWS], ids=["documents", "rows"])
def test_hours_that_the_application_copies_to_another_provider_reach_its_other_side(
    app: Database, copy: tuple[str, str], write: str, order: str
) -> None:
    execute(app, copy[0], copy[1].format(order), write)

    assert [document["monday"] for _, document in rows(app, DOCUMENTS)] == ["07:00-17:00", "07:00-17:00"]
    assert rows(app, MONDAYS) == [(1, "07:00"), (2, "07:00")]
    assert rows(app, REJECTS) == []


@pytest.mark.parametrize(
    ("trigger", "function", "named", "copy", "write"),
    [
        (
            "providers_availability_update_trigger",
            "provider_availability_follow_row()",
            (
                ("IS DISTINCT FROM ((('rows '::text || new.id) || ' '::text) || jsonb_hash(new.availability))",
                 "<> 'rows'"),
                ("'rows ' || target.provider_id || ' ' || jsonb_hash(patched)", "'rows'"),
            ),
            COPY_DOCUMENTS,
            LATER,
        ),
        (
            "provider_availability_update_trigger",
            "provider_availability_follow_document()",
            (("('document '::text || new.provider_id)", "'document'"), ("'document ' || NEW.id", "'document'")),
            COPY_ROWS,
            OLD,
        ),
    ],
    ids=["rows", "documents"],
)  # fmt: skip
def test_without_the_provider_in_the_setting_what_is_copied_to_another_would_be_lost(
    providers: Database,
    run_cli: RunCli,
    trigger: str,
    function: str,
    named: tuple[tuple[str, str], tuple[str, str]],
    copy: tuple[str, str],
    write: str,
) -> None:
    rewrite(providers, trigger, named[0])
    rewrite(providers, function, named[1])

    execute(providers, copy[0], copy[1].format(ORDERS[0]), write)

    assert unsaid(providers, run_cli) != []


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("write", [LATER, OLD], ids=["new code", "old code"])
def test_a_document_written_twice_in_one_statement_ends_equal_to_its_rows(
    app: Database, write: str, order: str
) -> None:
    execute(
        app,
        "CREATE FUNCTION app_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        ' UPDATE providers SET availability = NEW.availability || \'{"friday": "10:00-12:00", "tuesday": null}\''
        " WHERE id = NEW.id AND NOT availability ? 'friday'; RETURN NULL; END $$",
        f"CREATE TRIGGER {order} AFTER UPDATE ON providers FOR EACH ROW EXECUTE FUNCTION app_again()",
        write,
    )

    assert rows(app, DOCUMENTS)[0] == (1, {"monday": "07:00-17:00", "tuesday": None, "friday": "10:00-12:00"})
    assert rows(app, "SELECT day_of_week FROM provider_availability WHERE provider_id = 1 ORDER BY 1") == [
        ("friday",),
        ("monday",),
        ("tuesday",),
    ]
    assert rows(app, REJECTS) == []


@pytest.mark.parametrize("write", [LATER, OLD], ids=["new code", "old code"])
def test_a_deferred_trigger_of_the_application_is_followed_at_commit(app: Database, write: str) -> None:
    execute(
        app,
        "CREATE FUNCTION app_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        ' UPDATE providers SET availability = availability || \'{"sunday": "10:00-12:00"}\' WHERE id = NEW.id;'
        " UPDATE provider_availability SET end_time = '16:00' WHERE provider_id = NEW.id AND day_of_week = 'monday';"
        " RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER app_late AFTER UPDATE ON providers DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW WHEN (NOT NEW.availability ? 'sunday') EXECUTE FUNCTION app_late()",
        write,
    )

    assert rows(app, DOCUMENTS)[0] == (
        1,
        {"monday": "07:00-16:00", "tuesday": "closed", "sunday": "10:00-12:00"},
    )
    assert rows(app, REJECTS) == []


FORGED = ("document", "document 1", "rows", "rows 1", "rows 1 {}")


@pytest.fixture
def role(providers: Database) -> Iterator[str]:
    """A role that may write documents and rows, as an application does."""
    name = f"app_{providers.name}"
    execute(providers, f"CREATE ROLE {name}", f"GRANT SELECT, UPDATE ON providers, provider_availability TO {name}")
    yield name
    execute(providers, f"DROP OWNED BY {name}; DROP ROLE {name}")


def forge(database: Database, role: str, write: str) -> None:
    """Write with each value of our setting that ours would set, as that role."""
    said = '{"monday": "07:00-17:00", "tuesday": "closed"}'
    (hashed,) = rows(database, f"SELECT jsonb_hash('{said}')")[0]
    for value in FORGED:
        execute(database, OLD.replace("07:00", "09:00"))
        with database.connect() as connection:
            connection.execute(f"SET ROLE {role}".encode())
            connection.execute("SELECT set_config('schedtool.sync', %s, false)", (value.format(hashed),))
            connection.execute(write.encode())


@pytest.mark.parametrize("write", [LATER, OLD], ids=["new code", "old code"])
def test_a_role_that_sets_our_setting_switches_nothing_off(app: Database, role: str, write: str) -> None:
    forge(app, role, write)

    assert rows(app, DOCUMENTS)[0] == (1, {"monday": "07:00-17:00", "tuesday": "closed"})
    assert rows(app, MONDAYS)[0] == (1, "07:00")


@pytest.mark.parametrize("write", [LATER, OLD], ids=["new code", "old code"])
def test_without_the_question_for_the_owners_right_it_would(
    providers: Database, run_cli: RunCli, role: str, write: str
) -> None:
    for trigger, function in (
        ("providers_availability_update_trigger", "document"),
        ("provider_availability_update_trigger", "row"),
    ):
        asked = (
            f"has_function_privilege(('provider_availability_follow_{function}()'::regprocedure)::oid, 'EXECUTE'::text)"
        )
        rewrite(providers, trigger, (asked, "true"))

    forge(providers, role, write)

    assert unsaid(providers, run_cli) != []


def called(database: Database, write: str) -> int:
    """How often our trigger functions are called by a write."""
    with database.connect() as connection:
        connection.execute("SET track_functions = 'pl'")
        connection.execute("BEGIN")
        connection.execute(write.encode())
        (calls,) = connection.execute(
            "SELECT sum(calls)::integer FROM pg_stat_xact_user_functions WHERE funcname LIKE '%\\_follow\\_%'"
        ).fetchone() or (None,)
        connection.execute("COMMIT")
    assert isinstance(calls, int)
    return calls


def unguarded(database: Database) -> None:
    """Take the condition off all triggers between rows and documents."""
    for name, event, table, function in (
        ("providers_availability_update_trigger", "UPDATE", "providers", "document"),
        ("provider_availability_insert_trigger", "INSERT", "provider_availability", "row"),
        ("provider_availability_update_trigger", "UPDATE", "provider_availability", "row"),
        ("provider_availability_delete_trigger", "DELETE", "provider_availability", "row"),
    ):
        execute(
            database,
            f"CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW"
            f" EXECUTE FUNCTION provider_availability_follow_{function}()",
        )


WEEK = """UPDATE providers SET availability = '{"days": ["mon", "tue", "wed"], "start": "9:00", "end": "17:00"}'
    WHERE id = 1"""


def test_one_write_calls_one_function(app: Database) -> None:
    assert (called(app, LATER), called(app, OLD.replace("7", "6")), called(app, WEEK)) == (1, 1, 1)


def test_without_the_guard_each_write_comes_back_and_only_the_comparison_ends_it(app: Database) -> None:
    unguarded(app)

    assert (called(app, LATER), called(app, OLD.replace("7", "6")), called(app, WEEK)) == (2, 2, 4)


# Writes every row of the document anew, whether it differs or not.
NAIVE = """CREATE OR REPLACE FUNCTION provider_availability_follow_document() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM set_config('schedtool.sync', 'document ' || NEW.id, true);
    INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time)
    SELECT NEW.id, d.day, d.available, d.starts, d.ends
    FROM provider_availability_read_each(ARRAY[NEW.availability], '{}') AS r,
        unnest(r.days, r.available, r.starts, r.ends) AS d (day, available, starts, ends)
    ON CONFLICT (provider_id, day_of_week) DO UPDATE
    SET is_available = EXCLUDED.is_available, start_time = EXCLUDED.start_time, end_time = EXCLUDED.end_time;
    PERFORM set_config('schedtool.sync', '', true);
    RETURN NULL;
END $$"""


def test_without_the_comparison_the_guard_alone_holds_and_without_both_a_write_never_ends(
    providers: Database, run_cli: RunCli
) -> None:
    rewrite(
        providers,
        "provider_availability_follow_row()",
        ("IF patched IS DISTINCT FROM document AND patched IS NOT NULL THEN", "IF patched IS NOT NULL THEN"),
    )
    execute(providers, NAIVE, LATER, OLD)
    assert unsaid(providers, run_cli) == []
    unguarded(providers)

    with pytest.raises(psycopg.Error, match=r"stack depth limit exceeded|too complex"):
        execute(providers, "SET max_stack_depth = '500kB'; " + WEEK)


def test_the_depth_of_triggers_as_a_guard_would_lose_what_a_trigger_of_the_application_writes(
    providers: Database, run_cli: RunCli
) -> None:
    for name, event, table, function in (
        ("providers_availability_update_trigger", "UPDATE", "providers", "document"),
        ("provider_availability_update_trigger", "UPDATE", "provider_availability", "row"),
    ):
        execute(
            providers,
            f"CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW WHEN (pg_trigger_depth() = 0)"
            f" EXECUTE FUNCTION provider_availability_follow_{function}()",
        )
    execute(
        providers,
        "CREATE TABLE requests (provider_id bigint, starts time)",
        "CREATE FUNCTION app_grant() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE provider_availability SET start_time = NEW.starts"
        " WHERE provider_id = NEW.provider_id AND day_of_week = 'monday'; RETURN NULL; END $$",
        "CREATE TRIGGER app_grant AFTER INSERT ON requests FOR EACH ROW EXECUTE FUNCTION app_grant()",
        "INSERT INTO requests VALUES (1, '07:00')",
    )

    assert rows(providers, MONDAYS)[0] == (1, "07:00")
    assert unsaid(providers, run_cli) != []
