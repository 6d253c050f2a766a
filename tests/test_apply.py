"""Applying: file, record and history are one, and every way to fail is told and leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from schedtool import runner
from schedtool.apply import Options, apply
from schedtool.database import Target
from schedtool.filework import Retrying
from tests import small_project
from tests.stress import runner as stress
from tests.team import DROP, Team, value

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from tests.conftest import RunCli
    from tests.servers import Database, Server

# Waits in the test's hands: until the test gives its own lock back, the migration is in the middle.
WAITING = "CREATE TABLE half (id int); SELECT pg_advisory_lock(4711);"


@pytest.fixture
def team(tmp_path: Path, empty_database: Database, run_cli: RunCli) -> Team:
    return Team(tmp_path, empty_database, run_cli)


def wait_until(connection: psycopg.Connection, condition: str) -> None:
    """Ask the server until it says yes, and give up after half a minute."""
    connection.execute(
        f"""
        DO $$ BEGIN
            FOR i IN 1..600 LOOP
                -- Statistics are read once per transaction otherwise.
                PERFORM pg_stat_clear_snapshot();
                IF {condition} THEN RETURN; END IF;
                PERFORM pg_sleep(0.05);
            END LOOP;
            RAISE EXCEPTION 'it did not come true in time';
        END $$
        """.encode()
    )


WAITS = "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted)"
GONE = "NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'schedtool%')"


def test_apply_runs_every_pending_file_in_order_and_says_what_it_did(team: Team) -> None:
    done = team.json("apply")

    assert [(ran["id"], ran["rows"], ran["retries"], ran["documents"]) for ran in done["applied"]] == [
        ("0001.make-thing", 0, 0, None),
        ("0002.fill-thing", 3, 0, None),
        ("0003.index-thing", 0, 0, None),
    ]
    assert set(done["applied"][0]) == {"id", "duration_ms", "retries", "documents", "rows"}
    assert (done["command"], done["ok"], done["rejected"]) == ("apply", True, 0)
    assert team.states() == {"0001": "applied", "0002": "applied", "0003": "applied"}
    assert [outcome for _, _, outcome in team.history()] == ["done", "done", "done"]


def test_apply_with_nothing_to_do_ends_with_0_and_says_so(team: Team) -> None:
    team.run("apply")

    again = team.run("apply")

    assert (again.exit_code, again.stdout) == (0, "nothing to do: everything is applied\n")
    assert team.json("apply")["applied"] == []


def test_apply_to_stops_behind_the_migration_named(team: Team) -> None:
    assert team.run("apply", "--to", "0002").exit_code == 0
    assert team.states() == {"0001": "applied", "0002": "applied", "0003": "pending"}


def test_a_migration_whose_record_cannot_be_written_leaves_nothing(team: Team) -> None:
    team.run("apply", "--to", "0001")
    with team.database.connect() as connection:
        connection.execute("ALTER TABLE _yoyo_migration ADD CONSTRAINT none CHECK (migration_id NOT LIKE '0002%')")

        outcome = team.run("apply")

        assert outcome.exit_code == 1
        assert value(connection, "SELECT count(*) FROM thing") == 0
    assert team.states()["0002"] == "failed"


def test_a_failing_file_is_shown_with_its_line_a_caret_and_what_the_server_said(team: Team) -> None:
    team.migration("0002.fill-thing", "CREATE TABLE before (id int);\n\nINSERT INTO thing SELEKT 1;\n")

    outcome = team.run("apply")

    assert outcome.exit_code == 1
    lines = outcome.stderr.splitlines()
    error = next(index for index, line in enumerate(lines) if line.startswith("schedtool: error: "))
    assert 'migrations/0002.fill-thing.sql:3: syntax error at or near "SELEKT" (42601)' in lines[error]
    assert lines[error + 1].endswith("INSERT INTO thing SELEKT 1;")
    assert lines[error + 2].index("^") == lines[error + 1].index("SELEKT")
    assert "Traceback" not in outcome.stderr
    assert "applied 0001.make-thing" in outcome.stdout
    with team.database.connect() as connection:
        assert value(connection, "SELECT to_regclass('before')") is None


def test_a_file_says_itself_how_its_transaction_reads(team: Team) -> None:
    """SET TRANSACTION must come before anything that takes a snapshot: what begins the transaction takes none."""
    team.migration(
        "0002.fill-thing",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n"
        "INSERT INTO thing SELECT 1, current_setting('transaction_isolation');\n"
        "INSERT INTO thing SELECT 2, current_setting('lock_timeout');",
    )

    assert team.run("apply", "--lock-timeout", "0.7").exit_code == 0

    with team.database.connect() as connection:
        rows = connection.execute("SELECT name FROM thing ORDER BY id").fetchall()
    assert [name for (name,) in rows] == ["serializable", "700ms"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("DROP TABLE schedtool_history;", 'relation "schedtool_history" does not exist (42P01)'),
        (
            "CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO late VALUES (1), (1);",
            'duplicate key value violates unique constraint "late_id_key" (23505)',
        ),
    ],
)
def test_what_fails_behind_a_file_is_told_without_a_line_of_it(team: Team, text: str, said: str) -> None:
    """Its record, or its commit: no line of the file is where it happened, and none of our own is shown as one."""
    team.migration("0002.fill-thing", text)

    outcome = team.run("apply")

    assert outcome.exit_code == 1
    assert f"error: migrations/0002.fill-thing.sql: {said}" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert team.states() == {"0001": "applied", "0002": "failed", "0003": "pending"}


def test_who_is_blocked_reads_the_file_and_not_what_stands_before_it(team: Team) -> None:
    """The message of `apply` begins with limits of ours; whoever asks who has the lock is shown the statement."""
    team.migration("0002.fill-thing", WAITING)
    with team.database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(4711)")
        process = subprocess.Popen(team.process("apply"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(connection, WAITS)
            outcome = team.run("apply")
        finally:
            connection.execute("SELECT pg_advisory_unlock_all()")
            process.wait(timeout=30)
    assert outcome.exit_code == 4
    assert "UTC: CREATE TABLE half (id int); SELECT pg_advisory_lock(4711);" in outcome.stderr


def test_a_failure_is_recorded_and_the_next_run_tries_again(team: Team) -> None:
    team.migration("0002.fill-thing", "INSERT INTO thing VALUES (1 / 0);")
    team.run("apply")
    assert team.states() == {"0001": "applied", "0002": "failed", "0003": "pending"}
    assert team.history()[-1] == ("0002", "apply", "failed")
    assert "division by zero" in team.json("status", "--history")["history"][-1]["error"]

    team.migration("0002.fill-thing", "INSERT INTO thing VALUES (1);")

    assert team.run("apply").exit_code == 0
    assert team.states()["0002"] == "applied"


def test_a_guard_of_the_file_ends_with_its_line_its_message_and_its_hint(team: Team) -> None:
    team.migration(
        "0002.fill-thing",
        "SELECT 1;\nDO $$\nBEGIN\n    RAISE EXCEPTION 'no table users' USING HINT = 'create it first';\nEND $$;",
    )

    outcome = team.run("apply")

    assert outcome.exit_code == 1
    assert "migrations/0002.fill-thing.sql:4: no table users (P0001)" in outcome.stderr
    assert "hint: create it first" in outcome.stderr


def test_a_guard_that_raises_st003_is_a_refusal_and_no_failure(team: Team) -> None:
    team.migration(
        "0002.fill-thing",
        "DO $$ BEGIN RAISE 'two rejects wait' USING ERRCODE = 'ST003', HINT = 'schedtool rejects'; END $$;",
    )

    outcome = team.run("apply")

    assert outcome.exit_code == 3
    assert "error: 0002.fill-thing: two rejects wait\nhint: schedtool rejects\n" in outcome.stderr
    assert team.states()["0002"] == "pending"
    assert team.history()[-1] == ("0002", "apply", "refused")


def test_a_table_that_stays_locked_ends_with_4_and_names_who_holds_it(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LONGEST_PAUSE_S", 0.05)
    team.run("apply", "--to", "0001")
    team.migration("0002.fill-thing", "ALTER TABLE thing ADD COLUMN more int;")
    with team.database.connect(autocommit=False, application_name="nightly report") as other:
        other.execute("SELECT * FROM thing")

        outcome = team.run("apply", "--to", "0002", "--lock-timeout", "0.05")

        assert outcome.exit_code == 4
        assert "canceling statement due to lock timeout (55P03) after 10 tries" in outcome.stderr
        assert f"pid {other.info.backend_pid} (" in outcome.stderr
        assert "nightly report" in outcome.stderr
    assert team.states()["0002"] == "pending"
    assert team.history()[-1] == ("0002", "apply", "busy")


def test_a_blocked_apply_goes_through_when_the_blocker_ends(team: Team) -> None:
    team.run("apply", "--to", "0001")
    team.migration("0002.fill-thing", "ALTER TABLE thing ADD COLUMN more int;")
    heard: list[object] = []
    with team.database.connect(autocommit=False) as other:
        other.execute("SELECT * FROM thing")
        pid = other.info.backend_pid

        def notify(event: object) -> None:
            heard.append(event)
            if isinstance(event, Retrying):
                other.rollback()

        done = apply(
            Target(team.database.conninfo),
            team.files.load(),
            confirm=lambda _: True,
            notify=notify,
            to="0002",
            options=Options(lock_timeout=0.2),
        )

    assert [ran.retries for ran in done.applied] == [1]
    retry = next(event for event in heard if isinstance(event, Retrying))
    assert f"pid {pid} (" in retry.blockers[0]


def test_a_statement_timeout_ends_with_4_and_leaves_nothing(team: Team) -> None:
    team.migration("0002.fill-thing", "INSERT INTO thing VALUES (9);\nSELECT pg_sleep(10);")

    outcome = team.run("apply", "--statement-timeout", "0.05")

    assert outcome.exit_code == 4
    assert "0002.fill-thing.sql:2: canceling statement due to statement timeout (57014)" in outcome.stderr
    assert "after 3 tries" in outcome.stderr
    with team.database.connect() as connection:
        assert value(connection, "SELECT count(*) FROM thing") == 0


def test_an_invalid_index_left_by_a_failed_run_is_dropped_and_built_anew(team: Team) -> None:
    team.migration(
        "0003.index-thing",
        "-- transactional: false\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS thing_name_idx ON thing (name);",
    )
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('thing_name_idx')"
    with team.database.connect() as connection:
        assert team.run("apply").exit_code == 1
        assert value(connection, valid) is False
        assert team.states()["0003"] == "half_done"
        connection.execute("DELETE FROM thing WHERE id > 1")

        outcome = team.run("apply")

        assert outcome.exit_code == 0
        assert "dropped the INVALID index thing_name_idx" in outcome.stderr
        assert value(connection, valid) is True
    assert team.states()["0003"] == "applied"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_in_the_middle_it_leaves_nothing_and_the_next_run_goes_on(team: Team, end: signal.Signals) -> None:
    team.migration("0002.fill-thing", WAITING)
    with team.database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(4711)")
        process = subprocess.Popen(
            team.process("apply", "--lock-timeout", "60"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with process:
            wait_until(connection, WAITS)
            process.send_signal(end)
            process.communicate(timeout=30)
        wait_until(connection, GONE)
        assert process.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[end]
        assert value(connection, "SELECT to_regclass('half')") is None
        assert value(connection, "SELECT count(*) FROM _yoyo_migration") == 1
        connection.execute("SELECT pg_advisory_unlock(4711)")

        outcome = team.run("apply")

        assert outcome.exit_code == 0, outcome.stderr
        assert ("cleared the lock of a schedtool that was killed" in outcome.stderr) == (end == signal.SIGKILL)
        assert value(connection, "SELECT to_regclass('half')") == "half"


def test_a_server_session_that_is_ended_from_outside_is_told_and_recorded(team: Team) -> None:
    team.migration("0002.fill-thing", "SELECT pg_terminate_backend(pg_backend_pid());")

    outcome = team.run("apply")

    assert outcome.exit_code == 1
    assert "the connection was lost" in outcome.stderr
    assert team.history()[-1] == ("0002", "apply", "failed")


def test_eight_at_once_apply_everything_exactly_once_and_the_others_wait_or_say_busy(
    server: Server, tmp_path: Path
) -> None:
    root = stress.write(tmp_path)
    for _ in range(2):
        database = server.create()
        assert stress.wrong(database, stress.race(database, root, processes=8)) == []
        server.drop(database.name)


def test_what_a_file_sets_for_the_session_does_not_move_its_record(team: Team) -> None:
    team.migration(
        "0002.fill-thing",
        "CREATE SCHEMA elsewhere; SET search_path TO elsewhere; CREATE ROLE schedtool_test_nobody; SET ROLE pg_monitor;"
        " RESET ROLE; DROP ROLE schedtool_test_nobody; SET ROLE pg_monitor;",
    )

    assert team.run("apply").exit_code == 0
    assert team.states() == {"0001": "applied", "0002": "applied", "0003": "applied"}


def test_what_contract_holds_is_left_alone(team: Team) -> None:
    team.migration("contract/0004.drop-name", DROP)

    outcome = team.run("apply")

    assert outcome.exit_code == 0
    assert "left alone without --contract: 0004.drop-name" in outcome.stderr
    assert team.states()["0004"] == "pending"


def test_contract_is_refused_in_the_run_that_applied_what_it_depends_on(team: Team) -> None:
    team.migration("contract/0004.drop-name", DROP)

    outcome = team.run("apply", "--contract", "--yes")

    assert outcome.exit_code == 3
    assert "left for another run: 0004.drop-name" in outcome.stderr
    assert team.states() == {"0001": "applied", "0002": "applied", "0003": "applied", "0004": "pending"}

    assert team.run("apply", "--contract", "--yes").exit_code == 0
    assert team.states()["0004"] == "applied"


def test_contract_wants_to_be_confirmed(team: Team) -> None:
    team.run("apply")
    team.migration("contract/0004.drop-name", DROP)

    outcome = team.run("apply", "--contract")

    assert outcome.exit_code == 2
    assert "--yes confirms it" in outcome.stderr
    assert team.states()["0004"] == "pending"


def test_contract_is_not_reached_by_its_id_alone(team: Team) -> None:
    team.migration("contract/0004.drop-name", DROP)

    outcome = team.run("apply", "--to", "0004")

    assert outcome.exit_code == 2
    assert "add --contract" in outcome.stderr


def test_apply_holds_to_the_plan_it_was_given(team: Team) -> None:
    first = team.json("plan")["hash"]
    team.migration("0002.fill-thing", "INSERT INTO thing VALUES (7);")

    refused = team.run("apply", "--plan", first)

    assert refused.exit_code == 3
    assert "changed since that plan" in refused.stderr
    assert team.states()["0001"] == "pending"
    assert team.run("apply", "--plan", team.json("plan")["hash"]).exit_code == 0


def test_batches_do_the_work_before_the_file(empty_database: Database, tmp_path: Path, run_cli: RunCli) -> None:
    small = small_project.make(tmp_path)
    with empty_database.connect() as connection:
        small_project.make_items(connection, 100)

    outcome = run_cli("--database", empty_database.url, "--project", small.root, "apply", "--format", "json")

    filled = json.loads(outcome.stdout)["applied"][1]
    # The batches write 90 rows, and the file then finds nothing left to do.
    assert (filled["id"], filled["documents"], filled["rows"]) == ("0002.fill-copied", 100, 90)


def test_no_batches_leaves_the_work_to_the_file(empty_database: Database, tmp_path: Path, run_cli: RunCli) -> None:
    small = small_project.make(tmp_path)
    with empty_database.connect() as connection:
        small_project.make_items(connection, 100)

    outcome = run_cli(
        "--database", empty_database.url, "--project", small.root, "apply", "--no-batches", "--format", "json"
    )

    filled = json.loads(outcome.stdout)["applied"][1]
    assert (filled["documents"], filled["rows"]) == (None, 90)


def test_a_file_may_count_the_rows_that_command_tags_do_not_show(team: Team) -> None:
    team.migration(
        "0002.fill-thing",
        "DO $$ BEGIN INSERT INTO thing VALUES (1), (2); PERFORM set_config('schedtool.rows', '2', true); END $$;",
    )

    assert [ran["rows"] for ran in team.json("apply")["applied"]] == [0, 2, 0]


def fill(database: Database) -> None:
    """Three providers: one that can be read, one that cannot, one without a document."""
    database.make_parents()
    with database.connect() as connection:
        connection.execute(
            """
            INSERT INTO providers (availability) VALUES
                ('{"monday": {"start": "09:00", "end": "17:00"}, "tuesday": "closed"}'),
                ('{"monday": "whenever"}'),
                (NULL)
            """
        )


def test_rejects_that_are_left_end_with_0_and_one_line_of_advice(empty_database: Database, run_cli: RunCli) -> None:
    fill(empty_database)

    outcome = run_cli("--database", empty_database.url, "apply")

    assert outcome.exit_code == 0, outcome
    advice = "1 document waits for a decision before anything may be dropped: schedtool rejects\n"
    assert outcome.stderr.count(advice) == 1
    again = run_cli("--database", empty_database.url, "--format", "json", "apply")
    assert json.loads(again.stdout) == {"command": "apply", "ok": True, "applied": [], "rejected": 1}


@pytest.mark.parametrize("batches", [[], ["--no-batches"]])
def test_the_default_timezone_reaches_the_rows_with_batches_and_without(
    empty_database: Database, run_cli: RunCli, batches: list[str]
) -> None:
    fill(empty_database)

    outcome = run_cli("--database", empty_database.url, "apply", "--default-timezone", "Europe/Paris", *batches)

    assert outcome.exit_code == 0, outcome
    with empty_database.connect() as connection:
        rows = connection.execute(
            "SELECT day_of_week, start_time::text, timezone FROM provider_availability ORDER BY 1"
        ).fetchall()
    assert rows == [("monday", "09:00:00", "Europe/Paris"), ("tuesday", None, "Europe/Paris")]


def test_a_policy_that_nothing_reads_is_told_and_is_no_error(team: Team) -> None:
    outcome = team.run("apply", "--default-timezone", "UTC")

    assert outcome.exit_code == 0
    assert "the policy was not used" in outcome.stderr
