"""The dry run of the shipped backfill where it is hard: on a hot standby that cancels it, and over rows that stand."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from schedtool import ranges
from schedtool.database import run
from tests.benchmarks import place
from tests.clusters import cluster, standby, wait_for
from tests.journey import Journey, execute, rows
from tests.servers import HERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from schedtool.database import Result
    from tests.conftest import RunCli
    from tests.servers import Database

DOCUMENTS = 3_000
READING = (
    "SELECT FROM pg_stat_activity"
    " WHERE application_name ~ 'dry run' AND wait_event = 'PgSleep' AND backend_xmin IS NOT NULL LIMIT 1"
)
DRY_RUN = ("backfill", "--dry-run", "--quiet", "--format", "json")


def test_a_row_without_a_zone_is_meant_in_the_default_one(run_cli: RunCli, database: Database) -> None:
    journey = Journey(run_cli, database)
    journey.do("backfill", "--default-timezone", "Europe/Paris")
    execute(
        database,
        """INSERT INTO providers (availability) VALUES ('{"monday": {"start": "09:00", "end": "17:00"}}')""",
        "UPDATE provider_availability SET timezone = NULL",
    )
    assert rows(database, "SELECT timezone FROM provider_availability") == [(None,)]
    said = journey.json(*DRY_RUN)
    assert said["documents"]["rejected"] == 0
    assert said["rows"] == {"insert": 0, "unchanged": 1}


@pytest.fixture(scope="module")
def replica() -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A connection to a primary that holds documents and no migration, and a standby that waits for no reader."""
    settings = {"max_standby_streaming_delay": "0", "hot_standby_feedback": "off", "wal_level": "replica"}
    with cluster(settings) as primary, psycopg.connect(primary.conninfo, autocommit=True) as connection:
        connection.execute((HERE / "sql" / "parents.bigint.sql").read_bytes())
        run(connection, place.text("documents.distinct"), {"documents": str(DOCUMENTS)})
        connection.execute("CREATE TABLE written (n int) WITH (autovacuum_enabled = off)")
        with standby(primary) as conninfo, psycopg.connect(conninfo, autocommit=True) as reader:
            wait_for(
                lambda: reader.execute("SELECT to_regclass('written') IS NOT NULL").fetchone() == (True,),
                "the standby to have it all",
            )
            yield connection, conninfo


class Asked(frozenset[str]):
    """Which errors are tried again, as the dry run knows them, with a note of each that it asked about."""

    def __init__(self, _: Iterable[str] = ()) -> None:
        self.errors: list[object] = []

    def __contains__(self, sqlstate: object) -> bool:
        self.errors.append(sqlstate)
        return super().__contains__(sqlstate)


@contextmanager
def vacuuming(primary: psycopg.Connection[Any], conninfo: str, asked: Asked, *, times: int) -> Iterator[None]:
    """Vacuum rows that a dry run's snapshot on the standby may need, until so many of its statements are cancelled.

    Until then the dry run dawdles over what it reads: a statement that is soon over may see no vacuum at all.
    """
    over = threading.Event()

    def dawdle(connection: psycopg.Connection[Any], text: str, values: Mapping[str, str]) -> list[Result]:
        return run(connection, text if len(asked.errors) >= times else f"SELECT pg_sleep(20);{text}", values)

    def vacuum() -> None:
        while len(asked.errors) < times and not over.is_set():
            # Whoever watches may be cancelled as well, or lose the connection by it: hence a new one for each look.
            with suppress(psycopg.OperationalError), psycopg.connect(conninfo, autocommit=True) as watch:
                if watch.execute(READING).fetchone() is None:
                    continue
                primary.execute("INSERT INTO written VALUES (1)")
                primary.execute("DELETE FROM written")
                primary.execute("VACUUM written")

    thread = threading.Thread(target=vacuum)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "run", dawdle)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def test_a_standby_that_cancels_the_dry_run_costs_tries_and_nothing_else(
    run_cli: RunCli, replica: tuple[psycopg.Connection[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(ranges.RETRIED)
    monkeypatch.setattr(ranges, "RETRIED", asked)
    with vacuuming(*replica, asked, times=2):
        outcome = run_cli("--database", replica[1], *DRY_RUN)
    assert outcome.exit_code == 0, outcome
    assert asked.errors
    assert set(asked.errors) == {"40001"}
    said = json.loads(outcome.stdout)
    assert said["documents"] == {"total": DOCUMENTS, "convertible": DOCUMENTS, "empty": 0, "rejected": 0}
    assert said["rows"] == {"insert": DOCUMENTS * 7, "unchanged": 0}


def test_without_another_try_the_standby_ends_the_dry_run(
    run_cli: RunCli, replica: tuple[psycopg.Connection[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked()
    monkeypatch.setattr(ranges, "RETRIED", asked)
    with vacuuming(*replica, asked, times=1):
        outcome = run_cli("--database", replica[1], *DRY_RUN)
    assert outcome.exit_code != 0
    assert "conflict with recovery" in outcome.stderr + outcome.stdout
