"""`schedtool rejects`: documents that need a decision, and the decision."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from typing import TYPE_CHECKING

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made
from schedtool.cli.output import plain, printable, write_table
from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from schedtool.project import Project

# What spreadsheets take for the beginning of a formula; a document is not to run one on the reader's machine. Some take
# the wide forms for the same. Behind white space it is one too.
FORMULA = ("=", "+", "-", "@", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


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

    # By way of the disk: whoever reads page by page would keep a transaction open on a live database.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
        with invocation.connect(read_only=True, shared=True) as connection, read_only(connection):
            for row in rejects.listing(connection, project):
                spool.write(json.dumps(row, default=plain) + "\n")
        spool.seek(0)
        found = (json.loads(line) for line in spool)
        if invocation.json:
            with invocation.answer() as out:
                out.array("rejects", found)
        elif invocation.format == "csv":
            write_csv(rejects.COLUMNS, found)
        else:
            count = write_table(rejects.COLUMNS, ([row[name] for name in rejects.COLUMNS] for row in found))
            invocation.say(f"{count:,} rejects" if count != 1 else "1 reject")


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
    """Write rows for spreadsheets: a heading, CRLF line ends, and no cell that a spreadsheet would calculate.

    Every text is quoted: where a semicolon parts the cells, one inside a text would begin another.
    """
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row[name]) for name in columns])


def cell(value: object) -> object:
    """Return a value as a cell: text that begins like a formula gets an apostrophe in front, numbers stay numbers.

    What would drive a terminal or hide is written as an escape.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text
