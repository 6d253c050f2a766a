"""`schedtool script`: the migrations as one plain SQL script."""

from __future__ import annotations

import sys

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made


@made(
    "script",
    reads="migrations/; no database",
    writes="the script to stdout",
    locks="nothing; what the script locks, its comments say",
)
@click.option("--to", metavar="ID", help="Everything up to and with this migration, and nothing commented out.")
@click.option(
    "--records",
    is_flag=True,
    help="Run everything, and write the records of yoyo and schedtool; running it twice changes nothing.",
)
@click.pass_obj
def command(invocation: Invocation, *, to: str | None, records: bool) -> None:
    """Write one plain SQL script for psql, pgAdmin or DBeaver.

    The first migration is live; those after it work on data that is there already, and are commented out. With --to
    or --records nothing is commented out. What stands in migrations/contract/ is left out unless --to names it.
    """
    from schedtool.script import script

    made_script = script(invocation.project(), to=to, records=records, schema=invocation.schema)
    if invocation.json:
        with invocation.answer() as out:
            out.put("live", made_script.live)
            out.put("commented", made_script.commented)
            out.put("script", made_script.text)
    else:
        sys.stdout.write(made_script.text)
