"""The four statements of the specification, word for word: what they return, and that the shipped queries are they."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.rows import dict_row

from schedtool.project import shipped
from tests.journey import Journey, execute, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from tests.conftest import Psql, RunCli
    from tests.servers import Database

QUERIES = shipped() / "sql" / "queries"
WHO = Path(__file__).parent / "benchmarks" / "sql" / "questions" / "who.rows.sql"

SET_DAY = """\
INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time, timezone)
VALUES (1, 'monday', true, '09:00', '17:00', 'America/New_York')
ON CONFLICT (provider_id, day_of_week)
DO UPDATE SET is_available = EXCLUDED.is_available, start_time = EXCLUDED.start_time,
              end_time = EXCLUDED.end_time, updated_at = CURRENT_TIMESTAMP;
"""
WEEK = """\
SELECT day_of_week, is_available, start_time, end_time, timezone FROM provider_availability
WHERE provider_id = 1
ORDER BY CASE day_of_week WHEN 'monday' THEN 1 WHEN 'tuesday' THEN 2 WHEN 'wednesday' THEN 3 WHEN 'thursday' THEN 4
                          WHEN 'friday' THEN 5 WHEN 'saturday' THEN 6 WHEN 'sunday' THEN 7 END;
"""
BOOK = """\
INSERT INTO bookings (user_id, provider_id, appointment_date, session_type, session_duration, amount, status)
VALUES (1, 1, '2024-01-15 10:00:00', 'Video Consultation', 60, 150.00, 'scheduled') RETURNING *;
"""
COMING = """\
SELECT b.id, b.appointment_date, b.session_type, b.status, u.name AS user_name, u.email AS user_email
FROM bookings b JOIN users u ON b.user_id = u.id
WHERE b.provider_id = 1 AND b.appointment_date > CURRENT_TIMESTAMP AND b.status IN ('scheduled', 'confirmed')
ORDER BY b.appointment_date ASC;
"""

# The statement, the shipped query, and what stands in the statement where the query has a parameter.
SHIPPED: dict[str, tuple[str, dict[str, str]]] = {
    "set-day": (
        SET_DAY,
        {
            "provider_id": "1",
            "day_of_week": "'monday'",
            "is_available": "true",
            "start_time": "'09:00'",
            "end_time": "'17:00'",
            "timezone": "'America/New_York'",
        },
    ),
    "provider-week": (WEEK, {"provider_id": "1"}),
    "book": (
        BOOK,
        {
            "user_id": "1",
            "provider_id": "1",
            "appointment_date": "'2024-01-15 10:00:00'",
            "session_type": "'Video Consultation'",
            "session_duration": "60",
            "amount": "150.00",
            "status": "'scheduled'",
        },
    ),
    "coming-bookings": (COMING, {"provider_id": "1"}),
}


@pytest.fixture
def app(database: Database) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """The application's connection, on a database with two users and two providers."""
    execute(
        database,
        "INSERT INTO users (id, name, email) VALUES (1, 'Ada', 'ada@example.com'), (2, 'Bob', 'bob@example.com')",
        "INSERT INTO providers (id) VALUES (1), (2)",
    )
    with database.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.row_factory = dict_row  # type: ignore[assignment]
        yield connection  # type: ignore[misc]


def test_there_are_four_queries_and_each_is_its_statement_but_for_the_parameters() -> None:
    # The others have no statement in the specification: they are for whoever mends what was missed.
    assert sorted(file.stem for file in QUERIES.iterdir()) == sorted([*SHIPPED, "differences", "settle"])
    for name, (statement, values) in SHIPPED.items():
        lines = (QUERIES / f"{name}.sql").read_text(encoding="utf-8").splitlines(keepends=True)
        query = "".join(line for line in lines if not line.startswith("--"))
        assert set(re.findall(r":'(\w+)'", query)) == set(values)
        for parameter, value in values.items():
            query = query.replace(f":'{parameter}'", value)
        assert query == statement


def test_a_day_is_set_and_set_anew(app: psycopg.Connection[dict[str, Any]]) -> None:
    answer = app.execute(SET_DAY)
    assert (answer.statusmessage, answer.description) == ("INSERT 0 1", None)
    [first] = app.execute("SELECT * FROM provider_availability").fetchall()
    app.execute("UPDATE provider_availability SET is_available = false, start_time = NULL, timezone = 'Europe/Paris'")

    assert app.execute(SET_DAY).statusmessage == "INSERT 0 1"

    [second] = app.execute("SELECT * FROM provider_availability").fetchall()
    assert first["updated_at"] < second.pop("updated_at")
    assert second == {
        "id": first["id"],
        "provider_id": 1,
        "day_of_week": "monday",
        "is_available": True,
        "start_time": time(9),
        "end_time": time(17),
        # The statement leaves the zone of a day that is there.
        "timezone": "Europe/Paris",
        "created_at": first["created_at"],
    }


def test_a_providers_week_comes_monday_first_and_is_his_alone(app: psycopg.Connection[dict[str, Any]]) -> None:
    days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    for provider in (2, 1):
        for day in sorted(days):
            app.execute(
                "INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time)"
                " VALUES (%s, %s, %s, %s, '17:00')",
                (provider, day, day < "s", f"0{6 + provider}:00"),
            )

    week = app.execute(WEEK).fetchall()

    assert [row["day_of_week"] for row in week] == days
    assert week[0] == {
        "day_of_week": "monday",
        "is_available": True,
        "start_time": time(7),
        "end_time": time(17),
        "timezone": None,
    }
    assert [row["is_available"] for row in week] == [day < "s" for day in days]


def test_a_booking_returns_its_whole_row(app: psycopg.Connection[dict[str, Any]]) -> None:
    [row] = app.execute(BOOK).fetchall()

    assert row.pop("created_at") == row.pop("updated_at")
    assert row == {
        "id": 1,
        "user_id": 1,
        "provider_id": 1,
        "appointment_date": datetime(2024, 1, 15, 10, tzinfo=UTC),
        "session_type": "Video Consultation",
        "session_duration": 60,
        "notes": None,
        "status": "scheduled",
        "amount": Decimal("150.00"),
        "payment_status": "pending",
        "session_started_at": None,
        "session_ended_at": None,
        "actual_duration": None,
        "cancelled_at": None,
        "cancellation_reason": None,
        "cancelled_by": None,
        "reminder_sent": False,
        "reminder_sent_at": None,
    }


def test_coming_bookings_are_the_providers_own_ahead_and_standing_in_order(
    app: psycopg.Connection[dict[str, Any]],
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for hours, provider, user, status in [
        (48, 1, 2, "confirmed"),
        (24, 1, 1, "scheduled"),
        (-1, 1, 1, "scheduled"),
        (24, 2, 1, "scheduled"),
        (24, 1, 1, "completed"),
        (24, 1, 1, "cancelled"),
        (24, 1, 1, "no_show"),
    ]:
        app.execute(
            "INSERT INTO bookings (provider_id, user_id, appointment_date, status, session_type)"
            " VALUES (%s, %s, %s, %s, 'Call')",
            (provider, user, now + timedelta(hours=hours), status),
        )

    assert app.execute(COMING).fetchall() == [
        {
            "id": 2,
            "appointment_date": now + timedelta(hours=24),
            "session_type": "Call",
            "status": "scheduled",
            "user_name": "Ada",
            "user_email": "ada@example.com",
        },
        {
            "id": 1,
            "appointment_date": now + timedelta(hours=48),
            "session_type": "Call",
            "status": "confirmed",
            "user_name": "Bob",
            "user_email": "bob@example.com",
        },
    ]


def scans(plan: dict[str, Any], table: str) -> list[tuple[str, str | None]]:
    """How a plan reads a table: kind of scan and index."""
    # A bitmap's index scan names no table of its own; the heap scan above it does.
    below = [found for child in plan.get("Plans", ()) for found in scans(child, table)]
    index = plan.get("Index Name") or next((child.get("Index Name") for child in plan.get("Plans", ())), None)
    return below + ([(plan["Node Type"], index)] if plan.get("Relation Name") == table else [])


@pytest.mark.usefixtures("app")
def test_coming_bookings_come_from_an_index(database: Database) -> None:
    execute(
        database,
        "INSERT INTO providers (id) SELECT generate_series(3, 60)",
        "INSERT INTO bookings (user_id, provider_id, appointment_date)"
        " SELECT 1 + n % 2, p.id, now() + make_interval(hours => n - 50)"
        " FROM generate_series(1, 100) AS n, providers AS p",
        "ANALYZE",
    )

    def plan() -> dict[str, Any]:
        [[[answer]]] = rows(database, f"EXPLAIN (FORMAT JSON) {COMING}")
        found: dict[str, Any] = answer["Plan"]
        return found

    [(kind, index)] = scans(plan(), "bookings")
    assert kind in {"Index Scan", "Bitmap Heap Scan"}
    assert index == "bookings_provider_id_appointment_date_idx"

    execute(database, f"DROP INDEX {index}, bookings_user_id_appointment_date_idx")
    assert scans(plan(), "bookings") == [("Seq Scan", None)]


@pytest.mark.usefixtures("app")
def test_query_returns_what_the_statement_returns(database: Database, run_cli: RunCli, psql: Psql) -> None:
    journey = Journey(run_cli, database)

    def query(name: str) -> list[dict[str, Any]]:
        values = [f"{key}={value.strip(chr(39))}" for key, value in SHIPPED[name][1].items()]
        answer = journey.json("query", name, *values)
        assert answer["ok"], answer
        found: list[dict[str, Any]] = answer["rows"]
        return found

    assert query("set-day") == []
    assert query("provider-week") == [
        {
            "day_of_week": "monday",
            "is_available": True,
            "start_time": "09:00:00",
            "end_time": "17:00:00",
            "timezone": "America/New_York",
        }
    ]
    [booked] = query("book")
    assert (booked["id"], booked["appointment_date"], booked["amount"]) == (1, "2024-01-15T10:00:00Z", 150)
    assert query("coming-bookings") == []
    execute(database, "UPDATE bookings SET appointment_date = CURRENT_TIMESTAMP + '1 day'")
    [coming] = query("coming-bookings")
    assert (coming["id"], coming["user_name"]) == (1, "Ada")

    # psql runs the statement, and the file with its parameters, to the same answer.
    plain = psql(database, "-At", command=WEEK)
    bound = psql(database, "-At", file=QUERIES / "provider-week.sql", variables={"provider_id": "1"})
    assert plain.stdout == bound.stdout == "monday|t|09:00:00|17:00:00|America/New_York\n"


def test_what_is_set_by_statement_is_in_the_document_too(app: psycopg.Connection[dict[str, Any]]) -> None:
    app.execute(SET_DAY)

    [row] = app.execute("SELECT availability FROM providers WHERE id = 1").fetchall()
    week = {"monday": {"available": True, "start": "09:00", "end": "17:00", "timezone": "America/New_York"}}
    assert row["availability"] == week


def test_who_works_on_a_day_in_a_zone_comes_from_an_index(database: Database) -> None:
    execute(
        database,
        "INSERT INTO providers (id) SELECT generate_series(1, 500)",
        "INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time, timezone)"
        " SELECT p.id, d.day, true, '09:00', '17:00', CASE p.id % 10 WHEN 0 THEN 'Europe/Paris' ELSE 'UTC' END"
        " FROM providers AS p"
        " CROSS JOIN unnest('{monday,tuesday,wednesday,thursday,friday,saturday,sunday}'::text[]) AS d (day)",
        "ANALYZE",
    )
    question = WHO.read_text(encoding="utf-8")
    index = "provider_availability_day_of_week_timezone_idx"

    def found() -> list[tuple[str, str | None]]:
        [[[answer]]] = rows(database, f"EXPLAIN (FORMAT JSON) {question}")
        return scans(answer["Plan"], "provider_availability")

    assert found() == [("Bitmap Heap Scan", index)]
    execute(database, f"DROP INDEX {index}")
    assert index not in str(found())
    assert len(rows(database, question)) == 50
