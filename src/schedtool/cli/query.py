"""`schedtool query`: run one of sql/queries, or list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made
from schedtool.cli.output import write_table
from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schedtool.project import Project


@made(
    "query",
    reads="the tables that the query names",
    writes="nothing (READ ONLY), unless the query's header says '-- writes:'",
    locks="nothing that blocks reads or writes; a writing query locks the rows it writes",
)
@click.argument("name", required=False)
@click.argument("values", nargs=-1, metavar="[KEY=VALUE]...")
@click.pass_obj
def command(invocation: Invocation, *, name: str | None, values: Sequence[str]) -> None:
    """Run one of the project's sql/queries; without a NAME, list them.

    A value goes to the server as a quoted literal, exactly as `psql -v KEY=VALUE -f` sends it.
    """
    project = invocation.project()
    if name is None:
        _list(invocation, project)
        return
    from schedtool.query import check_values, find, run_query

    query = find(project, name)
    given = _pairs(values)
    # Before there is a connection: a slip in the call should not wait for one.
    check_values(query, given)
    with invocation.connect(read_only=not query.writes, shared=not query.writes) as connection:
        answer = run_query(connection, query, given)
    if invocation.json:
        with invocation.answer() as out:
            out.array("rows", (dict(zip(answer.columns, row, strict=True)) for row in answer.rows))
    elif answer.columns:
        count = write_table(answer.columns, answer.rows)
        invocation.say(f"{count} row" + ("" if count == 1 else "s"))
    else:
        click.echo(answer.status)


def _list(invocation: Invocation, project: Project) -> None:
    queries = project.folder("queries")
    if invocation.json:
        with invocation.answer() as out:
            out.array(
                "queries",
                (
                    {
                        "name": query.name,
                        "parameters": query.parameters,
                        "writes": query.writes,
                        "description": query.description,
                    }
                    for query in queries
                ),
            )
    elif queries:
        write_table(
            ("query", "parameters", "writes", "what it does"),
            (
                (query.name, " ".join(query.parameters), query.writes, query.description.partition("\n")[0])
                for query in queries
            ),
        )
    else:
        invocation.say("the project has no queries in sql/queries/")


def _pairs(values: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not equals or not key:
            raise UsageError(f"'{value}' is not KEY=VALUE", code="bad_parameter")
        if key in pairs:
            raise UsageError(f"{key} is given twice", code="bad_parameter")
        pairs[key] = text
    return pairs
