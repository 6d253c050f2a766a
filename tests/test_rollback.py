"""Taking back: the last first, never without a script, never what stands nowhere else unless it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.team import Team, value

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database


@pytest.fixture
def team(tmp_path: Path, empty_database: Database, run_cli: RunCli) -> Team:
    return Team(tmp_path, empty_database, run_cli)


def test_rollback_takes_back_the_last_migration(team: Team) -> None:
    team.run("apply")

    outcome = team.run("rollback", "--yes")

    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("rolled back 0003.index-thing in ")
    assert team.states() == {"0001": "applied", "0002": "applied", "0003": "pending"}
    with team.database.connect() as connection:
        assert value(connection, "SELECT to_regclass('thing_name_idx')") is None
        assert value(connection, "SELECT operation FROM _yoyo_log ORDER BY created_at_utc DESC LIMIT 1") == "rollback"


def test_rollback_to_takes_back_everything_behind_it_and_counts_rows(team: Team) -> None:
    team.run("apply")

    answer = team.json("rollback", "--to", "0001", "--yes")

    assert set(answer) == {"command", "ok", "rolled_back"}
    assert [(ran["id"], ran["rows"]) for ran in answer["rolled_back"]] == [
        ("0003.index-thing", 0),
        ("0002.fill-thing", 3),
    ]
    assert set(answer["rolled_back"][0]) == {"id", "duration_ms", "rows"}
    assert team.states() == {"0001": "applied", "0002": "pending", "0003": "pending"}


def test_a_rollback_without_a_script_is_refused_before_anything_happens(team: Team) -> None:
    team.run("apply")
    (team.files.root / "migrations" / "0002.fill-thing.rollback.sql").unlink()

    outcome = team.run("rollback", "--to", "0001", "--yes")

    assert outcome.exit_code == 2
    assert "0002.fill-thing has no rollback script; nothing was changed" in outcome.stderr
    assert "write migrations/0002.fill-thing.rollback.sql" in outcome.stderr
    assert team.states() == {"0001": "applied", "0002": "applied", "0003": "applied"}


def test_a_migration_that_says_it_has_no_way_back_runs_without_a_script_and_is_not_taken_back(team: Team) -> None:
    (team.files.root / "migrations" / "0003.index-thing.rollback.sql").unlink()
    refused = team.run("plan")
    assert refused.exit_code == 2
    assert "migrations/0003.index-thing.sql:1: it has no rollback script" in refused.stderr
    (team.files.root / "migrations" / "0003.index-thing.sql").write_text("-- rollback: none\nSELECT 1;\n")

    assert team.run("apply").exit_code == 0
    outcome = team.run("rollback", "--yes")

    assert outcome.exit_code == 2
    assert "hint: it says so itself: -- rollback: none" in outcome.stderr


def test_without_a_terminal_rollback_wants_yes(team: Team) -> None:
    team.run("apply")

    outcome = team.run("rollback")

    assert outcome.exit_code == 2
    assert "--yes" in outcome.stderr
    assert team.states()["0003"] == "applied"


def test_plan_tells_and_changes_nothing(team: Team) -> None:
    team.run("apply")

    answer = team.json("rollback", "--plan", "--to", "0001")

    assert answer["migrations"] == [
        {"id": "0003.index-thing", "batches": False, "locks": [], "notes": []},
        {"id": "0002.fill-thing", "batches": False, "locks": [], "notes": []},
    ]
    assert team.states()["0003"] == "applied"


def test_with_nothing_applied_there_is_nothing_to_do(team: Team) -> None:
    outcome = team.run("rollback", "--yes")

    assert (outcome.exit_code, outcome.stdout) == (0, "nothing to do: nothing is applied behind it\n")


def test_a_refusal_of_the_script_ends_with_3_and_lose_names_what_may_go(team: Team) -> None:
    team.migration(
        "0002.fill-thing",
        "INSERT INTO thing VALUES (1);",
        """
        DO $$
        BEGIN
            IF NOT 'thing' = ANY (string_to_array(current_setting('schedtool.lose', true), ',')) THEN
                RAISE '1 row of thing stands nowhere else' USING ERRCODE = 'ST003', HINT = 'add --lose thing';
            END IF;
            DELETE FROM thing;
            PERFORM set_config('schedtool.rows', '1', true);
        END $$;
        """,
    )
    team.run("apply", "--to", "0002")

    refused = team.run("rollback", "--yes", "--lose", "other")
    assert refused.exit_code == 3
    assert "1 row of thing stands nowhere else\nhint: add --lose thing" in refused.stderr
    assert team.states()["0002"] == "applied"

    answer = team.json("rollback", "--yes", "--lose", "other", "--lose", "thing")
    assert [ran["rows"] for ran in answer["rolled_back"]] == [1]
    assert team.states()["0002"] == "pending"


def test_a_rollback_that_fails_leaves_the_migration_applied_and_shows_its_line(team: Team) -> None:
    team.migration("0002.fill-thing", "INSERT INTO thing VALUES (1);", "DELETE FROM thing;\nSELECT 1 / 0;")
    team.run("apply", "--to", "0002")

    outcome = team.run("rollback", "--yes")

    assert outcome.exit_code == 1
    assert "migrations/0002.fill-thing.rollback.sql:2: division by zero (22012)" in outcome.stderr
    assert team.states()["0002"] == "applied"
    assert team.history()[-1] == ("0002", "rollback", "failed")
    with team.database.connect() as connection:
        assert value(connection, "SELECT count(*) FROM thing") == 1


def test_batches_of_a_rollback_run_before_its_file(team: Team) -> None:
    team.files.write(
        "sql/batches/0002.fill-thing.rollback.sql",
        """
        -- keys: thing (id)
        WITH gone AS (
            DELETE FROM thing WHERE id BETWEEN :'first' AND :'last' RETURNING 1
        )
        SELECT count(*) AS documents, count(*) AS inserted FROM gone;
        """,
    )
    team.migration(
        "0002.fill-thing",
        "INSERT INTO thing SELECT generate_series(1, 30);",
        "DO $$ BEGIN IF EXISTS (SELECT FROM thing) THEN RAISE 'its batches did not run'; END IF; END $$;",
    )
    team.run("apply", "--to", "0002")

    answer = team.json("rollback", "--yes")

    assert [(ran["id"], ran["rows"]) for ran in answer["rolled_back"]] == [("0002.fill-thing", 30)]


def test_what_was_applied_later_and_has_no_file_stops_a_rollback(team: Team) -> None:
    team.run("apply")
    for file in team.files.root.glob("migrations/0003*"):
        file.unlink()

    outcome = team.run("rollback", "--yes")

    assert outcome.exit_code == 3
    assert "0003.index-thing was applied later, and its file is missing" in outcome.stderr


def test_apply_rollback_apply_is_the_same_again(team: Team) -> None:
    team.run("apply")
    assert team.run("rollback", "--to", "0001", "--yes").exit_code == 0
    assert team.run("rollback", "--yes").exit_code == 0
    assert team.states() == {"0001": "pending", "0002": "pending", "0003": "pending"}

    assert team.run("apply").exit_code == 0
    assert team.states() == {"0001": "applied", "0002": "applied", "0003": "applied"}
