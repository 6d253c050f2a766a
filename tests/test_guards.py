"""A guard that needs nothing of other migrations is asked before the first of them runs, in anybody's project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.team import Team
from tests.test_refusals import check, unchanged

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database

GUARD = """
DO $$ BEGIN
    IF to_regclass('rooms') IS NULL THEN
        RAISE EXCEPTION 'there is no table rooms' USING HINT = 'It belongs to the application.'{state};
    END IF;
END $$;
ALTER TABLE thing ADD room text;
"""
SAID = "-- guard: first" + GUARD.format(state="")


@pytest.fixture
def team(tmp_path: Path, empty_database: Database, run_cli: RunCli) -> Team:
    return Team(tmp_path, empty_database, run_cli)


def test_a_guard_of_a_later_file_is_asked_before_the_first_one_runs(team: Team) -> None:
    team.migration("0004.rooms", SAID)

    with unchanged(team.database):
        outcome = team.run("apply")

    check(outcome, 1, "migrations/0004.rooms.sql:4: there is no table rooms", "It belongs to the application")


def test_without_the_line_that_says_so_those_before_it_stay_applied(team: Team) -> None:
    team.migration("0004.rooms", GUARD.format(state=""))

    assert team.run("apply").exit_code == 1
    assert team.states() == {"0001": "applied", "0002": "applied", "0003": "applied", "0004": "failed"}


def test_a_guard_that_says_no_is_a_no(team: Team) -> None:
    team.migration("0004.rooms", "-- guard: first" + GUARD.format(state=", ERRCODE = 'ST003'"))

    with unchanged(team.database):
        outcome = team.run("apply")

    check(outcome, 3, "0004.rooms: there is no table rooms")


def test_only_the_files_of_this_run_are_asked(team: Team) -> None:
    team.migration("0004.rooms", SAID)

    assert team.run("apply", "--to", "0003").exit_code == 0
    with team.database.connect() as connection:
        connection.execute("CREATE TABLE rooms (id int)")
    assert team.run("apply").exit_code == 0


def test_the_file_asks_again_when_its_turn_comes(team: Team) -> None:
    with team.database.connect() as connection:
        connection.execute("CREATE TABLE rooms (id int)")
    team.migration("0002.fill-thing", "DROP TABLE rooms;")
    team.migration("0004.rooms", SAID)

    outcome = team.run("apply")

    assert "there is no table rooms" in outcome.stderr
    assert team.states()["0003"] == "applied"
    assert team.states()["0004"] == "failed"


def test_a_guard_that_writes_is_no_guard(team: Team) -> None:
    team.migration("0004.rooms", "-- guard: first\n\nCREATE TABLE rooms (id int);")

    with unchanged(team.database):
        outcome = team.run("apply")

    check(outcome, 1, "migrations/0004.rooms.sql:3: a guard only looks, and this statement writes")


def test_plain_yoyo_takes_the_line_for_a_comment(team: Team) -> None:
    with team.database.connect() as connection:
        connection.execute("CREATE TABLE rooms (id int)")
    (team.files.root / "migrations" / "0003.index-thing.sql").unlink()
    (team.files.root / "migrations" / "0003.index-thing.rollback.sql").unlink()
    team.migration("0004.rooms", SAID)

    assert team.yoyo("apply").exit_code == 0
    assert team.states()["0004"] == "applied"
