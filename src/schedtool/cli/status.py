"""`schedtool status`: what is applied, and what is not as the files say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made
from schedtool.cli.output import plain, printable, write_table

if TYPE_CHECKING:
    from schedtool.jobs import Job
    from schedtool.state import MigrationState, Policy, Status

WRONG = 3
SHOWN_CHARACTERS = 60
DIFF_LINES = 40
ADVICE = {
    "edited": "edited after it was applied; bring the old text back, or accept the new one: schedtool repair {id}",
    "missing": "recorded as applied, but its file is not there; bring it back, or name the right --project",
    "out_of_order": "later ones are applied; renumber it, or run it as it is: schedtool apply --to {id}",
    "failed": "its last run failed and left nothing; apply tries it again",
    "half_done": "its last run did not end and may have left something; apply goes on, schedtool repair {id} looks",
}


@made(
    "status",
    reads="yoyo's records, schedtool's history and jobs, the files of the project",
    writes="nothing (READ ONLY); a role with SELECT, and a standby, will do",
    locks="nothing",
)
@click.option("--check", is_flag=True, help="Exit with 3 unless everything is applied as the files say.")
@click.option("--history", is_flag=True, help="Also who ran what, when, for how long, with which outcome.")
@click.pass_obj
def command(invocation: Invocation, *, check: bool, history: bool) -> int:
    """Tell the state of every migration: applied, pending, edited, missing, out_of_order, failed or half_done.

    Also the policy that documents are read by: which settings, since when, and by whom. Pending ones of
    migrations/contract/ are optional, and no reason for --check to fail.
    """
    from schedtool.state import status

    found = status(invocation.target(), invocation.project(check=False), history=history, wait=invocation.wait)
    good = found.good or not check
    if invocation.json:
        with invocation.answer() as out:
            out.ok = good
            out.array("migrations", (_json(migration) for migration in found.migrations))
            out.array("jobs", ({**vars(job), "left_s": job.left_s} for job in found.jobs))
            if found.policies:
                out.array("policies", (vars(policy) for policy in found.policies))
            if history:
                out.array("history", (vars(run) for run in found.history))
    else:
        _write(invocation, found, history=history)
    return 0 if good else WRONG


def _json(migration: MigrationState) -> dict[str, object]:
    return {
        "id": migration.id,
        "contract": migration.contract,
        "state": migration.state,
        "applied_at": migration.applied_at,
        "duration_ms": migration.duration_ms,
        "checksum": migration.checksum,
    }


def _write_policy(policy: Policy) -> None:
    from schedtool.policyfile import as_toml

    who = f", by {policy.created_by}" if policy.created_by else ""
    when = f", {plain(policy.created_at)}" if policy.created_at else ""
    click.echo(printable(f"policy of {policy.migration}: version {policy.version}{who}{when}"))
    for name, value in policy.settings.items():
        shown = as_toml(value)
        # A language brings dozens of words; --format json has them all.
        if len(shown) > SHOWN_CHARACTERS and isinstance(value, dict | list):
            shown = f"{len(value)} entries, {shown[:SHOWN_CHARACTERS]}…"
        click.echo(printable(f"  {name} = {shown}"))
    if not policy.settings:
        click.echo("  nothing is set: documents are read as they are")


def _job(job: Job) -> str:
    """Say where an unfinished job stands, how fast it is, who is at it, and what is to be done if nobody is."""
    share = f" ({100 * job.done // job.total} %)" if job.total else ""
    said = f"job {job.id} of {job.migration}: {job.done} of {job.total}{share}"
    if job.left_s is not None:
        from schedtool.throttle import duration

        said += f", {job.rate:.0f}/s, {duration(job.left_s)} left"
    said += f", run by {job.runner}" if job.is_at_work else f", last run by {job.runner}; run it again, and it goes on"
    if job.resting or job.paused:
        said += f"; resting: {job.resting}" if job.resting else "; paused"
    if job.is_stripped:
        said += "; what its .before file took away is not back yet: the next run that ends brings it back"
    return said


def _write(invocation: Invocation, found: Status, *, history: bool) -> None:
    rows = [
        (
            migration.id + (" (contract)" if migration.contract else ""),
            migration.state,
            plain(migration.applied_at) if migration.applied_at else "",
            "" if migration.duration_ms is None else f"{migration.duration_ms} ms",
        )
        for migration in found.migrations
    ]
    write_table(("migration", "state", "applied at", "took"), rows)
    for job in found.jobs:
        if job.state == "running":
            click.echo(_job(job))
    for policy in found.policies:
        _write_policy(policy)
    if history:
        click.echo()
        write_table(
            ("started at", "migration", "did", "outcome", "took", "rows", "by", "error"),
            (
                (
                    plain(run.started_at),
                    run.migration,
                    run.operation,
                    run.outcome,
                    "" if run.duration_ms is None else f"{run.duration_ms} ms",
                    run.rows,
                    # A script that somebody ran with psql knows neither.
                    f"{run.database_user} ({run.os_user}@{run.host})" if run.host else run.database_user,
                    run.error,
                )
                for run in found.history
            ),
        )
    _advise(invocation, found)


def _advise(invocation: Invocation, found: Status) -> None:
    for migration in found.migrations:
        if migration.state in ADVICE or migration.found:
            advice = migration.found or ADVICE[migration.state].format(id=migration.id)
            invocation.say(f"{migration.id}: {advice}")
            if migration.state == "edited":
                invocation.say(f"  applied {migration.checksum}\n  file    {migration.file_checksum}")
                for line in migration.diff[2 : 2 + DIFF_LINES]:
                    invocation.say(f"  {line}")
                if len(migration.diff) > 2 + DIFF_LINES:
                    invocation.say(f"  … {len(migration.diff) - 2 - DIFF_LINES} more lines")
            if migration.error:
                invocation.say(f"  {migration.error}")
