"""Where the answer cannot be written: one line that says so, an exit code that is not 0, and no traceback."""

from __future__ import annotations

import sys

import pytest

from tests.servers import Outcome, run_program

FULL, CLOSED = ">/dev/full", ">&-"
ANSWERS = (
    ("--help",),
    ("--version",),
    ("script",),
    ("--format", "json", "script"),
    ("--format", "json", "status", "--database", "host=/nowhere"),
)


def shell(arguments: tuple[str, ...], redirected: str) -> Outcome:
    """Run it as somebody types it, stdout or stderr redirected."""
    command = f'{sys.executable} -m schedtool "$@" {redirected}'
    return run_program("bash", "-c", f"set -o pipefail; {command}", "bash", *arguments)


@pytest.mark.parametrize("arguments", ANSWERS[:4])
def test_a_full_disk_is_said_once(arguments: tuple[str, ...]) -> None:
    outcome = shell(arguments, FULL)

    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines() == [
        "schedtool: error: the answer cannot be written to stdout: No space left on device",
        "hint: what was done until then stays done: schedtool status shows it",
    ]


def test_another_error_is_said_where_the_answer_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")

    outcome = shell(ANSWERS[4], FULL)

    assert outcome.exit_code == 4
    assert outcome.stderr.startswith("schedtool: error: cannot connect to PostgreSQL")
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("arguments", ANSWERS)
def test_a_closed_stdout_is_refused_before_anything_is_tried(arguments: tuple[str, ...]) -> None:
    outcome = shell(arguments, CLOSED)

    assert outcome.exit_code == 2
    assert outcome.stderr == (
        "schedtool: error: stdout is closed, and the answer goes there\nhint: >/dev/null throws it away\n"
    )


@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-"])
def test_advice_that_nobody_gets_changes_no_exit_code(redirected: str) -> None:
    assert shell(("script",), redirected).exit_code == 0
    assert shell(("nosuch",), redirected).exit_code == 2


def test_a_reader_that_has_seen_enough_hears_no_more() -> None:
    outcome = shell(("script", "--to", "0003"), "| head -1")

    assert outcome.exit_code == 141
    assert outcome.stdout.startswith("-- Written by")
    assert outcome.stderr == ""
