"""The backfill as a command, on a project of its own: what the dry run says is what the backfill does."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psycopg
import pytest

from schedtool import dry_run
from schedtool.database import Target, connect
from schedtool.lock import locked
from tests import servers, small_project

if TYPE_CHECKING:
    from tests.conftest import RunCli
    from tests.servers import Database, Outcome
    from tests.small_project import Small


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return small_project.make_settled(tmp_path / "project")


@pytest.fixture
def items(empty_database: Database) -> Database:
    """A thousand items, a hundred of them with a digit in the name."""
    with empty_database.connect() as connection:
        small_project.make_items(connection, 1_000)
    return empty_database


class Tool:
    """The command line on one database and project."""

    def __init__(self, run: RunCli, database: Database, small: Small) -> None:
        self._run = run
        self._common = ("--database", database.url, "--project", small.root)

    def __call__(self, *arguments: str | Path) -> Outcome:
        return self._run(*self._common, *arguments)

    def json(self, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
        outcome = self(*arguments, "--format", "json")
        return outcome.exit_code, json.loads(outcome.stdout)


@pytest.fixture
def tool(run_cli: RunCli, items: Database, small: Small) -> Tool:
    return Tool(run_cli, items, small)


def test_what_the_dry_run_says_is_what_the_backfill_does(tool: Tool) -> None:
    code, said = tool.json("backfill", "--dry-run")
    assert code == 3
    assert not said["ok"]
    assert said["documents"] == {"total": 1_000, "convertible": 900, "empty": 0, "rejected": 100}
    assert said["rows"] == {"insert": 900, "unchanged": 0}
    assert said["rejects"][0] == {"provider_id": 1, "path": "$.name", "value": "x1", "reason": "digit"}
    assert said["shapes"] == [{"shape": "length 1", "documents": 900}, {"shape": "length 2", "documents": 100}]
    assert said["rescues"] == [{"setting": "digits = true", "documents": 100}]

    assert tool("apply", "--to", "0001").exit_code == 0
    code, done = tool.json("backfill")
    assert code == 3
    assert {name: done[name] for name in ("documents", "rows", "rejects")} == {
        name: said[name] for name in ("documents", "rows", "rejects")
    }
    code, again = tool.json("backfill", "--dry-run")
    assert again["rows"] == {"insert": 0, "unchanged": 900}


def test_a_dry_run_needs_select_on_the_documents_alone_and_makes_nothing(
    run_cli: RunCli, items: Database, small: Small
) -> None:
    with items.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS dry_reader")
        connection.execute("CREATE ROLE dry_reader LOGIN PASSWORD 'x'")
        connection.execute("GRANT SELECT ON item TO dry_reader")
        try:
            outcome = run_cli(
                *("--database", items.server.url(items.name, user="dry_reader", password="x")),  # noqa: S106
                *("--project", small.root, "backfill", "--dry-run", "--format", "json"),
            )
        finally:
            connection.execute("DROP OWNED BY dry_reader")
            connection.execute("DROP ROLE dry_reader")
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 2200"
        ).fetchall()
    assert outcome.exit_code == 3, outcome
    assert json.loads(outcome.stdout)["documents"]["convertible"] == 900
    assert tables == [("item",)]


def test_the_text_of_a_dry_run_shows_outcomes_reasons_with_examples_and_rescues(tool: Tool) -> None:
    outcome = tool("backfill", "--dry-run")
    assert outcome.exit_code == 3
    lines = outcome.stdout.splitlines()
    assert lines[0] == "Dry run of 0002.fill-copied; nothing was written"
    assert "Documents: 1,000 in " in outcome.stdout
    assert f"  convertible  900   90.0 %  {'█' * 27}" in lines
    assert f"  digit  100  100.0 %  {'█' * 30}" in lines
    assert "     1  $.name  x1" in lines
    assert "    21  $.name  x1" in lines
    assert f"  digits = true  +100  100.0 %  {'█' * 30}" in lines
    assert "  to insert  900" in lines


def test_a_policy_given_is_stored_and_holds_for_the_runs_after_it(tool: Tool, small: Small, items: Database) -> None:
    policy = small.write("policy.toml", "digits = true\n")
    code, said = tool.json("backfill", "--dry-run", "--policy", policy)
    assert (code, said["documents"]["rejected"]) == (0, 0)
    assert tool("apply", "--to", "0001").exit_code == 0
    assert tool.json("backfill")[0] == 3
    assert tool.json("backfill", "--policy", policy)[0] == 0
    code, done = tool.json("backfill")
    assert (code, done["rows"]) == (0, {"insert": 0, "unchanged": 1_000})
    with items.connect() as connection:
        said_by = connection.execute("SELECT settings, who FROM said").fetchall()
    assert [settings for settings, _ in said_by] == [{}, {"digits": True}]
    assert said_by[0][1].startswith("postgres (")


def test_an_unfinished_backfill_refuses_another_policy_and_goes_on_with_its_own(
    tool: Tool, small: Small, items: Database
) -> None:
    tool("apply", "--to", "0001")
    with items.connect() as connection:
        connection.execute("ALTER TABLE copied ADD CONSTRAINT copied_check CHECK (item_id <> 700)")
        first = tool("backfill", "--default-timezone", "UTC")
        assert first.exit_code == 1
        assert "at key 700" in first.stderr
        refused = tool("backfill", "--default-timezone", "Asia/Tokyo")
        assert refused.exit_code == 3
        assert "reads by another policy" in refused.stderr
        connection.execute("ALTER TABLE copied DROP CONSTRAINT copied_check")
        done = tool("backfill")
        assert "goes on: " in done.stderr
        assert connection.execute("SELECT count(*) FROM copied").fetchone() == (900,)
    assert small.root.exists()


def test_a_backfill_before_its_dependencies_names_the_command_that_applies_them(tool: Tool) -> None:
    outcome = tool("backfill")
    assert outcome.exit_code == 1
    assert "0002.fill-copied needs 0001.make-copied, which is not applied" in outcome.stderr
    assert "schedtool apply --to 0001" in outcome.stderr


def test_a_backfill_records_nothing_as_applied_and_may_run_after_its_migration(tool: Tool) -> None:
    tool("apply", "--to", "0001")
    tool("backfill")
    assert [one["state"] for one in tool.json("status")[1]["migrations"]] == ["applied", "pending"]
    assert tool("apply").exit_code == 0
    assert tool.json("backfill")[1]["rows"] == {"insert": 0, "unchanged": 900}


def test_a_second_backfill_at_the_same_time_is_told_who_has_the_lock(tool: Tool, items: Database) -> None:
    tool("apply", "--to", "0001")
    with (
        connect(Target(items.conninfo), application="somebody") as other,
        locked(other, wait=0, notify=lambda _: None),
    ):
        outcome = tool("backfill")
    assert outcome.exit_code == 4
    assert "schedtool somebody" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--defer-foreign-key",), "0002.fill-copied has no files sql/batches/….before.sql and ….after.sql"),
        (("--dry-run", "--pause"), "exclude each other"),
        (("0001",), "0001.make-copied has no file in sql/batches"),
        (("0009",), "no migration '0009'"),
        (("--batch-size", "5000"), "20<=x<=2000"),
        (("--throttle-query", "SELECT 1"), "--throttle-query cannot be asked"),
        (("--throttle-query", "SELECT"), "--throttle-query cannot be asked"),
        (("--policy", "nowhere.toml"), "nowhere.toml: No such file"),
    ],
)
def test_wrong_usage_is_one_clear_line_and_changes_nothing(
    tool: Tool, items: Database, arguments: tuple[str, ...], message: str
) -> None:
    tool("apply", "--to", "0001")
    outcome = tool("backfill", *arguments)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    with items.connect() as connection:
        assert connection.execute("SELECT count(*) FROM copied").fetchone() == (0,)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_after_the_batch_and_the_next_run_goes_on(
    tool: Tool, items: Database, small: Small, number: signal.Signals, code: int
) -> None:
    tool("apply", "--to", "0001")
    slow = small_project.SETTLED_BATCH.replace("WITH read", "SELECT pg_sleep(0.1);\nWITH read")
    small.write("sql/batches/0002.fill-copied.sql", slow)
    command = [sys.executable, "-m", "schedtool", "--database", items.url, "--project", str(small.root), "backfill"]
    with (
        items.connect() as connection,
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=servers.clean_environ()) as process,
    ):
        waited = "SELECT to_regclass('schedtool_range') IS NOT NULL, pg_sleep(0.01)"
        while connection.execute(waited).fetchone() != (True, ""):
            pass
        while not connection.execute("SELECT sum(done), pg_sleep(0.01) FROM schedtool_range").fetchone()[0]:  # type: ignore[index]
            pass
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)
        left = connection.execute(
            "SELECT sum(planned - done) FROM schedtool_range WHERE finished_at IS NULL"
        ).fetchone()
        assert connection.execute("SELECT state FROM schedtool_job").fetchall() == [("running",)]
    assert process.returncode == code
    assert "Traceback" not in stderr
    assert left is not None
    assert left[0] > 0
    done = tool("backfill")
    assert f"goes on: {1_000 - left[0]} of 1000 were done" in done.stderr


def test_there_is_nothing_to_pause_without_an_unfinished_job(tool: Tool) -> None:
    outcome = tool("backfill", "--pause")
    assert outcome.exit_code == 0
    assert "there is nothing to pause" in outcome.stdout


def test_names_without_number_do_not_grow_the_memory_of_a_dry_run(
    items: Database, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "NAMES", 5)
    small.write(
        "sql/dry_run/0002.fill-copied.sql",
        """
        -- keys: item (id)
        SELECT 'ignored' AS kind, NULL AS key, '$.k' || id AS path, NULL AS value, NULL AS reason, 1 AS n
        FROM item WHERE id BETWEEN :'first' AND :'last';
        """,
    )
    loaded = small.load()
    with connect(Target(items.conninfo), application="test", read_only=True) as connection:
        found = dry_run.census(
            connection, loaded, loaded.find("0002"), settings={}, on_reject=print, notify=lambda _: None, size=300
        )
    assert len(found.ignored) == 6
    assert found.ignored[dry_run.OTHERS] == 995


def test_several_readers_say_what_one_says_and_in_its_order(items: Database, small: Small) -> None:
    loaded = small.load()

    def census(readers: list[psycopg.Connection[Any]]) -> tuple[dry_run.Census, list[Any]]:
        met: list[Any] = []
        with connect(Target(items.conninfo), application="test", read_only=True) as connection:
            found = dry_run.census(
                connection,
                loaded,
                loaded.find("0002"),
                settings={},
                readers=readers,
                on_reject=met.append,
                notify=lambda _: None,
                size=20,
            )
        found.elapsed_s = 0
        return found, met

    with (
        connect(Target(items.conninfo), application="one", read_only=True) as one,
        connect(Target(items.conninfo), application="two", read_only=True) as two,
        items.connect() as watch,
    ):
        found = census([one, two])
        # Both were at work: the last thing that a range's transaction does.
        pids = [one.info.backend_pid, two.info.backend_pid]
        last = watch.execute("SELECT query FROM pg_stat_activity WHERE pid = ANY(%s)", (pids,)).fetchall()
    assert last == [("ROLLBACK",)] * 2
    assert found == census([])
    assert found[1]


def test_a_census_that_answers_something_else_is_refused(tool: Tool, small: Small) -> None:
    small.write(
        "sql/dry_run/0002.fill-copied.sql",
        """
        -- keys: item (id)
        SELECT 'surprise' AS kind, NULL AS key, NULL AS path, NULL AS value, NULL AS reason, 1 AS n
        FROM item WHERE id BETWEEN :'first' AND :'last';
        """,
    )
    outcome = tool("backfill", "--dry-run")
    assert outcome.exit_code == 2
    assert "a row of kind 'surprise'" in outcome.stderr


def test_rejects_are_listed_accepted_by_name_and_block_no_more(tool: Tool, items: Database) -> None:
    assert tool.json("rejects") == (0, {"command": "rejects", "rejects": [], "ok": True})
    tool("apply", "--to", "0001")
    tool("backfill")
    listed = tool.json("rejects")[1]["rejects"]
    assert len(listed) == 100
    assert listed[0] == {
        "provider_id": 1,
        "path": "$.name",
        "value": "x1",
        "reason": "digit",
        "stale": False,
        "accepted_by": None,
        "accepted_at": None,
        "note": None,
    }
    unknown = tool("rejects", "--accept", "digit", "--accept", "nonsense")
    assert unknown.exit_code == 2
    assert "no undecided reject has the name 'nonsense'; nothing was accepted" in unknown.stderr
    assert "undecided are: digit" in unknown.stderr

    accepted = tool("rejects", "--accept", "digit", "--note", "gone anyway")
    assert (accepted.exit_code, accepted.stdout) == (0, "accepted digit: 100 documents are left behind\n")
    row = tool.json("rejects")[1]["rejects"][0]
    assert row["note"] == "gone anyway"
    assert row["accepted_by"].startswith("postgres (")
    assert row["accepted_at"].endswith("Z")
    assert tool("backfill").exit_code == 0

    with items.connect() as connection:
        connection.execute("INSERT INTO item VALUES (5000, 'later 1')")
    assert tool("backfill").exit_code == 3


def test_a_spreadsheet_gets_no_formula_from_a_document(tool: Tool, items: Database) -> None:
    """Whatever parts its cells: every text is quoted, so that one stays one."""
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "|1", "%1", "\uff1d1+1"]
    escaped = {
        "\tx1": "\\tx1",
        "\rx1": "\\rx1",
        "ok 1\nline": "ok 1\\nline",
        "\x1b[2J1": "\\x1b[2J1",
        "\x9b1": "\\x9b1",
    }
    plain = ['a"1', "1,5", "1;=1+1", "日1", "a\\b1"]
    tool("apply", "--to", "0001")
    with items.connect() as connection:
        connection.execute("TRUNCATE item")
        for key, value in enumerate([*formulas, *escaped, *plain]):
            connection.execute("INSERT INTO item VALUES (%s, %s)", [key, value])
    tool("backfill")
    outcome = tool("rejects", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(outcome.stdout, newline="")))
    assert [row["value"] for row in rows] == [*(f"'{value}" for value in formulas), *escaped.values(), *plain]
    assert outcome.stdout.splitlines()[1] == '0,"$.name","\'=1+1","digit","false","","",""'
    assert ',"1;=1+1",' in outcome.stdout
    assert all(line.isprintable() for line in outcome.stdout.splitlines())
    text = tool("rejects").stdout
    assert all(line.isprintable() for line in text.splitlines())
    assert len(text.splitlines()) == len(rows) + 1


def test_a_long_cell_pushes_only_its_own_line_out(tool: Tool, items: Database) -> None:
    tool("apply", "--to", "0001")
    with items.connect() as connection:
        connection.execute("UPDATE item SET name = repeat('x', 500000) || '1' WHERE id = 1")
    tool("backfill")
    lines = tool("rejects").stdout.splitlines()
    assert len(lines) == 101
    assert sorted(len(line) for line in lines)[-2] < 250


def test_whoever_reads_rejects_page_by_page_holds_no_transaction(
    tool: Tool, items: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool("apply", "--to", "0001")
    tool("backfill")
    sessions = []

    def write(*_: object) -> int:
        with items.connect() as connection:
            ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'schedtool rejects'"
            sessions.append(connection.execute(f"{ours} AND state <> 'idle'".encode()).fetchone())
        return 0

    monkeypatch.setattr("schedtool.cli.rejects.write_table", write)
    assert tool("rejects").exit_code == 0
    assert sessions == [(0,)]


def test_a_note_without_a_decision_is_wrong_usage(tool: Tool) -> None:
    assert tool("rejects", "--note", "x").exit_code == 2


def test_a_lock_on_the_documents_costs_the_dry_run_only_tries(items: Database, small: Small) -> None:
    loaded = small.load()
    with (
        psycopg.connect(items.conninfo) as holder,
        connect(Target(items.conninfo), application="test", read_only=True, lock_timeout=0.02) as connection,
    ):
        held = False

        def hold(_: object) -> None:
            nonlocal held
            if held:
                return
            held = True
            holder.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
            threading.Timer(0.2, holder.rollback).start()

        found = dry_run.census(
            connection, loaded, loaded.find("0002"), settings={}, on_reject=lambda _: None, notify=hold, size=100
        )
    assert held
    assert found.total == 1_000


@pytest.mark.parametrize("key", ["integer", "bigint", "uuid"])
def test_for_the_known_documents_the_dry_run_says_exactly_what_the_backfill_does(
    run_cli: RunCli, empty_database: Database, key: Literal["integer", "bigint", "uuid"]
) -> None:
    corpus = [
        json.loads(line)["doc"]
        for name in ("documents.jsonl", "dirty.jsonl")
        for line in (Path(__file__).parent / "corpus" / name).read_text(encoding="utf-8").splitlines()
        if "doc" in json.loads(line)
    ]
    empty_database.make_parents(key)
    with empty_database.connect() as connection:
        for document in [*corpus, None, {}, [], ""]:
            connection.execute("INSERT INTO providers (availability) VALUES (%s::jsonb)", [json.dumps(document)])
        # Behind any range that were sorted as text.
        connection.execute("INSERT INTO providers (availability) SELECT NULL FROM generate_series(1, 1000)")

    def said(*arguments: str) -> tuple[int, dict[str, Any]]:
        outcome = run_cli("--database", empty_database.url, "--format", "json", *arguments)
        return outcome.exit_code, json.loads(outcome.stdout)

    code, dry = said("backfill", "--dry-run")
    assert said("apply", "--to", "0002")[0] == 0
    again, wet = said("backfill")
    assert again == code == 3
    assert dry["documents"]["total"] == len(corpus) + 1_004
    assert dry["documents"]["convertible"] > 60
    same = ("documents", "rows", "rejects")
    assert {name: dry[name] for name in same} == {name: wet[name] for name in same}
    assert said("backfill", "--dry-run")[1]["rows"] == {"insert": 0, "unchanged": dry["rows"]["insert"]}
    assert {type(reject["provider_id"]) for reject in dry["rejects"]} == {str if key == "uuid" else int}
