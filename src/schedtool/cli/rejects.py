"""`schedtool rejects`: documents that need a decision, and the decision."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made
from schedtool.cli.output import plain, write_table
from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from schedtool.project import Project

# What spreadsheets take for the beginning of a formula; a document is not to run one on the reader's machine.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@made(
    "rejects",
    reads="the rejects that the database holds",
    writes="nothing (READ ONLY); with --accept who decided, when, and the note",
    locks="nothing; with --accept the rejects that are accepted",
    formats=("text", "json", "csv"),
)
@click.option(
    "--accept", "names", metavar="NAME", multiple=True, help="Leave behind what is listed under this reason now."
)
@click.option("--note", metavar="TEXT", help="Why; kept with the decision.")
@click.pass_obj
def command(invocation: Invocation, *, names: Sequence[str], note: str | None) -> None:
    """List the documents that need a decision; --accept decides for all that are listed under a name now.

    Accepted documents no longer block the drop, and are archived with the others. One that is rejected later, or that
    changes, needs a decision of its own.
    """
    if note is not None and not names:
        raise UsageError("--note says why something is accepted, so it wants --accept NAME")
    project = invocation.project()
    if names:
        _accept(invocation, project, names, note)
        return
    from schedtool import rejects
    from schedtool.database import read_only

    with invocation.connect(read_only=True) as connection, read_only(connection):
        found = rejects.listing(connection, project)
        if invocation.json:
            with invocation.answer() as out:
                out.array("rejects", found)
        elif invocation.format == "csv":
            write_csv(rejects.COLUMNS, found)
        else:
            count = write_table(rejects.COLUMNS, ([row[name] for name in rejects.COLUMNS] for row in found))
            invocation.say(f"{count} rejects" if count != 1 else "1 reject")


def _accept(invocation: Invocation, project: Project, names: Sequence[str], note: str | None) -> None:
    from schedtool import rejects

    if invocation.format == "csv":
        raise UsageError("--accept takes --format text or json")
    with invocation.connect() as connection:
        accepted = rejects.accept(connection, project, names, note=note)
    if invocation.json:
        with invocation.answer() as out:
            out.array("accepted", ({"name": one.name, "documents": one.documents} for one in accepted))
    else:
        for one in accepted:
            click.echo(f"accepted {one.name}: {one.documents} documents are left behind")


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows for spreadsheets: a heading, CRLF line ends, and no cell that a spreadsheet would calculate."""
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row[name]) for name in columns])


def cell(value: object) -> object:
    """Return a value as a cell: text that begins like a formula gets an apostrophe in front, numbers stay numbers."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else str(plain(value))
    return f"'{text}" if text.startswith(FORMULA) else text
