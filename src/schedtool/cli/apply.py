"""`schedtool apply`: apply what is pending."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from schedtool.cli.options import Invocation, nice_ratio_option
from schedtool.cli.options import command as made
from schedtool.cli.telling import asking, telling

if TYPE_CHECKING:
    from schedtool.apply import Applied


@made(
    "apply",
    reads="yoyo's records, the files of the project, what the migrations read",
    writes="what the migrations write; their records, and the tool's own tables, in the same schema",
    locks="the tool's advisory lock; on tables what `plan --locks` shows, each wait bounded by --lock-timeout",
)
@click.option("--to", metavar="ID", help="Up to this migration; a unique beginning will do.")
@click.option("--plan", "plan_hash", metavar="HASH", help="Refuse unless this is still the plan.")
@click.option("--contract", is_flag=True, help="Go on into migrations/contract/, which destroys; asks first.")
@click.option("--yes", is_flag=True, help="Answer that question beforehand.")
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file that says how documents are read.",
)
@click.option("--default-timezone", metavar="TZ", help="The zone of documents that name none.")
@click.option("--workers", metavar="N", type=click.IntRange(1, 64), help="Connections that run batches.  [default: 2]")
@nice_ratio_option
@click.option("--no-batches", is_flag=True, help="Run the files alone: one transaction each, however long it locks.")
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
    plan_hash: str | None,
    contract: bool,
    yes: bool,
    policy: Path | None,
    default_timezone: str | None,
    workers: int | None,
    nice_ratio: float | None,
    no_batches: bool,
    lock_timeout: float,
    statement_timeout: float | None,
) -> None:
    """Apply pending migrations, each in a transaction of its own together with its record.

    Where a migration has a file in sql/batches/, its work is done in short batches first. Edited, missing and
    out-of-order migrations are refused (3) before anything runs. With --contract nothing of contract/ runs that depends
    on what this very run applied: what destroys wants a day between.
    """
    from schedtool.apply import Options, apply
    from schedtool.apply_events import Done

    options = Options(
        policy=policy,
        default_timezone=default_timezone,
        workers=workers,
        nice_ratio=nice_ratio,
        no_batches=no_batches,
        lock_timeout=lock_timeout,
        statement_timeout=statement_timeout,
    )
    with telling(invocation) as say:

        def notify(event: object) -> None:
            # What is applied is the answer, and must stand there even if a later one fails.
            if isinstance(event, Done) and not invocation.json:
                click.echo(event)
            elif not isinstance(event, Done):
                say(event)

        done = apply(
            invocation.target(),
            invocation.project(check=False),
            confirm=asking("apply", yes=yes),
            notify=notify,
            to=to,
            plan_hash=plan_hash,
            contract=contract,
            options=options,
            wait=invocation.wait,
        )
    _answer(invocation, done, contract=contract)


def _answer(invocation: Invocation, done: Applied, *, contract: bool) -> None:
    if invocation.json:
        with invocation.answer() as out:
            out.array(
                "applied",
                (
                    {
                        "id": ran.migration,
                        "duration_ms": ran.duration_ms,
                        "retries": ran.retries,
                        "documents": ran.documents,
                        "rows": ran.rows,
                    }
                    for ran in done.applied
                ),
            )
            out.put("rejected", done.rejected)
    elif not done.applied:
        click.echo("nothing to do: everything is applied")
    if done.rejected:
        documents = "1 document waits" if done.rejected == 1 else f"{done.rejected} documents wait"
        invocation.say(f"{documents} for a decision before anything may be dropped: schedtool rejects")
    if done.left_alone and not contract:
        invocation.say(f"left alone without --contract: {', '.join(done.left_alone)}")
