"""What is done range by range touches the range's rows and no others, however many there are: the plans are read.

The plans are those of the very statements of the files, as the server ran them (auto_explain).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from schedtool.database import run
from schedtool.project import load
from tests.benchmarks import place
from tests.journey import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from tests.servers import Database

DOCUMENTS = 6_000
RANGE = {"first": "3001", "last": "3060"}
OTHERS = {
    "settings": "{}",
    "sqlstate": "23514",
    "message": "no",
    "rejects": '[["3001", "bare_number", "9"]]',
    "candidates": '[{"setting": "numbers", "reasons": ["bare_number"], "change": {"numbers": "hours"}}]',
}
TABLES = ("providers", "provider_availability", "provider_availability_rejects")
KEYS = ("id", "provider_id")
FILES = [
    file
    for folder in ("batches", "dry_run", "verify")
    for file in load(None).folder(folder)
    if file.keys is not None and not str(file.migration).startswith("0004")
]


@pytest.fixture(params=["analyzed", "without statistics"])
def filled(request: pytest.FixtureRequest, database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection that tells the plans of what it runs; documents, rows, and rejects of which some are stale."""
    execute(database, *(f"ALTER TABLE {table} SET (autovacuum_enabled = off)" for table in TABLES))
    with database.connect() as connection:
        # The triggers would do, document by document, what one statement does here.
        connection.execute("SET session_replication_role = replica")
        run(connection, place.text("documents.common"), {"documents": str(DOCUMENTS)})
        run(connection, place.text("plain"))
        connection.execute(
            "INSERT INTO provider_availability_rejects (provider_id, path, value, reason, document_hash, stale)"
            " SELECT p.id, '$', '', 'text', md5(p.availability::text), true FROM providers AS p WHERE p.id % 2 = 0"
        )
        connection.execute("SET session_replication_role = origin")
        if request.param == "analyzed":
            connection.execute("ANALYZE")
        connection.execute(
            "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_format = json;"
            "SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; SET client_min_messages = log"
        )
        yield connection


def plans(connection: psycopg.Connection[Any], text: str, values: dict[str, str]) -> list[dict[str, Any]]:
    """Run a file, take back what it did, and return the plans of its statements."""
    told: list[dict[str, Any]] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        _, mark, plan = (diagnostic.message_primary or "").partition("plan:\n")
        if mark:
            told.append(json.loads(plan)["Plan"])

    connection.add_notice_handler(note)
    try:
        connection.execute("BEGIN")
        run(connection, text, values)
    finally:
        connection.execute("ROLLBACK")
        connection.remove_notice_handler(note)
    return told


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def strays(plans: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Scans of our tables that are not by the range's keys: table and kind."""
    found = []
    for plan in plans:
        for node in nodes(plan):
            if node.get("Relation Name") not in TABLES or "Scan" not in node["Node Type"] or node["Actual Loops"] == 0:
                continue
            # The condition of a bitmap scan is its own, that of the index scan below it is looked up by.
            by = node.get("Index Cond") or node.get("Recheck Cond") or ""
            if not any(f"{key} " in by for key in KEYS):
                found.append((node["Relation Name"], node["Node Type"]))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.folder} {file.name}")
def test_a_file_reads_its_range_by_key(filled: psycopg.Connection[Any], file: Any) -> None:  # noqa: ANN401 - a parameter
    values = {name: {**RANGE, **OTHERS}[name] for name in file.parameters}
    told = plans(filled, file.text, values)
    assert any(node.get("Relation Name") in TABLES for plan in told for node in nodes(plan)), "it reads nothing"
    assert strays(told) == []
    assert not any(node["Node Type"] == "Gather" for plan in told for node in nodes(plan))
    # Nor is more read of them than a few times the range's rows, whatever the plan calls it.
    rows = max(node["Actual Rows"] * node["Actual Loops"] for plan in told for node in nodes(plan) if on_table(node))
    assert rows <= 60 * 7 * 7


def on_table(node: dict[str, Any]) -> bool:
    return node.get("Relation Name") in TABLES


def later_strays(connection: psycopg.Connection[Any], text: str) -> list[tuple[str, str]]:
    """Scans beside the keys of a batch that was planned while its table was empty, and runs when that is full."""
    connection.execute("CREATE TABLE kept AS SELECT * FROM provider_availability")
    connection.execute("SET session_replication_role = replica")
    connection.execute("DELETE FROM provider_availability_rejects")
    connection.execute("DELETE FROM provider_availability")
    connection.execute("VACUUM ANALYZE")
    plans(connection, text, {**RANGE, "settings": "{}"})
    connection.execute("INSERT INTO provider_availability SELECT * FROM kept")
    connection.execute("SET session_replication_role = origin")
    return strays(plans(connection, text, {**RANGE, "settings": "{}"}))


def test_a_batch_that_was_planned_for_an_empty_table_reads_its_range_by_key_when_that_is_full(
    filled: psycopg.Connection[Any],
) -> None:
    [file] = [one for one in FILES if one.folder == "batches" and one.part is None]
    assert later_strays(filled, file.text) == []


def test_a_batch_that_may_scan_goes_on_reading_all_of_a_table(filled: psycopg.Connection[Any]) -> None:
    [file] = [one for one in FILES if one.folder == "batches" and one.part is None]
    careless = file.text.replace(", set_config('enable_seqscan', 'off', true)", "")
    assert careless != file.text
    assert later_strays(filled, careless) != []


def test_without_its_key_a_range_is_read_by_looking_at_every_row(filled: psycopg.Connection[Any]) -> None:
    [file] = [one for one in FILES if one.folder == "verify" and str(one.migration).startswith("0003")]
    filled.execute(
        "ALTER TABLE provider_availability DROP CONSTRAINT provider_availability_provider_id_day_of_week_key"
    )
    values = {name: {**RANGE, **OTHERS}[name] for name in file.parameters}
    assert ("provider_availability", "Seq Scan") in strays(plans(filled, file.text, values))


def test_days_that_are_alike_are_read_once(filled: psycopg.Connection[Any]) -> None:
    file = next(one for one in FILES if one.folder == "dry_run" and one.part is None)
    told = plans(filled, file.text, {"first": "1", "last": "2000", "settings": "{}"})
    met = [node for plan in told for node in nodes(plan) if node["Node Type"] == "Memoize" and node["Actual Loops"]]
    days = max(met, key=lambda node: int(node["Cache Misses"]))
    # Forty starts and twenty lengths are eight hundred days at most, of fourteen thousand.
    assert days["Cache Misses"] <= 800
    assert days["Cache Hits"] >= 2000 * 7 - 800
