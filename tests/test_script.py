"""`schedtool script`: one plain script that psql runs to the same end as `schedtool apply`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from schedtool import project
from tests import small_project
from tests.journey import things
from tests.known import all_documents
from tests.servers import run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Psql, RunCli
    from tests.servers import Database, Outcome, Server
    from tests.small_project import Small

STOP = ("-q", "-v", "ON_ERROR_STOP=1")


@pytest.fixture
def small(tmp_path: Path) -> Small:
    made = small_project.make(tmp_path)
    made.write(
        "migrations/0003.more.sql",
        """
        -- A comment, and trailing blanks that a string keeps.
        /* over
           lines */
        INSERT INTO copied (item_id, name)
        VALUES (1000, E'two  \\n  lines'), (1001, 'three

          lines  \t
        -- no comment'), (1002, $migration1$ $$ $migration1$);
        """,
    )
    made.write("migrations/0003.more.rollback.sql", "DELETE FROM copied WHERE item_id >= 1000;")
    made.write("migrations/contract/0004.drop.sql", "DROP TABLE item;")
    return made


@pytest.fixture
def items(empty_database: Database) -> Database:
    with empty_database.connect() as connection:
        small_project.make_items(connection, 25)
    return empty_database


@pytest.fixture
def other(server: Server) -> Iterator[Database]:
    """A second database, with the same items."""
    database = server.create()
    with database.connect() as connection:
        small_project.make_items(connection, 25)
    yield database
    server.drop(database.name)


@pytest.fixture
def corpora(server: Server) -> Iterator[tuple[Database, Database]]:
    """Two databases with every document of the corpus that JSONB takes."""
    pair = server.create(), server.create()
    documents = [[known.text] for known in all_documents() if known.jsonb]
    for database in pair:
        database.make_parents()
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO providers (availability) VALUES (%s)", documents)
    yield pair
    for database in pair:
        server.drop(database.name)


@pytest.fixture
def run_script(psql: Psql, tmp_path: Path) -> Callable[[Database, str], Outcome]:
    def run(database: Database, text: str) -> Outcome:
        file = tmp_path / "script.sql"
        file.write_text(text, encoding="utf-8")
        return psql(database, *STOP, file=file)

    return run


def uncommented(text: str) -> str:
    """The text as an editor leaves it whose user has taken one comment mark off every line behind the rule."""
    head, mark, commented = text.partition("\n-- -- ====")
    return head + re.sub(r"^-- ?", "", mark + commented, flags=re.MULTILINE)


def rows(database: Database, table: str = "copied") -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1".encode()).fetchall()


def records(database: Database) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return connection.execute(
            "SELECT migration_hash, migration_id, operation, outcome, checksum, content, "
            "h.applied_at = y.applied_at_utc AT TIME ZONE 'UTC' "
            "FROM _yoyo_migration AS y JOIN schedtool_history AS h ON h.migration = y.migration_id ORDER BY migration"
        ).fetchall()


def shape(database: Database) -> list[tuple[object, ...]]:
    """Columns and indexes of the tables of yoyo and of the tool."""
    with database.connect() as connection:
        return connection.execute(
            "SELECT attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod), attnotnull, "
            "pg_get_expr(adbin, adrelid) FROM pg_attribute "
            "LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
            "WHERE attrelid::regclass::text ~ '^(_?yoyo|schedtool)_' AND attnum > 0 "
            "ORDER BY attrelid::regclass::text, attnum"
        ).fetchall()


def test_the_shipped_script_is_what_the_command_writes(run_cli: RunCli) -> None:
    written = (project.shipped() / "sql" / "CREATE_PROVIDER_TABLES.sql").read_text(encoding="utf-8")

    assert run_cli("script").stdout == written


def test_the_shipped_script_uncommented_leaves_the_same_rows_as_apply_on_the_corpus(
    corpora: tuple[Database, Database], run_cli: RunCli, run_script: Callable[[Database, str], Outcome]
) -> None:
    by_script, by_apply = corpora
    outcome = run_script(by_script, uncommented(run_cli("script").stdout))
    assert outcome.exit_code == 0, outcome
    applied = run_cli("apply", "--database", by_apply.url)
    assert applied.exit_code == 0, applied

    assert len(week_rows(by_script)) > 100
    assert week_rows(by_script) == week_rows(by_apply)


def test_the_shipped_script_with_records_leaves_what_apply_leaves_and_nothing_more_the_second_time(
    corpora: tuple[Database, Database], run_cli: RunCli, run_script: Callable[[Database, str], Outcome]
) -> None:
    by_script, by_apply = corpora
    text = run_cli("script", "--records").stdout
    outcome = run_script(by_script, text)
    assert outcome.exit_code == 0, outcome
    assert run_cli("apply", "--database", by_apply.url).exit_code == 0

    assert len(week_rows(by_script)) > 100
    assert week_rows(by_script) == week_rows(by_apply)
    assert records(by_script) == records(by_apply)
    assert things(by_script) == things(by_apply)
    assert shape(by_script) == shape(by_apply)
    assert run_cli("status", "--check", "--database", by_script.url).exit_code == 0

    before = week_rows(by_script), things(by_script), records(by_script)
    again = run_script(by_script, text)
    assert again.exit_code == 0, again
    assert (week_rows(by_script), things(by_script), records(by_script)) == before


def week_rows(database: Database) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return connection.execute(
            "SELECT provider_id, day_of_week, is_available, start_time::text, end_time::text, timezone "
            "FROM provider_availability ORDER BY provider_id, day_of_week"
        ).fetchall()


def test_the_first_migration_is_live_the_others_are_commented_out_and_what_destroys_is_missing(
    small: Small, run_cli: RunCli
) -> None:
    answer = json.loads(run_cli("script", "--project", small.root, "--format", "json").stdout)
    text = run_cli("script", "--project", small.root).stdout

    assert answer == {
        "command": "script",
        "live": ["0001.make-copied"],
        "commented": ["0002.fill-copied", "0003.more"],
        "script": text,
        "ok": True,
    }
    behind = text[text.index("\n-- -- ====") + 1 :]
    assert all(line.startswith("-- ") or line == "--" for line in behind.splitlines())
    assert "DROP TABLE item" not in text


def test_as_it_is_it_only_makes_the_tables(
    small: Small, items: Database, run_cli: RunCli, run_script: Callable[[Database, str], Outcome]
) -> None:
    outcome = run_script(items, run_cli("script", "--project", small.root).stdout)

    assert (outcome.exit_code, rows(items)) == (0, [])


def test_uncommented_it_leaves_the_same_rows_as_the_migrations(
    small: Small, items: Database, run_cli: RunCli, run_script: Callable[[Database, str], Outcome], psql: Psql
) -> None:
    outcome = run_script(items, uncommented(run_cli("script", "--project", small.root).stdout))
    by_script = rows(items)
    with items.connect() as connection:
        connection.execute("DROP TABLE copied")
    for migration in small.load().migrations[:3]:
        psql(items, *STOP, file=migration.path)

    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert len(by_script) > 3
    assert by_script == rows(items)


def test_the_line_for_sed_in_its_head_takes_the_comments_off(
    small: Small, items: Database, run_cli: RunCli, psql: Psql, tmp_path: Path
) -> None:
    text = run_cli("script", "--project", small.root).stdout
    file = tmp_path / "script.sql"
    file.write_text(text, encoding="utf-8")
    (expression,) = re.findall(r"sed '(.*)' FILE", text)
    stripped = run_program("sed", expression, file).stdout

    assert stripped == uncommented(text)
    assert psql(items, *STOP, stdin=stripped).exit_code == 0
    assert len(rows(items)) > 3


def test_a_failure_half_way_leaves_nothing_of_that_migration(
    small: Small, items: Database, run_cli: RunCli, psql: Psql, tmp_path: Path
) -> None:
    small.write("migrations/0003.more.sql", "INSERT INTO copied VALUES (1000, 'x');\nSELECT 1 / 0;")
    file = tmp_path / "script.sql"
    file.write_text(uncommented(run_cli("script", "--project", small.root).stdout), encoding="utf-8")
    # Without ON_ERROR_STOP, as in a client that just goes on.
    psql(items, file=file)

    assert 0 < len(rows(items)) < 1000
    assert (1000, "x") not in rows(items)


def test_up_to_a_migration_everything_is_live_and_nothing_follows(small: Small, run_cli: RunCli) -> None:
    answer = json.loads(run_cli("script", "--to", "0002", "--project", small.root, "--format", "json").stdout)
    contract = json.loads(run_cli("script", "--to", "0004", "--project", small.root, "--format", "json").stdout)

    assert (answer["live"], answer["commented"]) == (["0001.make-copied", "0002.fill-copied"], [])
    assert contract["live"][-1] == "0004.drop"
    assert "0003" not in answer["script"]


def test_an_unknown_migration_is_named(small: Small, run_cli: RunCli) -> None:
    outcome = run_cli("script", "--to", "0009", "--project", small.root)

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("schedtool: error: no migration '0009'\n")


def test_another_schema_is_searched_by_the_script_too(
    small: Small, items: Database, run_cli: RunCli, run_script: Callable[[Database, str], Outcome]
) -> None:
    with items.connect() as connection:
        connection.execute('CREATE SCHEMA "Odd ""one"; ALTER TABLE item SET SCHEMA "Odd ""one"')
    text = run_cli("script", "--to", "0002", "--project", small.root, "--schema", 'Odd "one').stdout

    assert run_script(items, text).exit_code == 0
    assert len(rows(items, '"Odd ""one".copied')) > 3


def test_with_records_it_leaves_what_apply_leaves(
    small: Small,
    items: Database,
    other: Database,
    run_cli: RunCli,
    run_script: Callable[[Database, str], Outcome],
) -> None:
    outcome = run_script(items, run_cli("script", "--records", "--project", small.root).stdout)
    assert outcome.exit_code == 0, outcome
    applied = run_cli("apply", "--project", small.root, "--database", other.url)
    assert applied.exit_code == 0, applied

    assert rows(items) == rows(other)
    assert records(items) == records(other)
    assert shape(items) == shape(other)


def test_with_records_it_changes_nothing_the_second_time(
    small: Small, items: Database, run_cli: RunCli, run_script: Callable[[Database, str], Outcome]
) -> None:
    text = run_cli("script", "--records", "--project", small.root).stdout
    run_script(items, text)
    before = rows(items), records(items)
    with items.connect() as connection:
        connection.execute("DELETE FROM copied WHERE item_id = 1")
    outcome = run_script(items, text)

    assert outcome.exit_code == 0
    assert "0003.more is recorded already" in outcome.stdout
    assert (1, "x") not in rows(items)
    assert records(items) == before[1]


def test_with_records_a_failing_migration_is_not_recorded(
    small: Small, items: Database, run_cli: RunCli, run_script: Callable[[Database, str], Outcome]
) -> None:
    small.write("migrations/0003.more.sql", "INSERT INTO copied VALUES (1000, 'x');\nSELECT 1 / 0;")
    outcome = run_script(items, run_cli("script", "--records", "--project", small.root).stdout)

    assert outcome.exit_code == 3
    assert [row[1] for row in records(items)] == ["0001.make-copied", "0002.fill-copied"]
    assert (1000, "x") not in rows(items)


def test_with_records_it_keeps_away_while_schedtool_is_at_work(
    small: Small, items: Database, run_cli: RunCli, run_script: Callable[[Database, str], Outcome]
) -> None:
    from schedtool import database, lock  # noqa: PLC0415 the lock brings yoyo with it

    text = run_cli("script", "--records", "--project", small.root).stdout
    with (
        database.connect(database.Target(items.conninfo), application="test") as connection,
        lock.locked(connection, wait=0, notify=print),
    ):
        outcome = run_script(items, text)

    assert outcome.exit_code == 3
    assert "another schedtool is at work on schema public" in outcome.stderr
    assert records(items) == []


def test_with_records_what_cannot_run_in_a_transaction_is_refused(small: Small, run_cli: RunCli) -> None:
    small.write("migrations/0005.index.sql", "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON copied (name);")
    refused = run_cli("script", "--records", "--project", small.root)

    assert refused.exit_code == 2
    assert "0005.index cannot run in a transaction" in refused.stderr
    assert run_cli("script", "--records", "--to", "0003", "--project", small.root).exit_code == 0
    plain = run_cli("script", "--to", "0005", "--project", small.root).stdout
    assert not plain.rstrip().endswith("COMMIT;")
