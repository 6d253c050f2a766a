"""`schedtool backfill`: a migration's batches, or what they would do."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from schedtool.cli.options import Invocation, nice_ratio_option
from schedtool.cli.options import command as made
from schedtool.cli.output import plain
from schedtool.errors import Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from schedtool.batches import Options
    from schedtool.cli.output import Progress
    from schedtool.project import Migration, Project
    from schedtool.rescues import Found
    from schedtool.settings import Policy

UNDECIDED = Refused.exit_code


@made(
    "backfill",
    reads="the documents, range by range",
    writes="the rows, the rejects and the tool's own tables, one short transaction per batch; with --dry-run nothing"
    " (READ ONLY)",
    locks="the documents of one batch (FOR NO KEY UPDATE), 100 ms at a time; with --dry-run nothing",
)
@click.argument("migration", metavar="[ID]", required=False)
@click.option("--dry-run", is_flag=True, help="Only say what it would do. Needs SELECT on the documents, nothing else.")
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file that says how to read what is not clear by itself; stored for later runs.",
)
@click.option("--default-timezone", metavar="TZ", help="For documents that name no zone; part of the policy.")
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, 64),
    help="Connections at work.  [default: 2, or 1 on a small server]",
)
@nice_ratio_option
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(20, 2000),
    help="Documents of the first batch; later ones follow the 100 ms target.  [default: 200]",
)
@click.option(
    "--defer-foreign-key",
    is_flag=True,
    help="Do without the foreign key while batches run, and add and validate it at the end.",
)
@click.option(
    "--replica-lag",
    metavar="S",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="Rest while a standby is further behind than this, in seconds; 0 looks at none.",
)
@click.option("--throttle-query", metavar="SQL", help="A SELECT of one boolean: rest while it answers true.")
@click.option("--pause", is_flag=True, help="Make the running job rest, from another terminal.")
@click.option("--resume", is_flag=True, help="Let a paused job go on.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    migration: str | None,
    dry_run: bool,
    policy: Path | None,
    default_timezone: str | None,
    workers: int | None,
    nice_ratio: float | None,
    batch_size: int | None,
    defer_foreign_key: bool,
    replica_lag: float,
    throttle_query: str | None,
    pause: bool,
    resume: bool,
) -> int:
    """Run the batches of the migration ID, or with --dry-run say exactly what they would do.

    Without an ID it is the only migration that has batches and a dry run. Nothing is recorded as applied. Killed or
    interrupted, it goes on where it stopped when it is run again; finished, it reads everything anew, which changes
    nothing that is right already. Only one runs at a time: another says who has the lock.

    \b
    Exit code 3: documents wait for a decision (schedtool rejects).
    """  # noqa: D301 - \b is Click's mark for a paragraph that keeps its lines
    from schedtool import backfill, batches
    from schedtool.settings import Policy

    if sum((dry_run, pause, resume)) > 1:
        raise UsageError("--dry-run, --pause and --resume exclude each other")
    project = invocation.project()
    chosen = backfill.choose(project, migration)
    if pause or resume:
        return _pause(invocation, chosen, paused=pause)
    said = Policy(policy, {"default-timezone": default_timezone} if default_timezone is not None else None)
    if dry_run:
        return _dry_run(invocation, project, chosen, said, workers)
    options = batches.Options(
        workers=workers,
        nice_ratio=nice_ratio,
        batch_size=batch_size or batches.FIRST_BATCH,
        strip=defer_foreign_key,
        throttle_query=throttle_query,
        replica_lag=replica_lag,
    )
    return _run(invocation, project, chosen, said, options)


def _pause(invocation: Invocation, migration: Migration, *, paused: bool) -> int:
    from schedtool import backfill

    found = backfill.pause(invocation.target(), migration, paused=paused, wait=invocation.wait)
    if invocation.json:
        with invocation.answer() as out:
            out.put("paused", paused)
            out.array("jobs", found)
    elif found:
        click.echo(f"job {found[0]} of {migration.id} {'rests' if paused else 'goes on'}")
    else:
        click.echo(f"{migration.id} has no unfinished job; there is nothing to {'pause' if paused else 'resume'}")
    return 0


def _run(
    invocation: Invocation,
    project: Project,
    migration: Migration,
    policy: Policy,
    options: Options,
) -> int:
    from schedtool import backfill, rejects
    from schedtool.cli.backfill_answer import print_done, write_done
    from schedtool.database import read_only

    with invocation.progress(migration.id) as progress:
        done = backfill.backfill(
            invocation.target(),
            project,
            migration,
            policy=policy,
            options=options,
            notify=_shown(invocation, progress),
            wait=invocation.wait,
        )
    if invocation.json:
        with invocation.answer() as out, invocation.connect(read_only=True) as connection, read_only(connection):
            waiting = (
                {name: row[name] for name in ("provider_id", "path", "value", "reason")}
                for row in rejects.of_migration(connection, project, migration)
                if row["accepted_at"] is None
            )
            write_done(out, done, waiting)
    else:
        print_done(done)
    if done.rejected:
        _advise(invocation, done.rejected)
    return UNDECIDED if done.rejected else 0


def _shown(invocation: Invocation, progress: Progress) -> Callable[[object], None]:
    from schedtool import batches

    def show(event: object) -> None:
        match event:
            case batches.Progress():
                note = f"resting: {event.resting}" if event.resting else ""
                progress.update(event.done, total=event.total, note=note, rate=event.rate)
            case batches.Started():
                progress.update(event.done, total=event.total)
                if event.resumed:
                    invocation.say(f"job {event.job} goes on: {event.done} of {event.total} were done")
            case batches.Faulted():
                invocation.detail(f"key {event.key} is rejected: {event.message} ({event.sqlstate})")
            case batches.Retried():
                invocation.detail(f"a batch is tried again, smaller: {event.message} ({event.sqlstate})")
            case _:
                invocation.say(str(event))

    return show


def _dry_run(
    invocation: Invocation, project: Project, migration: Migration, policy: Policy, workers: int | None
) -> int:
    from schedtool import backfill
    from schedtool.cli import census as telling

    # On disk, because rejects may be as many as documents, and the totals stand before them in the answer.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
        with invocation.progress(f"dry run of {migration.id}") as progress:
            census = backfill.census(
                invocation.target(),
                project,
                migration,
                policy=policy,
                workers=workers,
                on_reject=_spooled(spool) if invocation.json else lambda _: None,
                notify=lambda read: progress.update(read.documents, total=max(read.total, read.documents)),
                wait=invocation.wait,
            )
        if invocation.json:
            spool.seek(0)
            with invocation.answer() as out:
                telling.write(out, census, (json.loads(line) for line in spool))
        else:
            telling.show(migration.id, census)
    if census.decided:
        invocation.say(f"{census.decided:,} documents that would be rejected are accepted as they are")
    if census.waiting:
        invocation.say(f"{census.waiting:,} documents would be rejected and wait for a decision; nothing was written")
    return UNDECIDED if census.waiting else 0


def _spooled(spool: TextIO) -> Callable[[Found], None]:
    def write(found: Found) -> None:
        row = {"provider_id": found.key, "path": found.path, "value": found.value, "reason": found.reason}
        spool.write(json.dumps(row, default=plain) + "\n")

    return write


def _advise(invocation: Invocation, rejected: int) -> None:
    invocation.say(
        f"{rejected} documents wait for a decision: `schedtool rejects` lists them; mend them, or accept them by name"
    )
