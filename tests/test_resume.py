"""A run goes on after whatever ended it, inside the run where that is right, and every key is done exactly once.

The last tests take a guard away each, and see the damage.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from schedtool import backfill, batches, database, jobs, settings
from schedtool.database import Target, connect
from schedtool.errors import Busy, SchedtoolError
from schedtool.state import status
from tests import small_project
from tests.clusters import Cluster, cluster, standby, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database
    from tests.small_project import Small

ITEMS = 2_000
SLOW = small_project.BATCH.replace("WITH read", "SELECT pg_sleep(0.02);\n    WITH read")
EXACT = """
    SELECT
        (SELECT coalesce(sum((counters ->> 'inserted')::bigint), 0) FROM schedtool_range),
        (SELECT count(*) FROM copied),
        (SELECT coalesce(sum((counters ->> 'documents')::bigint), 0) FROM schedtool_range),
        (SELECT coalesce(sum(done), 0) FROM schedtool_range)
"""


@pytest.fixture
def small(tmp_path: Path) -> Small:
    small = small_project.make(tmp_path)
    small.write("sql/batches/0002.fill-copied.sql", SLOW)
    return small


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A server that may be crashed, with durable writes."""
    with cluster({"wal_level": "replica"}) as started:
        yield started


def make(conninfo: str, small: Small) -> None:
    with connect(Target(conninfo), application="test") as connection:
        small_project.make_items(connection, ITEMS)
    from schedtool.apply import apply  # noqa: PLC0415 - brings yoyo, which only these tests need

    apply(Target(conninfo), small.load(), to="0001", confirm=lambda _: True, notify=lambda _: None)


def run(conninfo: str, small: Small, notify: Callable[[object], None], *, workers: int | None = None) -> batches.Result:
    """Run the backfill as its command does, in batches of twenty."""
    options = batches.Options(batch_size=20, range_keys=500, workers=workers)
    return backfill.backfill(
        Target(conninfo), small.load(), small.migration(), policy=settings.Policy(), options=options, notify=notify
    ).result


def at(done: int, act: Callable[[], object]) -> Callable[[object], None]:
    """Act once, as soon as so many keys are done."""
    acted = False

    def notify(event: object) -> None:
        nonlocal acted
        if isinstance(event, batches.Progress) and event.done >= done and not acted:
            acted = True
            act()

    return notify


def figures(conninfo: str) -> tuple[int, ...]:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(EXACT.encode()).fetchone()
    assert row is not None
    return tuple(int(value) for value in row)


def end_sessions(conninfo: str, like: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as other:
        ended = other.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name LIKE %s AND datname = current_database()",
            [like],
        ).fetchone()
    assert ended is not None
    assert ended[0] > 0


@pytest.mark.parametrize("like", ["schedtool batches", "schedtool backfill", "schedtool%"])
def test_sessions_that_somebody_ends_are_made_anew_and_the_run_goes_on(
    empty_database: Database, small: Small, like: str
) -> None:
    make(empty_database.conninfo, small)
    result = run(empty_database.conninfo, small, at(300, lambda: end_sessions(empty_database.conninfo, like)))
    assert result.counters == {"documents": ITEMS, "rejected": ITEMS // 10, "inserted": ITEMS * 9 // 10}
    assert result.done == ITEMS
    assert figures(empty_database.conninfo) == (1_800, 1_800, ITEMS, ITEMS)


def test_a_server_that_crashes_and_comes_back_costs_a_run_nothing_but_time(own: Cluster, small: Small) -> None:
    make(own.conninfo, small)
    after: list[tuple[int, ...]] = []

    def crash() -> None:
        own.crash()
        own.start()
        with suppress(psycopg.OperationalError):
            after.append(figures(own.conninfo))

    result = run(own.conninfo, small, at(300, crash))
    # What the last instant before the crash had done may be gone, but never the rows behind the cursor.
    assert after[0][0] == after[0][1]
    assert after[0][2] == after[0][3] > 0
    assert (result.done, figures(own.conninfo)) == (ITEMS, (1_800, 1_800, ITEMS, ITEMS))


def test_a_standby_that_takes_over_is_gone_on_with(own: Cluster, small: Small) -> None:
    make(own.conninfo, small)
    with standby(own) as conninfo:
        hosts = ",".join(part.split()[0].removeprefix("host=") for part in (own.conninfo, conninfo))
        both = f"host={hosts} port=5432 user=postgres dbname=postgres target_session_attrs=read-write"

        def fail_over() -> None:
            own.crash()
            with psycopg.connect(conninfo, autocommit=True) as replica:
                assert replica.execute("SELECT pg_promote()").fetchone() == (True,)

        result = run(both, small, at(300, fail_over))
        assert (result.done, figures(conninfo)) == (ITEMS, (1_800, 1_800, ITEMS, ITEMS))
    own.start()


def test_a_server_that_does_not_come_back_ends_the_run_as_busy_and_the_next_one_goes_on(
    own: Cluster, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(own.conninfo, small)
    monkeypatch.setattr("schedtool.reconnect.RECONNECT_S", 1.0)
    monkeypatch.setattr("schedtool.worker.RECONNECT_S", 1.0)
    with pytest.raises(Busy, match="cannot connect"):
        run(own.conninfo, small, at(300, own.crash))
    own.start()
    result = run(own.conninfo, small, lambda _: None)
    assert result.resumed
    assert 0 < result.done < ITEMS
    assert figures(own.conninfo) == (1_800, 1_800, ITEMS, ITEMS)


def test_status_from_elsewhere_tells_progress_rate_time_left_and_who_runs_it(
    empty_database: Database, small: Small, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Told often, and the second half takes long: it is seen before the end, however slow whoever looks is.
    monkeypatch.setattr("schedtool.collectors.TELL_EVERY_S", 0.01)
    late = SLOW.replace("WITH read", "SELECT pg_sleep(0.2) WHERE :'first'::bigint > 1000;\n    WITH read")
    small.write("sql/batches/0002.fill-copied.sql", late)
    make(empty_database.conninfo, small)
    said: list[str] = []

    def look() -> None:
        (job,) = status(Target(empty_database.conninfo), small.load()).jobs
        assert job.is_at_work
        assert 0 < job.done < job.total == ITEMS
        assert job.rate > 0
        assert job.left_s is not None
        assert job.runner == jobs.runner_name()
        said.append(run_cli("--database", empty_database.url, "--project", small.root, "status").stdout)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(empty_database.conninfo, small, at(800, look), workers=1)
    (line,) = [line for line in said[0].splitlines() if line.startswith("job ")]
    assert "/s, " in line
    assert f" left, run by {jobs.runner_name()}" in line
    (job,) = status(Target(empty_database.conninfo), small.load()).jobs
    assert (job.state, job.is_at_work, job.left_s) == ("running", False, None)
    stopped = run_cli("--database", empty_database.url, "--project", small.root, "status").stdout
    assert "run it again, and it goes on" in stopped


def cut_before_the_commit(monkeypatch: pytest.MonkeyPatch, conninfo: str, *, cursor_apart: bool) -> None:
    """End the first worker's session between the move of the cursor and the commit; a guard may be taken away.

    The guard is that the cursor moves in the transaction that writes the rows.
    """
    answer = jobs.answer
    cut = False

    def meddled(connection: Any, name: str, **parameters: Any) -> Any:  # noqa: ANN401
        nonlocal cut
        if name != "batch_move":
            return answer(connection, name, **parameters)
        if not cursor_apart:
            answer(connection, name, **parameters)
        if not cut:
            cut = True
            with database.connect(Target(conninfo), application="scissors") as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
                if cursor_apart:
                    # The lock of the range's row went with the session.
                    answer(other, name, **parameters)
        elif cursor_apart:
            return answer(connection, name, **parameters)
        return []

    monkeypatch.setattr("schedtool.transaction.jobs.answer", meddled)


@pytest.mark.parametrize("cursor_apart", [False, True])
def test_only_a_cursor_that_moves_in_the_batchs_transaction_survives_a_cut_before_the_commit(
    empty_database: Database, small: Small, monkeypatch: pytest.MonkeyPatch, *, cursor_apart: bool
) -> None:
    make(empty_database.conninfo, small)
    cut_before_the_commit(monkeypatch, empty_database.conninfo, cursor_apart=cursor_apart)
    run(empty_database.conninfo, small, lambda _: None, workers=1)
    counted, there, _, _ = figures(empty_database.conninfo)
    assert counted == 1_800
    # Without the guard a batch is counted whose rows are not there, and no later run would ever look.
    assert there == (1_782 if cursor_apart else 1_800)


def test_without_the_frozen_end_a_run_never_ends_under_inserts(
    empty_database: Database, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = (
        "INSERT INTO item SELECT (SELECT max(id) FROM item) + n, 'x' FROM generate_series(1, 300) AS n;\n    WITH read"
    )
    small.write("sql/batches/0002.fill-copied.sql", small_project.BATCH.replace("WITH read", more))
    make(empty_database.conninfo, small)
    tool_sql = database.tool_sql

    def unfrozen(name: str) -> str:
        text = tool_sql(name)
        # The last range goes on to whatever is the last key by then.
        return text.replace(""":"key" <= :'last'""", "true") if name == "batch_keys" else text

    def past_the_end(_: object) -> None:
        if figures(empty_database.conninfo)[2] > 2 * ITEMS:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("schedtool.jobs.tool_sql", unfrozen)
        with pytest.raises(KeyboardInterrupt):
            run(empty_database.conninfo, small, past_the_end, workers=1)
    with psycopg.connect(empty_database.conninfo) as connection:
        connection.execute("UPDATE schedtool_job SET state = 'abandoned'")
    result = run(empty_database.conninfo, small, lambda _: None, workers=1)
    assert result.counters["documents"] == result.total > 2 * ITEMS


def test_a_loss_before_the_batches_begin_is_an_error_at_once(own: Cluster, small: Small) -> None:
    make(own.conninfo, small)
    own.crash()
    with pytest.raises(SchedtoolError) as raised:
        run(own.conninfo, small, lambda _: None)
    assert raised.value.code == "cannot_connect"
    own.start()
    wait_for(lambda: figures(own.conninfo) == (0, 0, 0, 0), "nothing done")
