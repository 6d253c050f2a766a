"""`schedtool rollback`: take migrations back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from schedtool.cli.options import Invocation, nice_ratio_option
from schedtool.cli.options import command as made
from schedtool.cli.output import write_table
from schedtool.cli.telling import asking, telling, write_notes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schedtool.filework import Ran
    from schedtool.rollback import PlannedRollback


@made(
    "rollback",
    reads="yoyo's records, the files of the project, what the rollbacks read",
    writes="what the rollbacks write; the records",
    locks="the tool's advisory lock; on tables what the rollback's header says, each wait bounded by --lock-timeout",
)
@click.option("--to", metavar="ID", help="Take back everything behind this migration, which stays.")
@click.option("--plan", "only_plan", is_flag=True, help="Tell what would be taken back; changes nothing.")
@click.option("--lose", metavar="TABLE", multiple=True, help="Rows of this table may go that stand nowhere else.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--workers", metavar="N", type=click.IntRange(1, 64), help="Connections that run batches.  [default: 2]")
@nice_ratio_option
@click.option(
    "--lock-timeout",
    metavar="S",
    type=click.FloatRange(0.01, 3600),
    default=0.5,
    show_default=True,
    help="Seconds to wait for a table's lock before others get their turn; tried again ten times.",
)
@click.option(
    "--statement-timeout",
    metavar="S",
    type=click.FloatRange(0.01, 86400),
    help="Seconds that one statement may take.  [default: none; 30 for a batch]",
)
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    to: str | None,
    only_plan: bool,
    lose: Sequence[str],
    yes: bool,
    workers: int | None,
    nice_ratio: float | None,
    lock_timeout: float,
    statement_timeout: float | None,
) -> None:
    """Take back the last migration, or with --to all behind one.

    Each needs its .rollback.sql, and is refused (3) where rows would go that stand nowhere else, unless --lose names
    their table.
    """
    if only_plan:
        _plan(invocation, to=to)
        return
    from schedtool.rollback import Done, rollback

    with telling(invocation) as say:

        def notify(event: object) -> None:
            # What is done is the answer, and must stand there even if a later one fails.
            if isinstance(event, Done) and not invocation.json:
                click.echo(event)
            elif not isinstance(event, Done):
                say(event)

        done = rollback(
            invocation.target(),
            invocation.project(),
            confirm=asking("roll back", yes=yes),
            notify=notify,
            to=to,
            lose=lose,
            lock_timeout=lock_timeout,
            statement_timeout=statement_timeout,
            workers=workers,
            nice_ratio=nice_ratio,
            wait=invocation.wait,
        )
    _answer(invocation, done)


def _answer(invocation: Invocation, done: Sequence[Ran]) -> None:
    if invocation.json:
        with invocation.answer() as out:
            out.array(
                "rolled_back",
                ({"id": ran.migration, "duration_ms": ran.duration_ms, "rows": ran.rows} for ran in done),
            )
    elif not done:
        click.echo("nothing to do: nothing is applied behind it")


def _json(one: PlannedRollback) -> dict[str, object]:
    return {
        "id": one.id,
        "batches": one.batches,
        "locks": [vars(lock) for lock in one.locks],
        "notes": [vars(note) for note in one.notes],
    }


def _plan(invocation: Invocation, *, to: str | None) -> None:
    from schedtool.rollback import plan

    planned = plan(invocation.target(), invocation.project(), to=to, wait=invocation.wait)
    if invocation.json:
        with invocation.answer() as out:
            out.array("migrations", (_json(one) for one in planned))
    elif planned:
        write_table(("migration", "batches"), ((one.id, one.batches) for one in planned))
        click.echo()
        write_table(
            ("migration", "table", "lock", "held"),
            ((one.id, lock.table, lock.mode, lock.held) for one in planned for lock in one.locks),
        )
        for one in planned:
            write_notes(one.id, one.notes)
    else:
        click.echo("nothing to do: nothing is applied behind it")
