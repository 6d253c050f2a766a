"""Tells a dry run: tables and bars for people, in the width there is; the promised object for programs."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from schedtool.cli.output import JsonAnswer, printable, width
from schedtool.policyfile import as_toml

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator

    from schedtool.dry_run import Census
    from schedtool.rescues import Found

NARROWEST, WIDEST = 60, 120
SHOWN = 20
"""Names of one kind that people are shown; programs get all."""
BAR = 30
BLOCKS = " ▏▎▍▌▋▊▉█"


def write(out: JsonAnswer, census: Census, found: Iterator[object]) -> None:
    """Write a dry run as the command line promises it to programs; `found` are all rejects."""
    rows = census.rows["insert"] + census.rows["unchanged"]
    out.ok = not census.waiting
    out.put("dry_run", True)
    out.put(
        "documents",
        {"total": census.total, **{name: census.documents[name] for name in ("convertible", "empty", "rejected")}},
    )
    out.put("rows", {name: census.rows[name] for name in ("insert", "unchanged")})
    out.array("rejects", found)
    out.array("shapes", ({"shape": name, "documents": n} for name, n in _ranked(census.shapes)))
    out.array("ignored", ({"path": name, "documents": n} for name, n in _ranked(census.ignored)))
    out.array("rescues", ({"setting": name, "documents": n} for name, n in _ranked(census.rescues)))
    out.put("elapsed_s", round(census.elapsed_s, 3))
    out.put("rows_per_s", round(rows / max(census.elapsed_s, 0.001), 1))


def show(migration: str, census: Census) -> None:
    """Print a dry run for people."""
    columns = min(max(shutil.get_terminal_size((80, 24)).columns, NARROWEST), WIDEST)
    for line in _lines(migration, census, columns):
        click.echo(cut(line, columns))


def _lines(migration: str, census: Census, columns: int) -> Iterator[str]:
    total, rejected = census.total, census.documents["rejected"]
    yield f"Dry run of {migration}; nothing was written"
    if census.settings:
        yield from ("", "Read by the policy")
        yield from (f"  {name} = {printable(as_toml(one))}" for name, one in census.settings.items())
    yield from ("", f"Documents: {total:,} in {census.elapsed_s:.1f} s")
    documents = [(name, census.documents[name]) for name in ("convertible", "empty", "rejected")]
    yield from _bars(documents, total, columns)
    yield from ("", "Rows")
    rows = [("to insert", census.rows["insert"])]
    if census.compared:
        rows.append(("there already, and equal", census.rows["unchanged"]))
    yield from _bars(rows, 0, columns)
    if not census.compared:
        yield "  not compared with rows: their table is not there, or may not be read"
    if rejected:
        yield from ("", f"Rejected, by reason: {rejected:,} documents; up to three examples of each")
        yield from _reasons(census, rejected, columns)
    if census.rescues:
        yield from ("", "Settings that would convert more documents, each by itself")
        yield from _bars(_ranked(census.rescues), rejected, columns, sign="+")
        yield "  What could be read need not be what is meant: ask who wrote the documents."
    for title, counter in (
        ("Shapes of what is convertible", census.shapes),
        ("Keys that are not read, by path", census.ignored),
        ("Defaults used", census.defaults),
    ):
        if counter:
            yield from ("", title)
            yield from _bars(_ranked(counter), total, columns)


def _reasons(census: Census, rejected: int, columns: int) -> Iterator[str]:
    reasons = _ranked(census.reasons)
    keys = max(width(printable(one.key)) for shown in census.examples.values() for one in shown)
    paths = max(width(printable(one.path)) for shown in census.examples.values() for one in shown)
    # A value says more than the end of a long path.
    paths = min(paths, max(12, columns // 3))
    for line, (reason, _) in zip(_bars(reasons, rejected, columns, shown=len(reasons)), reasons, strict=True):
        yield line
        for one in census.examples[reason]:
            yield "    " + _example(one, min(keys, 36), paths)


def _example(found: Found, keys: int, paths: int) -> str:
    key = printable(found.key)
    path = cut(printable(found.path), paths)
    return f"{' ' * (keys - width(key))}{key}  {path}{' ' * (paths - width(path))}  {printable(found.value)}"


def _bars(
    named: Iterable[tuple[str, int]], total: int, columns: int, *, sign: str = "", shown: int = SHOWN
) -> Iterator[str]:
    """Give one line each: name, count, its share of the total, and the share as a bar."""
    rows = [(printable(name), f"{sign}{count:,}", count) for name, count in named]
    listed = rows[:shown]
    names = max(width(name) for name, *_ in listed)
    counts = max(len(count) for _, count, _ in listed)
    # Two at either side of the name, the share and its distance, a bar worth drawing.
    names = min(names, columns - counts - 4 - 9 - 12)
    bar = min(BAR, columns - names - counts - 4 - 9 - 3)
    for name, count, n in listed:
        left = cut(name, names)
        line = f"  {left}{' ' * (names - width(left))}  {count:>{counts}}"
        yield f"{line}  {100 * n / total:5.1f} %  {_bar(n / total, bar)}".rstrip() if total else line
    if len(rows) > len(listed):
        yield f"  … and {len(rows) - len(listed):,} more; --format json has all"


def _bar(share: float, columns: int) -> str:
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        return "#" * round(share * columns)
    eighths = round(min(share, 1) * columns * 8)
    # What is there at all is seen.
    eighths = max(eighths, 1) if share > 0 else 0
    return BLOCKS[8] * (eighths // 8) + BLOCKS[eighths % 8].strip()


def cut(text: str, columns: int) -> str:
    """Return as much of a text as a terminal gives this many columns; what is left out shows as `…`."""
    if width(text) <= columns:
        return text
    while width(text) > columns - 1:
        text = text[: min(len(text) - 1, columns - 1)]
    return text.rstrip() + "…"


def _ranked(counter: Counter[str]) -> list[tuple[str, int]]:
    """Names with their counts, the most frequent first; by name where they are as many, and not as a plan gave them."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))
