"""`schedtool query`: read-only unless the file says otherwise, values bound as psql binds them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests import small_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Psql, RunCli
    from tests.servers import Database, Outcome


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a few queries."""
    small = small_project.make(tmp_path)
    small.write(
        "sql/queries/add.sql",
        """
        -- Adds two numbers.
        SELECT :'a'::int + :'b'::int AS sum;
        """,
    )
    small.write("sql/queries/note.sql", "-- writes: note\nINSERT INTO note VALUES (:'text') RETURNING text;")
    small.write("sql/queries/sneak.sql", "INSERT INTO note VALUES ('sneaked');")
    small.write("sql/queries/quiet.sql", "-- writes: note\nDELETE FROM note;")
    small.write(
        "sql/queries/types.sql",
        """
        SELECT 1 AS id, 2::bigint AS id, gen_random_uuid() AS uuid, 150.00::numeric(12, 2) AS amount,
            timestamptz '2024-01-15 10:00:00+02' AS at, date '2024-01-15' AS day, time '09:00' AS start,
            '{"a": [1]}'::jsonb AS document, NULL AS nothing, true AS yes, 'NaN'::float8 AS nan,
            '\\x01'::bytea AS bytes, 12345678901234567890.12345678901234567890 AS long;
        """,
    )
    small.write("sql/queries/evil.sql", "SELECT E'\\x1b[31mred\\nline\\u202e' AS text;")
    return small.root


@pytest.fixture
def query(root: Path, empty_database: Database, run_cli: RunCli) -> RunCli:
    """Run `schedtool query` on the project, with a table `note` to write to."""
    with empty_database.connect() as connection:
        connection.execute("CREATE TABLE note (text text)")

    def run(*arguments: str | Path, **given: object) -> Outcome:
        assert not given
        return run_cli("--project", root, "--database", empty_database.url, "query", *arguments)

    return run


def notes(database: Database) -> list[str]:
    with database.connect() as connection:
        return [row[0] for row in connection.execute("SELECT text FROM note")]


def test_without_a_name_the_queries_are_listed_without_a_database(root: Path, run_cli: RunCli) -> None:
    text = run_cli("--project", root, "query")
    answer = json.loads(run_cli("--project", root, "query", "--format", "json").stdout)

    assert text.exit_code == 0
    assert text.stdout.split("\n")[:2] == [
        "query  parameters  writes  what it does",
        "add    a b         no      Adds two numbers.",
    ]
    assert answer["queries"][1] == {"name": "evil", "parameters": [], "writes": False, "description": ""}
    assert answer["ok"] is True


def test_the_answer_is_a_table_and_the_count_is_news(query: RunCli) -> None:
    outcome = query("add", "a=1", "b=2")

    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "sum\n3\n", "1 row\n")


def test_values_in_json_have_their_own_type(query: RunCli) -> None:
    answer = json.loads(query("types", "--format", "json").stdout)
    (row,) = answer["rows"]

    assert (answer["command"], answer["ok"]) == ("query", True)
    assert len(row.pop("uuid")) == 36
    assert row == {
        "id": 1,
        "id_2": 2,
        "amount": 150,
        "at": "2024-01-15T08:00:00Z",
        "day": "2024-01-15",
        "start": "09:00:00",
        "document": {"a": [1]},
        "nothing": None,
        "yes": True,
        "nan": "nan",
        "bytes": "\\x01",
        "long": "12345678901234567890.12345678901234567890",
    }


def test_a_query_that_does_not_say_it_writes_cannot(query: RunCli, empty_database: Database) -> None:
    outcome = query("sneak")

    assert outcome.exit_code == 1
    assert "cannot execute INSERT in a read-only transaction" in outcome.stderr
    assert "-- writes:" in outcome.stderr
    assert notes(empty_database) == []


def test_a_query_that_says_it_writes_does(query: RunCli, empty_database: Database) -> None:
    outcome = query("note", "text=it's; DROP TABLE note; --")

    assert outcome.stdout == "text\nit's; DROP TABLE note; --\n"
    assert notes(empty_database) == ["it's; DROP TABLE note; --"]


def test_a_query_without_rows_says_what_it_did(query: RunCli) -> None:
    query("note", "text=a")

    assert query("quiet").stdout == "DELETE 1\n"
    assert json.loads(query("quiet", "--format", "json").stdout) == {"command": "query", "rows": [], "ok": True}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "no query 'nothing'\nhint: there are add, evil, note, quiet, sneak, types"),
        (["add"], "the query 'add' needs a, b\nhint: it takes a=… b=…"),
        (["add", "a=1", "b=2", "c=3"], "the query 'add' does not take c\nhint: it takes a=… b=…"),
        (["types", "a=1"], "the query 'types' does not take a\nhint: it takes no parameters"),
        (["add", "a", "b=1"], "'a' is not KEY=VALUE"),
        (["add", "a=1", "a=2"], "a is given twice"),
    ],
)
def test_a_wrong_call_is_one_line_that_lists_what_there_is(
    root: Path, run_cli: RunCli, arguments: list[str], said: str
) -> None:
    # No database is given: a slip in the call is found before one is looked for.
    outcome = run_cli("--project", root, "query", *arguments)

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr == f"schedtool: error: {said}\n"


def test_a_value_that_does_not_fit_is_told_with_file_and_line(query: RunCli) -> None:
    outcome = query("add", "a=1", "b=two")

    assert outcome.exit_code == 1
    assert outcome.stderr.startswith(
        'schedtool: error: sql/queries/add.sql:2: invalid input syntax for type integer: "two" (22P02)\n'
    )


def test_terminal_escapes_in_data_do_not_reach_the_terminal(query: RunCli) -> None:
    assert query("evil").stdout == "text\n\\x1b[31mred\\nline\\u202e\n"
    assert "\x1b" not in query("evil", "--format", "json").stdout


def test_psql_runs_the_same_file_to_the_same_answer(
    query: RunCli, root: Path, psql: Psql, empty_database: Database
) -> None:
    text = "zwölf 'quotes' \\ and ; -- more"
    query("note", f"text={text}")
    psql(empty_database, file=root / "sql/queries/note.sql", variables={"text": text})

    assert notes(empty_database) == [text, text]


def test_another_schema_is_the_only_one_searched(
    root: Path, empty_database: Database, run_cli: RunCli, query: RunCli
) -> None:
    query("note", "text=in public")
    with empty_database.connect() as connection:
        connection.execute("CREATE SCHEMA other")
    outcome = run_cli(
        "query", "note", "text=x", "--project", root, "--database", empty_database.url, "--schema", "other"
    )

    assert 'relation "note" does not exist' in outcome.stderr
    assert notes(empty_database) == ["in public"]
