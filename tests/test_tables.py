"""The rows of 0001's tables: what is refused, by the constraint named for it, and what the specification allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Database

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY = "INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time)"
BOOKING = "INSERT INTO bookings (user_id, provider_id, appointment_date"

PARENTS = """
    INSERT INTO users (id, name, email) VALUES (1, 'Ada', 'ada@example.com');
    INSERT INTO providers (id) VALUES (1), (2);
    INSERT INTO provider_availability (provider_id, day_of_week) VALUES (1, 'sunday');
    INSERT INTO bookings (user_id, provider_id, appointment_date) VALUES (1, 1, '2026-01-05 10:00+00');
"""


@pytest.fixture
def tables(database: Database) -> Iterator[psycopg.Connection]:
    """A user, two providers, one closed Sunday and one booking of the first."""
    with database.connect() as connection:
        connection.execute(PARENTS)
        yield connection


REFUSED = {
    "provider_availability_id_pkey": [
        (
            "UPDATE provider_availability SET id = 7; INSERT INTO provider_availability (id, provider_id, day_of_week)"
            " VALUES (7, 1, 'monday')"
        )
    ],
    "provider_availability_provider_id_day_of_week_key": [f"{DAY} VALUES (1, 'sunday', true, '09:00', '17:00')"],
    "provider_availability_provider_id_fkey": [
        f"{DAY} VALUES (3, 'monday', false, NULL, NULL)",
        "UPDATE provider_availability SET provider_id = 3",
    ],
    "provider_availability_day_of_week_check": [
        f"{DAY} VALUES (1, '{day}', false, NULL, NULL)" for day in ("Monday", "mon", "funday", "", " monday", "1")
    ],
    "provider_availability_is_available_check": [
        f"{DAY} VALUES (1, 'monday', true, NULL, NULL)",
        f"{DAY} VALUES (1, 'monday', true, '09:00', NULL)",
        f"{DAY} VALUES (1, 'monday', true, NULL, '17:00')",
        "UPDATE provider_availability SET is_available = true",
    ],
    "provider_availability_end_time_check": [
        f"{DAY} VALUES (1, 'monday', true, '17:00', '09:00')",
        f"{DAY} VALUES (1, 'monday', true, '09:00', '09:00')",
        f"{DAY} VALUES (1, 'monday', true, '22:00', '00:00')",
    ],
    "bookings_id_pkey": [f"{BOOKING}, id) VALUES (1, 1, '2026-01-05', 1)"],
    "bookings_user_id_fkey": [f"{BOOKING}) VALUES (2, 1, '2026-01-05')", "DELETE FROM users"],
    "bookings_provider_id_fkey": [f"{BOOKING}) VALUES (1, 3, '2026-01-05')", "DELETE FROM providers WHERE id = 1"],
    "bookings_session_duration_check": [
        f"{BOOKING}, session_duration) VALUES (1, 1, '2026-01-05', {minutes})" for minutes in (0, -60)
    ],
    "bookings_status_check": [
        f"{BOOKING}, status) VALUES (1, 1, '2026-01-05', '{status}')"
        for status in ("canceled", "Scheduled", "no-show", "pending", "")
    ],
    "bookings_amount_check": [f"{BOOKING}, amount) VALUES (1, 1, '2026-01-05', -0.01)"],
    "bookings_payment_status_check": [
        f"{BOOKING}, payment_status) VALUES (1, 1, '2026-01-05', '{status}')" for status in ("Paid", "unpaid", "")
    ],
    "bookings_session_ended_at_check": [
        (
            f"{BOOKING}, session_started_at, session_ended_at)"
            " VALUES (1, 1, '2026-01-05', '2026-01-05 10:00:01+00', '2026-01-05 10:00+00')"
        )
    ],
    "bookings_actual_duration_check": [
        f"{BOOKING}, actual_duration) VALUES (1, 1, '2026-01-05', {minutes})" for minutes in (0, -1)
    ],
}


@pytest.mark.parametrize("constraint", REFUSED)
def test_what_cannot_be_is_refused_by_the_constraint_that_is_named_for_it(
    tables: psycopg.Connection, constraint: str
) -> None:
    for statement in REFUSED[constraint]:
        with pytest.raises(psycopg.IntegrityError) as caught:
            tables.execute(statement.encode())
        assert caught.value.diag.constraint_name == constraint, statement


def test_every_constraint_of_the_tables_is_tried(tables: psycopg.Connection) -> None:
    found = tables.execute(
        "SELECT conname FROM pg_constraint WHERE contype <> 'n'"
        " AND conrelid IN ('bookings'::regclass, 'provider_availability'::regclass)"
    ).fetchall()

    assert {name for (name,) in found} == set(REFUSED)


def test_without_its_constraint_what_cannot_be_gets_in(tables: psycopg.Connection) -> None:
    for constraint, (statement, *_) in REFUSED.items():
        table = "bookings" if constraint.startswith("bookings") else "provider_availability"
        tables.execute("BEGIN")
        tables.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}".encode())
        tables.execute(statement.encode())
        tables.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("provider_availability", "provider_id"),
        ("provider_availability", "day_of_week"),
        ("provider_availability", "is_available"),
        ("bookings", "user_id"),
        ("bookings", "provider_id"),
        ("bookings", "appointment_date"),
        ("bookings", "status"),
        ("bookings", "payment_status"),
        ("bookings", "reminder_sent"),
    ],
)
def test_a_column_that_every_row_has_is_never_null(tables: psycopg.Connection, table: str, column: str) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation) as caught:
        tables.execute(f"UPDATE {table} SET {column} = NULL".encode())

    assert (caught.value.diag.table_name, caught.value.diag.column_name) == (table, column)


ALLOWED = {
    "every day of the week": [f"{DAY} VALUES (2, '{day}', true, '09:00', '17:00')" for day in DAYS],
    "an available day until midnight": [f"{DAY} VALUES (2, 'monday', true, '00:00', '24:00')"],
    "an available day of a second": [f"{DAY} VALUES (2, 'monday', true, '09:00', '09:00:01')"],
    "an unavailable day without times": [f"{DAY} VALUES (2, 'monday', false, NULL, NULL)"],
    "an unavailable day with times": [f"{DAY} VALUES (2, 'monday', false, '09:00', '17:00')"],
    "an unavailable day whose times make no sense": [f"{DAY} VALUES (2, 'monday', false, '17:00', '09:00')"],
    "an unavailable day with one time": [f"{DAY} VALUES (2, 'monday', false, '09:00', NULL)"],
    "a day and who it belongs to, no more": [
        "INSERT INTO provider_availability (provider_id, day_of_week) VALUES (2, 'monday')"
    ],
    "every status with every payment status": [
        f"{BOOKING}, status, payment_status) VALUES (1, 2, '2026-01-05', '{status}', '{payment}')"
        for status in ("scheduled", "confirmed", "completed", "cancelled", "no_show")
        for payment in ("pending", "paid", "refunded", "failed")
    ],
    "a booking and what it must have, no more": [f"{BOOKING}) VALUES (1, 2, '2026-01-05')"],
    "a booking for nothing": [f"{BOOKING}, amount) VALUES (1, 2, '2026-01-05', 0)"],
    "two bookings at the same time": [f"{BOOKING}) VALUES (1, 2, '2026-01-05'), (1, 2, '2026-01-05')"],
    "a session that has begun": [f"{BOOKING}, session_started_at) VALUES (1, 2, '2026-01-05', now())"],
    "a session of which only the end is known": [f"{BOOKING}, session_ended_at) VALUES (1, 2, '2026-01-05', now())"],
    "a session that ended as it began": [
        f"{BOOKING}, session_started_at, session_ended_at) VALUES (1, 2, '2026-01-05', now(), now())"
    ],
    "a session of another length than planned": [
        f"{BOOKING}, session_duration, actual_duration) VALUES (1, 2, '2026-01-05', 60, 1)"
    ],
    "a cancelled booking of which nothing more is known": [
        f"{BOOKING}, status) VALUES (1, 2, '2026-01-05', 'cancelled')"
    ],
    "a booking that was cancelled and is held after all": [
        (
            f"{BOOKING}, status, cancelled_at, cancellation_reason, cancelled_by)"
            " VALUES (1, 2, '2026-01-05', 'confirmed', now(), 'ill', 'provider')"
        )
    ],
    "a reminder without its time, and a time without the reminder": [
        f"{BOOKING}, reminder_sent, reminder_sent_at) VALUES (1, 2, '2026-01-05', true, NULL)",
        f"{BOOKING}, reminder_sent, reminder_sent_at) VALUES (1, 2, '2026-01-05', false, now())",
    ],
}


@pytest.mark.parametrize("case", ALLOWED)
def test_nothing_that_the_specification_allows_is_refused(tables: psycopg.Connection, case: str) -> None:
    for statement in ALLOWED[case]:
        assert (tables.execute(statement.encode()).rowcount or 0) > 0


def test_what_is_not_said_of_a_row_has_its_default(tables: psycopg.Connection) -> None:
    day = tables.execute("SELECT is_available, start_time, end_time, timezone FROM provider_availability").fetchone()
    booking = tables.execute("SELECT status, payment_status, amount, reminder_sent FROM bookings").fetchone()

    assert day == (False, None, None, None)
    assert booking == ("scheduled", "pending", None, False)


def test_a_provider_takes_its_availability_along_but_not_its_bookings(tables: psycopg.Connection) -> None:
    tables.execute(f"{DAY} VALUES (2, 'monday', true, '09:00', '17:00')".encode())

    tables.execute("DELETE FROM providers WHERE id = 2")
    with pytest.raises(psycopg.errors.IntegrityError):
        tables.execute("DELETE FROM providers WHERE id = 1")

    assert tables.execute("SELECT provider_id FROM provider_availability").fetchall() == [(1,)]
    assert tables.execute("SELECT provider_id FROM bookings").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("table", "change"), [("provider_availability", "timezone = 'Europe/Paris'"), ("bookings", "notes = 'late'")]
)
def test_updated_at_keeps_itself_and_created_at_stays(tables: psycopg.Connection, table: str, change: str) -> None:
    def times() -> tuple[object, ...] | None:
        return tables.execute(f"SELECT created_at, updated_at FROM {table}".encode()).fetchone()

    before = times()
    assert before is not None
    assert before[0] == before[1]
    # Whatever the writer says of it: the time of its own transaction is the truth.
    tables.execute("BEGIN")
    tables.execute(f"UPDATE {table} SET {change}, updated_at = '2001-01-01'".encode())
    now = tables.execute("SELECT CURRENT_TIMESTAMP").fetchone()
    tables.execute("COMMIT")

    assert now is not None
    assert times() == (before[0], now[0])
    assert now[0] > before[1]
