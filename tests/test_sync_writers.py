"""Every kind of statement, of role and of transaction that writes a document or a row is followed, or refused aloud."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from tests.journey import Journey, execute, rows
from tests.servers import PASSWORD, run_program
from tests.test_apply import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RunCli
    from tests.servers import Database, Server

NINE = '{"monday": "09:00-17:00"}'
TEN = '{"monday": "10:00-17:00"}'
MONDAYS = (
    "SELECT provider_id, left(start_time::text, 5) FROM provider_availability WHERE day_of_week = 'monday' ORDER BY 1"
)
DOCUMENTS = "SELECT id, availability ->> 'monday' FROM providers ORDER BY id"
ALL_TEN = ([(1, "10:00"), (2, "10:00"), (3, "10:00")], [(n, "10:00-17:00") for n in (1, 2, 3)])


@pytest.fixture
def app(database: Database, run_cli: RunCli) -> Iterator[Database]:
    """Three providers with a Monday; at the end every document equals its rows, and nothing was rejected."""
    execute(database, f"INSERT INTO providers (id, availability) SELECT n, '{NINE}' FROM generate_series(1, 3) AS n")
    yield database
    assert Journey(run_cli, database).failing("counts", "parity") == []
    assert rows(database, "SELECT * FROM provider_availability_rejects") == []


def both(database: Database) -> tuple[list[Any], list[Any]]:
    """What rows and documents say of Monday."""
    return rows(database, MONDAYS), rows(database, DOCUMENTS)


OLD_WRITES = {
    "update": f"UPDATE providers SET availability = '{TEN}'",
    "update with a join": f"UPDATE providers SET availability = w.d FROM (VALUES ('{TEN}'::jsonb)) AS w (d)",
    "insert or update": f"INSERT INTO providers (id, availability) SELECT n, '{TEN}' FROM generate_series(1, 3) AS n"
    " ON CONFLICT (id) DO UPDATE SET availability = EXCLUDED.availability",
    "delete and insert": "WITH gone AS (DELETE FROM providers RETURNING id) SELECT count(*) FROM gone;"
    f" INSERT INTO providers (id, availability) SELECT n, '{TEN}' FROM generate_series(1, 3) AS n",
    "merge": f"MERGE INTO providers AS p USING (SELECT generate_series(1, 3) AS id) AS s ON p.id = s.id"
    f" WHEN MATCHED THEN UPDATE SET availability = '{TEN}'",
    "merge that inserts": "DELETE FROM providers WHERE id > 1;"
    f" MERGE INTO providers AS p USING (SELECT generate_series(1, 3) AS id) AS s ON p.id = s.id"
    f" WHEN MATCHED THEN UPDATE SET availability = '{TEN}'"
    f" WHEN NOT MATCHED THEN INSERT (id, availability) VALUES (s.id, '{TEN}')",
    "key change": f"UPDATE providers SET id = id + 10, availability = '{TEN}'; UPDATE providers SET id = id - 10",
    "procedural": "DO $$ BEGIN FOR i IN 1 .. 3 LOOP"
    f" BEGIN UPDATE providers SET availability = '{TEN}' WHERE id = i; RAISE division_by_zero;"
    f" EXCEPTION WHEN division_by_zero THEN UPDATE providers SET availability = '{TEN}' WHERE id = i; END;"
    " END LOOP; END $$",
}
NEW_WRITES = {
    "update": "UPDATE provider_availability SET start_time = '10:00'",
    "insert or update": "INSERT INTO provider_availability"
    " (provider_id, day_of_week, is_available, start_time, end_time)"
    " SELECT n, 'monday', true, '10:00', '17:00' FROM generate_series(1, 3) AS n"
    " ON CONFLICT (provider_id, day_of_week) DO UPDATE SET start_time = EXCLUDED.start_time",
    "delete and insert": "DELETE FROM provider_availability;"
    " INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time)"
    " SELECT n, 'monday', true, '10:00', '17:00' FROM generate_series(1, 3) AS n;"
    " UPDATE providers SET availability = '\"x\"'; UPDATE providers SET availability = '" + TEN + "'",
    "merge": "MERGE INTO provider_availability AS a USING providers AS p ON a.provider_id = p.id"
    " WHEN MATCHED THEN UPDATE SET start_time = '10:00'",
    "both in one statement": "WITH new AS (UPDATE provider_availability SET start_time = '10:00' WHERE provider_id < 3)"
    f" UPDATE providers SET availability = '{TEN}' WHERE id = 3",
}  # fmt: skip


def written(app: Database, server: Server, write: str) -> bool:
    """Write, and say whether the server can: before 15, MERGE must be an error of syntax and no more."""
    if "MERGE" not in write or server.major >= 15:
        execute(app, write)
        return True
    with pytest.raises(psycopg.errors.SyntaxError):
        execute(app, write)
    return False


@pytest.mark.parametrize("write", OLD_WRITES.values(), ids=OLD_WRITES)
def test_every_statement_that_writes_documents_reaches_the_rows(app: Database, server: Server, write: str) -> None:
    if written(app, server, write):
        assert both(app) == ALL_TEN


@pytest.mark.parametrize("write", NEW_WRITES.values(), ids=NEW_WRITES)
def test_every_statement_that_writes_rows_reaches_the_documents(app: Database, server: Server, write: str) -> None:
    if written(app, server, write):
        assert both(app) == ALL_TEN


def test_copy_into_either_table_reaches_the_other(app: Database) -> None:
    execute(app, "DELETE FROM providers")
    with app.connect() as connection, connection.cursor() as cursor:
        with cursor.copy("COPY providers (id, availability) FROM STDIN") as copy:
            for number, document in ((1, TEN), (2, TEN), (3, None)):
                copy.write_row((number, document))
        with cursor.copy(
            "COPY provider_availability (provider_id, day_of_week, is_available, start_time, end_time) FROM STDIN"
        ) as copy:
            copy.write_row((3, "monday", True, "10:00", "17:00"))

    assert both(app)[0] == ALL_TEN[0]
    assert rows(app, "SELECT availability FROM providers WHERE id = 3") == [
        ({"monday": {"available": True, "start": "10:00", "end": "17:00"}},)
    ]


def test_a_cascade_that_deletes_providers_takes_rows_along_and_a_key_that_changes_takes_differences_along(
    app: Database,
) -> None:
    execute(
        app,
        "CREATE TABLE firms (id bigint PRIMARY KEY)",
        "INSERT INTO firms VALUES (1), (2)",
        "ALTER TABLE providers ADD firm_id bigint REFERENCES firms ON DELETE CASCADE ON UPDATE CASCADE",
        "UPDATE providers SET firm_id = least(id, 2)",
        "DELETE FROM firms WHERE id = 1",
    )
    assert rows(app, MONDAYS) == [(2, "09:00"), (3, "09:00")]
    # A row that was left to differ, by name: a new key is no reason to overwrite either side.
    execute(
        app,
        "SET schedtool.sync = 'document'; UPDATE provider_availability SET start_time = '08:00' WHERE provider_id = 2",
        "INSERT INTO provider_availability_rejects"
        " (provider_id, path, value, reason, document_hash, accepted_by, accepted_at)"
        " SELECT id, '$', 'monday', 'row_differs', md5(availability::text), 'me', now() FROM providers WHERE id = 2",
        "UPDATE providers SET id = 20 WHERE id = 2",
    )
    assert both(app) == ([(3, "09:00"), (20, "08:00")], [(3, "09:00-17:00"), (20, "09:00-17:00")])
    assert rows(app, "SELECT provider_id, accepted_by FROM provider_availability_rejects") == [(20, "me")]

    execute(app, "DELETE FROM providers WHERE id = 20")


def test_a_bulk_update_of_either_side_reaches_every_provider(app: Database) -> None:
    execute(
        app,
        f"INSERT INTO providers (id, availability) SELECT n, '{NINE}' FROM generate_series(4, 500) AS n",
        f"UPDATE providers SET availability = '{TEN}'",
    )
    assert rows(app, "SELECT count(*) FROM provider_availability WHERE start_time = '10:00'") == [(500,)]
    execute(app, "UPDATE provider_availability SET end_time = '18:00'")

    assert rows(app, "SELECT DISTINCT availability FROM providers") == [({"monday": "10:00-18:00"},)]


@pytest.fixture
def clerk(app: Database) -> Iterator[str]:
    """A role without a right on any table, and with a schema of its own full of traps."""
    name = f"clerk_{app.name}"
    execute(
        app,
        f"CREATE ROLE {name}",
        f"CREATE SCHEMA AUTHORIZATION {name}",
        # Whoever of ours looked here first would run the role's code with the owner's rights.
        f"CREATE FUNCTION {name}.md5(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$",
        f"CREATE FUNCTION {name}.jsonb_hash(jsonb) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$",
        f"CREATE FUNCTION {name}.trap(bigint, bigint) RETURNS boolean"
        " LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$",
        f"CREATE OPERATOR {name}.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = {name}.trap)",
        f"CREATE FUNCTION {name}.provider_availability_read_each(jsonb[], jsonb) RETURNS SETOF record"
        " LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$",
    )
    yield name
    execute(app, f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


@pytest.mark.parametrize("barrier", ["", "WITH (security_barrier)"], ids=["view", "security_barrier"])
@pytest.mark.parametrize("path", ["{}, public", "{}, pg_catalog", "pg_temp"])
def test_a_role_that_may_write_a_view_only_is_followed_whatever_it_searches(
    app: Database, clerk: str, barrier: str, path: str
) -> None:
    execute(
        app,
        f"CREATE VIEW my_providers {barrier} AS SELECT id, availability FROM providers WHERE id < 3",
        f"CREATE VIEW my_hours {barrier} AS SELECT * FROM provider_availability WHERE provider_id > 1",
        f"GRANT SELECT, UPDATE ON my_providers, my_hours TO {clerk}; GRANT USAGE ON SCHEMA public TO {clerk}",
    )
    with app.connect() as connection:
        connection.execute(f"SET search_path = {path.format(clerk)}; SET ROLE {clerk}".encode())
        connection.execute(f"UPDATE public.my_providers SET availability = '{TEN}'".encode())
        connection.execute("UPDATE public.my_hours SET start_time = '10:00'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT FROM public.provider_availability")

    assert both(app) == ALL_TEN


def test_a_login_of_its_own_is_followed(app: Database) -> None:
    name = f"login_{app.name}"
    execute(
        app,
        f"CREATE ROLE {name} LOGIN PASSWORD '" + PASSWORD.replace("'", "''") + "'",
        f"GRANT SELECT, UPDATE (availability) ON providers TO {name}",
        f"GRANT SELECT (provider_id, start_time), UPDATE (start_time) ON provider_availability TO {name}",
    )
    try:
        with app.connect(user=name, password=PASSWORD) as connection:
            connection.execute(f"UPDATE providers SET availability = '{TEN}' WHERE id < 3".encode())
            connection.execute("UPDATE provider_availability SET start_time = '10:00' WHERE provider_id = 3")
    finally:
        execute(app, f"DROP OWNED BY {name}; DROP ROLE {name}")

    assert both(app) == ALL_TEN


@pytest.fixture
def tenant(app: Database) -> Iterator[str]:
    """Row-level security on providers: a tenant sees providers 1 and 2."""
    name = f"tenant_{app.name}"
    execute(
        app,
        f"CREATE ROLE {name}",
        f"GRANT SELECT, UPDATE ON providers, provider_availability TO {name}",
        "ALTER TABLE providers ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON providers TO {name} USING (id < 3)",
    )
    yield name
    execute(
        app,
        "ALTER TABLE providers DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
        f"DROP OWNED BY {name}; DROP ROLE {name}",
    )


def test_a_tenant_under_row_level_security_is_followed(app: Database, tenant: str) -> None:
    execute(
        app,
        f"SET ROLE {tenant}; UPDATE providers SET availability = '{TEN}'",
        # A row of a provider that this role cannot see reaches its document all the same.
        f"SET ROLE {tenant}; UPDATE provider_availability SET start_time = '10:00' WHERE provider_id = 3",
        "RESET ROLE",
    )

    assert both(app) == ALL_TEN


OWNED = (
    "providers",
    "provider_availability",
    "provider_availability_rejects",
    "provider_availability_policy",
    "provider_availability_zones",
)
LATER = "UPDATE provider_availability SET start_time = '10:00'"


@pytest.fixture
def owner(app: Database, tenant: str) -> Iterator[str]:
    """A plain role that owns tables and functions, for whom row-level security is FORCED."""
    name = f"owner_of_{tenant}"
    functions = [
        name
        for (name,) in rows(app, "SELECT oid::regprocedure::text FROM pg_proc WHERE proname LIKE 'provider\\_avail%'")
    ]
    (was,) = rows(app, "SELECT current_user")[0]
    execute(app, f"CREATE ROLE {name}; GRANT USAGE, CREATE ON SCHEMA public TO {name}")
    execute(app, *(f"ALTER TABLE {table} OWNER TO {name}" for table in OWNED))
    execute(app, *(f"ALTER FUNCTION {function} OWNER TO {name}" for function in functions))
    execute(app, "ALTER TABLE providers FORCE ROW LEVEL SECURITY", "RESET ROLE")
    yield name
    execute(app, f"REASSIGN OWNED BY {name} TO {was}; DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.parametrize(
    "write", [f"UPDATE providers SET availability = '{TEN}' WHERE id = 1", LATER], ids=["old code", "new code"]
)
def test_where_row_level_security_is_forced_on_the_owner_a_write_is_refused_with_the_reason(
    app: Database, owner: str, tenant: str, write: str
) -> None:
    assert owner
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security policy for table"):
        execute(app, f"SET ROLE {tenant}; {write}")

    assert both(app)[0][0] == (1, "09:00")


def test_without_asking_for_every_row_it_would_be_lost_without_a_word(
    database: Database, run_cli: RunCli, app: Database, owner: str, tenant: str
) -> None:
    assert owner
    execute(database, "ALTER FUNCTION provider_availability_follow_row() RESET row_security")

    execute(database, f"SET ROLE {tenant}; {LATER} WHERE provider_id = 1")

    execute(database, "RESET ROLE", "ALTER TABLE providers NO FORCE ROW LEVEL SECURITY")
    assert both(app)[0][0] != both(app)[1][0]
    assert Journey(run_cli, database).failing("parity") != []
    execute(database, "UPDATE providers SET availability = '{}'")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("old_first", [True, False], ids=["old code first", "new code first"])
def test_a_transaction_with_an_old_snapshot_overwrites_nothing_that_it_cannot_see(
    app: Database, level: str, *, old_first: bool
) -> None:
    old = 'UPDATE providers SET availability = availability || \'{"friday": "10:00-12:00"}\' WHERE id = 1'
    new = (
        "INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time)"
        " VALUES (1, 'friday', true, '08:00', '09:00')"
        " ON CONFLICT (provider_id, day_of_week) DO UPDATE SET start_time = EXCLUDED.start_time"
    )
    first, second = (old, new) if old_first else (new, old)
    with app.connect(autocommit=False) as late, app.connect() as quick:
        late.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
        late.execute("SELECT count(*) FROM providers")
        quick.execute(first.encode())
        with pytest.raises(psycopg.errors.SerializationFailure):
            late.execute(second.encode())
        late.rollback()
        late.execute(b"DELETE FROM provider_availability WHERE provider_id = 1 AND day_of_week = 'friday'")
        late.commit()

    assert both(app)[0][0] == (1, "09:00")


def test_a_row_writer_that_waits_for_the_document_patches_the_one_it_finds_then(app: Database) -> None:
    with app.connect(autocommit=False) as old, app.connect() as new, app.connect() as watch:
        old.execute('UPDATE providers SET availability = availability || \'{"friday": "10:00-12:00"}\' WHERE id = 1')
        writer = threading.Thread(target=new.execute, args=(f"{LATER} WHERE provider_id = 1".encode(),))
        writer.start()
        wait_until(watch, "EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple'))")
        old.commit()
        writer.join(timeout=30)

    assert rows(app, "SELECT availability FROM providers WHERE id = 1") == [
        ({"monday": "10:00-17:00", "friday": "10:00-12:00"},)
    ]


def day_of(keys: int) -> str:
    # In binary: a key with 24 in its name may speak of hours.
    return "{" + ", ".join(f'"note {n:b}": "nine"' for n in range(keys)) + ', "start": "09:00", "end": "17:00"}'


@pytest.mark.parametrize(("keys", "start"), [(190, "10:00"), (20_000, "09:00")])
def test_a_day_of_many_keys_does_not_hold_a_row_up(app: Database, keys: int, start: str) -> None:
    """A day of more than 200 keys is not read (`too_large`), so its document is left alone by writes of its rows."""
    with app.connect() as connection:
        connection.execute(
            sql.SQL("UPDATE providers SET availability = {} WHERE id = 1").format(f'{{"monday": {day_of(keys)}}}')
        )
        # Quadratic, it took minutes. A limit, no measure.
        connection.execute("SET statement_timeout = '30s'")
        connection.execute(f"{LATER} WHERE provider_id = 1".encode())

    assert rows(app, "SELECT availability -> 'monday' ->> 'start' FROM providers WHERE id = 1") == [(start,)]
    # What every test ends with is a document that can be read and says what its rows say.
    with app.connect() as connection:
        connection.execute(f"UPDATE providers SET availability = '{NINE}' WHERE id = 1".encode())


def test_a_document_that_cannot_be_read_never_fails_its_writer(app: Database) -> None:
    hard = (
        '"x"', "3", "[1]", '{"monday": "9-5"}', '{"monday": {"start": "25:00", "end": "26:00"}}', '{"timezone": "EST"}',
        '{"monday": [{"start": "09:00", "end": "12:00"}, {"start": "13:00", "end": "17:00"}]}',
        "[" * 500 + "]" * 500, '{"monday": {"start": "' + "9" * 100_000 + '"}}',
    )  # fmt: skip
    with app.connect() as connection:
        for document in hard:
            connection.execute("UPDATE providers SET availability = %s WHERE id = 1", (document,))
            assert connection.execute("SELECT stale FROM provider_availability_rejects").fetchall() == [(True,)]
        connection.execute(f"UPDATE providers SET availability = '{NINE}' WHERE id = 1".encode())


def test_a_dump_restored_elsewhere_is_in_step_and_stays_so(app: Database, server: Server, run_cli: RunCli) -> None:
    dumped = run_program(server.bin_dir / "pg_dump", "--no-owner", app.url)
    assert dumped.exit_code == 0, dumped.stderr
    # pg_dump may be newer than the server, which does not know all of its settings.
    text = dumped.stdout.replace("SET transaction_timeout = 0;", "")
    other = server.create()
    try:
        restored = run_program(
            server.bin_dir / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", other.url, stdin=text
        )
        assert restored.exit_code == 0, restored.stderr
        execute(other, f"UPDATE providers SET availability = '{TEN}' WHERE id < 3", f"{LATER} WHERE provider_id = 3")

        assert both(other) == ALL_TEN
        assert Journey(run_cli, other).failing("schema", "counts", "parity") == []
    finally:
        server.drop(other.name)
