"""How fast documents become rows, each way in turn on one server, in several rounds; durable settings on.

    python -m tests.benchmarks.backfill --documents 10000 100000 --levels common

Prints, for each level of documents and each size, medians and ratios of them to the plain statement's; `--json FILE`
writes every single figure. A way that is missing here is named, and the rest goes on. Every way that writes must end
with the same rows as the plain statement (EXCEPT ALL both ways), and ours with `schedtool verify` green: exit code 1
where one does not.

Ratios hold from machine to machine, about; seconds, rows per second and what memory costs do not. Bytes of write-ahead
log hold everywhere, but for the full pages after each checkpoint.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from schedtool.errors import SchedtoolError
from tests.benchmarks import place
from tests.benchmarks.place import LEVELS, MissingError
from tests.benchmarks.tables import chart, figure, table
from tests.benchmarks.ways import BARE, PLAIN, RULES, WAYS, Way
from tests.clusters import wait_for
from tests.servers import UnusableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers import Database, Server

TABLE = "provider_availability"
DAYS = 7


@dataclass
class Found:
    """What was measured of one way on one set of documents.

    Attributes:
        seconds: One figure for each round.
        worked: Processor seconds of server and client; other work on the machine moves them least.
        memory_mb: The client's peak, the largest of all rounds.
        wal_bytes: Write-ahead log per row; one figure for each round.
        wrong: Rows that are not what they must be, checks that are not green; None where nothing is.
        missing: Why it could not be measured.
    """

    level: str
    documents: int
    way: str
    seconds: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    memory_mb: float | None = None
    wal_bytes: list[float] = field(default_factory=list)
    wrong: str | None = None
    missing: str | None = None

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def rate(self) -> float | None:
        """Rows per second."""
        return self.documents * DAYS / self.median if self.median else None


def main() -> int:
    """Measure what the arguments say; return the exit code."""
    wanted = _arguments()
    ways = [way for way in WAYS if not wanted.ways or any(part in way.name for part in wanted.ways)]
    found: list[Found] = []
    try:
        with place.server(wanted.server, dict(one.split("=", 1) for one in wanted.set)) as server:
            about = place.described(server)
            print(about)
            for level in wanted.levels:
                for documents in wanted.documents:
                    found += _measured(server, level, documents, ways, wanted.rounds)
    except UnusableError as error:
        print(error, file=sys.stderr)
        return 1
    _tell_scale(found, wanted.levels)
    if wanted.json:
        told = {"server": about, "found": [{**asdict(one), "median": one.median, "rate": one.rate} for one in found]}
        wanted.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    wrong = [one for one in found if one.wrong]
    for one in wrong:
        print(f"WRONG: {one.level}, {one.documents:,} documents, {one.way}: {one.wrong}")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.backfill", description=__doc__.splitlines()[0])
    parser.add_argument("--documents", metavar="N", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=list(LEVELS))
    parser.add_argument("--rounds", metavar="N", type=int, default=3)
    parser.add_argument("--ways", metavar="WORD", nargs="+", help="only the ways whose name holds one of these words")
    parser.add_argument("--server", metavar="container|embedded|URL", help="default: as for the tests")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a setting of the server")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every figure")
    return parser.parse_args()


def _measured(server: Server, level: str, documents: int, ways: Sequence[Way], rounds: int) -> list[Found]:
    """Go every way in turn, round by round, and print the table."""
    found = [Found(level, documents, way.name) for way in ways]
    print(f"\n{level}, {documents:,} documents, {rounds} rounds\n", flush=True)
    with place.made(server, level, documents) as (tables, synced):
        for number in range(rounds):
            for way, one in zip(ways, found, strict=True):
                if one.missing is None:
                    _go(synced if way.synced else tables, way, one, checked=number == 0)
    _tell(found)
    return found


def _go(database: Database, way: Way, found: Found, *, checked: bool) -> None:
    """Go one way once, on a copy of its own, and look at what it left."""
    with place.copied(database) as copy:
        with copy.connect() as connection:
            begun = place.wal_position(connection)
        try:
            worked = _worked(copy)
            cost = way.go(copy)
            ended = _worked(copy)
        except (MissingError, SchedtoolError, psycopg.Error, OSError) as error:
            found.missing = " ".join(str(error).split())
            return
        found.seconds.append(cost.seconds)
        if worked is not None and ended is not None:
            found.worked.append(ended - worked + cost.worked)
        if cost.memory_mb is not None:
            found.memory_mb = max(cost.memory_mb, found.memory_mb or 0)
        with copy.connect() as connection:
            written = place.wal_position(connection) - begun
            if way.writes:
                found.wal_bytes.append(written / (found.documents * DAYS))
                if differing := place.number(connection, "differing"):
                    found.wrong = f"{differing} rows are not those of the plain statement"
        if way.verified and checked and (ran := place.schedtool(copy, "verify")).exit_code:
            found.wrong = f"verify: exit code {ran.exit_code}: {(ran.stderr or ran.stdout).strip()[-300:]}"


def _worked(database: Database) -> float | None:
    """What the server has worked so far, once this database's sessions are over: they are counted when they end."""
    there = "SELECT FROM pg_stat_activity WHERE datname = %s"
    # An autovacuum of it may take longer, and is then not counted.
    with psycopg.connect(database.server.conninfo, autocommit=True) as connection, suppress(AssertionError):
        wait_for(
            lambda: connection.execute(there, (database.name,)).fetchone() is None, "its sessions to end", limit=10
        )
    return place.worked(database.server)


def _tell(found: Sequence[Found]) -> None:
    plain = next((one.median for one in found if one.way == PLAIN), None)
    rows = [
        (
            one.way,
            figure(one.median),
            f"{min(one.seconds):.2f} to {max(one.seconds):.2f}",
            f"{plain / one.median:.2f}×" if plain and one.median else "",
            figure(one.rate),
            figure(statistics.median(one.worked)) if one.worked else "",
            figure(statistics.median(one.wal_bytes)) if one.wal_bytes else "",
            figure(one.memory_mb),
        )
        for one in found
        if one.seconds
    ]
    print(
        table(
            ("Way", "seconds", "from, to", "as fast as plain", "rows/s", "CPU s", "WAL bytes/row", "client MB"), rows
        ),
        flush=True,
    )
    for one in found:
        if one.missing:
            print(f"missing: {one.way}: {one.missing}")
    medians = {one.way: one.median for one in found}
    if (bare := medians.get(BARE)) and (rules := medians.get(RULES)):
        print(f"reading by the rules costs {rules / bare:.2f}× the bare casts")
    if plain and (dry := medians.get("backfill --dry-run")):
        print(f"the dry run costs {dry / plain:.2f}× the plain statement")


def _tell_scale(found: Sequence[Found], levels: Sequence[str]) -> None:
    """Rate against size, for each level that was measured at several."""
    for level in levels:
        of_level = [one for one in found if one.level == level and one.rate and one.memory_mb is not None]
        sizes = sorted({one.documents for one in of_level})
        if len(sizes) < 2:
            continue
        by_way = {one.way: {two.documents: two for two in of_level if two.way == one.way} for one in of_level}
        whole = [(way, [of[size] for size in sizes]) for way, of in by_way.items() if len(of) == len(sizes)]
        rows = [
            (way, *(figure(one.rate) for one in line), *(figure(one.memory_mb) for one in line)) for way, line in whole
        ]
        names = [f"{size:,}" for size in sizes]
        print(f"\n{level}: rows per second, and the client's peak memory in MB, by documents\n")
        print(table(("Way", *(f"rows/s at {name}" for name in names), *(f"MB at {name}" for name in names)), rows))
        print()
        lines = [(way, [one.rate or 0.0 for one in line]) for way, line in whole]
        print(chart(f"Rows per second, documents: {level}", "rows/s", sizes, lines), flush=True)


if __name__ == "__main__":
    sys.exit(main())
