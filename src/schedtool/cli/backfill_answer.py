"""What `schedtool backfill` answers: the summary of a run, and the census of a dry run, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from schedtool.cli.output import JsonAnswer, write_table
from schedtool.throttle import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schedtool.backfill import Backfilled
    from schedtool.dry_run import Census

COUNTERS = ("documents", "empty", "rejected", "inserted", "unchanged")


def write_done(out: JsonAnswer, done: Backfilled, waiting: Iterator[Mapping[str, object]]) -> None:
    """Write the JSON answer of a run; `waiting` are the rejects nobody has decided."""
    counted = done.result.counters
    total, empty, rejected = (counted.get(name, 0) for name in ("documents", "empty", "rejected"))
    insert, unchanged = (counted.get(name, 0) for name in ("inserted", "unchanged"))
    # A job taken up again has counted rows that an earlier run wrote.
    share = done.result.done / done.result.total if done.result.total else 0.0
    out.ok = not done.rejected
    out.put("dry_run", False)
    out.put(
        "documents",
        {"total": total, "convertible": total - empty - rejected, "empty": empty, "rejected": rejected},
    )
    out.put("rows", {"insert": insert, "unchanged": unchanged})
    out.array("rejects", waiting)
    for name in ("shapes", "ignored", "rescues"):
        out.array(name, ())
    out.array("rested", ({"reason": kind, "seconds": round(s, 3)} for kind, s in done.result.rested_s.items()))
    out.put("elapsed_s", round(done.result.elapsed_s, 3))
    out.put("rows_per_s", round((insert + unchanged) * share / max(done.result.elapsed_s, 0.001), 1))


def print_done(done: Backfilled) -> None:
    """Print what a run did, and why it rested."""
    result = done.result
    click.echo(f"{done.migration}: {result.total} documents, job {result.job}")
    names = [*(name for name in COUNTERS if name in result.counters), *sorted(set(result.counters) - set(COUNTERS))]
    write_table(("what", "count"), ((name, result.counters[name]) for name in names))
    rested = told(result.rested_s)
    click.echo(
        f"{result.done} documents in {result.elapsed_s:.1f} s, {result.retries} retries"
        + (f"; {rested}" if rested else "")
    )


def write_census(out: JsonAnswer, census: Census, found: Iterator[object]) -> None:
    """Write the JSON answer of a dry run; `found` are its rejects."""
    rows = census.rows["insert"] + census.rows["unchanged"]
    out.ok = not census.documents["rejected"]
    out.put("dry_run", True)
    out.put(
        "documents",
        {"total": census.total, **{name: census.documents[name] for name in ("convertible", "empty", "rejected")}},
    )
    out.put("rows", {name: census.rows[name] for name in ("insert", "unchanged")})
    out.array("rejects", found)
    out.array("shapes", ({"shape": name, "documents": n} for name, n in census.shapes.most_common()))
    out.array("ignored", ({"path": name, "documents": n} for name, n in census.ignored.most_common()))
    out.array("rescues", ({"setting": name, "documents": n} for name, n in census.rescues.most_common()))
    out.put("elapsed_s", round(census.elapsed_s, 3))
    out.put("rows_per_s", round(rows / max(census.elapsed_s, 0.001), 1))


def print_census(migration: str, census: Census) -> None:
    """Print what a run would do."""
    total = census.total
    click.echo(f"Dry run of {migration}: {total} documents in {census.elapsed_s:.1f} s. Nothing was written.\n")
    names = ("convertible", "empty", "rejected")
    write_table(
        ("documents", "count", "share"),
        ((name, census.documents[name], _share(census.documents[name], total)) for name in names),
    )
    compared = "" if census.compared else " (not compared: the tables are not there, or may not be read)"
    click.echo(
        f"\nRows to insert: {census.rows['insert']}; there already and equal: {census.rows['unchanged']}{compared}"
    )
    if census.reasons:
        click.echo("\nRejects by reason, with examples:")
        write_table(
            ("reason", "documents", "key", "path", "value"),
            (
                (reason if index == 0 else "", count if index == 0 else "", found.key, found.path, found.value)
                for reason, count in census.reasons.most_common()
                for index, found in enumerate(census.examples[reason])
            ),
        )
    for title, counter in (
        ("Shapes", census.shapes),
        ("Ignored: keys that are not read", census.ignored),
        ("Settings that would convert more documents", census.rescues),
        ("Defaults used", census.defaults),
    ):
        if counter:
            click.echo(f"\n{title}:")
            write_table(
                ("what", "documents", "share"), ((name, n, _share(n, total)) for name, n in counter.most_common())
            )


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %" if total else ""
