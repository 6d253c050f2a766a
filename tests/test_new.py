"""`schedtool new`: numbered files that say what is to be said, and refuse to run until they are written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from schedtool import project, scaffold
from tests import small_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Psql, RunCli
    from tests.servers import Database


def test_a_new_migration_gets_the_next_number_and_a_rollback(tmp_path: Path, run_cli: RunCli) -> None:
    small_project.make(tmp_path).write("migrations/contract/0007.drop.sql", "SELECT 1;")
    outcome = run_cli("new", "add-invoices", "--project", tmp_path)

    assert outcome.exit_code == 0
    assert outcome.stdout.split() == [
        str(tmp_path / "migrations/0008.add-invoices.sql"),
        str(tmp_path / "migrations/0008.add-invoices.rollback.sql"),
    ]
    made = project.load(tmp_path).find("0008")
    assert (made.id, made.contract) == ("0008.add-invoices", False)
    assert made.rollback is not None
    for text in (made.text, made.rollback):
        assert "-- Locks:" in text
        assert "-- psql -X -v ON_ERROR_STOP=1 -f migrations/0008.add-invoices" in text


def test_the_first_migration_makes_its_folder(tmp_path: Path, run_cli: RunCli) -> None:
    answer = json.loads(run_cli("--format", "json", "--project", tmp_path, "new", "first").stdout)

    assert (answer["id"], answer["ok"]) == ("0001.first", True)
    assert [migration.id for migration in project.load(tmp_path).migrations] == ["0001.first"]


def test_numbers_keep_the_width_that_is_there(tmp_path: Path) -> None:
    small_project.make(tmp_path).write("migrations/20240131_02.x.sql", "SELECT 1;")

    assert scaffold.new(tmp_path, "next").id == "20240132.next"


def test_what_is_not_written_refuses_to_run(
    tmp_path: Path, psql: Psql, empty_database: Database, run_cli: RunCli
) -> None:
    created = run_cli("new", "first", "--project", tmp_path).stdout.split()
    for path in created:
        outcome = psql(empty_database, "-v", "ON_ERROR_STOP=1", file=tmp_path / path)

        assert outcome.exit_code == 3
        assert "is not written yet" in outcome.stderr


@pytest.mark.parametrize(
    "name", ["", "Upper", "under_score", "two words", "../up", "a/b", "-a", "a-", "a--b", "1st", "ä", "a" * 61, "a.sql"]
)
def test_a_bad_name_is_refused_and_nothing_is_written(tmp_path: Path, run_cli: RunCli, name: str) -> None:
    outcome = run_cli("new", "--project", tmp_path, "--", name)

    assert outcome.exit_code == 2
    assert outcome.stderr.startswith(f"schedtool: error: '{name}' is no name for a migration\nhint: ")
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_project_is_not_to_be_added_to(run_cli: RunCli) -> None:
    outcome = run_cli("new", "mine")

    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("schedtool: error: new needs --project DIR\n")


def test_a_project_that_is_not_there_is_no_place_for_a_migration(tmp_path: Path, run_cli: RunCli) -> None:
    outcome = run_cli("new", "mine", "--project", tmp_path / "typo")

    assert outcome.exit_code == 2
    assert not (tmp_path / "typo").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "migrations").write_text("a file where the folder should be", encoding="utf-8")
    outcome = run_cli("new", "mine", "--project", tmp_path)

    assert outcome.exit_code == 1
    assert outcome.stderr == f"schedtool: error: {tmp_path / 'migrations'} cannot be written: File exists\n"
