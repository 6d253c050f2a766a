"""`schedtool plan`: what apply would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made
from schedtool.cli.output import write_table

if TYPE_CHECKING:
    from schedtool.plan import Plan


@made(
    "plan",
    reads="yoyo's records, the files of the project, the size of the tables that batches run over",
    writes="nothing (READ ONLY); a role with SELECT, and a standby, will do",
    locks="nothing",
)
@click.option("--to", metavar="ID", help="Up to this migration; a unique beginning will do.")
@click.option("--contract", is_flag=True, help="Also the ones of migrations/contract/, which destroy.")
@click.option("--sql", "show_sql", is_flag=True, help="Print exactly what would be sent.")
@click.option("--locks", "show_locks", is_flag=True, help="Print the locks that each one takes on existing tables.")
@click.pass_obj
def command(invocation: Invocation, *, to: str | None, contract: bool, show_sql: bool, show_locks: bool) -> None:
    """Tell what apply would do, in order, with a hash that `apply --plan HASH` holds it to.

    The hash stands for the pending files, the files of sql/batches/ beside them, and what is applied. Hazards are
    named after the statements of a file; locks are what its header declares.
    """
    from schedtool.plan import plan

    found = plan(invocation.target(), invocation.project(), to=to, contract=contract, wait=invocation.wait)
    if invocation.json:
        with invocation.answer() as out:
            out.put("hash", found.hash)
            out.array("migrations", _json(found, show_sql=show_sql))
        return
    if not found.migrations:
        click.echo("nothing to do: everything is applied")
    elif show_sql:
        for migration in found.migrations:
            if migration.batch is not None:
                click.echo(
                    f"-- {migration.id}: its batches, once for each range of keys, with values for :'parameters'"
                )
                click.echo(migration.batch.rstrip("\n") + "\n")
            click.echo(f"-- {migration.id}" + (" (after its batches)" if migration.batches else ""))
            click.echo(migration.text.rstrip("\n") + "\n")
    else:
        _write(found, show_locks=show_locks)
    if found.left_alone:
        invocation.say(f"left alone without --contract: {', '.join(found.left_alone)}")


def _json(found: Plan, *, show_sql: bool) -> list[dict[str, object]]:
    return [
        {
            "id": migration.id,
            "contract": migration.contract,
            "batches": migration.batches,
            "documents": migration.documents,
            "hazards": migration.hazards,
            "locks": [vars(lock) for lock in migration.locks],
            **({"sql": migration.text, "batch": migration.batch} if show_sql else {}),
        }
        for migration in found.migrations
    ]


def _write(found: Plan, *, show_locks: bool) -> None:
    rows = []
    for migration in found.migrations:
        documents = "" if migration.documents is None else f", {migration.documents} documents"
        rows.append(
            (
                migration.id + (" (contract)" if migration.contract else ""),
                f"yes{documents}" if migration.batches else "no",
                ", ".join(migration.tables),
                ", ".join(migration.hazards) or "none",
            )
        )
    write_table(("migration", "batches", "tables", "hazards"), rows)
    if show_locks:
        click.echo()
        write_table(
            ("migration", "table", "lock", "held"),
            (
                (migration.id, lock.table, lock.mode, lock.held)
                for migration in found.migrations
                for lock in migration.locks
            ),
        )
    click.echo(f"plan {found.hash}")
