"""Repair: by evidence, with both checksums, and never by guessing."""

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


def test_an_edit_is_accepted_with_both_checksums_and_the_difference(team: Team) -> None:
    team.run("apply")
    old = team.json("status")["migrations"][1]["checksum"]
    team.migration("0002.fill-thing", "INSERT INTO thing VALUES (5);")

    outcome = team.run("repair", "0002")

    assert outcome.exit_code == 0
    new = team.json("status")["migrations"][1]["checksum"]
    assert f"old {old}\n  new {new}" in outcome.stdout
    assert "+INSERT INTO thing VALUES (5);" in outcome.stdout
    assert team.states()["0002"] == "applied"
    assert team.history()[-1] == ("0002", "repair", "done")
    with team.database.connect() as connection:
        assert value(connection, "SELECT count(*) FROM thing") == 3


def test_an_accepted_edit_is_what_a_later_edit_is_held_against(team: Team) -> None:
    team.run("apply")
    team.migration("0002.fill-thing", "INSERT INTO thing VALUES (5);")
    team.run("repair", "0002")
    team.migration("0002.fill-thing", "INSERT INTO thing VALUES (6);")

    assert team.states()["0002"] == "edited"


def test_what_is_in_order_needs_no_repair(team: Team) -> None:
    team.run("apply", "--to", "0001")

    assert team.run("repair", "0001").stdout == "0001.make-thing: applied; nothing to repair\n"
    assert team.run("repair", "0002").stdout == "0002.fill-thing: pending; nothing to repair\n"


def test_a_missing_file_cannot_be_repaired_from_here(team: Team) -> None:
    team.run("apply")
    for file in team.files.root.glob("migrations/0002*"):
        file.unlink()

    outcome = team.run("repair", "0002")

    assert outcome.exit_code == 3
    assert "its file is missing" in outcome.stderr


def test_a_failed_run_is_settled(team: Team) -> None:
    team.migration("0002.fill-thing", "SELECT 1 / 0;")
    team.run("apply")
    assert team.states()["0002"] == "failed"

    assert team.run("repair", "0002").exit_code == 0

    assert team.states()["0002"] == "pending"


def test_an_index_that_the_server_finished_without_us_is_recorded(team: Team) -> None:
    team.run("apply", "--to", "0002")
    half_done(team)
    with team.database.connect() as connection:
        connection.execute("CREATE INDEX thing_name_idx ON thing (name)")

    outcome = team.run("repair", "0003")

    assert "recorded as applied" in outcome.stdout
    assert team.states()["0003"] == "applied"
    assert team.yoyo("list").stdout.splitlines()[-1].split()[:2] == ["A", "0003.index-thing"]


def test_a_half_done_index_that_is_not_there_is_settled_and_built_by_apply(team: Team) -> None:
    team.run("apply", "--to", "0002")
    half_done(team)

    outcome = team.run("repair", "0003")

    assert "settled: the index thing_name_idx is missing" in outcome.stdout
    assert team.states()["0003"] == "pending"
    assert team.run("apply").exit_code == 0


def test_nothing_is_adopted_without_evidence(team: Team) -> None:
    with team.database.connect() as connection:
        connection.execute("CREATE TABLE thing (other int)")

    outcome = team.run("repair", "0001", "--adopt")

    assert outcome.exit_code == 3
    assert team.states()["0001"] == "pending"


def test_tables_made_by_hand_are_adopted_when_the_catalog_is_as_the_migration_makes_it(team: Team) -> None:
    assert team.run("verify", "--write").exit_code == 0
    with team.database.connect() as connection:
        connection.execute("CREATE TABLE thing (id bigint PRIMARY KEY, name text)")
        connection.execute("CREATE INDEX thing_name_idx ON thing (name)")

    outcome = team.run("repair", "0001", "--adopt")

    assert outcome.exit_code == 0, outcome
    assert team.history() == [("0001", "adopt", "done")]
    assert team.states() == {"0001": "applied", "0002": "pending", "0003": "pending"}
    assert team.run("apply").exit_code == 0


def test_tables_without_a_record_are_half_done_and_apply_leaves_them_to_the_evidence(team: Team) -> None:
    assert team.run("verify", "--write").exit_code == 0
    with team.database.connect() as connection:
        connection.execute("CREATE TABLE thing (id bigint PRIMARY KEY, name text)")
        assert team.states() == {"0001": "half_done", "0002": "pending", "0003": "pending"}
        assert "0001.make-thing --adopt records it" in team.run("status").stderr

        outcome = team.run("apply")

        assert outcome.exit_code == 3
        assert "what 0001.make-thing builds is there already, exactly, and is not recorded" in outcome.stderr
        assert value(connection, "SELECT to_regclass('_yoyo_migration')") is None
    assert team.run("repair", "0001", "--adopt").exit_code == 0
    assert team.run("apply").exit_code == 0


def test_tables_that_differ_are_not_adopted_and_every_difference_is_named(team: Team) -> None:
    assert team.run("verify", "--write").exit_code == 0
    with team.database.connect() as connection:
        connection.execute("CREATE TABLE thing (id bigint, name varchar(20), more int, CHECK (more > 0))")
    named = [
        "changed: column thing.id: bigint instead of bigint NOT NULL",
        "changed: column thing.name: character varying(20) instead of text",
        "missing: constraint thing.thing_pkey",
        "extra: column thing.more",
        "extra: constraint thing.thing_more_check",
    ]

    for outcome in (team.run("apply"), team.run("repair", "0001", "--adopt")):
        assert outcome.exit_code == 3
        assert "in 5 places" in outcome.stderr
        assert [line for line in named if f"hint: {line}\n" not in outcome.stderr] == []
    assert team.states()["0001"] == "pending"
    assert "are not as it builds them" in team.run("status").stderr


def test_what_a_rollback_left_on_purpose_is_not_taken_for_made_by_hand(team: Team) -> None:
    team.migration(
        "0001.make-thing", "CREATE TABLE IF NOT EXISTS thing (id bigint PRIMARY KEY, name text);", "SELECT 1;"
    )
    assert team.run("verify", "--write").exit_code == 0
    team.run("apply", "--to", "0001")
    assert team.run("rollback", "--yes").exit_code == 0

    assert team.run("apply", "--to", "0001").exit_code == 0


def test_an_index_of_that_name_on_another_table_is_not_taken_for_the_finished_one(team: Team) -> None:
    team.run("apply", "--to", "0002")
    half_done(team)
    with team.database.connect() as connection:
        connection.execute("CREATE TABLE other (name text); CREATE INDEX thing_name_idx ON other (name)")

    assert "an index thing_name_idx is there, and it is not the one the file builds" in team.run("status").stderr
    assert "settled: the index thing_name_idx is different" in team.run("repair", "0003").stdout
    assert team.states()["0003"] == "pending"


def test_a_migration_that_only_writes_rows_cannot_be_adopted(team: Team) -> None:
    assert team.run("verify", "--write").exit_code == 0
    team.run("apply", "--to", "0001")

    outcome = team.run("repair", "0002", "--adopt")

    assert outcome.exit_code == 3
    assert "builds nothing that the catalog shows" in outcome.stderr


def half_done(team: Team) -> None:
    """As a killed client leaves it."""
    with team.database.connect() as connection:
        connection.execute(
            "INSERT INTO schedtool_history (migration, operation, outcome, started_at, tool_version)"
            " VALUES ('0003.index-thing', 'apply', 'started', now(), '0')"
        )
