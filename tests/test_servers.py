"""The tests' own machinery: what every other test stands on."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests import servers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Psql, RunCli
    from tests.servers import Database, Server


def test_a_wrong_password_is_refused(server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url("postgres", password="wrong")).close()  # noqa: S106


def test_each_test_has_a_database_of_its_own(empty_database: Database) -> None:
    with empty_database.connect() as connection:
        row = connection.execute(
            "SELECT current_database(), count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
    assert row == (empty_database.name, 0)


def test_psql_takes_a_command_a_file_and_variables(empty_database: Database, psql: Psql, tmp_path: Path) -> None:
    file = tmp_path / "a file.sql"
    file.write_text("SELECT :'word';", encoding="utf-8")
    assert psql(empty_database, "-At", command="SHOW server_version_num").stdout.strip().isdigit()
    assert psql(empty_database, "-At", file=file, variables={"word": "it's"}).stdout == "it's\n"


def test_psql_goes_on_after_an_error_as_it_does_for_everyone(empty_database: Database, psql: Psql) -> None:
    outcome = psql(empty_database, "-At", stdin="SELECT 1/0;\nSELECT 2;\n")
    assert outcome.exit_code == 0
    assert outcome.stdout == "2\n"
    assert "division by zero" in outcome.stderr


def test_psql_and_pg_dump_are_at_least_as_new_as_the_server(server: Server, empty_database: Database) -> None:
    dump = servers.run_program(server.bin_dir / "pg_dump", "--schema-only", "-d", empty_database.url)
    assert dump.exit_code == 0, dump.stderr


@pytest.mark.parametrize("key", ["integer", "bigint", "uuid"])
def test_the_parents_come_with_keys_of_every_type(empty_database: Database, key: str) -> None:
    empty_database.make_parents(key)  # type: ignore[arg-type]
    with empty_database.connect() as connection:
        row = connection.execute("INSERT INTO providers DEFAULT VALUES RETURNING pg_typeof(id)::text").fetchone()
    assert row == (key,)


def test_a_server_that_is_not_there_ends_the_run_with_one_clear_line(server: Server) -> None:
    del server  # this run has one, and the run below is told of another
    outcome = servers.run_program(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--server",
        "postgresql://postgres:S3cret@127.0.0.1:9/",
        f"{__file__}::test_each_test_has_a_database_of_its_own",
    )
    assert outcome.exit_code == 1
    assert "no server at 127.0.0.1:9: connection failed" in outcome.stdout
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert "S3cret" not in outcome.stdout + outcome.stderr
    assert " passed" not in outcome.stdout
    assert " skipped" not in outcome.stdout


def test_the_command_line_runs_in_this_process_and_in_its_own(run_cli: RunCli) -> None:
    outcomes = [
        run(*arguments) for run in (run_cli, servers.run_process) for arguments in (["--version"], ["--nonsense"])
    ]
    in_process, in_process_wrong, process, process_wrong = outcomes
    assert in_process == process
    assert process.exit_code == 0
    assert process.stdout.startswith("schedtool, version ")
    assert in_process_wrong == process_wrong
    assert process_wrong.exit_code == 2
    assert "--nonsense" in process_wrong.stderr


def test_nothing_of_the_developers_own_settings_reaches_a_test() -> None:
    names = "{'DATABASE_URL', 'PGHOST', 'SCHEDTOOL_SCHEMA', 'PATH'}"
    environ = {"DATABASE_URL": "x", "PGHOST": "x", "SCHEDTOOL_SCHEMA": "x", "PATH": os.environ["PATH"]}
    seen = servers.run_program(
        sys.executable,
        "-c",
        f"import tests.conftest, os; print(sorted({names} & set(os.environ)))",
        environ=environ,
        cwd=servers.HERE.parent,
    )
    assert seen.stdout == "['PATH']\n", seen.stderr


def run_tests(*arguments: str | Path, cwd: Path | None = None) -> servers.Outcome:
    """Run pytest on two processes."""
    return servers.run_program(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", *arguments, cwd=cwd
    )


def test_one_server_by_url_is_not_shared_by_two_processes() -> None:
    outcome = run_tests("--server", "postgresql://127.0.0.1:9/", __file__)
    assert outcome.exit_code == 1
    assert "--server URL is one server, and -n needs one for each process: leave one of them out" in outcome.stdout
    assert "Traceback" not in outcome.stdout + outcome.stderr


HEAD = """
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.clusters import wait_for

HERE = Path(__file__).parent

def server_of(server):
    connection = psycopg.connect(server.conninfo)
    # The roles of a server are seen by all who use it.
    connection.execute("CREATE ROLE the_same_name")
    return connection

@pytest.fixture(autouse=True)
def nothing_left(server):
    yield
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS the_same_name")
"""
MANY = """
@pytest.mark.parametrize("n", range(30))
def test_{name}(server, n):
    with server_of(server):
        (HERE / "busy.{name}").touch()
        with suppress(AssertionError):
            wait_for((HERE / "seen").exists, "the other to see it", limit=0.02)
        (HERE / "busy.{name}").unlink()
"""
ALONE = """
{mark}
def test_{name}_alone():
    try:
        wait_for(lambda: list(HERE.glob("busy.*")) or (HERE / "seen").exists(), "company", limit={limit})
    except AssertionError:
        return
    (HERE / "seen").touch()
    pytest.fail("not alone")
"""


@pytest.mark.parametrize("is_marked", [True, False])
def test_two_processes_have_a_server_each_and_a_marked_test_the_machine(tmp_path: Path, *, is_marked: bool) -> None:
    # Without the mark one looks from the beginning until the other's tests are there, whose server may take its time.
    mark, limit = ("@pytest.mark.alone", 0.5) if is_marked else ("", 60)
    for name, parts in (("one", (HEAD, MANY, ALONE)), ("two", (HEAD, ALONE, MANY))):
        text = "".join(parts).format(name=name, mark=mark, limit=limit)
        (tmp_path / f"test_{name}.py").write_text(text, encoding="utf-8")
    outcome = run_tests("-p", "tests.conftest", "--server", "embedded", "--dist", "loadfile", tmp_path)
    if is_marked:
        assert outcome.exit_code == 0, outcome.stdout
        assert "62 passed" in outcome.stdout
        assert outcome.stdout.count("server: embedded") == 2
    else:
        # What the mark is for.
        assert outcome.exit_code == 1, outcome.stdout
        assert "_alone" in outcome.stdout
