"""What `schedtool backfill` answers about a run, as text and as JSON; census.py tells a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from schedtool.cli.output import JsonAnswer, write_table
from schedtool.throttle import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schedtool.backfill import Backfilled

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
