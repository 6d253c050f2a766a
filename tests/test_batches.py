"""The engine: every key exactly once, whatever happens on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from schedtool import batches, jobs
from schedtool.database import Target, connect
from schedtool.errors import Busy, Failed, Refused, UsageError
from schedtool.worker import ROW_LOCK_S, next_size
from tests import servers, small_project
from tests.clusters import wait_for
from tests.small_project import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers import Database
    from tests.small_project import Small


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return small_project.make(tmp_path)


@pytest.fixture
def connection(empty_database: Database) -> Iterator[psycopg.Connection[Any]]:
    with connect(Target(empty_database.conninfo), application="test") as opened:
        yield opened


def run(
    connection: psycopg.Connection[Any],
    database: Database,
    small: Small,
    *,
    notify: Callable[[object], None] = lambda _: None,
    settings: str | None = None,
    **options: Any,  # noqa: ANN401
) -> batches.Result:
    project = small.load()
    work = batches.work_of(project, project.find("0002"))
    assert work is not None
    return batches.run(
        connection,
        Target(database.conninfo),
        work=replace(work, settings=settings),
        notify=notify,
        options=batches.Options(**{"range_keys": 100, **options}),
    )


def one(connection: psycopg.Connection[Any], statement: str) -> Any:  # noqa: ANN401
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    "items",
    [
        {"key": "integer"},
        {"key": "bigint", "first": -5_000_000_000, "step": 7_919_000_000},
        {"key": "uuid"},
        {"key": "text"},
    ],
    ids=lambda items: items["key"],
)
def test_every_key_is_done_once_whatever_its_type_and_however_sparse(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small, items: dict[str, Any]
) -> None:
    prepare(connection, small, 1_234, **items)
    result = run(connection, empty_database, small, workers=2)
    assert result.counters == {"documents": 1_234, "rejected": 124, "inserted": 1_110}
    assert (result.total, result.done, result.resumed) == (1_234, 1_234, False)
    assert one(connection, "SELECT count(*) FROM copied") == 1_110
    assert one(connection, "SELECT count(*) FROM schedtool_range") == 13


def test_an_empty_table_is_a_finished_job(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 0)
    result = run(connection, empty_database, small)
    assert (result.total, result.counters) == (0, {})
    assert [job.state for job in jobs.jobs(connection)] == ["done"]


def test_a_finished_job_run_again_starts_a_new_one_and_changes_nothing(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 500)
    first = run(connection, empty_database, small)
    second = run(connection, empty_database, small)
    assert second.job > first.job
    assert second.counters == {"documents": 500, "rejected": 50, "inserted": 0}


def test_keys_inserted_behind_the_frozen_end_are_left_to_others(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 300)
    small.write("sql/batches/0002.fill-copied.sql", small_project.BATCH + "    -- every batch makes two more\n")
    text = (small.root / "sql/batches/0002.fill-copied.sql").read_text()
    more = "INSERT INTO item SELECT max(id) + n, 'x' FROM item, generate_series(1, 2) AS n GROUP BY n;\n"
    lines = text.split("\n")
    small.write("sql/batches/0002.fill-copied.sql", "\n".join([lines[0], more, *lines[1:]]))
    result = run(connection, empty_database, small, workers=1, batch_size=20)
    assert result.counters["documents"] == 300
    assert one(connection, "SELECT count(*) FROM item") > 300


def test_a_range_whose_last_keys_were_deleted_meanwhile_is_finished(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 300)
    file = small.load().sql_files("batches", small.migration())[0]
    jobs.begin(connection, migration="0002.fill-copied", direction="forward", file=file, settings=None, range_keys=100)
    connection.execute("DELETE FROM item WHERE id > 150")
    result = run(connection, empty_database, small)
    assert result.resumed
    assert result.counters["documents"] == 150


def test_the_batch_that_fails_leaves_nothing_and_the_message_names_its_one_key(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 400)
    connection.execute("ALTER TABLE copied ADD CONSTRAINT copied_name_check CHECK (name <> 'bad')")
    connection.execute("UPDATE item SET name = 'bad' WHERE id = 237")
    with pytest.raises(Failed, match=r"at key 237: sql/batches/0002\.fill-copied\.sql:3: .*copied_name_check"):
        run(connection, empty_database, small, workers=1)
    done = one(connection, "SELECT sum((counters->>'inserted')::bigint) FROM schedtool_range")
    assert done == one(connection, "SELECT count(*) FROM copied")
    assert one(connection, "SELECT count(*) FROM copied WHERE item_id < 237") == 236 - 24

    connection.execute("UPDATE item SET name = 'good' WHERE id = 237")
    result = run(connection, empty_database, small)
    assert result.resumed
    assert result.counters == {"documents": 400, "rejected": 40, "inserted": 360}


@pytest.mark.parametrize(
    "answer",
    ["SELECT 1.5 AS documents", "SELECT 1 AS documents UNION ALL SELECT 2", "SELECT true AS documents"],
)
def test_a_file_that_answers_no_row_of_counters_is_refused_and_nothing_is_kept(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small, answer: str
) -> None:
    prepare(connection, small, 50)
    insert = "INSERT INTO copied SELECT * FROM item WHERE id >= :'first' AND id <= :'last'"
    small.write("sql/batches/0002.fill-copied.sql", f"-- keys: item (id)\n{insert};\n{answer};\n")
    with pytest.raises(UsageError, match="one row of bigint counters"):
        run(connection, empty_database, small)
    assert one(connection, "SELECT count(*) FROM copied") == 0


def test_another_batch_file_starts_over_instead_of_going_on(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 300)
    interrupt_after_some(connection, empty_database, small)
    small.write("sql/batches/0002.fill-copied.sql", small_project.BATCH + "    -- changed\n")
    result = run(connection, empty_database, small)
    assert not result.resumed
    assert result.counters["documents"] == 300
    assert one(connection, "SELECT count(*) FROM schedtool_job WHERE state = 'abandoned'") == 1


def test_an_unfinished_job_starts_over_after_a_rollback(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 300)
    interrupt_after_some(connection, empty_database, small)
    connection.execute("DELETE FROM copied")
    jobs.abandon(connection)
    result = run(connection, empty_database, small)
    assert not result.resumed
    assert one(connection, "SELECT count(*) FROM copied") == 270


def test_a_job_keeps_its_settings_until_it_is_finished(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 300)
    interrupt_after_some(connection, empty_database, small, settings='{"a": 1}')
    with pytest.raises(Refused, match="reads by other settings"):
        run(connection, empty_database, small, settings='{"a": 2}')
    assert run(connection, empty_database, small, settings='{ "a":1 }').resumed


def interrupt_after_some(
    connection: psycopg.Connection[Any], database: Database, small: Small, *, settings: str | None = None
) -> None:
    """Stop a run as Ctrl-C does: an exception in the thread that watches, before the first batch has ended."""

    def interrupt(event: object) -> None:
        if isinstance(event, batches.Progress):
            raise KeyboardInterrupt

    with connection.transaction():
        blocked = psycopg.connect(database.conninfo)
        blocked.execute("SELECT FROM item WHERE id = 250 FOR UPDATE")
    with pytest.raises(KeyboardInterrupt):
        run(connection, database, small, notify=interrupt, workers=1, batch_size=20, settings=settings)
    blocked.close()


def test_an_interruption_lets_the_batch_finish_and_the_next_run_goes_on_from_there(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 300)
    interrupt_after_some(connection, empty_database, small)
    done = one(connection, "SELECT sum(done) FROM schedtool_range")
    assert 0 < done < 300
    # The server's process ends an instant after the client has said goodbye.
    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'schedtool batches'"
    wait_for(lambda: one(connection, left) == 0, "the workers' sessions to end")
    result = run(connection, empty_database, small)
    assert result.resumed
    assert (result.done, result.counters["documents"]) == (300 - done, 300)
    assert result.counters["inserted"] == one(connection, "SELECT count(*) FROM copied") == 270


def test_a_row_that_another_session_holds_is_tried_again_until_it_is_free(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 100)
    holder = psycopg.connect(empty_database.conninfo)
    holder.execute("SELECT FROM item WHERE id = 50 FOR UPDATE")
    retried: list[batches.Retried] = []

    def release(event: object) -> None:
        if isinstance(event, batches.Retried):
            retried.append(event)
            holder.rollback()

    result = run(connection, empty_database, small, notify=release, workers=1, lock_timeout=0.05)
    holder.close()
    assert retried[0].sqlstate == "55P03"
    assert result.retries == len(retried)
    assert result.counters["documents"] == 100


def test_a_batch_waits_for_a_row_no_longer_than_it_may_keep_others_waiting(
    empty_database: Database, small: Small, connection: psycopg.Connection[Any]
) -> None:
    """Whoever comes behind it in the queue for the row waits for it too, however long a table's lock may take."""
    prepare(connection, small, 20)
    waited: list[float] = []
    with psycopg.connect(empty_database.conninfo) as blocker:
        blocker.execute("SELECT FROM item WHERE id = 7 FOR UPDATE")
        begun = time.monotonic()

        def release(event: object) -> None:
            if isinstance(event, batches.Retried):
                waited.append(time.monotonic() - begun)
                blocker.rollback()

        run(connection, empty_database, small, notify=release, workers=1, lock_timeout=60)
    assert ROW_LOCK_S < waited[0] < 30


def test_a_pause_from_another_session_makes_the_workers_rest_and_say_so(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 2_000)
    rests: list[str] = []
    with psycopg.connect(empty_database.conninfo, autocommit=True) as other:

        def pause(event: object) -> None:
            if isinstance(event, batches.Started):
                assert jobs.pause(connection, migration="0002.fill-copied", paused=True) == (event.job,)
            elif isinstance(event, batches.Progress) and event.resting and not rests:
                rests.append(event.resting)
                assert [job.resting for job in jobs.jobs(other)] in (["paused"], [None])
                jobs.pause(other, migration="0002.fill-copied", paused=False)

        result = run(connection, empty_database, small, notify=pause, workers=1, batch_size=20)
    assert rests == ["paused"]
    assert set(result.rested_s) == {"paused"}
    assert result.counters["documents"] == 2_000


def test_the_users_own_query_makes_the_workers_rest(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 300)
    connection.execute("CREATE TABLE busy AS SELECT true AS yes")
    rests: list[str] = []

    def relax(event: object) -> None:
        if isinstance(event, batches.Progress) and event.resting:
            rests.append(event.resting)
            connection.execute("UPDATE busy SET yes = false")

    result = run(
        connection, empty_database, small, notify=relax, throttle_query="SELECT yes FROM busy", workers=1, batch_size=20
    )
    assert set(rests) == {"throttle query: it says so"}
    assert result.counters["documents"] == 300


@pytest.mark.parametrize("query", ["SELECT 1", "SELEC true", "SELECT true WHERE false", "DELETE FROM item"])
def test_a_throttle_query_that_answers_no_boolean_is_refused_before_anything_runs(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small, query: str
) -> None:
    prepare(connection, small, 30)
    with pytest.raises(UsageError, match="--throttle-query cannot be asked"):
        run(connection, empty_database, small, throttle_query=query)
    assert one(connection, "SELECT count(*) FROM item") == 30
    assert jobs.jobs(connection) == ()


def test_locks_that_are_never_given_back_end_the_run_as_busy(
    connection: psycopg.Connection[Any],
    empty_database: Database,
    small: Small,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("schedtool.worker.TRIES", {"55P03": 3})
    prepare(connection, small, 30)
    with psycopg.connect(empty_database.conninfo) as holder:
        holder.execute("SELECT FROM item WHERE id = 1 FOR UPDATE")
        with pytest.raises(Busy, match="55P03"):
            run(connection, empty_database, small, workers=1, lock_timeout=0.02)


def test_a_session_that_waits_for_a_batch_halves_the_next_one(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 2_000)
    until = "SELECT pg_sleep(1) WHERE NOT EXISTS (SELECT FROM item WHERE name = 'y');"
    small.write("sql/batches/0002.fill-copied.sql", small_project.BATCH.replace("WITH read", f"{until}\n    WITH read"))
    sizes: list[int] = []
    given_up: list[str] = []
    other = psycopg.connect(empty_database.conninfo, autocommit=True)
    waiter = threading.Thread(target=other.execute, args=("UPDATE item SET name = 'y' WHERE id = 900",))

    def watch(event: object) -> None:
        if isinstance(event, batches.Retried):
            given_up.append(event.message)
        elif isinstance(event, batches.Progress) and event.batch:
            sizes.append(event.batch)
        elif isinstance(event, batches.Progress) and not waiter.ident:
            waiter.start()

    result = run(connection, empty_database, small, notify=watch, workers=1, batch_size=1_000, range_keys=2_000)
    waiter.join()
    other.close()
    # The batch was given up, since it takes longer than anybody should wait for it.
    assert given_up == ["another session waited for it"]
    # Half of it, and a fifth more for each batch that was done before it was told.
    assert 500 <= sizes[0] < 1_000
    assert result.rested_s["others waiting"] > 0
    assert result.counters["documents"] == 2_000


def test_the_next_size_follows_the_target_within_its_limits() -> None:
    assert next_size(200, 0.1) == 200
    assert next_size(200, 0.01) == 240
    assert next_size(200, 0.15) == pytest.approx(133.3, abs=0.1)
    assert next_size(200, 5) == 100
    assert next_size(25, 5) == 20
    assert next_size(1_900, 0.01) == 2_000
    assert [next_size(size, 0.01) for size in (1, 3, 16, 20)] == [2, 6, 20, 24]


KILLED = """
    import sys
    from pathlib import Path
    from schedtool import batches, project
    from schedtool.database import Target, connect

    target = Target(sys.argv[1])
    loaded = project.load(Path(sys.argv[2]))
    work = batches.work_of(loaded, loaded.find("0002"))
    options = batches.Options(batch_size=20, range_keys=500)

    def notify(event):
        print("event", flush=True)

    with connect(target, application="test") as connection:
        batches.run(connection, target, work=work, notify=notify, options=options)
"""


def test_killed_at_any_instant_and_restarted_the_counters_are_exact(
    connection: psycopg.Connection[Any], empty_database: Database, small: Small
) -> None:
    prepare(connection, small, 6_000)
    # Slow enough that every kill comes in the middle; the figures are compared in one snapshot, with workers at work.
    small.write(
        "sql/batches/0002.fill-copied.sql",
        small_project.BATCH.replace("WITH read", "SELECT pg_sleep(0.05);\nWITH read"),
    )
    command = [sys.executable, "-c", textwrap.dedent(KILLED), empty_database.conninfo, str(small.root)]
    exact = """
        SELECT (SELECT coalesce(sum((counters->>'inserted')::bigint), 0) FROM schedtool_range)
            = (SELECT count(*) FROM copied)
    """
    for _ in range(6):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=servers.clean_environ()) as process:
            assert process.stdout is not None
            # Started, and one sign of progress.
            assert [process.stdout.readline() for _ in range(2)] == [b"event\n"] * 2
            process.send_signal(signal.SIGKILL)
        assert one(connection, exact)
    assert jobs.jobs(connection)[0].state == "running"
    result = run(connection, empty_database, small)
    assert result.resumed
    assert result.counters == {"documents": 6_000, "rejected": 600, "inserted": 5_400}
    assert one(connection, exact)
