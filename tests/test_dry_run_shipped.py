"""The dry run of the shipped backfill where it is hard: on a hot standby that cancels it, and over rows that stand."""

from __future__ import annotations

import json
import threading
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
    from collections.abc import Iterator

    from tests.conftest import RunCli
    from tests.servers import Database

DOCUMENTS = 3_000
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


class Vacuuming:
    """While a dry run reads on the standby, rows that its snapshot may need are vacuumed away on the primary."""

    def __init__(self, primary: psycopg.Connection[Any], conninfo: str, *, times: int) -> None:
        self._primary = primary
        self._conninfo = conninfo
        self._times = times
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._vacuum)
        self.cancelled = 0

    def __enter__(self) -> Vacuuming:  # noqa: PYI034 - nobody derives from it
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _vacuum(self) -> None:
        with psycopg.connect(self._conninfo, autocommit=True) as watch:
            before = self._conflicts(watch)
            while self.cancelled < self._times and not self._over.is_set():
                reading = watch.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ 'dry run' AND state = 'active'"
                    " AND backend_xmin IS NOT NULL"
                ).fetchone()
                if reading == (1,):
                    self._primary.execute("INSERT INTO written VALUES (1)")
                    self._primary.execute("DELETE FROM written")
                    self._primary.execute("VACUUM written")
                self.cancelled = self._conflicts(watch) - before

    @staticmethod
    def _conflicts(watch: psycopg.Connection[Any]) -> int:
        found = watch.execute(
            "SELECT confl_snapshot FROM pg_stat_database_conflicts WHERE datname = current_database()"
        ).fetchone()
        assert found is not None
        return int(found[0])


def test_a_standby_that_cancels_the_dry_run_costs_tries_and_nothing_else(
    run_cli: RunCli, replica: tuple[psycopg.Connection[Any], str]
) -> None:
    primary, conninfo = replica
    with Vacuuming(primary, conninfo, times=2) as vacuuming:
        outcome = run_cli("--database", conninfo, *DRY_RUN)
    assert outcome.exit_code == 0, outcome
    assert vacuuming.cancelled >= 1
    said = json.loads(outcome.stdout)
    assert said["documents"] == {"total": DOCUMENTS, "convertible": DOCUMENTS, "empty": 0, "rejected": 0}
    assert said["rows"] == {"insert": DOCUMENTS * 7, "unchanged": 0}


def test_without_another_try_the_standby_ends_the_dry_run(
    run_cli: RunCli, replica: tuple[psycopg.Connection[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "RETRIED", frozenset())
    primary, conninfo = replica
    with Vacuuming(primary, conninfo, times=1):
        outcome = run_cli("--database", conninfo, *DRY_RUN)
    assert outcome.exit_code != 0
    assert "conflict with recovery" in outcome.stderr + outcome.stdout
