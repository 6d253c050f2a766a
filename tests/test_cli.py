"""What all commands have in common: options, help, errors, exit codes, signals, and what never gets out."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

import schedtool
from schedtool.cli import COMMANDS, cli, failure, output
from schedtool.cli.options import FORMATS, Command, Invocation
from schedtool.errors import Busy, Failed, Refused, UsageError
from tests import small_project
from tests.servers import clean_environ, run_process, run_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

    from tests.conftest import RunCli
    from tests.servers import Database

NAMES = [name for commands in COMMANDS.values() for name in commands]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    small = small_project.make(tmp_path / "project")
    small.write(
        "sql/queries/where.sql", "SELECT current_schema() AS schema, current_setting('application_name') AS app;"
    )
    small.write("sql/queries/sleep.sql", "SELECT pg_sleep(60);")
    small.write("sql/queries/many.sql", "SELECT repeat('x', 1000) AS x FROM generate_series(1, 20000);")
    small.write("sql/queries/raise.sql", "DO $$ BEGIN RAISE E'red \\x1b[31m and\\nsecond line'; END $$;")
    return small.root


# Options.


def test_global_options_stand_before_or_after_the_command(
    root: Path, run_cli: RunCli, empty_database: Database
) -> None:
    with empty_database.connect() as connection:
        connection.execute("CREATE SCHEMA other")
    options: list[str | Path] = [
        "--project",
        root,
        "--database",
        empty_database.url,
        "--schema",
        "other",
        "--format",
        "json",
    ]
    before = run_cli(*options, "query", "where")
    after = run_cli("query", *options, "where")
    behind = run_cli("query", "where", *options)

    assert json.loads(before.stdout)["rows"] == [{"schema": "other", "app": "schedtool query"}]
    assert before == after == behind


def test_an_option_behind_the_command_is_nearer_and_wins(root: Path, run_cli: RunCli) -> None:
    outcome = run_cli("--format", "json", "--project", root / "no", "query", "--project", root, "--format", "text")

    assert (outcome.exit_code, outcome.stdout.split()[0]) == (0, "query")


def test_options_win_over_their_variables(root: Path, run_cli: RunCli) -> None:
    environ = {"SCHEDTOOL_PROJECT": str(root / "no"), "SCHEDTOOL_FORMAT": "json"}

    assert run_cli("query", environ=environ).exit_code == 2
    assert run_cli("--project", root, "query", environ=environ).stdout.startswith('{"command": "query"')
    assert run_cli("query", "--project", root, "--format", "text", environ=environ).stdout.startswith("query ")


def test_the_variables_name_the_database_in_their_order(root: Path, run_cli: RunCli, empty_database: Database) -> None:
    nowhere = "postgresql://127.0.0.1:1/nowhere"
    query = ("--project", root, "query", "where")

    assert run_cli(*query, environ={"DATABASE_URL": empty_database.url}).exit_code == 0
    ours = {"SCHEDTOOL_DATABASE_URL": empty_database.url, "DATABASE_URL": nowhere}
    assert run_cli(*query, environ=ours).exit_code == 0
    assert run_cli(*query, "--database", nowhere, environ=ours).exit_code == 4
    libpq = {
        f"PG{'DATABASE' if name == 'dbname' else name.upper()}": str(value)
        for name, value in conninfo_to_dict(empty_database.conninfo).items()
        if name in {"host", "port", "user", "password", "dbname"}
    }
    assert run_cli(*query, environ=libpq).exit_code == 0


def test_without_a_database_the_line_says_how_to_give_one(root: Path, run_cli: RunCli) -> None:
    outcome = run_cli("--project", root, "query", "where")

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("schedtool: error: no database given\nhint: give --database postgresql://")


def test_quiet_leaves_only_the_answer(root: Path, run_cli: RunCli, empty_database: Database) -> None:
    query = ("--project", root, "--database", empty_database.url, "query", "where")

    assert run_cli(*query).stderr == "1 row\n"
    assert run_cli("-q", *query).stderr == ""


def test_the_version_is_the_packages(run_cli: RunCli) -> None:
    assert run_cli("--version").stdout == f"schedtool, version {schedtool.__version__}\n"


# Help.


def test_the_help_groups_the_commands_and_names_the_exit_codes(run_cli: RunCli) -> None:
    text = run_cli("--help").stdout

    assert [line for line in text.splitlines() if line in {"Look:", "Change:", "Make:"}] == [
        "Look:",
        "Change:",
        "Make:",
    ]
    for name in NAMES:
        assert f"\n  {name} " in text
    assert "3 it ran, and the answer is no" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_command_says_what_it_touches_and_which_variable_each_option_has(name: str, run_cli: RunCli) -> None:
    context = cli.make_context("schedtool", [], resilient_parsing=True)
    command = cli.get_command(context, name)
    text = " ".join(run_cli(name, "--help").stdout.split())

    assert isinstance(command, Command)
    assert [fact for fact, _ in command.facts] == ["Reads", "Writes", "Locks"]
    assert all(said for _, said in command.facts)
    for word in ("Reads", "Writes", "Locks", "Formats"):
        assert f" {word} " in text
    for option in options_of(command):
        assert f"SCHEDTOOL_{variable(option, name)}" in text, option.name


def options_of(command: click.Command) -> Iterator[click.Parameter]:
    return (option for option in command.params if option.param_type_name == "option" and option.name != "help")


def variable(option: click.Parameter, command: str) -> str:
    if option.envvar:
        return str(option.envvar).removeprefix("SCHEDTOOL_")
    return f"{command}_{option.name}".upper()


def test_nothing_heavy_is_imported_for_the_help(root: Path) -> None:
    for arguments in (["--help"], ["query", "--help"], ["--project", str(root), "query"]):
        code = (
            "import sys; from schedtool.cli import cli\n"
            f"cli.main({arguments!r}, standalone_mode=False)\n"
            "print('heavy', sorted({'psycopg', 'yoyo', 'rich', 'jsonschema', 'schedtool.ledger'} & set(sys.modules)))"
        )

        assert run_program(sys.executable, "-c", code).stdout.splitlines()[-1] == "heavy []"


# Errors.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["query", "--nothing"], "No such option"),
        (["query", "--format", "yaml"], "Invalid value for '--format'"),
        (["query", "--format", "junit"], "query takes --format text, json, not junit"),
        (["--format", "csv", "query"], "query takes --format text, json, not csv"),
        (["--wait", "soon", "query"], "Invalid value for '--wait'"),
        (["query", "--wait", "-1"], "Invalid value for '--wait'"),
        (["-v", "query", "-q"], "-v and -q exclude each other"),
        (["new"], "Missing argument 'NAME'"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(arguments: list[str], said: str, run_cli: RunCli) -> None:
    outcome = run_cli(*arguments)

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    first, hint = outcome.stderr.splitlines()
    assert first.startswith(f"schedtool: error: {said}")
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("arguments", [["--format", "json", "query", "-x"], ["query", "-x", "--format=json"]])
def test_a_wrong_call_is_a_json_object_where_json_was_asked_for(arguments: list[str], run_cli: RunCli) -> None:
    outcome = run_cli(*arguments)

    assert (outcome.exit_code, outcome.stderr) == (2, "")
    answer = json.loads(outcome.stdout)
    assert answer["error"].pop("message").startswith("No such option")
    assert answer == {
        "command": "query",
        "ok": False,
        "error": {"code": "usage", "hint": "schedtool query --help says what there is"},
    }
    by_variable = run_cli("query", "-x", environ={"SCHEDTOOL_FORMAT": "json"})
    assert by_variable.stdout == outcome.stdout


def test_without_a_command_there_is_the_help_and_exit_code_2(run_cli: RunCli) -> None:
    outcome = run_cli()

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "Look:" in outcome.stderr


@pytest.mark.parametrize(("kind", "code"), [(Failed, 1), (UsageError, 2), (Refused, 3), (Busy, 4)])
def test_each_kind_of_error_has_its_exit_code(
    kind: type[Failed], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failure.report(kind("it is so", hint="do this\nor that"), Invocation()) == code
    assert capsys.readouterr().err == "schedtool: error: it is so\nhint: do this\nhint: or that\n"


def test_a_fault_of_ours_is_one_line_and_its_traceback_is_for_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="first") as caught:
        raise ValueError("first\nsecond")

    assert failure.report(caught.value, Invocation(verbose=1)) == 1
    assert capsys.readouterr().err == (
        "schedtool: error: unexpected ValueError: first\n"
        "hint: this is a fault of schedtool; -v -v shows where it happened\n"
    )
    failure.report(caught.value, Invocation(verbose=2))
    assert "in test_a_fault_of_ours" in capsys.readouterr().err


def test_what_the_server_says_is_told_without_its_control_characters(
    root: Path, run_cli: RunCli, empty_database: Database
) -> None:
    outcome = run_cli("--project", root, "--database", empty_database.url, "query", "raise")

    assert outcome.exit_code == 1
    assert outcome.stderr == ("schedtool: error: sql/queries/raise.sql:1: red \\x1b[31m and\\nsecond line (P0001)\n")


def test_a_psycopg_error_that_nobody_caught_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert failure.report(psycopg.DataError("timestamp too large (after year 10K): 'infinity'"), Invocation()) == 1
    assert capsys.readouterr().err == "schedtool: error: timestamp too large (after year 10K): 'infinity'\n"


def test_an_error_half_way_through_an_answer_still_ends_it_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        raise Busy("somebody else", code="locked")

    invocation = Invocation(command="status", format="json")
    with pytest.raises(Busy) as caught, invocation.answer() as answer:
        answer.array("rows", rows())
    failure.report(caught.value, invocation)

    assert json.loads(capsys.readouterr().out) == {
        "command": "status",
        "rows": [{"a": 1}],
        "error": {"code": "locked", "message": "somebody else", "hint": None},
        "ok": False,
    }


# What never gets out.


@pytest.mark.parametrize("spelled", ["se%27kr%20et", "sekret"])
def test_the_password_is_in_no_output(root: Path, spelled: str) -> None:
    for url in (
        f"postgresql://u:{spelled}@127.0.0.1:1/d",
        f"postgresql://u@127.0.0.1:1/d?password={spelled}",
        f"postgresql://u:{spelled}@@127.0.0.1:1/d",
        f"postgresql://u:{spelled}%zz@127.0.0.1:1/d",
        f"host=127.0.0.1 port=1 password={spelled} {spelled}",
    ):
        for arguments in ((), ("--format", "json"), ("--format", url), ("--wait", url)):
            outcome = run_process("-vv", "--project", root, "--database", url, *arguments, "query", "where")

            assert outcome.exit_code in {2, 4}
            assert "kr%20et" not in outcome.stdout + outcome.stderr
            assert "sekret" not in outcome.stdout + outcome.stderr
            assert "se'kr et" not in outcome.stdout + outcome.stderr


class Running:
    """`schedtool query sleep` in a process of its own, at work on the server."""

    def __init__(self, root: Path, database: Database, *arguments: str) -> None:
        command = [sys.executable, "-m", "schedtool", "--project", str(root), *arguments, "query", "sleep"]
        self.process = subprocess.Popen(
            [*command, "--database", database.url],
            env=clean_environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with database.connect() as connection:
            while not connection.execute(
                "SELECT FROM pg_stat_activity, pg_sleep(0.02) WHERE datname = current_database() "
                "AND application_name = 'schedtool query' AND wait_event = 'PgSleep'"
            ).fetchall():
                assert self.process.poll() is None, self.process.communicate()


@pytest.mark.parametrize(
    ("number", "code", "word", "said"),
    [
        (signal.SIGINT, 130, "interrupted", "interrupted"),
        (signal.SIGTERM, 143, "terminated", "stopped by SIGTERM"),
    ],
)
def test_a_signal_ends_it_with_its_exit_code_and_nothing_is_left_on_the_server(
    root: Path, empty_database: Database, number: signal.Signals, code: int, word: str, said: str
) -> None:
    running = Running(root, empty_database)
    running.process.send_signal(number)
    stdout, stderr = running.process.communicate(timeout=30)

    assert (running.process.returncode, stdout, stderr.strip()) == (code, "", f"schedtool: error: {said}")
    with empty_database.connect() as connection:
        left = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone()
        assert left == (0,)
    running = Running(root, empty_database, "--format", "json")
    running.process.send_signal(number)
    stdout, _ = running.process.communicate(timeout=30)
    assert json.loads(stdout)["error"]["code"] == word


def test_the_password_leaves_the_process_list(root: Path, empty_database: Database) -> None:
    password = str(conninfo_to_dict(empty_database.conninfo).get("password") or "postgres")
    running = Running(root, empty_database)
    try:
        title = Path(f"/proc/{running.process.pid}/cmdline").read_text(encoding="utf-8")
    finally:
        running.process.kill()
        running.process.communicate()

    assert title.startswith("schedtool --project")
    assert f":{password}@" not in title
    assert "query sleep" in title


def test_a_reader_that_leaves_early_is_no_error(root: Path, empty_database: Database) -> None:
    for form in ("text", "json"):
        command = [sys.executable, "-m", "schedtool", "-q", "--project", str(root), "--format", form, "query", "many"]
        with subprocess.Popen(
            [*command, "--database", empty_database.url],
            env=clean_environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(10)
            process.stdout.close()
            assert (process.stderr.read(), process.wait(30)) == (b"", 141)


def test_a_locale_without_the_letters_is_no_reason_to_fail(root: Path) -> None:
    (root / "sql/queries/add.sql").write_text("-- Zählt → zusammen.\nSELECT 1;\n", encoding="utf-8")
    environ = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    outcome = run_process("--project", root, "query", environ=environ)

    assert outcome.exit_code == 0
    assert "Z\\xe4hlt \\u2192 zusammen." in outcome.stdout


def test_an_installed_package_finds_its_own_project_from_anywhere(root: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copytree(Path(schedtool.__file__).parent, site / "schedtool", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root, site / "schedtool" / "_project")
    outcome = run_process("query", environ={"PYTHONPATH": str(site)}, cwd=elsewhere)

    assert outcome.exit_code == 0, outcome
    assert "where" in outcome.stdout


# Writers.


def test_the_formats_are_those_that_commands_take() -> None:
    assert FORMATS == ("text", "json", "junit", "csv")


def test_columns_are_aligned_by_what_a_terminal_shows() -> None:
    stream = StringIO()
    count = output.write_table(("a", "name"), [(1, "x"), ("東京", None), ("e\u0301", True)], stream=stream)

    assert count == 3
    assert stream.getvalue() == "a     name\n1     x\n東京\ne\u0301     yes\n"


def test_a_table_of_any_length_is_written_as_it_comes() -> None:
    stream = StringIO()

    def rows() -> Iterator[tuple[int]]:
        for number in range(2500):
            if number == 2000:
                assert len(stream.getvalue().splitlines()) > 1900
            yield (number,)

    assert output.write_table(("n",), rows(), stream=stream) == 2500
    assert stream.getvalue().splitlines() == ["n", *map(str, range(2500))]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\tb\r\n", "a\\tb\\r\\n"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("ü 東", "ü 東"),
    ],
)
def test_what_could_drive_a_terminal_is_shown_as_an_escape(value: str, shown: str) -> None:
    assert output.printable(value) == shown


def test_progress_on_a_terminal_is_a_bar_and_elsewhere_nothing_for_quick_work() -> None:
    code = (
        "from schedtool.cli.output import Progress\n"
        "with Progress('documents', 10, quiet=False) as bar:\n"
        "    bar.update(5, note='waiting')\n"
        "    bar.update(10)\n"
    )
    elsewhere = run_program(sys.executable, "-c", code)
    ours, theirs = pty.openpty()
    environ = clean_environ({"TERM": "xterm", "COLUMNS": "120"})
    subprocess.run([sys.executable, "-c", code], env=environ, stderr=theirs, check=True)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)

    assert (elsewhere.stdout, elsewhere.stderr) == ("", "")
    assert "documents" in shown
    assert "10/10" in shown
