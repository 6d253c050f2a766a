"""`schedtool rehearse`: the whole journey on a throw-away PostgreSQL."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from io import StringIO
from typing import TYPE_CHECKING

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made
from schedtool.cli.output import printable, write_table
from schedtool.errors import Failed, Refused, SchedtoolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console
    from rich.text import Text

    from schedtool.cli.output import Progress
    from schedtool.database import Target
    from schedtool.rehearse import Begun, Step
    from schedtool.rehearse_locks import Held
    from schedtool.rehearse_parents import Made
    from schedtool.rehearse_steps import Reason

PROVIDERS = 10_000
LEFT = 33
"""Columns left of what a step says."""
TOLD = 3
"""Migrations that a step's title names one by one."""


@made(
    "rehearse",
    reads="the files of the project; with --from the schema and the parents' rows of that database (READ ONLY)",
    writes="a PostgreSQL of its own below /tmp, gone at the end, also after Ctrl-C and kill",
    locks="nothing of yours; with --from what reading takes (ACCESS SHARE)",
)
@click.option("--from", "source", metavar="URL", help="Rehearse on a copy of this database instead of made-up rows.")
@click.option(
    "--sample",
    metavar="PERCENT",
    type=click.FloatRange(min=0, max=100, min_open=True),
    help="With --from: copy about this share of the documents.  [default: 100]",
)
@click.option(
    "--providers",
    metavar="N",
    type=click.IntRange(1, 10_000_000),
    help="How many to make up.  [default: 10000]",
)
@click.option("--seed", metavar="N", type=click.IntRange(0, 2**31 - 1), help="Other made-up rows.  [default: 1]")
@click.pass_obj
def command(
    invocation: Invocation, *, source: str | None, sample: float | None, providers: int | None, seed: int | None
) -> int:
    """Walk through the whole journey on a throw-away PostgreSQL, on made-up rows or on a copy of your own.

    Plan, dry run, apply, backfill, verify; then the drop, which is refused as long as documents wait for a decision;
    the decisions, the drop, its rollback, and the proof that every row is what it was. It stops at the first step that
    does not do what it should. The rows are made by sql/rehearse/parents.sql of the project.

    The locks shown are those on tables that were there before the step. They are sampled every 2 ms or so from another
    connection: a shorter lock may go unseen, and a time is the longest that one transaction was seen to hold it.

    \b
    Exit code 3: a step did not do what it should; 1: one failed; 4: no connection to the database of --from.
    """  # noqa: D301 - \b is Click's mark for a paragraph that keeps its lines
    from schedtool.database import Target
    from schedtool.embedded import throwaway
    from schedtool.rehearse import rehearse
    from schedtool.rehearse_parents import Copied
    from schedtool.rehearse_parents import made as by_project

    project = invocation.project()
    if source is None and sample is not None:
        raise UsageError("--sample is a share of what --from copies, so it wants --from URL")
    if source is not None and (providers is not None or seed is not None):
        raise UsageError("--from copies rows, so there are none to make up: leave --providers and --seed out")
    if source is None:
        made_up = {"providers": str(providers or PROVIDERS), "seed": str(1 if seed is None else seed)}
        parents: Copied | Made = by_project(project, made_up)
    else:
        parents = Copied(_source(invocation, source), 100.0 if sample is None else sample)
    with throwaway() as server, _showing(invocation) as notify:
        target = Target(server.conninfo, invocation.schema)
        steps = rehearse(server, target, project, parents=parents, notify=notify)
        if invocation.json:
            return _answer(invocation, steps, version=server.version)
        return _print(steps, version=server.version)


def _source(invocation: Invocation, url: str) -> Target:
    from schedtool.database import Target, resolve

    try:
        return Target(resolve(url, {}), invocation.schema)
    except UsageError as error:
        raise UsageError(error.message.replace("--database", "--from"), hint=error.hint, code=error.code) from None


@contextmanager
def _showing(invocation: Invocation) -> Iterator[Callable[[object], None]]:
    """Give a `notify`: a progress bar for whatever goes over documents, one at a time."""
    from schedtool.filework import Retrying
    from schedtool.rehearse import Begun, Ended

    with ExitStack() as stack:
        step = ""
        bars: list[Progress] = []

        def notify(event: object) -> None:
            nonlocal step
            if isinstance(event, Ended):
                stack.pop_all().close()
                bars.clear()
            elif isinstance(event, Begun):
                step = _title(event)
                if not sys.stderr.isatty():
                    invocation.say(f"{step} …")
            elif (seen := _far(event)) is not None:
                done, total, note = seen
                if not bars:
                    bars.append(stack.enter_context(invocation.progress(step, total)))
                bars[0].update(done, total=total, note=note)
            elif isinstance(event, Retrying):
                invocation.say(str(event))
            else:
                invocation.detail(str(event))

        yield notify


def _far(event: object) -> tuple[int, int, str] | None:
    """How far something over documents has come: how many of how many, and a note."""
    from schedtool import batches, dry_run, verify

    match event:
        case dry_run.Read():
            return event.documents, max(event.total, event.documents), ""
        case verify.Checked():
            return event.keys, event.total, event.file
        case batches.Started():
            return event.done, event.total, ""
        case batches.Progress():
            return event.done, event.total, f"resting: {event.resting}" if event.resting else ""
        case _:
            return None


def _answer(invocation: Invocation, steps: Iterator[Step], *, version: str) -> int:
    walked: list[Step] = []
    with invocation.answer() as out:
        out.put("server", version)

        def listed() -> Iterator[dict[str, object]]:
            for step in steps:
                walked.append(step)
                yield _json(step)

        out.array("steps", listed())
        out.put("proved", _proved(walked))
        out.ok = walked[-1].outcome.ok
        _raise(walked[-1])
    return 0 if out.ok else Refused.exit_code


def _json(step: Step) -> dict[str, object]:
    outcome = step.outcome
    return {
        "step": step.step,
        "ok": outcome.ok,
        "elapsed_s": round(step.elapsed_s, 3),
        "migrations": step.migrations,
        "said": outcome.said,
        "counts": outcome.counts,
        "details": outcome.details,
        "rejects": [
            {
                "reason": found.reason,
                "documents": found.documents,
                "example": {"provider_id": found.key, "path": found.path, "value": found.value},
            }
            for found in outcome.reasons
        ],
        "locks": [vars(lock) for lock in step.locks],
        **({"statements": [asdict(one) for one in outcome.statements]} if outcome.statements else {}),
    }


def _print(steps: Iterator[Step], *, version: str) -> int:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    nothing = Text()
    _line(
        console, nothing, Text(f"A rehearsal on PostgreSQL {version}, started for it and gone after it", style="bold")
    )
    _line(console, nothing, nothing)
    walked: list[Step] = []
    for step in steps:
        walked.append(step)
        _print_step(console, step)
        if step.step == "refusal":
            _print_reasons(console, step.outcome.reasons)
    last = walked[-1]
    _raise(last)
    _line(console, nothing, nothing)
    if not last.outcome.ok:
        _line(console, nothing, Text(f"FAILED: {_title(last)} did not do what it should.", style="bold red"))
        return Refused.exit_code
    elapsed = sum(step.elapsed_s for step in walked)
    _line(console, nothing, Text(f"Proved in {elapsed:.0f} s: {'; '.join(_proved(walked))}.", style="bold green"))
    return 0


def _print_step(console: Console, step: Step) -> None:
    from rich.text import Text

    outcome = step.outcome
    head = Text.assemble(
        ("ok    " if outcome.ok else "FAILED", "green" if outcome.ok else "bold red"),
        (f" {step.elapsed_s:5.1f} s  ", "dim"),
        (f"{_title(step):<16} ", "bold"),
    )
    lines = [Text(printable(outcome.said))]
    lines += [Text(printable(line), style="" if outcome.ok else "red") for line in outcome.details]
    if step.locks:
        lines.append(Text(f"locks: {_locks(step.locks)}", style="dim"))
    for line in lines:
        _line(console, head, line)
        head = Text(" " * LEFT)


def _locks(locks: Sequence[Held]) -> str:
    """The locks in words: of each table what keeps writers or readers out, or else the strongest; reading in short."""
    from schedtool.rehearse_locks import MODES

    tables: dict[str, list[Held]] = {}
    for lock in locks:
        tables.setdefault(lock.table, []).append(lock)
    told = []
    reading: list[Held] = []
    for table, held in tables.items():
        strong = [lock for lock in held if lock.strength >= MODES.index("SHARE")] or held[:1]
        if strong[0].strength == 0:
            reading += strong
        else:
            told.append(f"{printable(table)} {', '.join(f'{lock.mode} {_time(lock.held_ms)}' for lock in strong)}")
    if reading:
        longest = _time(max(lock.held_ms for lock in reading))
        told.append(f"{reading[0].mode} on {', '.join(printable(lock.table) for lock in reading)} {longest}")
    return "; ".join(told)


def _time(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"  # noqa: PLR2004 - a second


def _print_reasons(console: Console, reasons: Sequence[Reason]) -> None:
    from rich.text import Text

    table = StringIO()
    rows = ((found.reason, found.documents, found.key, found.path, found.value) for found in reasons)
    write_table(("reason", "documents", "for one", "path", "value"), rows, stream=table)
    for number, line in enumerate(table.getvalue().splitlines()):
        _line(console, Text(" " * LEFT), Text(line, style="bold" if number == 0 else "yellow", no_wrap=True))


def _line(console: Console, head: Text, text: Text) -> None:
    """Write a line: whole into a pipe; on a terminal folded under its own beginning."""
    from rich.table import Table

    if not console.is_terminal:
        console.print(head + text, soft_wrap=True)
        return
    grid = Table.grid(expand=True)
    grid.add_column(width=head.cell_len, no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(head, text)
    console.print(grid)


def _title(step: Step | Begun) -> str:
    from schedtool.project import number_of

    numbers = [number_of(migration) for migration in step.migrations]
    shown = ", ".join(numbers) if len(numbers) <= TOLD else f"{numbers[0]} … {numbers[-1]}"
    return f"{step.step.replace('_', ' ')} {shown}".rstrip()


def _proved(walked: Sequence[Step]) -> list[str]:
    return [step.outcome.proves for step in walked if step.outcome.proves]


def _raise(last: Step) -> None:
    """Raise what ended it; on a server that is ours alone a lock not had in time, or a missing script, is a failure."""
    if last.error is None:
        return
    error: SchedtoolError = last.error
    if error.exit_code in {Failed.exit_code, Refused.exit_code} or last.step == "parents":
        raise error
    raise Failed(error.message, hint=error.hint, code=error.code) from error
