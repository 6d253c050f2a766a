"""`rehearse`: the whole journey as a newcomer sees it, what it finds out, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import schedtool
from schedtool import embedded, project
from schedtool.database import Target, execute
from schedtool.rehearse_locks import watched
from tests import servers, small_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RunCli
    from tests.servers import Database
    from tests.small_project import Small

LIMIT_S = 60
PROVIDERS = 250
JOURNEY = [
    "parents",
    "plan",
    "dry_run",
    "apply",
    "backfill",
    "apply",
    "verify",
    "refusal",
    "accept",
    "contract",
    "verify",
    "rollback",
    "verify",
    "compare",
]
PARENTS = """
    CREATE TABLE item (id bigint PRIMARY KEY, name text NOT NULL);
    INSERT INTO item SELECT n, CASE WHEN n % 10 = 0 THEN 'x1' ELSE 'x' END
    FROM generate_series(1, :'providers'::bigint) AS n;
"""
GUARD = """
    IF EXISTS (SELECT FROM left_out WHERE accepted_at IS NULL) THEN
        RAISE EXCEPTION 'digits wait for a decision' USING ERRCODE = 'ST003';
    END IF;
"""
DROP = """
    -- depends: 0002.fill-copied
    DO $$ BEGIN
    {guard}
    CREATE TABLE kept AS SELECT id, name FROM item;
    ALTER TABLE item DROP COLUMN name;
    END $$;
"""
BACK = """
    ALTER TABLE item ADD COLUMN name text;
    UPDATE item SET name = {name} FROM kept WHERE kept.id = item.id;
    DROP TABLE kept;
"""


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """A project about items: a backfill, rejects, and a drop behind a guard."""
    small = small_project.make_settled(tmp_path)
    small.write("sql/rehearse/parents.sql", PARENTS)
    small.write("migrations/contract/0003.drop-name.sql", DROP.format(guard=GUARD))
    small.write("migrations/contract/0003.drop-name.rollback.sql", BACK.format(name="kept.name"))
    return small


def walk(run_cli: RunCli, small: Small, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Rehearse a small project: the exit code and the answer."""
    done = run_cli("rehearse", "--project", small.root, "--providers", "30", *arguments, "--format", "json")
    answer: dict[str, Any] = json.loads(done.stdout)
    return done.exit_code, answer


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    """What a rehearsal of the shipped project says to programs."""
    done = servers.run_process("rehearse", "--providers", str(PROVIDERS), "--format", "json", "-q")
    assert done.exit_code == 0, done
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_whole_journey_is_walked_and_every_step_does_what_it_should(answer: dict[str, Any]) -> None:
    assert answer["command"] == "rehearse"
    assert answer["ok"] is True
    assert [step["step"] for step in answer["steps"]] == JOURNEY
    assert all(step["ok"] for step in answer["steps"])
    assert all(step["elapsed_s"] >= 0 for step in answer["steps"])


def test_the_drop_is_refused_first_and_says_why(answer: dict[str, Any]) -> None:
    dry_run, refusal = (step for step in answer["steps"] if step["step"] in {"dry_run", "refusal"})
    rejected = dry_run["counts"]["rejected"]
    assert rejected > 0
    assert f"{rejected} documents wait for a decision" in refusal["said"]
    assert sum(reason["documents"] for reason in refusal["rejects"]) == rejected
    for reason in refusal["rejects"]:
        assert reason["reason"] in refusal["said"]
        assert set(reason["example"]) == {"provider_id", "path", "value"}
    by_name = {found["reason"]: found for found in refusal["rejects"]}
    assert by_name == {found["reason"]: found for found in dry_run["rejects"]}


def test_the_backfill_does_what_the_dry_run_said(answer: dict[str, Any]) -> None:
    dry_run, backfill = (step["counts"] for step in answer["steps"] if step["step"] in {"dry_run", "backfill"})
    assert dry_run["documents"] == backfill["documents"] == PROVIDERS
    assert dry_run["rejected"] == backfill["rejected"] == backfill["waiting"]
    assert dry_run["rows"] == backfill["inserted"]


def test_locks_are_told_for_tables_that_were_there_before_the_step(answer: dict[str, Any]) -> None:
    steps = {(step["step"], *step["migrations"]): step["locks"] for step in answer["steps"]}
    assert steps["parents",] == []
    drop = {
        (lock["table"], lock["mode"]): lock["held_ms"] for lock in steps["contract", "0004.drop-providers-availability"]
    }
    assert 0 < drop["providers", "ACCESS EXCLUSIVE"] < 10_000
    first = steps["apply", "0001.create-provider-tables", "0002.sync-availability"]
    assert {lock["table"] for lock in first} <= {"providers", "users"}
    backfill = {(lock["table"], lock["mode"]) for lock in steps["backfill", "0003.backfill-provider-availability"]}
    assert ("providers", "ROW SHARE") in backfill
    assert not {("providers", mode) for mode in ("EXCLUSIVE", "ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE")} & backfill


def test_people_get_a_line_per_step_the_rejects_and_what_was_proved() -> None:
    done = servers.run_process("rehearse", "--providers", "100")
    assert done.exit_code == 0, done
    lines = done.stdout.splitlines()
    assert "\x1b" not in done.stdout + done.stderr
    assert sum(line.startswith("ok ") for line in lines) == len(JOURNEY)
    assert any("refused, as it should be" in line for line in lines)
    assert any("ACCESS EXCLUSIVE" in line for line in lines)
    assert any(line.split()[:4] == ["reason", "documents", "for", "one"] for line in lines)
    assert lines[-1].startswith("Proved in ")
    assert "exactly as the dry run had said" in lines[-1]
    assert "are what they were at the start, value for value" in lines[-1]
    assert "backfill 0003 …" in done.stderr.splitlines()


def test_a_terminal_gets_colours_and_a_bar_for_what_goes_over_documents(small: Small) -> None:
    screen = _on_a_terminal("rehearse", "--project", str(small.root), "--providers", "30")
    assert "\x1b[32mok" in screen
    assert "━━━" in screen
    assert "30/30" in screen
    assert "Proved in" in screen


def _on_a_terminal(*arguments: str) -> str:
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "schedtool", *arguments],
        stdin=terminal, stdout=terminal, stderr=terminal, env=servers.clean_environ({"TERM": "xterm-256color"}),
    ) as process:  # fmt: skip
        os.close(terminal)
        said = b""
        try:
            while select.select([controller], [], [], LIMIT_S)[0]:
                said += os.read(controller, 65536)
        except OSError:
            # That is how a terminal says that nobody has it open any more.
            pass
        finally:
            os.close(controller)
        assert process.wait(LIMIT_S) == 0, said.decode()
    return said.decode()


def test_any_project_can_be_rehearsed(run_cli: RunCli, small: Small) -> None:
    code, answer = walk(run_cli, small)
    assert code == 0, answer
    assert [step["step"] for step in answer["steps"]] == JOURNEY
    said = {step["step"]: step["said"] for step in answer["steps"]}
    assert "digits wait for a decision" in said["refusal"]
    assert said["compare"] == "all 30 rows of item are what they were at the start, value for value"


def test_a_schema_of_another_name_will_do(run_cli: RunCli, small: Small) -> None:
    code, answer = walk(run_cli, small, "--schema", "Our Items")
    assert code == 0, answer


def test_without_a_backfill_everything_is_applied_and_taken_back(run_cli: RunCli, tmp_path: Path) -> None:
    small = small_project.Small(tmp_path)
    small.write("sql/rehearse/parents.sql", PARENTS)
    small.write("migrations/0001.a.sql", "CREATE TABLE a (id int);\n")
    small.write("migrations/0001.a.rollback.sql", "DROP TABLE a;\n")
    small.write("migrations/0002.b.sql", "ALTER TABLE item ADD extra int;\n")
    small.write("migrations/0002.b.rollback.sql", "ALTER TABLE item DROP extra;\n")
    code, answer = walk(run_cli, small)
    assert code == 0, answer
    assert [step["step"] for step in answer["steps"]] == ["parents", "plan", "apply", "verify", "rollback", "compare"]
    assert answer["steps"][4]["migrations"] == ["0002.b", "0001.a"]


def test_without_a_drop_the_way_back_is_the_backfills(run_cli: RunCli, small: Small) -> None:
    shutil.rmtree(small.root / "migrations/contract")
    code, answer = walk(run_cli, small)
    assert code == 0, answer
    rollback = next(step for step in answer["steps"] if step["step"] == "rollback")
    assert rollback["migrations"] == ["0002.fill-copied"]


def test_rows_that_migrations_change_by_design_are_compared_from_then_on(run_cli: RunCli, small: Small) -> None:
    small.write("migrations/0001.shout.sql", "UPDATE item SET name = upper(name);\n")
    small.write("migrations/0001.shout.rollback.sql", "UPDATE item SET name = lower(name);\n")
    code, answer = walk(run_cli, small)
    assert code == 0, answer
    assert answer["steps"][-1]["said"].endswith("are what they were before 0003, value for value")


def test_a_drop_without_its_guard_is_found_out(run_cli: RunCli, small: Small) -> None:
    small.write("migrations/contract/0003.drop-name.sql", DROP.format(guard=""))
    code, answer = walk(run_cli, small)
    assert code == 3
    assert answer["ok"] is False
    assert answer["steps"][-1]["step"] == "refusal"
    assert answer["steps"][-1]["said"] == "it was NOT refused, although 3 documents had to be decided on"


@pytest.mark.parametrize("name", ["kept.name || ' '", "nullif(kept.name, 'x1')"])
def test_a_rollback_that_gives_back_other_values_is_found_out(run_cli: RunCli, small: Small, name: str) -> None:
    small.write("migrations/contract/0003.drop-name.rollback.sql", BACK.format(name=name))
    code, answer = walk(run_cli, small)
    assert code == 3
    last = answer["steps"][-1]
    assert (last["step"], last["ok"]) == ("compare", False)
    assert "rows are not what they were" in last["details"][0]


def test_a_rollback_that_leaves_the_column_out_is_found_out(run_cli: RunCli, small: Small) -> None:
    small.write("migrations/contract/0003.drop-name.rollback.sql", "DROP TABLE kept;\n")
    code, answer = walk(run_cli, small)
    assert code == 3
    assert answer["steps"][-1]["details"] == ["item: without name"]


def test_a_dry_run_that_says_something_else_is_found_out(run_cli: RunCli, small: Small) -> None:
    small.write("sql/dry_run/0002.fill-copied.sql", small_project.DRY_RUN.replace("item.name ~ '[0-9]'", "item.id < 3"))
    code, answer = walk(run_cli, small)
    assert code == 3, answer
    last = answer["steps"][-1]
    assert (last["step"], last["ok"]) == ("backfill", False)
    assert "the dry run said 2 rejected, and it was 3" in last["details"]


def test_a_check_that_fails_ends_the_rehearsal(run_cli: RunCli, small: Small) -> None:
    small.write(
        "sql/verify/0001.make-copied.sql",
        "SELECT 'counts' AS section, 'nothing copied' AS name, count(*) = 0 AS passed, 0 AS expected,"
        " count(*) AS actual, NULL::text AS detail FROM copied;\n",
    )
    code, answer = walk(run_cli, small)
    assert code == 3
    last = answer["steps"][-1]
    assert (last["step"], last["ok"]) == ("verify", False)
    assert last["details"] == ["counts: nothing copied: expected 0, is 27"]


def test_a_migration_that_fails_is_told_with_its_line(run_cli: RunCli, small: Small) -> None:
    small.write("migrations/0001.make-copied.sql", "\nSELECT nonsense;\n")
    code, answer = walk(run_cli, small)
    assert code == 1
    assert answer["steps"][-1]["step"] == "apply"
    assert answer["ok"] is False
    assert 'column "nonsense" does not exist' in answer["error"]["message"]
    done = run_cli("rehearse", "--project", small.root, "--providers", "30")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].startswith("FAILED")
    assert "schedtool: error: migrations/0001.make-copied.sql:" in done.stderr


def test_without_a_rollback_there_is_no_way_back_and_that_is_a_failure(run_cli: RunCli, small: Small) -> None:
    (small.root / "migrations/contract/0003.drop-name.rollback.sql").unlink()
    code, answer = walk(run_cli, small)
    assert code == 1
    assert answer["error"]["code"] == "no_rollback"


def test_without_parents_sql_the_file_is_named_and_nothing_starts(run_cli: RunCli, small: Small) -> None:
    (small.root / "sql/rehearse/parents.sql").unlink()
    done = run_cli("rehearse", "--project", small.root, environ={"SCHEDTOOL_PG_BIN": "/nowhere"})
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "sql/rehearse/parents.sql is missing" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sample", "10"], "--sample"),
        (["--from", "postgresql://x@y/z", "--providers", "10"], "--providers"),
        (["--from", "postgresql://x@y/z", "--sample", "0"], "--sample"),
        (["--from", ""], "--from is empty"),
        (["--from", "mysql://x:secret@y/z"], "--from: the scheme mysql is not PostgreSQL's"),
        (["--providers", "0"], "--providers"),
    ],
)
def test_options_that_make_no_sense_are_refused(run_cli: RunCli, arguments: list[str], message: str) -> None:
    done = run_cli("rehearse", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "secret" not in done.stderr


def test_help_says_that_locks_are_sampled(run_cli: RunCli) -> None:
    help_text = " ".join(run_cli("rehearse", "--help").stdout.split())
    assert "sampled every 2 ms" in help_text
    assert "a shorter lock may go unseen" in help_text


def test_locks_of_other_programs_and_of_tables_made_meanwhile_are_not_told(empty_database: Database) -> None:
    with empty_database.connect() as connection:
        connection.execute("CREATE TABLE one (id int); CREATE TABLE two (id int)")
    with (
        watched(Target(empty_database.conninfo)) as seen,
        empty_database.connect(autocommit=False, application_name="psql") as other,
        empty_database.connect(autocommit=False, application_name="schedtool test") as ours,
    ):
        other.execute("LOCK TABLE two IN SHARE MODE")
        ours.execute("CREATE TABLE three (id int)")
        ours.execute("LOCK TABLE one IN SHARE ROW EXCLUSIVE MODE")
        deadline = time.monotonic() + LIMIT_S
        while not seen.since and time.monotonic() < deadline:
            pass
    assert [(lock.table, lock.mode) for lock in seen.locks] == [("one", "SHARE ROW EXCLUSIVE")]
    assert 0 < seen.locks[0].held_ms < 1000 * LIMIT_S


@pytest.fixture
def source(empty_database: Database) -> Database:
    """A database as others have them: made-up documents, and things that cannot be copied."""
    file = next(file for file in project.load(None).folder("rehearse") if file.name == "parents")
    with empty_database.connect() as connection:
        execute(connection, file.text, {"providers": "200", "seed": "2"})
        connection.execute(
            "CREATE TABLE team (id int PRIMARY KEY); INSERT INTO team VALUES (7);"
            "ALTER TABLE providers ADD team_id int DEFAULT 7 REFERENCES team;"
            "ALTER TABLE providers ADD label text GENERATED ALWAYS AS (name || '!') STORED;"
            "CREATE TABLE audit (id int);"
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO public.audit VALUES (1); RETURN NEW; END';"
            "CREATE TRIGGER note AFTER INSERT ON providers FOR EACH ROW EXECUTE FUNCTION note();"
            "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.thing (id int);"
            "CREATE VIEW things AS SELECT * FROM elsewhere.thing;"
        )
        # What was written is counted now, and not when the server finds the time for it.
        connection.execute("SELECT pg_stat_force_next_flush()")
    return empty_database


def test_a_copy_of_a_database_is_rehearsed_and_the_database_only_read(source: Database) -> None:
    before = _contents(source)
    done = servers.run_process("rehearse", "--from", source.url, "--format", "json", "-q")
    assert done.exit_code == 0, done
    answer = json.loads(done.stdout)
    assert [step["step"] for step in answer["steps"]] == JOURNEY
    parents = answer["steps"][0]
    assert parents["counts"] == {"audit": 0, "providers": 200, "team": 0, "users": 20}
    assert parents["details"] == [
        'not copied: 1 of the definitions, the first because: relation "elsewhere.thing" does not exist'
    ]
    assert _contents(source) == before


def _contents(database: Database) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(
            "SELECT relname, pg_relation_size(oid), (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)"
            " FROM pg_stat_user_tables) FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        ).fetchall()


def test_a_sample_copies_some_of_the_documents_and_all_of_the_other_parents(source: Database) -> None:
    done = servers.run_process("rehearse", "--from", source.url, "--sample", "40", "--format", "json")
    assert done.exit_code == 0, done
    counts = json.loads(done.stdout)["steps"][0]["counts"]
    assert 30 <= counts["providers"] <= 130
    assert counts["users"] == 20


def test_the_password_of_the_source_is_on_no_command_line(source: Database, open_folder: Path) -> None:
    # A whole installation, so that any account can run it; its pg_dump also writes down how it was called.
    prefix = embedded.find_binaries({}).parent
    shutil.copytree(prefix, open_folder / "package" / "install")
    libraries = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, open_folder / libraries.name)
    programs, said = open_folder / "package" / "install" / "bin", open_folder / "said"
    (programs / "pg_dump").rename(programs / "real_pg_dump")
    (programs / "pg_dump").write_text(f'#!/bin/sh\necho "$@" > {said}\nexec {programs / "real_pg_dump"} "$@"\n')
    (programs / "pg_dump").chmod(0o755)
    done = servers.run_process("rehearse", "--from", source.url, environ={"SCHEDTOOL_PG_BIN": str(programs)})
    assert done.exit_code == 0, done
    assert "--schema-only" in said.read_text()
    for text in (said.read_text(), done.stdout, done.stderr):
        assert servers.PASSWORD not in text


def test_a_source_with_a_wrong_password_is_busy_and_shows_none(source: Database) -> None:
    url = source.server.url(source.name, password="quite-wrong")  # noqa: S106 it is none
    done = servers.run_process("rehearse", "--from", url)
    assert done.exit_code == 4
    assert "password authentication failed" in done.stderr
    assert "quite-wrong" not in done.stdout + done.stderr


def test_a_source_that_is_migrated_already_is_refused(run_cli: RunCli, database: Database) -> None:
    done = run_cli("rehearse", "--from", database.url)
    assert done.exit_code == 3
    assert "0003.backfill-provider-availability is applied in the database to copy" in done.stderr


@contextmanager
def _at_the_backfill(small: Small) -> Iterator[tuple[subprocess.Popen[str], list[int], Path]]:
    """A rehearsal that is in its backfill, in a group of its own as on a terminal; the server's processes, folder."""
    slow = "SELECT FROM item WHERE", "SELECT pg_sleep(0.2);\n    SELECT FROM item WHERE"
    small.write("sql/batches/0002.fill-copied.sql", small_project.SETTLED_BATCH.replace(*slow, 1))
    with subprocess.Popen(
        [sys.executable, "-m", "schedtool", "rehearse", "--project", str(small.root)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0, env=servers.clean_environ(),
    ) as process:  # fmt: skip
        assert process.stderr is not None
        opened: list[int] = []
        try:
            said = iter(process.stderr)
            assert "backfill 0002 …\n" in said
            (keeper,) = _children(process.pid)
            (postmaster,) = _children(keeper)
            for pid in (keeper, postmaster, *_children(postmaster)):
                # Some of the server's processes come and go.
                with suppress(ProcessLookupError):
                    opened.append(os.pidfd_open(pid))
            yield process, opened, Path(f"/proc/{postmaster}/cwd").readlink().parent
        finally:
            process.kill()
            for descriptor in opened:
                os.close(descriptor)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _assert_nothing_stays(opened: list[int], folder: Path) -> None:
    for descriptor in opened:
        assert select.select([descriptor], [], [], LIMIT_S)[0], "a process of the server is still alive"
    assert not folder.exists()


def test_nothing_stays_after_ctrl_c(small: Small) -> None:
    with _at_the_backfill(small) as (process, opened, folder):
        assert folder.exists()
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 130
        assert said.strip().splitlines()[-1] == "schedtool: error: interrupted"
        assert not folder.exists(), "the command ended before its server"
        _assert_nothing_stays(opened, folder)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_stays_after_the_command_was_killed(small: Small, number: signal.Signals, code: int) -> None:
    with _at_the_backfill(small) as (process, opened, folder):
        process.send_signal(number)
        assert process.wait(LIMIT_S) == code
        _assert_nothing_stays(opened, folder)


@pytest.mark.alone
def test_nothing_stays_after_a_rehearsal(small: Small) -> None:
    before = set(Path("/tmp").glob("schedtool-pg-*"))  # noqa: S108 the place is the point
    done = servers.run_process("rehearse", "--project", small.root, "--providers", "30")
    assert done.exit_code == 0, done
    assert set(Path("/tmp").glob("schedtool-pg-*")) <= before  # noqa: S108 the same


def test_an_ordinary_user_can_rehearse(open_folder: Path) -> None:
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_user = {"user": 65534, "group": 65534, "extra_groups": []}
    # What root has installed may be closed to others, so the user gets a copy of what the command needs.
    installed = Path(psycopg.__file__).parents[1]
    unneeded = ("mypy*", "*__mypyc*", "pip*", "ruff*", "squawk*", "hypothesis*", "_pytest", "docker*", "__pycache__")
    shutil.copytree(installed, open_folder / "installed", ignore=shutil.ignore_patterns(*unneeded), symlinks=True)
    top = Path(schedtool.__file__).parents[2]
    for part in ("src", "migrations", "sql"):
        shutil.copytree(top / part, open_folder / "top" / part, ignore=shutil.ignore_patterns("__pycache__"))
    path = os.pathsep.join(str(open_folder / part) for part in ("top/src", "installed"))
    done = subprocess.run(
        [_python_for(as_user), "-m", "schedtool", "rehearse", "--providers", "50"],
        env={"PATH": os.defpath, "PYTHONPATH": path, "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, cwd="/", check=False, timeout=LIMIT_S, **as_user,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert "Proved in" in done.stdout


def _python_for(as_user: dict[str, Any]) -> str:
    """A Python of this version that the user can start; this one may be in root's home."""
    version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    for python in (str(Path(sys.executable).resolve()), "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            subprocess.run([python, "-c", version], cwd="/", check=True, **as_user)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.fail("no Python of this version can be started here by an ordinary user")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user reaches, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)
