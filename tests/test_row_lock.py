"""The batches lock the rows of their providers before they read them; without that, ghosts stay behind.

A batch reads a document, an old writer then takes a day out of it and commits (its trigger finds no row yet to delete),
and the batch writes the day: a row that no document says. No ON CONFLICT clause can see it; only a lock on the row that
was read can. The order is forced here with two sessions, so that the test does not hang on luck.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from schedtool import database as db
from schedtool.project import load
from tests.clusters import wait_for
from tests.test_apply import wait_until

if TYPE_CHECKING:
    from psycopg import Connection

    from tests.servers import Database

SAID = '{"monday": {"start": "09:00", "end": "17:00"}, "tuesday": {"start": "09:00", "end": "17:00"}}'
LOCK = re.compile(
    r"SELECT count\(\*\)\nFROM \(\n    SELECT FROM providers AS p\n.*?\) AS locked;\n|FOR NO KEY UPDATE OF p\n",
    re.DOTALL,
)
"""Before the documents are read, and while they are: the second one is for whoever comes in between."""
PAUSE = "WITH documents AS MATERIALIZED ("


def batch() -> str:
    project = load(None)
    return project.sql_files("batches", project.find("0003"))[0].text


def slowly(text: str) -> str:
    """Let the batch wait between reading the documents and writing the rows."""
    parts = text.partition("inserted AS (\n    INSERT INTO")
    assert parts[1]
    return (
        parts[0]
        + "paused AS MATERIALIZED (SELECT pg_advisory_xact_lock(7) FROM (SELECT count(*) FROM days) AS all_days),\n"
        + parts[1]
        + parts[2].replace("FROM days AS n\n", "FROM days AS n\n    CROSS JOIN paused\n")
    )


def race(database: Database, text: str) -> list[tuple[Any, ...]]:
    """Run the batch while an old writer takes Tuesday out of the document; return the rows that no document says."""
    with database.connect() as old, database.connect() as gate, database.connect() as batches:
        old.execute("SET session_replication_role = replica")
        old.execute("INSERT INTO providers (id, availability) VALUES (1, %s)", (SAID,))
        old.execute("SET session_replication_role = origin")
        gate.execute("SELECT pg_advisory_lock(7)")
        runner = threading.Thread(target=run, args=(batches, text))
        runner.start()
        wait_until(gate, "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
        writer = threading.Thread(
            target=old.execute, args=("UPDATE providers SET availability = availability - 'tuesday' WHERE id = 1",)
        )
        writer.start()
        # It has committed; or it waits, for the lock that the batch holds.
        waiting = f"SELECT FROM pg_locks WHERE pid = {old.info.backend_pid} AND NOT granted".encode()
        wait_for(lambda: not writer.is_alive() or gate.execute(waiting).fetchone() is not None, "the writer")
        gate.execute("SELECT pg_advisory_unlock(7)")
        runner.join(timeout=30)
        writer.join(timeout=30)
        return gate.execute(
            "SELECT a.provider_id, a.day_of_week"
            " FROM provider_availability AS a JOIN providers AS p ON p.id = a.provider_id"
            " WHERE NOT p.availability ? a.day_of_week"
        ).fetchall()


def run(connection: Connection[Any], text: str) -> None:
    connection.execute("BEGIN")
    db.run(connection, text, {"first": "1", "last": "1", "settings": "{}"})
    connection.execute("COMMIT")


def test_a_batch_leaves_no_row_that_an_old_writer_took_out_meanwhile(database: Database) -> None:
    assert race(database, slowly(batch())) == []


def test_without_the_row_lock_a_ghost_stays_behind(database: Database) -> None:
    unlocked, removed = LOCK.subn("", slowly(batch()))
    assert removed == 2

    assert race(database, unlocked) == [(1, "tuesday")]


@pytest.fixture(autouse=True)
def _empty(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("DELETE FROM providers")
