"""Turns the events of an operation into progress and advice on stderr, and asks before something is destroyed."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from schedtool.cli.output import write_table
from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from schedtool.cli.options import Invocation
    from schedtool.cli.output import Progress
    from schedtool.foretell import Note


@contextmanager
def telling(invocation: Invocation) -> Iterator[Callable[[object], None]]:
    """Give a `notify` for an operation: batches get a progress bar, everything else one line each."""
    with ExitStack() as stack:
        bars: dict[str, Progress] = {}

        def notify(event: object) -> None:
            # Only a run that has batches imports them, and only then can an event be theirs.
            batches = sys.modules.get("schedtool.batches")
            if batches is not None and isinstance(event, batches.Started):
                if event.resumed:
                    invocation.say(f"{event.migration}: going on with job {event.job} at {event.done} of {event.total}")
                bars[event.migration] = stack.enter_context(invocation.progress(event.migration, event.total))
            elif batches is not None and isinstance(event, batches.Progress):
                if event.migration in bars:
                    note = f"resting: {event.resting}" if event.resting else ""
                    bars[event.migration].update(event.done, total=event.total, note=note, rate=event.rate)
            elif batches is not None and isinstance(event, batches.Retried):
                invocation.detail(f"{event.migration}: a batch is tried again: {event.message}")
            elif batches is not None and isinstance(event, batches.Faulted):
                invocation.detail(str(event))
            else:
                stack.pop_all().close()
                bars.clear()
                invocation.say(str(event))

        yield notify


def asking(what: str, *, yes: bool) -> Callable[[Sequence[str]], bool]:
    """Give a `confirm` for an operation: a question on a terminal, `--yes` elsewhere.

    Raises (when it is called):
        UsageError: There is no terminal to ask on, and `--yes` is not given.
    """

    def confirm(names: Sequence[str]) -> bool:
        if yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError(
                f"{what} {', '.join(names)} wants to be confirmed, and there is no terminal to ask on",
                hint="--yes confirms it; nothing was changed",
                code="needs_yes",
            )
        return click.confirm(f"{what} {', '.join(names)}?", err=True)

    return confirm


def write_notes(migration: str, notes: Sequence[Note]) -> None:
    """Print what a migration or a rollback would meet and do; nothing where nothing is known."""
    if notes:
        click.echo(f"\n{migration}:")
        write_table(("kind", "n", "what"), ((note.kind, note.n, note.what) for note in notes))
