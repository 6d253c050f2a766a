"""Beside others at work the batches are short and seldom, and at full speed where nobody is."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from schedtool import batches, throttle
from schedtool.crew import Pace
from schedtool.database import Target, connect
from schedtool.records import answer
from schedtool.throttle import BETWEEN, HIDDEN, NICE_RATIO, OTHERS, Facts, Gate, Limits, between, nice_ratio
from schedtool.worker import NICE_TARGET_S, TARGET_S, next_size
from tests import small_project
from tests.clusters import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import psycopg

    from tests.conftest import RunCli
    from tests.servers import Database
    from tests.small_project import Small


def test_what_is_asked_for_counts_and_else_whether_others_are_at_work() -> None:
    busy, quiet = Facts(others=OTHERS), Facts()
    assert nice_ratio(quiet, Limits()) == 0
    assert nice_ratio(busy, Limits()) == NICE_RATIO
    assert nice_ratio(busy, Limits(nice_ratio=0)) == 0
    assert nice_ratio(quiet, Limits(nice_ratio=2)) == 2
    assert between(quiet, Limits()) is between(busy, Limits(nice_ratio=0)) is None
    assert str(between(busy, Limits())) == "between batches: others are at work, see --nice-ratio"
    assert str(between(quiet, Limits(nice_ratio=2.5))) == "between batches: nice ratio 2.5"


def test_all_workers_together_keep_to_the_ratio() -> None:
    """Two workers that work 10 ms each are both at rest so long that 20 ms are a third of all the time."""
    gate = Gate(crew=2, nice_ratio=2)
    begun = time.monotonic()
    gate.breathe(0.01)
    assert time.monotonic() - begun >= 0.05
    assert gate.rested()[BETWEEN] >= 0.025


@pytest.mark.parametrize("end", ["nobody is at work any more", "stop"])
def test_a_rest_between_batches_ends_when_there_is_no_reason_for_it(end: str) -> None:
    gate = Gate(nice_ratio=1_000)
    resting = threading.Thread(target=gate.breathe, args=(1.0,))
    resting.start()
    wait_for(lambda: gate.changed._waiters, "the worker to rest")  # type: ignore[attr-defined]  # noqa: SLF001
    if end == "stop":
        gate.stop()
    else:
        gate.set_nice_ratio(0)
    resting.join(timeout=throttle.LONGEST_WORK_S * 1_000 / 2)
    assert not resting.is_alive()


def test_a_batch_that_waited_long_is_not_rested_for_in_full() -> None:
    gate = Gate(nice_ratio=0)
    gate.breathe(1_000)
    assert gate.rested() == {}
    gate.set_nice_ratio(2)
    begun = time.monotonic()
    gate.breathe(1_000)
    assert throttle.LONGEST_WORK_S * 2 <= time.monotonic() - begun < 60


def test_whoever_is_left_rests_for_himself_alone() -> None:
    gate = Gate(crew=2, nice_ratio=1)
    gate.leave()
    gate.breathe(0.01)
    assert 0.01 <= gate.rested()[BETWEEN] < 5
    gate.leave()
    assert gate.crew == 1


def test_the_rate_is_that_of_late() -> None:
    """Ten minutes alone, then beside others: the time left is told by what it does now."""
    pace = Pace()
    pace.done = 600_000
    pace.measure(600)
    assert pace.rate == 1_000
    for second in range(1, 100):
        pace.done += 20
        pace.measure(600 + second)
    assert pace.rate == 20


def test_the_next_batch_follows_the_target_there_is() -> None:
    assert next_size(100, 0.1, target_s=TARGET_S) == 100
    assert next_size(100, 0.08, target_s=NICE_TARGET_S) == 50


BACK = """
    -- keys: item (id)
    WITH gone AS (
        DELETE FROM copied WHERE item_id BETWEEN :'first' AND :'last' RETURNING 1
    )
    SELECT count(*) AS documents FROM gone;
"""


@pytest.fixture
def small(tmp_path: Path) -> Small:
    small = small_project.make(tmp_path)
    slow = small_project.BATCH.replace("WITH read", "SELECT pg_sleep(0.01);\n    WITH read")
    small.write("sql/batches/0002.fill-copied.sql", slow)
    return small


@pytest.fixture
def items(empty_database: Database, small: Small) -> Iterator[psycopg.Connection[Any]]:
    with connect(Target(empty_database.conninfo), application="test") as connection:
        small_project.prepare(connection, small, 1_000)
        yield connection


@contextmanager
def at_work(database: Database, *, dbname: str | None = None) -> Iterator[None]:
    """A session of an application that never rests."""
    ended = threading.Event()
    begun = threading.Event()

    def work() -> None:
        with database.connect(application_name="shop", dbname=dbname or database.name) as connection:
            while not ended.is_set():
                connection.execute("SELECT count(*) FROM pg_class")
                begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert begun.wait(timeout=30)
        yield
    finally:
        ended.set()
        thread.join()


def run(
    connection: psycopg.Connection[Any], conninfo: str, small: Small, ratio: float | None
) -> tuple[batches.Result, Sequence[str]]:
    """Run batches of twenty items and 10 ms; return what they came to, and why they rested, each once."""
    work = batches.work_of(small.load(), small.migration())
    assert work is not None
    said: dict[str, None] = {}

    def notify(event: object) -> None:
        if isinstance(event, batches.Progress) and event.resting:
            said[event.resting] = None

    options = batches.Options(workers=1, batch_size=20, range_keys=20, nice_ratio=ratio)
    result = batches.run(connection, Target(conninfo), work=work, notify=notify, options=options)
    assert result.counters == {"documents": 1_000, "rejected": 100, "inserted": 900}
    return result, list(said)


def test_beside_others_it_rests_between_batches_and_says_so(
    empty_database: Database, small: Small, items: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As it is, a thousand items would take a quarter of a minute.
    monkeypatch.setattr(throttle, "NICE_RATIO", 4.0)
    with at_work(empty_database):
        result, said = run(items, empty_database.conninfo, small, None)
        assert said == ["between batches: others are at work, see --nice-ratio"]
        assert result.rested_s[BETWEEN] > 0.5 * result.elapsed_s

        items.execute("TRUNCATE copied")
        result, said = run(items, empty_database.conninfo, small, 0)
        assert said == []
        assert result.rested_s == {}


def test_who_waits_for_a_batch_is_let_through_beside_others_too(
    empty_database: Database, small: Small, items: psycopg.Connection[Any]
) -> None:
    slow = small_project.BATCH.replace("WITH read", "SELECT pg_sleep(2) WHERE :'first' = '1';\n    WITH read")
    small.write("sql/batches/0002.fill-copied.sql", slow)
    work = batches.work_of(small.load(), small.migration())
    assert work is not None
    waited: list[float] = []

    def write() -> None:
        with empty_database.connect() as writer:
            begun = time.monotonic()
            writer.execute("UPDATE item SET name = name WHERE id = 7")
            waited.append(time.monotonic() - begun)

    writer = threading.Thread(target=write)

    def notify(event: object) -> None:
        locked = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')"
        if isinstance(event, batches.Progress) and not writer.ident:
            with empty_database.connect() as connection:
                if connection.execute(locked).fetchone() == (True,):
                    writer.start()
        if isinstance(event, batches.Retried) and event.tries == 0:
            # Given up, and tried again with fewer: the rest need not be slow.
            raise KeyboardInterrupt

    options = batches.Options(workers=1, nice_ratio=1)
    with pytest.raises(KeyboardInterrupt):
        batches.run(items, Target(empty_database.conninfo), work=work, notify=notify, options=options)
    writer.join(timeout=30)
    assert waited[0] < 1.5


@pytest.mark.parametrize("command", ["apply", "backfill", "rollback"])
def test_whatever_runs_batches_takes_the_ratio(
    empty_database: Database, small: Small, run_cli: RunCli, command: str
) -> None:
    small.write("sql/batches/0002.fill-copied.rollback.sql", BACK)
    where = ("--database", empty_database.url, "--project", str(small.root))
    with empty_database.connect() as connection:
        small_project.make_items(connection, 1_000)
        assert run_cli(*where, "apply", *(() if command == "rollback" else ("--to", "0001"))).exit_code == 0
        arguments = {"apply": (), "backfill": ("0002",), "rollback": ("--yes",)}[command]
        process = subprocess.Popen(
            [sys.executable, "-m", "schedtool", *where, command, *arguments, "--nice-ratio", "1000"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            resting = "SELECT count(*) FROM schedtool_job WHERE resting = 'between batches: nice ratio 1000'"
            wait_for(lambda: connection.execute(resting.encode()).fetchone() == (1,), "the workers to rest")
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(timeout=30)


def test_where_nobody_is_at_work_it_does_not_rest(
    empty_database: Database, small: Small, items: psycopg.Connection[Any]
) -> None:
    """A session that is only there, in a transaction too, is not at work; nor is one in another database."""
    with empty_database.connect(autocommit=False) as idle, at_work(empty_database, dbname="postgres"):
        idle.execute("SELECT 1")
        result, said = run(items, empty_database.conninfo, small, None)
    assert said == []
    assert result.rested_s == {}


def test_sessions_that_a_role_may_not_see_may_be_at_work(empty_database: Database) -> None:
    role = f"{empty_database.name}_plain"
    # Not even at work: only there, and of another role.
    with empty_database.connect(), empty_database.connect(application_name="schedtool test") as connection:
        connection.execute(f"CREATE ROLE {role}".encode())
        try:
            seen = answer(connection, "others_at_work", within="0 s")
            connection.execute(f"SET ROLE {role}".encode())
            hidden = answer(connection, "others_at_work", within="0 s")
        finally:
            connection.execute("RESET ROLE")
            connection.execute(f"DROP ROLE {role}".encode())
    assert seen == [{"seen": False, "hidden": False}]
    assert hidden == [{"seen": False, "hidden": True}]
    assert "which this role cannot see without pg_monitor" in str(between(Facts(others=HIDDEN), Limits()))
