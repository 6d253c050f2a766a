"""Locks are measured statement by statement, never declared; the README's table of them is what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schedtool import project, trace
from schedtool.database import Target
from schedtool.project import shipped
from tests import lock_matrix
from tests.small_project import Small
from tests.team import Team, value

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database

PARENTS = """
    CREATE TABLE orders (id bigint PRIMARY KEY, state text);
    CREATE TABLE other (id bigint PRIMARY KEY);
"""


def traced(database: Database, root: Path, text: str) -> list[trace.Traced]:
    """What a migration of this text does, statement by statement."""
    small = Small(root)
    small.write("migrations/0001.x.sql", text)
    with database.connect() as connection:
        connection.execute(PARENTS)
    loaded = small.load()
    return list(trace.trace(Target(database.conninfo), loaded, loaded.migrations))


def locks(one: trace.Traced) -> list[str]:
    return [f"{lock.table} {lock.mode}" for lock in one.locks]


def test_each_statement_is_told_with_its_line_and_what_it_takes(empty_database: Database, tmp_path: Path) -> None:
    found = traced(
        empty_database,
        tmp_path,
        """
        CREATE TABLE made (id bigint REFERENCES other);
        ALTER TABLE made ADD COLUMN more int;

        ALTER TABLE orders ALTER COLUMN state TYPE varchar(9);
        DO $$ BEGIN
            EXECUTE format('ALTER TABLE %I ADD CONSTRAINT c CHECK (id > 0) NOT VALID', 'orders');
        END $$;
        SELECT count(*) FROM orders;
        """,
    )

    assert [one.line for one in found] == [1, 2, 4, 5, 8]
    # Tables that the file itself makes are nobody's yet.
    assert [dict(trace.strongest([one])) for one in found] == [
        {"other": "SHARE ROW EXCLUSIVE"},
        {},
        {"orders": "ACCESS EXCLUSIVE"},
        # It has that lock already.
        {},
        {"orders": "ACCESS SHARE"},
    ]
    assert [one.rewrites for one in found] == [(), (), ("orders",), (), ()]
    assert [one.unvalidated for one in found] == [(), (), (), ("orders.c",), ()]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("CREATE INDEX CONCURRENTLY i ON orders (state);", "orders SHARE UPDATE EXCLUSIVE"),
        ("REINDEX TABLE orders;", "orders SHARE"),
        ("VACUUM FULL orders;", "orders ACCESS EXCLUSIVE"),
    ],
)
def test_a_statement_outside_a_transaction_is_seen_with_its_locks_in_hand(
    empty_database: Database, tmp_path: Path, statement: str, expected: str
) -> None:
    (found,) = traced(empty_database, tmp_path, f"-- transactional: false\n{statement}")

    assert expected in locks(found)
    assert (found.rewrites == ("orders",)) == ("FULL" in statement)


def test_the_readme_says_the_locks_that_were_measured(empty_database: Database) -> None:
    empty_database.make_parents()

    assert (
        lock_matrix.matrix(lock_matrix.measure(Target(empty_database.conninfo), project.load(shipped())))
        == lock_matrix.written()
    ), "python -m tests.lock_matrix writes it anew"


def test_plan_runs_each_statement_on_a_copy_and_leaves_the_database_alone(
    empty_database: Database, tmp_path: Path, run_cli: RunCli
) -> None:
    team = Team(tmp_path, empty_database, run_cli)
    team.run("apply", "--to", "0001")
    team.migration("0002.fill-thing", "SELECT 1;\nALTER TABLE thing ADD COLUMN more text DEFAULT random()::text;")

    shown = team.run("plan", "--locks")
    planned = team.json("plan", "--locks")["migrations"]

    assert shown.exit_code == 0, shown
    assert "migrations/0002.fill-thing.sql:2" in shown.stdout
    assert "thing ACCESS EXCLUSIVE" in shown.stdout
    first = planned[0]["locks"][0]
    assert (first["table"], first["mode"], first["line"]) == ("thing", "ACCESS EXCLUSIVE", 2)
    assert planned[0]["rewrites"] == [{"table": "thing", "line": 2}]
    assert "SHARE UPDATE EXCLUSIVE" in [lock["mode"] for lock in planned[1]["locks"]]
    with empty_database.connect() as connection:
        assert value(connection, "SELECT count(*) FROM pg_attribute WHERE attname = 'more'") == 0
    assert team.states() == {"0001": "applied", "0002": "pending", "0003": "pending"}


def test_what_fails_on_the_copy_is_told_with_its_line(
    empty_database: Database, tmp_path: Path, run_cli: RunCli
) -> None:
    team = Team(tmp_path, empty_database, run_cli)
    team.migration("0002.fill-thing", "SELECT 1;\nSELECT 1 / 0;")

    outcome = team.run("plan", "--locks")

    assert outcome.exit_code == 1
    assert "migrations/0002.fill-thing.sql:2: division by zero" in outcome.stderr
