"""The emergency stop: no lock on a table, no writer fails, and what was missed is found and mended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import psycopg
import pytest

from tests.journey import SYNC, Journey, execute, rows
from tests.test_changing_code import blocks

if TYPE_CHECKING:
    from tests.conftest import RunCli
    from tests.servers import Database

NINE = '{"monday": "09:00-17:00"}'
STOPS = blocks("Stopping the sync in an emergency")[0]


@pytest.fixture
def app(database: Database) -> Database:
    """Eight providers with a Monday."""
    execute(database, f"INSERT INTO providers (id, availability) SELECT n, '{NINE}' FROM generate_series(1, 8) AS n")
    return database


class Writers:
    """Threads that write documents and rows until told to end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._end = threading.Event()
        self.errors: list[psycopg.Error] = []
        self.written = [0, 0]
        self._threads = [threading.Thread(target=self._write, args=(side,)) for side in (0, 1)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def wait(self, more: int) -> None:
        """Wait until each side has written so many times more, at most half a minute."""
        goal = [written + more for written in self.written]
        for _ in range(3000):
            if all(written >= wanted for written, wanted in zip(self.written, goal, strict=True)):
                return
            self._end.wait(0.01)
        raise AssertionError(self.written)

    def _write(self, side: int) -> None:
        # Each side has its own providers, so that no deadlock is part of this.
        with self._database.connect() as connection:
            while not self._end.is_set():
                number, hour = self.written[side] % 4 + 1 + 4 * side, self.written[side] // 4 % 7 + 10
                document = f'{{"monday": "{hour:02}:00-17:00"}}'
                try:
                    if side == 0:
                        connection.execute("UPDATE providers SET availability = %s WHERE id = %s", (document, number))
                    else:
                        connection.execute(
                            "UPDATE provider_availability SET start_time = make_time(%s, 0, 0) WHERE provider_id = %s",
                            (hour, number),
                        )
                except psycopg.Error as error:
                    self.errors.append(error)
                self.written[side] += 1


def test_a_stop_under_load_fails_nobody_and_what_was_missed_is_found_and_mended(app: Database, run_cli: RunCli) -> None:
    journey = Journey(run_cli, app)
    with Writers(app) as writers:
        writers.wait(5)
        # A writer in flight holds both tables: whoever needed a lock on them would wait for him.
        with app.connect(autocommit=False) as flight:
            flight.execute("UPDATE providers SET name = 'x' WHERE id = 9")
            flight.execute("LOCK TABLE providers, provider_availability IN ROW EXCLUSIVE MODE")
            with app.connect() as owner:
                owner.execute("SET lock_timeout = '10ms'")
                for statement in STOPS.split(";\n"):
                    owner.execute(statement.encode())
        writers.wait(20)
        missed = rows(app, "SELECT id FROM providers WHERE id < 5 AND availability->>'monday' LIKE '09%'")
        # On again under load, by the file of the migration.
        with app.connect(autocommit=False) as owner:
            owner.execute(SYNC.read_bytes())
            owner.commit()
        writers.wait(5)
    assert writers.errors == []
    assert len(missed) < 4
    execute(
        app,
        STOPS,
        """UPDATE providers SET availability = '{"monday": "06:00-17:00", "sunday": "closed"}' WHERE id = 1""",
        "UPDATE provider_availability SET start_time = '06:30' WHERE provider_id = 5",
        SYNC.read_text(encoding="utf-8"),
    )

    found = {(row["provider_id"], row["day_of_week"]) for row in journey.json("query", "differences")["rows"]}
    assert {(1, "monday"), (1, "sunday"), (5, "monday")} <= found
    assert journey.failing("parity") != []
    journey.do("query", "settle", "provider_id=1", "in_favour_of=document")
    journey.do("query", "settle", "provider_id=5", "in_favour_of=rows")
    for provider in {provider for provider, _ in found} - {1, 5}:
        execute(app, f"SELECT provider_availability_settle({provider}, 'rows')")

    assert journey.json("query", "differences")["rows"] == []
    assert journey.failing("counts", "parity") == []
    assert rows(
        app, "SELECT day_of_week, start_time::text FROM provider_availability WHERE provider_id = 1 ORDER BY 1"
    ) == [
        ("monday", "06:00:00"),
        ("sunday", None),
    ]
    assert rows(app, "SELECT availability FROM providers WHERE id = 5") == [({"monday": "06:30-17:00"},)]


@pytest.mark.parametrize("side", ["document", "rows"])
def test_a_difference_is_settled_with_its_reject_day_by_day(app: Database, run_cli: RunCli, side: str) -> None:
    execute(
        app,
        "SET schedtool.sync = 'document'; DELETE FROM provider_availability WHERE provider_id = 1;"
        " INSERT INTO provider_availability (provider_id, day_of_week, is_available) VALUES (1, 'friday', false);"
        " RESET schedtool.sync",
    )
    journey = Journey(run_cli, app)
    journey.run("backfill")
    assert rows(app, "SELECT reason FROM provider_availability_rejects") == [("row_differs",)]

    assert rows(app, f"SELECT provider_availability_settle(1, '{side}')") == [(2,)]

    assert rows(app, "SELECT day_of_week FROM provider_availability WHERE provider_id = 1") == [
        ("monday" if side == "document" else "friday",)
    ]
    assert rows(app, "SELECT * FROM provider_availability_rejects") == []
    assert rows(app, f"SELECT provider_availability_settle(1, '{side}')") == [(0,)]
    assert journey.failing("counts", "parity") == []


def test_nothing_is_settled_where_the_document_cannot_be_read_or_the_side_is_unknown(app: Database) -> None:
    execute(app, "UPDATE providers SET availability = '\"x\"' WHERE id = 1")

    assert rows(app, "SELECT provider_availability_settle(1, 'document'), provider_availability_settle(1, 'rows')") == [
        (0, 0)
    ]
    assert rows(app, "SELECT reason, stale FROM provider_availability_rejects") == [("text", True)]
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="neither 'document' nor 'rows'"):
        execute(app, "SELECT provider_availability_settle(2, 'mine')")
