"""The functions for new code: one day set, one day cleared, the provider locked first, so that nobody deadlocks."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.journey import Journey, execute, rows
from tests.test_apply import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RunCli
    from tests.servers import Database

ROW = (
    "SELECT day_of_week, is_available, start_time::text, end_time::text, timezone"
    " FROM provider_availability WHERE provider_id = {} ORDER BY 1"
)
NINE = '{"monday": "09:00-17:00"}'


@pytest.fixture
def app(database: Database, run_cli: RunCli) -> Iterator[Database]:
    """A provider with a Monday; at the end every document equals its rows."""
    execute(database, f"INSERT INTO providers (id, availability) VALUES (1, '{NINE}')")
    yield database
    assert Journey(run_cli, database).failing("counts", "parity") == []


def test_a_day_is_set_and_returned(app: Database) -> None:
    set_day = "SELECT provider_availability_set_day(1, 'friday', true, '10:00', '12:00', 'Europe/Paris')"
    ((key,),) = rows(app, set_day)
    said = rows(app, f"SELECT * FROM provider_availability WHERE id = {key}")

    assert [str(value) for value in said[0][1:7]] == [
        "1", "friday", "True", "10:00:00", "12:00:00", "Europe/Paris",
    ]  # fmt: skip
    assert rows(app, "SELECT availability -> 'friday' ->> 'timezone' FROM providers") == [("Europe/Paris",)]


def test_a_day_that_is_there_keeps_its_timezone_unless_one_is_given(app: Database) -> None:
    set_day = "SELECT provider_availability_set_day(1, 'monday', true, '{}', '18:00'{})"
    execute(app, set_day.format("08:00", ", 'Asia/Tokyo'"), set_day.format("10:00", ""))
    assert rows(app, ROW.format(1)) == [("monday", True, "10:00:00", "18:00:00", "Asia/Tokyo")]

    execute(app, set_day.format("10:00", ", timezone => 'UTC'"))
    assert rows(app, ROW.format(1)) == [("monday", True, "10:00:00", "18:00:00", "UTC")]


def test_a_day_is_closed_and_cleared(app: Database) -> None:
    execute(app, "SELECT provider_availability_set_day(1, 'monday', false)")
    assert rows(app, ROW.format(1)) == [("monday", False, None, None, None)]
    clear = "SELECT provider_availability_clear_day(1, 'monday')"

    assert (rows(app, clear), rows(app, clear)) == ([(True,)], [(False,)])
    assert rows(app, ROW.format(1)) == []
    assert rows(app, "SELECT availability FROM providers") == [({},)]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("set_day(1, 'someday', true, '9:00', '10:00')", psycopg.errors.CheckViolation),
        ("set_day(1, 'monday', true)", psycopg.errors.CheckViolation),
        ("set_day(1, 'monday', true, '17:00', '9:00')", psycopg.errors.CheckViolation),
        ("set_day(2, 'monday', false)", psycopg.errors.ForeignKeyViolation),
        ("set_day(NULL::bigint, 'monday', false)", psycopg.errors.NotNullViolation),
        ("set_day(1, 'monday', NULL)", psycopg.errors.NotNullViolation),
        ("set_day('x', 'monday', false)", psycopg.errors.InvalidTextRepresentation),
    ],
)
def test_what_the_tables_refuse_the_functions_refuse(app: Database, call: str, error: type[psycopg.Error]) -> None:
    with pytest.raises(error):
        execute(app, f"SELECT provider_availability_{call}")

    assert rows(app, ROW.format(1)) == [("monday", True, "09:00:00", "17:00:00", None)]


@pytest.mark.parametrize("key", ["1::smallint", "1::integer", "1::bigint", "'1'"])
def test_the_key_may_be_said_in_any_type_that_reads_as_it(app: Database, key: str) -> None:
    execute(app, f"SELECT provider_availability_set_day({key}, 'monday', false)")

    assert rows(app, f"SELECT provider_availability_clear_day({key}, 'monday')") == [(True,)]


def test_new_code_needs_its_own_rights_and_no_more(app: Database) -> None:
    name = f"new_{app.name}"
    call = "SELECT public.provider_availability_set_day(1, 'monday', false)"
    execute(app, f"CREATE ROLE {name}", f"GRANT SELECT, INSERT, UPDATE, DELETE ON provider_availability TO {name}")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="providers"):
            execute(app, f"SET ROLE {name}; SET search_path = pg_temp; {call}")
        execute(app, f"GRANT SELECT (id), UPDATE (name) ON providers TO {name}")
        execute(app, f"SET ROLE {name}; SET search_path = pg_temp; {call}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="provider_availability_settle"):
            execute(app, f"SET ROLE {name}; SELECT provider_availability_settle(1, 'rows')")
    finally:
        execute(app, f"DROP OWNED BY {name}; DROP ROLE {name}")


PLAIN = "UPDATE provider_availability SET start_time = '{}' WHERE provider_id = 1 AND day_of_week = 'monday'"
SET_DAY = "SELECT provider_availability_set_day(1, 'monday', true, '{}', '17:00')"
HELD = "SELECT FROM provider_availability WHERE provider_id = 1 FOR UPDATE"


def meet(database: Database, new: str) -> list[type[BaseException]]:
    """Let an old and a new writer meet in the one order that locks them into each other; return their errors.

    A gate holds the row. The new writer comes first and waits for it: holding the provider already, or not yet. The old
    one comes second. Then the gate opens.
    """
    errors: list[type[BaseException]] = []

    def write(connection: psycopg.Connection, statement: str) -> None:
        try:
            connection.execute(statement.encode())
        except psycopg.Error as error:
            errors.append(type(error))

    with (
        database.connect(autocommit=False) as gate,
        database.connect() as watch,
        database.connect() as old,
        database.connect() as writer,
    ):
        old.execute("SET deadlock_timeout = '50ms'")
        writer.execute("SET deadlock_timeout = '50ms'")
        gate.execute(HELD.encode())
        threads = []
        for waiting, (connection, statement) in enumerate(
            (
                (writer, new),
                (old, 'UPDATE providers SET availability = \'{"monday": "11:00-17:00"}\' WHERE id = 1'),
            ),
            1,
        ):
            threads.append(threading.Thread(target=write, args=(connection, statement)))
            threads[-1].start()
            wait_until(watch, f"(SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted) = {waiting}")
        gate.rollback()
        for thread in threads:
            thread.join(timeout=30)
    return errors


def test_an_old_and_a_new_writer_of_one_day_wait_for_each_other(app: Database) -> None:
    assert meet(app, SET_DAY.format("10:00")) == []
    assert rows(app, "SELECT availability FROM providers") == [({"monday": "11:00-17:00"},)]


def test_a_plain_write_of_the_row_meets_the_old_writer_the_other_way_round(app: Database) -> None:
    assert meet(app, PLAIN.format("10:00")) == [psycopg.errors.DeadlockDetected]


def test_old_and_new_writers_on_hot_providers_never_deadlock_with_the_functions(app: Database) -> None:
    execute(app, f"INSERT INTO providers (id, availability) SELECT n, '{NINE}' FROM generate_series(2, 4) AS n")
    failed: list[BaseException] = []
    done: list[str] = []

    def write(seed: int, *, new: bool) -> None:
        chance = random.Random(seed)  # noqa: S311 a test's order, not a secret
        with app.connect() as connection:
            connection.execute("SET deadlock_timeout = '20ms'")
            for _ in range(60):
                provider, hour = chance.randint(1, 4), chance.randint(10, 16)
                day = chance.choice(("monday", "tuesday"))
                if not new:
                    statement = (
                        f'UPDATE providers SET availability = availability || \'{{"{day}": "{hour}:00-17:00"}}\''
                        f" WHERE id = {provider}"
                    )
                elif chance.random() < 0.2:
                    statement = f"SELECT provider_availability_clear_day({provider}, '{day}')"
                else:
                    statement = f"SELECT provider_availability_set_day({provider}, '{day}', true, '{hour}:30', '17:00')"
                try:
                    connection.execute(statement.encode())
                    done.append(statement)
                except psycopg.Error as error:
                    failed.append(error)

    threads = [threading.Thread(target=write, args=(seed,), kwargs={"new": seed % 2 == 0}) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)

    assert (failed, len(done)) == ([], 360)
