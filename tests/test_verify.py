"""What verify says: everything when all is well, and just the one thing that is broken when something is."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree as ET

import psycopg
import pytest

from schedtool import catalog, ranges, verify
from schedtool.database import Target, connect
from schedtool.project import shipped
from tests import small_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database, Outcome, Server
    from tests.small_project import Small

TABLES = """
    DO $$ BEGIN
        EXECUTE format(
            'CREATE TABLE parcel (
                id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT parcel_id_pkey PRIMARY KEY,
                item_id %s NOT NULL,
                weight numeric(6,2) NOT NULL DEFAULT 1,
                state text NOT NULL,
                sent_at timestamptz,
                CONSTRAINT parcel_item_id_fkey FOREIGN KEY (item_id) REFERENCES item (id) ON DELETE CASCADE,
                CONSTRAINT parcel_weight_check CHECK (weight > 0),
                CONSTRAINT parcel_item_id_state_key UNIQUE (item_id, state)
            )',
            (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
             WHERE attrelid = 'item'::regclass AND attname = 'id')
        );
    END $$;
    COMMENT ON TABLE parcel IS 'What is sent';
    COMMENT ON COLUMN parcel.weight IS 'In kilograms';
    CREATE INDEX parcel_sent_at_idx ON parcel (sent_at) WHERE state IN ('sent', 'lost');
    CREATE FUNCTION parcel_touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER parcel_touch BEFORE UPDATE ON parcel FOR EACH ROW EXECUTE FUNCTION parcel_touch();
    CREATE TRIGGER item_touch AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION parcel_touch();
"""
CHECKS = """
    -- keys: item (id)
    SELECT 'counts' AS section, 'every item has its parcel' AS name, count(*) = count(parcel.id) AS passed,
        count(*) AS expected, count(parcel.id) AS actual,
        'missing: ' || min(item.id::text) FILTER (WHERE parcel.id IS NULL) AS detail
    FROM item LEFT JOIN parcel ON parcel.item_id = item.id
    WHERE item.id BETWEEN :'first' AND :'last';
"""


@pytest.fixture
def small(tmp_path: Path) -> Small:
    made = small_project.Small(tmp_path / "project")
    made.write("migrations/0001.parcels.sql", TABLES)
    made.write("migrations/0001.parcels.rollback.sql", "DROP TABLE parcel;\n")
    made.write(
        "migrations/0002.index.sql",
        "-- transactional: false\nCREATE INDEX CONCURRENTLY parcel_state_idx ON parcel (state);\n",
    )
    made.write("migrations/0002.index.rollback.sql", "DROP INDEX CONCURRENTLY parcel_state_idx;\n")
    made.write(
        "migrations/contract/0003.no-name.sql",
        "-- rollback: none\nALTER TABLE item DROP COLUMN name;\nDROP TRIGGER item_touch ON item;\n",
    )
    made.write("sql/verify/0001.parcels.counts.sql", CHECKS)
    return made


class Tool:
    """The command line on one database and project."""

    def __init__(self, run: RunCli, database: Database, small: Small) -> None:
        self._run = run
        self._common = ("--database", database.url, "--project", small.root)

    def __call__(self, *arguments: str) -> Outcome:
        return self._run(*self._common, *arguments)

    def checks(self, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        outcome = self("verify", *arguments, "--format", "json")
        return outcome.exit_code, json.loads(outcome.stdout)["checks"]

    def failing(self, *arguments: str) -> list[tuple[str, str | None]]:
        return [(check["name"], check["detail"]) for check in self.checks(*arguments)[1] if not check["passed"]]


@pytest.fixture
def tool(run_cli: RunCli, empty_database: Database, small: Small) -> Tool:
    """A database with items, the expected catalog written on it, and everything but the contract applied."""
    made = Tool(run_cli, empty_database, small)
    with empty_database.connect() as connection:
        small_project.make_items(connection, 100)
    assert made("verify", "--write").exit_code == 0
    assert made("apply").exit_code == 0
    with empty_database.connect() as connection:
        connection.execute("INSERT INTO parcel (item_id, state) SELECT id, 'new' FROM item")
        connection.execute("ANALYZE item")
    return made


def test_everything_passes_where_everything_is_as_the_migrations_say(tool: Tool) -> None:
    code, checks = tool.checks()
    assert (code, [check for check in checks if not check["passed"]]) == (0, [])
    assert {check["section"] for check in checks} == {"schema", "counts"}
    outcome = tool("verify")
    assert f"All {len(checks)} checks passed." in outcome.stdout


@pytest.mark.usefixtures("tool")
def test_the_expected_catalog_is_readable_and_names_no_schema_and_no_key_type(small: Small) -> None:
    text = (small.root / "sql/expected/0001.parcels.txt").read_text()
    assert "public" not in text
    assert "column parcel.item_id: type of item(id) NOT NULL\n" in text
    assert "column parcel.weight: numeric(6,2) NOT NULL DEFAULT 1\n    -- In kilograms\n" in text
    assert "constraint parcel.parcel_weight_check: CHECK (weight > 0::numeric)\n" in text
    assert "table parcel: permanent\n    -- What is sent\n" in text
    assert "parcel_state_idx" not in text
    assert "parcel_state_idx" in (small.root / "sql/expected/0002.index.txt").read_text()
    dropped = (small.root / "sql/expected/0003.no-name.txt").read_text()
    assert [line for line in dropped.splitlines() if line and not line.startswith("#")] == [
        "gone column item.name",
        "gone trigger item.item_touch",
    ]


def test_writing_leaves_nothing_behind_and_wants_a_database_with_nothing_applied(
    tool: Tool,
    run_cli: RunCli,
    small: Small,
    server: Server,
) -> None:
    refused = tool("verify", "--write")
    assert refused.exit_code == 3
    assert "0001.parcels is applied here" in refused.stderr
    other = server.create()
    try:
        with other.connect() as connection:
            small_project.make_items(connection, 10)
        before = (small.root / "sql/expected/0001.parcels.txt").read_text()
        assert run_cli("--database", other.url, "--project", small.root, "verify", "--write").exit_code == 0
        assert (small.root / "sql/expected/0001.parcels.txt").read_text() == before
        with other.connect() as connection:
            assert connection.execute("SELECT to_regclass('parcel'), count(name) FROM item").fetchone() == (None, 10)
    finally:
        server.drop(other.name)


@pytest.mark.usefixtures("tool")
@pytest.mark.parametrize("key", ["integer", "uuid"])
def test_one_file_serves_every_key_type_and_every_schema(
    run_cli: RunCli,
    small: Small,
    server: Server,
    key: str,
) -> None:
    other = server.create()
    try:
        with other.connect() as connection:
            connection.execute('CREATE SCHEMA "Odd name"')
            connection.execute('SET search_path = "Odd name"')
            small_project.make_items(connection, 10, key=key)
        common = ("--database", other.url, "--schema", "Odd name", "--project", small.root)
        assert run_cli(*common, "apply").exit_code == 0
        outcome = run_cli(*common, "verify", "schema")
        assert (outcome.exit_code, "FAILED" in outcome.stdout) == (0, False), outcome
    finally:
        server.drop(other.name)


@pytest.mark.parametrize(
    ("damage", "name", "detail"),
    [
        ("ALTER TABLE parcel DROP CONSTRAINT parcel_weight_check", "constraint parcel.parcel_weight_check", "missing"),
        ("ALTER TABLE parcel DROP CONSTRAINT parcel_item_id_fkey", "constraint parcel.parcel_item_id_fkey", "missing"),
        (
            """
            ALTER TABLE parcel DROP CONSTRAINT parcel_weight_check;
            ALTER TABLE parcel ADD CONSTRAINT parcel_weight_check CHECK (weight > 0) NOT VALID
            """,
            "constraint parcel.parcel_weight_check",
            "changed",
        ),
        ("ALTER TABLE parcel ADD CONSTRAINT more CHECK (weight < 9)", "constraint parcel.more", "extra"),
        ("ALTER TABLE parcel DISABLE TRIGGER parcel_touch", "trigger parcel.parcel_touch", "changed"),
        ("ALTER TABLE item DISABLE TRIGGER item_touch", "trigger item.item_touch", "changed"),
        ("DROP TRIGGER item_touch ON item", "trigger item.item_touch", "missing"),
        ("DROP INDEX parcel_state_idx", "index parcel.parcel_state_idx", "missing"),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'parcel_state_idx'::regclass",
            "index parcel.parcel_state_idx",
            "changed",
        ),
        ("CREATE INDEX more ON parcel (weight)", "index parcel.more", "extra"),
        ("ALTER TABLE parcel ALTER COLUMN weight SET DEFAULT 2", "column parcel.weight", "changed"),
        ("ALTER TABLE parcel ALTER COLUMN weight TYPE numeric(7,2)", "column parcel.weight", "changed"),
        ("ALTER TABLE parcel ALTER COLUMN state DROP NOT NULL", "column parcel.state", "changed"),
        ("ALTER TABLE parcel ALTER COLUMN item_id DROP NOT NULL", "column parcel.item_id", "changed"),
        ("ALTER TABLE parcel ADD COLUMN more integer", "column parcel.more", "extra"),
        ("COMMENT ON COLUMN parcel.weight IS NULL", "column parcel.weight", "changed"),
        (
            "CREATE OR REPLACE FUNCTION parcel_touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "function parcel_touch()",
            "changed",
        ),
    ],
)
def test_each_thing_that_is_broken_fails_just_its_own_check(
    tool: Tool, empty_database: Database, damage: str, name: str, detail: str
) -> None:
    with empty_database.connect() as connection:
        connection.execute(damage.encode())
    assert tool.failing("schema") == [(name, detail)]
    code, checks = tool.checks("schema")
    assert code == 3
    found = next(check for check in checks if not check["passed"])
    assert (found["expected"] is None, found["actual"] is None) == (detail == "extra", detail == "missing")
    assert found["expected"] != found["actual"]


def test_foreign_keys_whose_triggers_are_disabled_are_changed(tool: Tool, empty_database: Database) -> None:
    with empty_database.connect() as connection:
        connection.execute("ALTER TABLE parcel DISABLE TRIGGER ALL")
    assert tool.failing("schema") == [
        ("constraint parcel.parcel_item_id_fkey", "changed"),
        ("trigger parcel.parcel_touch", "changed"),
    ]


def test_after_the_contract_what_it_took_away_must_be_gone(tool: Tool, empty_database: Database) -> None:
    assert tool("apply", "--contract", "--yes").exit_code == 0
    assert tool.failing("schema") == []
    with empty_database.connect() as connection:
        connection.execute("ALTER TABLE item ADD COLUMN name text")
    assert tool.failing("schema") == [("column item.name", "extra")]


def test_a_migration_without_an_expected_file_cannot_be_checked(tool: Tool, small: Small) -> None:
    (small.root / "sql/expected/0002.index.txt").unlink()
    outcome = tool("verify", "schema")
    assert outcome.exit_code == 1
    assert "error: schema: 0002.index" in outcome.stdout
    assert "schedtool verify --write writes it" in outcome.stdout


def test_figures_are_added_up_over_ranges_and_one_bad_range_fails_the_check(
    tool: Tool, empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "KEYS", 30)
    (check,) = tool.checks("counts")[1]
    assert (check["passed"], check["expected"], check["actual"], check["detail"]) == (True, 100, 100, None)
    with empty_database.connect() as connection:
        connection.execute("DELETE FROM parcel WHERE item_id IN (7, 77, 78)")
    (check,) = tool.checks("counts")[1]
    assert (check["passed"], check["expected"], check["actual"]) == (False, 100, 97)
    assert check["detail"] == "missing: 7\nmissing: 77"


def test_a_sample_looks_at_less_and_says_so(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "SAMPLE_KEYS", 5)
    (check,) = tool.checks("counts", "--sample", "20")[1]
    assert check["detail"] == "a sample: 20 of 100 keys"
    assert check["expected"] == 20


def test_checks_of_a_migration_that_is_not_applied_and_those_past_their_time_are_not_run(
    tool: Tool, small: Small
) -> None:
    row = "SELECT 'counts' AS section, '{}' AS name, true AS passed, 1 AS expected, 1 AS actual, NULL AS detail;\n"
    small.write("sql/verify/0003.no-name.sql", row.format("after"))
    small.write("sql/verify/0002.index.sql", "-- until: 0003\n" + row.format("before"))
    assert [check["name"] for check in tool.checks("counts")[1]] == ["every item has its parcel", "before"]
    assert tool("apply", "--contract", "--yes").exit_code == 0
    assert [check["name"] for check in tool.checks("counts")[1]] == ["every item has its parcel", "after"]


def test_a_check_that_cannot_run_is_an_error_and_not_a_failure(tool: Tool, small: Small) -> None:
    small.write("sql/verify/0002.index.parity.sql", "SELECT 1 / count(*) FROM nowhere;\n")
    outcome = tool("verify", "parity", "--format", "junit")
    assert outcome.exit_code == 1
    suite = ET.fromstring(outcome.stdout)[0]  # noqa: S314 - our own output
    assert (suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("errors")) == (
        "parity",
        "1",
        "0",
        "1",
    )
    assert "nowhere" in str(suite[0][0].get("message"))


def test_junit_tells_failures_by_section(tool: Tool, empty_database: Database) -> None:
    with empty_database.connect() as connection:
        connection.execute("DELETE FROM parcel WHERE item_id = 7")
        connection.execute("COMMENT ON TABLE parcel IS 'bell \x07 and <tag>'")
    outcome = tool("verify", "--format", "junit")
    assert outcome.exit_code == 3
    suites = {suite.get("name"): suite for suite in ET.fromstring(outcome.stdout)}  # noqa: S314 - our own output
    assert {name: suite.get("failures") for name, suite in suites.items()} == {"schema": "1", "counts": "1"}
    failure = suites["schema"].find("testcase/failure")
    assert failure is not None
    assert "bell \\x07 and <tag>" in str(failure.text)


def test_verify_reads_only_and_nothing_applied_is_a_no(run_cli: RunCli, empty_database: Database, small: Small) -> None:
    outcome = run_cli("--database", empty_database.url, "--project", small.root, "verify", "--format", "json")
    assert outcome.exit_code == 3
    assert json.loads(outcome.stdout)["error"]["code"] == "nothing_applied"
    with empty_database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 2200").fetchone() == (0,)


@pytest.mark.usefixtures("tool")
def test_a_role_with_select_only_can_verify(run_cli: RunCli, empty_database: Database, small: Small) -> None:
    url = empty_database.server.url(empty_database.name, user="checker", password="x")  # noqa: S106
    with empty_database.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS checker")
        connection.execute("CREATE ROLE checker LOGIN PASSWORD 'x'")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO checker")
        try:
            outcome = run_cli("--database", url, "--project", small.root, "verify")
        finally:
            connection.execute("DROP OWNED BY checker")
            connection.execute("DROP ROLE checker")
    assert outcome.exit_code == 0, outcome


PROBE = """
    CREATE TEMPORARY TABLE caught (name text, by text) ON COMMIT DROP;
    DO $$
    DECLARE
        broken text;
    BEGIN
        BEGIN
            INSERT INTO parcel (item_id, state, weight) VALUES (1, 'probe', -1);
        EXCEPTION WHEN check_violation THEN
            GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
        END;
        INSERT INTO caught VALUES ('parcel_weight_check', broken);
        INSERT INTO parcel (item_id, state) VALUES (1, 'left behind?');
    END $$;
    SELECT 'constraints' AS section, name, name IS NOT DISTINCT FROM by AS passed, name AS expected, by AS actual,
        NULL AS detail
    FROM caught;
"""


def test_a_probe_tries_each_constraint_leaves_nothing_and_one_without_a_probe_fails(
    tool: Tool, empty_database: Database, small: Small
) -> None:
    small.write("sql/verify/0001.parcels.probe.sql", PROBE)
    untried = "no probe tries this constraint"
    assert tool.failing("constraints", "--probe") == [
        ("parcel_id_pkey", untried),
        ("parcel_item_id_fkey", untried),
        ("parcel_item_id_state_key", untried),
    ]
    with empty_database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM parcel").fetchone() == (100,)
        connection.execute("ALTER TABLE parcel DROP CONSTRAINT parcel_weight_check")
    assert ("parcel_weight_check", None) in tool.failing("constraints", "--probe")


def test_a_file_of_expected_objects_that_is_no_such_file_names_its_line(tool: Tool, small: Small) -> None:
    small.write("sql/expected/0002.index.txt", "# a comment\n\nnonsense\n")
    outcome = tool("verify", "schema")
    assert outcome.exit_code == 2
    assert "0002.index.txt:3: neither an object" in outcome.stderr


def test_the_catalog_is_the_same_text_whatever_is_searched_first(empty_database: Database) -> None:
    with psycopg.connect(empty_database.conninfo, autocommit=True) as plain:
        plain.execute("CREATE TABLE item (id bigint PRIMARY KEY)")
        plain.execute(
            "CREATE FUNCTION safe() RETURNS int LANGUAGE sql SECURITY DEFINER"
            " SET search_path = pg_catalog, public, pg_temp AS 'SELECT 1'"
        )
    with connect(Target(empty_database.conninfo), application="test", read_only=True) as connection:
        found = catalog.snapshot(connection)
    assert "search_path=pg_catalog, {schema}, pg_temp" in found.things["function safe()"].text


@pytest.mark.parametrize("key", ["integer", "bigint", "uuid"])
def test_the_shipped_expected_files_are_what_the_shipped_migrations_build(
    run_cli: RunCli, empty_database: Database, tmp_path: Path, key: Literal["integer", "bigint", "uuid"]
) -> None:
    for folder in ("migrations", "sql"):
        shutil.copytree(shipped() / folder, tmp_path / folder)
    empty_database.make_parents(key)
    outcome = run_cli("--database", empty_database.url, "--project", tmp_path, "verify", "--write")
    assert outcome.exit_code == 0, outcome
    written = {path.name: path.read_text() for path in (tmp_path / "sql/expected").iterdir()}
    there = {path.name: path.read_text() for path in (shipped() / "sql/expected").iterdir()}
    assert written == there, "schedtool verify --write writes them anew"


@pytest.mark.parametrize("key", ["integer", "bigint", "uuid"])
def test_what_is_shipped_verifies_at_every_step_there_and_back(
    run_cli: RunCli, empty_database: Database, key: Literal["integer", "bigint", "uuid"]
) -> None:
    empty_database.make_parents(key)
    week = {"monday": {"start": "09:00", "end": "17:00"}, "tuesday": "closed", "note": "kept"}
    with empty_database.connect() as connection:
        connection.execute(
            "INSERT INTO providers (availability) SELECT %s::jsonb FROM generate_series(1, 50)", [json.dumps(week)]
        )

    def run(*arguments: str) -> None:
        outcome = run_cli("--database", empty_database.url, *arguments)
        assert outcome.exit_code == 0, (arguments, outcome)

    steps = [["apply", "--to", number] for number in ("0001", "0002", "0003")]
    steps += [["apply", "--contract", "--yes"], ["rollback", "--yes"], ["rollback", "--yes"], ["rollback", "--yes"]]
    for step in steps:
        run(*step)
        run("verify")
