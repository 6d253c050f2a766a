"""`schedtool plan`: what apply would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made
from schedtool.cli.output import write_table
from schedtool.cli.telling import write_notes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schedtool.plan import Plan
    from schedtool.trace import Traced


@made(
    "plan",
    reads="yoyo's records, the files of the project, the size of the tables that batches run over",
    writes="nothing (READ ONLY); a role with SELECT, and a standby, will do",
    locks="nothing; with --locks what pg_dump takes (ACCESS SHARE)",
)
@click.option("--to", metavar="ID", help="Up to this migration; a unique beginning will do.")
@click.option("--contract", is_flag=True, help="Also the ones of migrations/contract/, which destroy.")
@click.option("--sql", "show_sql", is_flag=True, help="Print exactly what would be sent.")
@click.option(
    "--locks",
    "show_locks",
    is_flag=True,
    help="Run each statement on a throw-away copy of the schema, and print the locks it takes on existing tables.",
)
@click.pass_obj
def command(invocation: Invocation, *, to: str | None, contract: bool, show_sql: bool, show_locks: bool) -> None:
    """Tell what apply would do, in order, with a hash that `apply --plan HASH` holds it to.

    The hash stands for the pending files, the files of sql/batches/ beside them, and what is applied. Hazards are
    named after the statements of a file. With --locks each statement is run on a throw-away copy of the schema, without
    its rows: the locks it takes on tables that were there before, rewrites, constraints that it leaves unvalidated.
    """
    from schedtool.plan import plan, traced

    project = invocation.project()
    found = plan(invocation.target(), project, to=to, contract=contract, wait=invocation.wait)
    statements = None
    if show_locks:
        statements, left = traced(invocation.target(), project, found)
        if left:
            invocation.say(left)
    if invocation.json:
        with invocation.answer() as out:
            out.put("hash", found.hash)
            out.array("migrations", _json(found, statements, show_sql=show_sql))
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
        _write(found, statements)
    if found.left_alone:
        invocation.say(f"left alone without --contract: {', '.join(found.left_alone)}")


def _json(found: Plan, statements: Sequence[Traced] | None, *, show_sql: bool) -> list[dict[str, object]]:
    return [
        {
            "id": migration.id,
            "contract": migration.contract,
            "batches": migration.batches,
            "documents": migration.documents,
            "hazards": migration.hazards,
            **(
                {"locks": [vars(lock) for lock in migration.locks]}
                if statements is None
                else _traced(migration.id, statements)
            ),
            **({"notes": [vars(note) for note in migration.notes]} if migration.notes else {}),
            **({"sql": migration.text, "batch": migration.batch} if show_sql else {}),
        }
        for migration in found.migrations
    ]


def _traced(migration: str, statements: Sequence[Traced]) -> dict[str, object]:
    own = [one for one in statements if one.migration == migration]
    return {
        "locks": [
            {"table": lock.table, "mode": lock.mode, "line": one.line, "duration_ms": one.duration_ms}
            for one in own
            for lock in one.locks
        ],
        "rewrites": [{"table": table, "line": one.line} for one in own for table in one.rewrites],
        "unvalidated": [{"constraint": name, "line": one.line} for one in own for name in one.unvalidated],
    }


def _write(found: Plan, statements: Sequence[Traced] | None) -> None:
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
    if statements is not None:
        _write_locks(statements)
    for migration in found.migrations:
        write_notes(migration.id, migration.notes)
    click.echo(f"plan {found.hash}")


def _write_locks(statements: Sequence[Traced]) -> None:
    from schedtool.trace import strongest

    shown = [one for one in statements if one.locks or one.rewrites or one.unvalidated]
    click.echo()
    write_table(
        ("statement", "locks", "rewrites", "not validated", "took", "begins"),
        (
            (
                f"{one.file}:{one.line}",
                ", ".join(f"{table} {mode}" for table, mode in strongest([one]).items()),
                ", ".join(one.rewrites),
                ", ".join(one.unvalidated),
                f"{one.duration_ms:.0f} ms",
                one.statement,
            )
            for one in shown
        ),
    )
    click.echo(f"{len(statements) - len(shown)} other statements touch no table that was there before their migration")
    click.echo()
