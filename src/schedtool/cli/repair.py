"""`schedtool repair`: settle what records and files disagree about."""

from __future__ import annotations

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made
from schedtool.cli.telling import telling


@made(
    "repair",
    reads="yoyo's records, schedtool's history, the catalog",
    writes="the records and the history; no object, and no row of anybody else's",
    locks="the tool's advisory lock",
)
@click.argument("migration_id", metavar="ID")
@click.option("--adopt", is_flag=True, help="Record a pending one whose objects are there already as applied.")
@click.pass_obj
def command(invocation: Invocation, *, migration_id: str, adopt: bool) -> None:
    """Settle an edited, failed or half-done migration; with --adopt one that was made by hand.

    An edit is accepted as it is, without running it. Anything is recorded as applied only if the catalog holds what the
    migration builds; otherwise it is refused (3) with the differences.
    """
    from schedtool.evidence import differences
    from schedtool.repair import repair

    with telling(invocation) as notify:
        done = repair(
            invocation.target(),
            invocation.project(),
            migration_id,
            differences=differences,
            notify=notify,
            adopt=adopt,
            wait=invocation.wait,
        )
    if invocation.json:
        with invocation.answer() as out:
            out.put("repaired", {**vars(done), "diff": list(done.diff)} if done.did else None)
        return
    click.echo(f"{done.id}: {done.found}" + (f": {done.did}" if done.did else "; nothing to repair"))
    if done.old_checksum:
        click.echo(f"  old {done.old_checksum}\n  new {done.new_checksum}")
    for line in done.diff:
        click.echo(line)
