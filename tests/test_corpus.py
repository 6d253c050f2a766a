"""The known documents, all at once: the dry run says exactly what the backfill does, and rows are what they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import pytest
from psycopg import sql

from schedtool.project import shipped
from tests.journey import FILL, Journey, contents, execute, rows, things
from tests.known import all_documents
from tests.reading import Row
from tests.reading_words import WEEK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Psql, RunCli
    from tests.servers import Database, Server

KNOWN = tuple(known for known in all_documents() if known.jsonb)
NOTHING = (None, "{}", "[]", '""', "null")
DAYS = """
    SELECT p.name, a.day_of_week, a.is_available, a.start_time::text, a.end_time::text, a.timezone
    FROM provider_availability AS a JOIN providers AS p ON p.id = a.provider_id
"""


def fill(database: Database, key: Literal["integer", "bigint", "uuid"] = "bigint") -> None:
    """A provider for every known document, by the document's name, and some whose document says nothing."""
    database.make_parents(key)
    named = [(known.id, known.text) for known in KNOWN] + [(f"nothing: {text}", text) for text in NOTHING]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO providers (name, availability) VALUES (%s, %s)", named)


@pytest.fixture
def corpus(empty_database: Database) -> Database:
    fill(empty_database)
    return empty_database


@pytest.fixture
def other(server: Server) -> Iterator[Database]:
    """A second database with the same documents."""
    database = server.create()
    fill(database)
    yield database
    server.drop(database.name)


@contextmanager
def reader(database: Database) -> Iterator[str]:
    """The URL of a role that may SELECT from providers, and nothing else."""
    role, password = f"reader_{database.name}", "x"
    name = sql.Identifier(role)
    with database.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, password))
        connection.execute(sql.SQL("GRANT SELECT ON providers TO {}").format(name))
        connection.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(name))
        try:
            yield database.server.url(database.name, user=role, password=password)
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(name))


def days_by_name(database: Database) -> dict[str, list[Row]]:
    """The rows of each document, by its name, Monday first."""
    found: dict[str, list[Row]] = {}
    for name, *day in sorted(rows(database, DAYS), key=lambda row: WEEK.index(row[1])):
        found.setdefault(name, []).append(Row(*day))
    return found


@pytest.mark.parametrize("key", ["integer", "bigint", "uuid"])
def test_the_dry_run_says_exactly_what_the_backfill_then_does(
    empty_database: Database, run_cli: RunCli, key: Literal["integer", "bigint", "uuid"]
) -> None:
    fill(empty_database, key)
    journey = Journey(run_cli, empty_database)

    said = journey.json("backfill", "--dry-run")
    journey.do("apply", "--to", "0002")
    done = journey.json("backfill")

    assert said["dry_run"]
    assert not done["dry_run"]
    assert done["documents"] == said["documents"]
    assert done["rows"] == said["rows"]
    assert done["rejects"] == said["rejects"]
    assert [ended["ok"] for ended in (said, done)] == [False, False]

    # And so says the database, by other ways.
    listed = journey.json("rejects")["rejects"]
    assert [{name: reject[name] for name in ("provider_id", "path", "value", "reason")} for reject in listed] == sorted(
        said["rejects"], key=lambda reject: reject["provider_id"]
    )
    assert all(reject["path"].startswith("$") and reject["reason"] for reject in listed)
    assert rows(empty_database, "SELECT count(*) FROM provider_availability") == [(said["rows"]["insert"],)]
    [(converted,)] = rows(empty_database, "SELECT count(DISTINCT provider_id) FROM provider_availability")
    documents = said["documents"]
    assert documents == {
        "total": len(KNOWN) + len(NOTHING),
        "convertible": converted,
        "empty": len(NOTHING) + sum(known.kind == "empty" or known.rows == () for known in KNOWN),
        "rejected": len(listed),
    }
    assert documents["total"] == documents["convertible"] + documents["empty"] + documents["rejected"]
    # Said again when it is done, there is nothing left to insert.
    again = journey.json("backfill", "--dry-run")
    assert again["rows"] == {"insert": 0, "unchanged": said["rows"]["insert"]}
    assert again["documents"] == documents


def test_every_document_is_read_to_exactly_what_it_means_or_not_at_all(corpus: Database, run_cli: RunCli) -> None:
    Journey(run_cli, corpus).do("apply")
    found = days_by_name(corpus)

    for known in KNOWN:
        days = tuple(found.pop(known.id, ()))
        if known.kind in {"out_of_box", "accept"}:
            assert days == known.rows, known.id
        elif known.kind in {"mapping", "policy"}:
            assert days in {(), known.rows}, known.id
        else:
            assert days == (), known.id
    assert found == {}
    closed = rows(corpus, "SELECT DISTINCT start_time, end_time FROM provider_availability WHERE NOT is_available")
    assert closed == [(None, None)]


def test_the_corpus_has_enough_of_every_kind() -> None:
    kinds = [known.kind for known in KNOWN]
    assert {kind: kinds.count(kind) >= 10 for kind in ("out_of_box", "mapping", "reject", "accept", "policy")} == {
        "out_of_box": True,
        "mapping": True,
        "reject": True,
        "accept": True,
        "policy": True,
    }


Way = Callable[["Database", Journey, "Psql", "Path"], None]


def by_file(database: Database, journey: Journey, _: Psql, __: Path) -> None:
    journey.do("apply", "--no-batches")
    assert rows(database, "SELECT count(*) FROM schedtool_job") == [(0,)]


def by_triggers(database: Database, journey: Journey, _: Psql, __: Path) -> None:
    # As if old code had written every document after 0002: the file then finds nothing left to do.
    journey.do("apply", "--to", "0002")
    execute(
        database,
        "CREATE TABLE kept AS SELECT id, availability FROM providers",
        "UPDATE providers SET availability = NULL",
        "UPDATE providers AS p SET availability = k.availability FROM kept AS k WHERE k.id = p.id",
        "DROP TABLE kept",
    )
    execute(database, FILL.read_text())


def by_script(database: Database, _: Journey, psql: Psql, folder: Path) -> None:
    text = (shipped() / "sql" / "CREATE_PROVIDER_TABLES.sql").read_text(encoding="utf-8")
    head, rule, commented = text.partition("\n-- -- ====")
    file = folder / "script.sql"
    file.write_text(head + re.sub(r"^-- ?", "", rule + commented, flags=re.MULTILINE), encoding="utf-8")
    outcome = psql(database, "-q", "-v", "ON_ERROR_STOP=1", file=file)
    assert outcome.exit_code == 0, outcome


@pytest.mark.parametrize("way", [by_file, by_triggers, by_script])
def test_every_way_leaves_the_same_rows_and_the_same_rejects_as_the_batches(
    corpus: Database, other: Database, run_cli: RunCli, psql: Psql, tmp_path: Path, way: Way
) -> None:
    Journey(run_cli, corpus).do("apply")
    way(other, Journey(run_cli, other), psql, tmp_path)

    rejects = (
        "SELECT p.name, r.path, r.value, r.reason, r.document_hash, r.stale, r.accepted_by"
        " FROM provider_availability_rejects AS r JOIN providers AS p ON p.id = r.provider_id"
    )
    for statement in (DAYS, rejects):
        expected, found = rows(corpus, statement), rows(other, statement)
        assert len(found) == len(expected) > 20
        assert set(found) == set(expected)


def test_a_dry_run_needs_select_on_providers_and_leaves_no_trace(
    corpus: Database, run_cli: RunCli, tmp_path: Path
) -> None:
    journey = Journey(run_cli, corpus)
    answer = ("backfill", "--dry-run", "--quiet", "--format", "json")
    before = things(corpus), contents(corpus)
    whole = journey.json(*answer)

    with reader(corpus) as url:
        outcome = run_cli("--database", url, *answer)
        left = rows(
            corpus,
            "SELECT mode FROM pg_locks WHERE pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        assert (outcome.exit_code, outcome.stderr) == (3, "")
        assert same(json.loads(outcome.stdout)) == same(whole)
        assert left == []
        assert (things(corpus), contents(corpus)) == before
        assert rows(corpus, "SELECT count(*) FROM pg_class WHERE relname ~ '^(_?yoyo|schedtool)'") == [(0,)]

        # With the tables there and closed to it, it says what it can: the documents.
        journey.do("apply")
        (tmp_path / "policy.toml").touch()
        closed = run_cli("--database", url, *answer, "--policy", tmp_path / "policy.toml")
        assert same(json.loads(closed.stdout)) == same(whole)
        assert same(journey.json(*answer)) != same(whole)


def same(said: dict[str, Any]) -> dict[str, Any]:
    """A census without its times."""
    return {name: value for name, value in said.items() if name not in {"elapsed_s", "rows_per_s"}}
