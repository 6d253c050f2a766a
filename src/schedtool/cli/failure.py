"""The one place that turns errors into text or JSON, and into exit codes."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from schedtool.arguments import hide_secrets
from schedtool.cli import streams
from schedtool.cli.output import JsonAnswer, printable
from schedtool.errors import Failed, SchedtoolError, UsageError

if TYPE_CHECKING:
    from schedtool.cli.options import Invocation

INTERRUPTED = 130
TERMINATED = 143
BROKEN_PIPE = 141
_TRACEBACK_AT = 2


class Terminated(KeyboardInterrupt):
    """SIGTERM: whatever stops after the batch for Ctrl-C stops for it as well."""


@dataclass(frozen=True)
class Failure:
    """An error as it is shown."""

    exit_code: int
    code: str
    message: str
    hint: str | None = None


def report(error: BaseException, invocation: Invocation) -> int:
    """Say what happened, once, without any password; return the exit code."""
    fault = streams.fault(sys.stdout)
    if isinstance(fault or error, BrokenPipeError):
        # Whoever read our answer has left, and wants to hear no more of it.
        return BROKEN_PIPE
    if isinstance(error, OSError) and fault is not None:
        error = Failed(
            f"the answer cannot be written to stdout: {fault.strerror}",
            hint="what was done until then stays done: schedtool status shows it",
            code="output",
        )
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not invocation.json:
        sys.stderr.write(error.format_message() + "\n")
        return error.exit_code
    failure = _scrubbed(_explain(error), invocation)
    if invocation.verbose >= _TRACEBACK_AT:
        lines = "".join(traceback.format_exception(error))
        sys.stderr.write(_without_password(lines, invocation))
    if invocation.json and fault is None:
        answer = invocation.answering or JsonAnswer(sys.stdout, invocation.command)
        with suppress(OSError):
            answer.fail(failure.code, failure.message, failure.hint)
        fault = streams.fault(sys.stdout)
    if fault is not None or not invocation.json:
        sys.stderr.write(f"schedtool: error: {printable(failure.message)}\n")
        for line in (failure.hint or "").split("\n"):
            sys.stderr.write(f"hint: {printable(line)}\n" if line.strip() else "")
    sys.stderr.flush()
    return failure.exit_code


def _explain(error: BaseException) -> Failure:
    if isinstance(error, SchedtoolError):
        return Failure(error.exit_code, error.code, error.message, error.hint)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return Failure(UsageError.exit_code, UsageError.default_code, "no command given", "schedtool --help")
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "schedtool"
        message = " ".join(error.format_message().split()).rstrip(".")
        return Failure(UsageError.exit_code, UsageError.default_code, message, f"{path} --help says what there is")
    if isinstance(error, click.ClickException):
        return Failure(error.exit_code, SchedtoolError.default_code, error.format_message())
    if isinstance(error, click.Abort):
        if isinstance(error.__cause__, KeyboardInterrupt):
            return _explain(error.__cause__)
        return Failure(1, "no_answer", "nobody answered the question", "--yes answers it beforehand")
    if isinstance(error, Terminated):
        return Failure(TERMINATED, "terminated", "stopped by SIGTERM")
    if isinstance(error, KeyboardInterrupt):
        return Failure(INTERRUPTED, "interrupted", "interrupted")
    return _explain_unexpected(error)


def _explain_unexpected(error: BaseException) -> Failure:
    # Only where psycopg is imported already can the error be one of its own.
    psycopg = sys.modules.get("psycopg")
    if psycopg is not None and isinstance(error, psycopg.Error):
        from schedtool.database import explain_error

        return _explain(explain_error(error))
    said = next(iter(str(error).splitlines()), "")
    return Failure(
        1,
        "unexpected",
        f"unexpected {type(error).__name__}: {said}",
        "this is a fault of schedtool; -v -v shows where it happened",
    )


def _scrubbed(failure: Failure, invocation: Invocation) -> Failure:
    message = _without_password(failure.message, invocation)
    hint = None if failure.hint is None else _without_password(failure.hint, invocation)
    return Failure(failure.exit_code, failure.code, message, hint)


def _without_password(text: str, invocation: Invocation) -> str:
    # Click quotes arguments as they stand, long before anybody knows which one is a connection string.
    text = "\n".join(hide_secrets(line) for line in text.split("\n"))
    if "psycopg" not in sys.modules:
        return text
    from schedtool.database import scrub

    try:
        target = invocation.target()
    except UsageError:
        target = None
    return scrub(text, target)
