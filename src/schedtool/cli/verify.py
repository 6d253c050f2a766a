"""`schedtool verify`: prove it, for people, programs and CI servers."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import click

from schedtool.cli.options import Invocation
from schedtool.cli.options import command as made
from schedtool.cli.output import printable, write_table
from schedtool.errors import Failed, Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schedtool.verify import Check, Checked

SECTIONS = ("schema", "constraints", "counts", "parity")
FIELDS = ("section", "name", "passed", "expected", "actual", "detail")


@made(
    "verify",
    reads="the catalog, and the documents and rows range by range",
    writes="nothing (READ ONLY); --probe tries rows in a transaction that is rolled back; --write writes sql/expected/",
    locks="nothing that blocks reads or writes; --probe the rows it tries; --write everything the migrations lock,"
    " until it has rolled them back: give it a throw-away database",
    formats=("text", "json", "junit"),
)
@click.argument("sections", metavar="[SECTION]...", nargs=-1, type=click.Choice(SECTIONS))
@click.option("--probe", is_flag=True, help="Try violating rows: each constraint must catch its own. Rolled back.")
@click.option("--sample", metavar="N", type=click.IntRange(min=1), help="Look at about N documents only, and say so.")
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Connections that read ranges of documents and rows at once.",
)
@click.option(
    "--write",
    is_flag=True,
    help="Write sql/expected/ from the migrations, on a database with nothing applied. Rolled back.",
)
@click.pass_obj
def command(
    invocation: Invocation, *, sections: Sequence[str], probe: bool, sample: int | None, workers: int, write: bool
) -> int:
    """Check the schema, the constraints, the counts and the parity of documents and rows; or only these SECTIONs.

    What is checked is what the applied migrations promise, before the drop and after it.

    \b
    Exit code 3: a check failed, or nothing is applied; 1: a check could not be run.
    """  # noqa: D301 - \b is Click's mark for a paragraph that keeps its lines
    from schedtool import catalog, verify

    project = invocation.project()
    if write:
        if sections or probe or sample:
            raise UsageError("--write goes with nothing else")
        with invocation.connect() as connection:
            paths = catalog.write(connection, project)
        if invocation.json:
            with invocation.answer() as out:
                out.array("written", (project.relative(path) for path in paths))
        else:
            for path in paths:
                click.echo(f"wrote {project.relative(path)}")
        return 0
    with invocation.progress("verify") as progress:

        def show(checked: Checked) -> None:
            progress.update(checked.keys, total=checked.total, note=checked.file)

        with ExitStack() as stack:
            connection = stack.enter_context(invocation.connect(read_only=True))
            readers = [
                stack.enter_context(invocation.connect(read_only=True)) for _ in range(workers if workers > 1 else 0)
            ]
            checks = verify.verify(connection, project, sections=sections, sample=sample, readers=readers, notify=show)
    if probe:
        with invocation.connect() as connection:
            checks += verify.probe(connection, project)
    if invocation.json:
        with invocation.answer() as out:
            out.ok = all(check.passed for check in checks)
            out.array("checks", ({name: asdict(check)[name] for name in FIELDS} for check in checks))
    elif invocation.format == "junit":
        write_junit(checks)
    else:
        _print(invocation, checks)
    if any(check.error for check in checks):
        return Failed.exit_code
    return 0 if all(check.passed for check in checks) else Refused.exit_code


def _print(invocation: Invocation, checks: Sequence[Check]) -> None:
    """Show every check that failed with both sides, of the others how many there are, or all with -v."""
    failed = [check for check in checks if not check.passed]
    counts = Counter(check.section for check in checks)
    bad = Counter(check.section for check in failed)
    write_table(("section", "checks", "failed"), ((section, n, bad[section]) for section, n in counts.items()))
    if invocation.verbose:
        click.echo()
        write_table(FIELDS, ([getattr(check, name) for name in FIELDS] for check in checks))
    for check in failed:
        click.echo(f"\n{'error' if check.error else 'FAILED'}: {check.section}: {printable(check.name)}")
        for name in FIELDS[3:]:
            value = getattr(check, name)
            if value is not None:
                lines = str(value).split("\n")
                click.echo(f"  {name + ':':<10}{printable(lines[0])}")
                for line in lines[1:]:
                    click.echo(f"  {'':<10}{printable(line)}")
    if not failed:
        click.echo(f"\nAll {len(checks)} checks passed.")


def write_junit(checks: Sequence[Check]) -> None:
    """Write what CI servers read: a suite per section; a check that could not run is an error, not a failure."""
    suites = ET.Element("testsuites", name="schedtool verify")
    for section in dict.fromkeys(check.section for check in checks):
        members = [check for check in checks if check.section == section]
        suite = ET.SubElement(
            suites,
            "testsuite",
            name=section,
            tests=str(len(members)),
            failures=str(sum(not check.passed and not check.error for check in members)),
            errors=str(sum(check.error for check in members)),
        )
        for check in members:
            case = ET.SubElement(suite, "testcase", classname=f"schedtool.{section}", name=printable(check.name))
            if not check.passed:
                what = ET.SubElement(case, "error" if check.error else "failure", message=_one_line(check))
                what.text = "\n".join(f"{name}: {_xml(getattr(check, name))}" for name in FIELDS[3:])
    ET.indent(suites)
    sys.stdout.write('<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n")


def _one_line(check: Check) -> str:
    return printable((check.detail or "").split("\n")[0]) or "the check failed"


def _xml(value: object) -> str:
    """XML 1.0 cannot carry control characters, escaped or not."""
    return "\n".join(printable(line) for line in str("" if value is None else value).split("\n"))
