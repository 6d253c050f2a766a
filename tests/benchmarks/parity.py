"""What full parity costs beside the dry run of the same documents, each in turn, in several rounds.

    python -m tests.benchmarks.parity --documents 10000 100000 --levels common [--rounds 3]

Prints the medians of both, their ratio, and the most memory either held; exit code 1 where `verify` is not green. The
documents are those of `schedtool rehearse` (level "rehearsal": many shapes, a tenth of them dirty) or of a level of the
backfill's benchmark. The ratio holds from machine to machine, about; seconds do not.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from schedtool.database import run
from schedtool.project import shipped
from tests.benchmarks import place
from tests.benchmarks.tables import table
from tests.servers import UnusableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.place import Ran
    from tests.servers import Database, Server

REHEARSAL = "rehearsal"
# No rejects are told one by one: both only read and count.
WAYS = (("backfill", "--dry-run"), ("verify", "counts", "parity"))


@contextmanager
def filled(server: Server, level: str, documents: int) -> Iterator[Database]:
    """Make a database with so many documents, backfilled; gone afterwards."""
    database = server.create()
    try:
        if level == REHEARSAL:
            parents = (shipped() / "sql" / "rehearse" / "parents.sql").read_text(encoding="utf-8")
            with database.connect() as connection:
                run(connection, parents, {"providers": str(documents), "seed": "1"})
        else:
            database.make_parents()
            with database.connect() as connection:
                run(connection, place.text(f"documents.{level}"), {"documents": str(documents)})
        place.said(place.schedtool(database, "apply"))
        with database.connect() as connection:
            connection.execute("VACUUM ANALYZE")
        yield database
    finally:
        server.drop(database.name)


def measure(database: Database, rounds: int) -> tuple[list[Ran], list[Ran]]:
    """Run both in turn, so that what else goes on meets both."""
    found: tuple[list[Ran], list[Ran]] = ([], [])
    for _ in range(rounds):
        for ran, way in zip(found, WAYS, strict=True):
            ran.append(place.schedtool(database, *way, "--format", "json"))
    return found


def rows(server: Server, levels: Sequence[str], sizes: Sequence[int], rounds: int) -> Iterator[tuple[str, ...]]:
    """Give a line for each level and size."""
    for level in levels:
        for documents in sizes:
            with filled(server, level, documents) as database:
                dry, proof = measure(database, rounds)
            for ran in proof:
                place.said(ran)
            seconds = [statistics.median(ran.seconds for ran in found) for found in (dry, proof)]
            memory = [max(ran.memory_mb for ran in found) for found in (dry, proof)]
            yield (
                level,
                f"{documents:,}",
                f"{seconds[0]:.1f} s",
                f"{seconds[1]:.1f} s",
                f"{seconds[1] / seconds[0]:.2f}",
                f"{memory[0]:.0f} MB",
                f"{memory[1]:.0f} MB",
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--levels", nargs="+", default=[REHEARSAL], choices=(REHEARSAL, *place.LEVELS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", help="container, embedded or a URL; default: as the tests choose")
    given = parser.parse_args()
    settings = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
    try:
        with place.server(given.server, settings) as server:
            print(place.described(server))
            head = ("documents are", "documents", "dry run", "parity", "ratio", "memory: dry run", "parity")
            print(table(head, list(rows(server, given.levels, given.documents, given.rounds))))
    except (UnusableError, place.MissingError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
