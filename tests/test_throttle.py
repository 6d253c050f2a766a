"""When the workers rest, and what is said about it; a hot standby that falls behind is one on a server of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from schedtool import batches, throttle
from schedtool.collectors import Standbys
from schedtool.database import Target, connect
from schedtool.throttle import Facts, Gate, Limits, Reason, decide, told
from tests import small_project
from tests.clusters import cluster, standby, wait_for
from tests.servers import FAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.clusters import Cluster
    from tests.small_project import Small


def test_the_first_reason_that_holds_counts_and_nobody_overrides_it() -> None:
    behind = {"near": 1.0, "far": 7.4}
    assert decide(Facts(), Limits()) is None
    assert decide(Facts(lag=behind), Limits(8)) is None
    assert decide(Facts(lag=behind), Limits(0)) is None
    assert str(decide(Facts(lag=behind), Limits(5))) == "replica lag: far is 7 s behind, the limit is 5 s"
    assert str(decide(Facts(query="it says so", lag=behind), Limits(5))) == "throttle query: it says so"
    assert str(decide(Facts(paused=True, query="it says so"), Limits())) == "paused"


def test_a_standby_is_as_far_behind_as_the_oldest_position_it_has_not_replayed() -> None:
    lag = Standbys()
    assert lag.judge(10.0, written=100, replayed={"a": 100, "b": 90}, hidden=False) == {"a": 0.0, "b": 0.0}
    assert lag.judge(11.0, written=200, replayed={"a": 200, "b": 90}, hidden=False) == {"a": 0.0, "b": 1.0}
    # Nothing is written any more, and b stands still: the server's own replay_lag would too.
    assert lag.judge(20.0, written=200, replayed={"a": 200, "b": 90}, hidden=False) == {"a": 0.0, "b": 10.0}
    assert lag.judge(21.0, written=200, replayed={"a": 200, "b": 100}, hidden=False) == {"a": 0.0, "b": 10.0}
    assert lag.judge(22.0, written=200, replayed={"a": 200, "b": 200}, hidden=False) == {"a": 0.0, "b": 0.0}
    # Gone: nobody to wait for.
    assert lag.judge(30.0, written=300, replayed={}, hidden=False) == {}


def test_rests_are_added_up_by_kind_of_reason_and_said_in_one_line() -> None:
    assert told({}) == told({"paused": 0.2}) == ""
    assert told({"paused": 70.0, "replica lag": 180.2}) == "4 min 10 s resting: 3 min replica lag, 1 min 10 s paused"
    assert told({"paused": 7_500}) == "2 h 5 min resting: 2 h 5 min paused"


def test_a_rest_of_one_worker_counts_as_its_share_and_not_twice() -> None:
    gate = Gate(crew=2)
    gate.rest(0.1, throttle.LOCKED_OUT)
    assert 0.05 <= gate.rested()[throttle.LOCKED_OUT] < 0.1
    gate.set_reason(Reason(throttle.PAUSED))
    gate.rest(0.1, throttle.LOCKED_OUT)
    gate.set_reason(None)
    rested = gate.rested()
    assert rested[throttle.LOCKED_OUT] < 0.1
    assert rested[throttle.PAUSED] >= 0.1


@pytest.fixture(scope="module")
def primary() -> Iterator[Cluster]:
    with cluster({**FAST, "wal_level": "replica", "wal_sender_timeout": "0"}) as started:
        yield started


@pytest.fixture
def small(tmp_path: Path) -> Small:
    small = small_project.make(tmp_path)
    slow = small_project.BATCH.replace("WITH read", "SELECT pg_sleep(0.02);\n    WITH read")
    small.write("sql/batches/0002.fill-copied.sql", slow)
    return small


@pytest.fixture
def items(primary: Cluster, small: Small) -> Iterator[psycopg.Connection[Any]]:
    with connect(Target(primary.conninfo), application="test") as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        small_project.prepare(connection, small, 2_000)
        yield connection


def run(
    connection: psycopg.Connection[Any], target: str, small: Small, notify: Callable[[object], None], lag: float
) -> batches.Result:
    work = batches.work_of(small.load(), small.migration())
    assert work is not None
    # Batches of twenty keys and 20 ms, so that there is time to fall behind.
    options = batches.Options(workers=1, batch_size=20, range_keys=20, replica_lag=lag)
    return batches.run(connection, Target(target), work=work, notify=notify, options=options)


def test_a_standby_whose_replay_is_paused_makes_the_run_rest_until_it_catches_up(
    primary: Cluster, small: Small, items: psycopg.Connection[Any]
) -> None:
    seen: list[batches.Progress] = []
    with standby(primary) as conninfo, psycopg.connect(conninfo, autocommit=True) as replica:
        replica.execute("SELECT pg_wal_replay_pause()")

        def notify(event: object) -> None:
            if isinstance(event, batches.Progress):
                seen.append(event)
                if event.resting and sum(bool(one.resting) for one in seen) == 4:
                    replica.execute("SELECT pg_wal_replay_resume()")

        result = run(items, primary.conninfo, small, notify, lag=0.5)
        wait_for(
            lambda: replica.execute("SELECT count(*) FROM copied").fetchone() == (1_800,), "the standby to have it all"
        )
    resting = [event for event in seen if event.resting]
    assert resting[0].resting is not None
    assert resting[0].resting.startswith("replica lag: walreceiver is 1 s behind")
    # Nothing was done while it rested, and all of it afterwards.
    assert resting[0].done <= resting[-1].done <= resting[0].done + 20
    assert resting[0].done < 2_000
    assert result.counters == {"documents": 2_000, "rejected": 200, "inserted": 1_800}
    assert result.rested_s[throttle.LAG] > 0.4


def test_without_a_limit_nobody_rests_for_the_standby(
    primary: Cluster, small: Small, items: psycopg.Connection[Any]
) -> None:
    with standby(primary) as conninfo, psycopg.connect(conninfo, autocommit=True) as replica:
        replica.execute("SELECT pg_wal_replay_pause()")
        result = run(items, primary.conninfo, small, lambda _: None, lag=0)
        assert replica.execute("SELECT to_regclass('copied') IS NULL OR NOT EXISTS (SELECT FROM copied)").fetchone()
        replica.execute("SELECT pg_wal_replay_resume()")
    assert result.rested_s == {}


def test_a_role_that_may_not_see_the_lag_is_told_so(
    primary: Cluster, small: Small, items: psycopg.Connection[Any]
) -> None:
    notes: list[str] = []
    items.execute("DROP ROLE IF EXISTS plain")
    items.execute("CREATE ROLE plain LOGIN")
    items.execute("GRANT ALL ON SCHEMA public TO plain")
    items.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO plain")
    target = primary.conninfo.replace("user=postgres", "user=plain")
    with standby(primary), connect(Target(target), application="test") as watch:

        def notify(event: object) -> None:
            if isinstance(event, batches.Note):
                notes.append(str(event))

        run(watch, target, small, notify, lag=0.1)
    assert len(notes) == 1
    assert "GRANT pg_monitor" in notes[0]


def test_a_slow_throttle_query_keeps_nobody_from_seeing_who_waits(
    primary: Cluster, small: Small, items: psycopg.Connection[Any]
) -> None:
    """The query takes a second each time; a session that waits for a batch is still let through at once."""
    slow = small_project.BATCH.replace("WITH read", "SELECT pg_sleep(3);\n    WITH read")
    small.write("sql/batches/0002.fill-copied.sql", slow)
    work = batches.work_of(small.load(), small.migration())
    assert work is not None
    waited: list[float] = []

    def write() -> None:
        with psycopg.connect(primary.conninfo, autocommit=True) as writer:
            waiting = "SELECT clock_timestamp() FROM item WHERE id = 7 AND NOT pg_try_advisory_lock(1)"
            writer.execute(waiting)
            row = writer.execute(
                "UPDATE item SET name = 'y' WHERE id = 7 RETURNING clock_timestamp() - now()"
            ).fetchone()
            assert row is not None
            waited.append(row[0].total_seconds())

    writer = threading.Thread(target=write)

    def notify(event: object) -> None:
        if isinstance(event, batches.Progress) and not writer.ident:
            writer.start()
        if isinstance(event, batches.Retried) and event.tries == 0:
            # Seen, and cancelled: the rest need not be slow.
            raise KeyboardInterrupt

    options = batches.Options(workers=1, throttle_query="SELECT pg_sleep(1) IS NULL")
    with pytest.raises(KeyboardInterrupt):
        batches.run(items, Target(primary.conninfo), work=work, notify=notify, options=options)
    writer.join(timeout=30)
    assert waited[0] < 2.5
