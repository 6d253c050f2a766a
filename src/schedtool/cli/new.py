"""`schedtool new`: start a migration."""

from __future__ import annotations

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made
from schedtool.errors import UsageError


@made(
    "new",
    reads="the names in migrations/",
    writes="two files: migrations/NNNN.NAME.sql and its .rollback.sql",
    locks="nothing; it needs no database",
)
@click.argument("name")
@click.pass_obj
def command(invocation: Invocation, *, name: str) -> None:
    """Start a migration: a numbered SQL file and its rollback, in the project that --project names."""
    from schedtool import scaffold

    if invocation.directory is None:
        raise UsageError(
            "new needs --project DIR",
            hint="the migrations that come with the package are not yours to add to",
            code="no_project",
        )
    created = scaffold.new(invocation.directory, name)
    if invocation.json:
        with invocation.answer() as out:
            out.put("id", created.id)
            out.array("files", [str(created.path), str(created.rollback_path)])
    else:
        click.echo(created.path)
        click.echo(created.rollback_path)
        invocation.say("both refuse to run until you write them")
