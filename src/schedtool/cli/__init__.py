"""The command line: a group of commands that are imported only when they run."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

import click

from schedtool.cli import failure
from schedtool.cli.options import FORMATS, Invocation, global_options, write_options

if TYPE_CHECKING:
    from collections.abc import Sequence

# What each command does, in one line, so that the help imports none of them.
COMMANDS = {
    "Look": {
        "status": "What is applied, pending, edited or half done; running batches.",
        "plan": "What apply would do, in order, with a plan hash.",
        "verify": "Prove it: schema, constraints, counts, parity.",
        "rejects": "Documents that need a decision; --accept decides.",
        "query": "Run one of sql/queries.",
    },
    "Change": {
        "apply": "Apply pending migrations.",
        "backfill": "Run a migration's batches, or with --dry-run say what they would do.",
        "rollback": "Roll back the last migration, or down to one.",
        "repair": "Accept an edited or half-done migration.",
    },
    "Make": {
        "script": "One plain SQL script of the migrations.",
        "new": "A numbered migration with its rollback; needs --project.",
        "rehearse": "The whole journey on a throw-away PostgreSQL.",
    },
}
_NAMES = frozenset(name for commands in COMMANDS.values() for name in commands)


class _Group(click.Group):
    """The group: finds commands lazily, and turns whatever goes wrong into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as Click has it
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as Click has it
        if cmd_name not in _NAMES:
            return None
        found = import_module(f"schedtool.cli.{cmd_name}").command
        assert isinstance(found, click.Command)  # noqa: S101 - each module defines one
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # Click would make exit code 1 of it, which means that something failed.
            return failure.report(error, ctx.ensure_object(Invocation))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_options(self, ctx, formatter)
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))

    def main(  # type: ignore[override] # Click's overloads differ by standalone_mode only
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> int:
        """Run, and return the exit code; in standalone mode exit with it, as Click does."""
        given = list(sys.argv[1:] if args is None else args)
        invocation = _foreseen(given)
        try:
            code = super().main(given, prog_name or "schedtool", complete_var, False, obj=invocation, **extra) or 0
            sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where every error ends
            code = failure.report(error, invocation)
        if standalone_mode:
            sys.exit(code)
        return int(code)


def _foreseen(arguments: Sequence[str]) -> Invocation:
    """What an error in the arguments themselves needs to know: the command, and the format to speak."""
    read = list(takewhile(lambda argument: argument != "--", arguments))
    formats = [value for option, value in pairwise(read) if option == "--format"]
    formats += [argument.removeprefix("--format=") for argument in read if argument.startswith("--format=")]
    wanted = formats[-1] if formats else os.environ.get("SCHEDTOOL_FORMAT", "")
    return Invocation(
        command=next((argument for argument in read if argument in _NAMES), ""),
        format=wanted if wanted in FORMATS else "text",
    )


@click.group(
    cls=_Group,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "SCHEDTOOL",
        "max_content_width": 120,
    },
    params=global_options(),
)
@click.version_option(package_name="schedtool", prog_name="schedtool")
def cli() -> None:
    """Take a live PostgreSQL from a JSONB column to tables, and prove on the way that nothing was lost.

    \b
    Exit codes: 0 done, or yes; 1 failed; 2 wrong usage; 3 it ran, and the answer is no; 4 busy, try again;
    130, 143 after SIGINT, SIGTERM.
    """  # noqa: D301 - \b is Click's mark for a paragraph that keeps its lines
