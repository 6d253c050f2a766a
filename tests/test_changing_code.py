"""The README's "Changing your code": every statement in it is run, and the new one does what the old one did."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.journey import Journey, execute, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from tests.conftest import RunCli
    from tests.servers import Database

DAY = '{"start": "09:00", "end": "17:00", "available": true}'
WEEKS = (
    f'{{"monday": {DAY}, "tuesday": {DAY}, "friday": {DAY}, "note": "kept"}}',
    '{"monday": {"start": "10:00", "end": "12:00"}, "timezone": "Europe/Paris"}',
    '{"monday": {"available": false, "start": "09:00", "end": "17:00"}}',
    '{"monday": {"start": "08:00", "end": "11:30"}}',
)
ROWS = (
    "SELECT provider_id, day_of_week, is_available, CASE WHEN is_available THEN start_time END,"
    " CASE WHEN is_available THEN end_time END, timezone FROM provider_availability ORDER BY 1, 2"
)


class Pair(NamedTuple):
    """What was written before, and what is written now."""

    name: str
    before: str
    now: str


def section(title: str) -> str:
    """A section of the README, without those below it."""
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,3}} (?!#)|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found is not None, title
    return found[2]


def blocks(title: str) -> list[str]:
    """The SQL of a section."""
    return re.findall(r"^```sql\n(.*?)^```$", section(title), re.DOTALL | re.MULTILINE)


def pairs() -> list[Pair]:
    found = []
    for block in blocks("Changing your code"):
        parts = re.fullmatch(r"-- before: ([^\n]*)\n(.*?)-- now[^\n]*\n(.*)", block, re.DOTALL)
        assert parts is not None, block
        found.append(Pair(*parts.groups()))
    return found


@pytest.fixture
def app(database: Database, run_cli: RunCli) -> Iterator[Database]:
    """Four providers with weeks; at the end every document equals its rows."""
    for number, week in enumerate(WEEKS, 1):
        execute(database, f"INSERT INTO providers (id, availability) VALUES ({number}, '{week}')")
    yield database
    assert Journey(run_cli, database).failing("counts", "parity") == []


def run(connection: psycopg.Connection[Any], text: str) -> list[Any]:
    """Run statements in one message; return the last result."""
    cursor = connection.execute(text.encode())
    while cursor.nextset():
        pass
    return cursor.fetchall() if cursor.description else []


def test_the_section_tells_all_that_an_application_does_with_the_column() -> None:
    assert [pair.name.partition(";")[0].partition(",")[0] for pair in pairs()] == [
        "read a week",
        "change a day",
        "change one time of a day",
        "close a day",
        "take a day out",
        "write a whole week",
        "search by day and time",
        "delete a provider",
        "import in bulk",
    ]


@pytest.mark.parametrize("pair", pairs(), ids=[pair.name.partition(";")[0] for pair in pairs()])
def test_the_statement_now_does_what_the_one_before_did(app: Database, pair: Pair) -> None:
    with app.connect(autocommit=False) as connection:
        unchanged = run(connection, ROWS)
        answered = run(connection, pair.before)
        written = run(connection, ROWS)
        connection.rollback()
        answers = run(connection, pair.now)
        connection.commit()

        assert run(connection, ROWS) == written
        if pair.before.startswith("SELECT"):
            assert written == unchanged
        else:
            assert written != unchanged
    if pair.name.startswith("search"):
        assert answers == answered == [(1,), (4,)]
    if pair.name.startswith("read"):
        # Monday, Tuesday and Friday of the document, in the order of the week.
        assert [(day, str(start)[:5]) for day, _, start, *_ in answers] == [
            (day, answered[0][0][day]["start"]) for day in ("monday", "tuesday", "friday")
        ]


def test_the_statements_go_on_working_after_the_drop(app: Database, run_cli: RunCli) -> None:
    expected = []
    with app.connect(autocommit=False) as connection:
        for pair in pairs():
            run(connection, pair.now)
        expected = run(connection, ROWS)
        connection.rollback()
    Journey(run_cli, app).do("apply", "--contract", "--yes")

    with app.connect() as connection:
        for pair in pairs():
            run(connection, pair.now)
        assert run(connection, ROWS) == expected
    # What was written since is in the documents that come back, and in the rows.
    Journey(run_cli, app).do("rollback", "--yes")
    assert rows(app, ROWS) == expected


def test_the_statements_that_stop_and_mend_are_those_of_the_emergency(database: Database, run_cli: RunCli) -> None:
    stops, mends = blocks("Stopping the sync in an emergency")
    nine, ten = '{"monday": "09:00-17:00"}', '{"monday": "10:00-17:00"}'
    execute(
        database,
        f"INSERT INTO providers (id, availability) SELECT n, '{nine}' FROM generate_series(1, 1200) AS n",
        stops,
        f"UPDATE providers SET availability = '{ten}'",
    )
    assert rows(database, "SELECT DISTINCT start_time::text FROM provider_availability") == [("09:00:00",)]
    Journey(run_cli, database).run("backfill")
    mended = []
    with database.connect() as connection:
        while settled := run(connection, mends):
            mended.append(len(settled))

    assert mended == [500, 500, 200]
    assert rows(database, "SELECT DISTINCT start_time::text FROM provider_availability") == [("10:00:00",)]
    assert Journey(run_cli, database).failing("counts", "parity") == []
