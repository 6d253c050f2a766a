"""What applications ask: of the documents, without and with an index on them, and of the tables.

    python -m tests.benchmarks.questions --documents 10000 100000 1000000

Each question is a pgbench script in sql/questions, asked by one client with prepared statements, in turn of both, in
several rounds; the table shows medians in milliseconds, and how many times as fast the tables answer as the documents
with whichever index serves that question best. Both must give the same answers, or the exit code is 1. Changes do not
wait for the disk (synchronous_commit off), so that it is the work that is compared.

The tables are those after the drop: no sync between them and the documents. They keep rules (three checks, and when a
row was changed) that documents do not; one column changes documents that are held to the same. Milliseconds move with
the machine and with what is in its memory; the ratios less so.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schedtool.database import run
from tests.benchmarks import place
from tests.benchmarks.tables import bars, figure, table
from tests.servers import UnusableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from tests.servers import Database, Server

QUESTIONS = {
    "who": "who is available on Monday at 10:00, in one zone",
    "week": "a provider's week",
    "change": "change one day",
    "hours": "average hours by weekday",
}
ONE = ("week", "change")
"""Those about one provider; an index on the documents is no help to them, and costs the change."""
SECONDS = 2
"""How long a question is asked in a round."""
TURNS = 3
"""So many times more often a week is asked for: it is all but a round trip, and a tenth of that is noise."""
NO_INDEX = "documents"
INDEXES = {
    "documents, GIN": ("documents.gin", "providers_availability_gin"),
    "documents, GIN of paths": ("documents.gin_paths", "providers_availability_gin_paths"),
    "documents, expressions": ("documents.expressions", "providers_availability_monday"),
}
RULED = "documents, same rules"
"""Without an index, and held to what the tables are held to; asked for the change alone, which is what rules cost."""
ROWS = "tables"


@dataclass
class Asked:
    """One question to one side: milliseconds of each round."""

    documents: int
    question: str
    side: str
    ms: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.ms)


def main() -> int:
    """Ask what the arguments say; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.questions")
    parser.add_argument("--documents", metavar="N", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", metavar="N", type=int, default=3)
    parser.add_argument("--server", metavar="container|embedded|URL", help="default: as for the tests")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a setting of the server")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every figure")
    wanted = parser.parse_args()
    found: list[Asked] = []
    wrong: list[str] = []
    try:
        with place.server(wanted.server, dict(one.split("=", 1) for one in wanted.set)) as server:
            about = place.described(server)
            print(about)
            for documents in wanted.documents:
                with place.made(server, "common", documents) as (tables, _):
                    found += _asked(server, tables, documents, wanted.rounds)
                    wrong += [f"{documents:,} documents: {question}" for question in _differing(tables)]
                _tell(found, documents)
    except UnusableError as error:
        print(error, file=sys.stderr)
        return 1
    print()
    print(_chart(found, max(wanted.documents)))
    if wanted.json:
        told = {"server": about, "asked": [{**asdict(one), "median": one.median} for one in found]}
        wanted.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for question in wrong:
        print(f"WRONG: documents and tables answer differently: {question}")
    return 1 if wrong else 0


def _asked(server: Server, database: Database, documents: int, rounds: int) -> list[Asked]:
    """Ask everything of everyone; ends with the documents as they were and the rows changed."""
    sides = [NO_INDEX, *INDEXES, ROWS]
    found = {(q, side): Asked(documents, q, side) for q in QUESTIONS for side in sides}
    with database.connect() as connection:
        run(connection, place.text("plain"))
        connection.execute("VACUUM ANALYZE")
        for _ in range(rounds):
            for side in sides:
                file, index = INDEXES.get(side, (None, None))
                if file is not None:
                    run(connection, place.text(file))
                    connection.execute("VACUUM ANALYZE providers")
                for question in QUESTIONS:
                    if question not in ONE:
                        found[question, side].ms.append(_ms(server, database, question, side, documents))
                if index is not None:
                    connection.execute(f"DROP INDEX {index}".encode())
    # In turn: of four sides that are alike, luck would choose the best.
    for side in (NO_INDEX, ROWS) * rounds * TURNS:
        found["week", side].ms.append(_ms(server, database, "week", side, documents))
    changed = [_changed(server, database, side, documents, rounds) for side in (*sides, RULED)]
    return [one for one in found.values() if one.ms] + changed


def _changed(server: Server, database: Database, side: str, documents: int, rounds: int) -> Asked:
    """Change days on a copy: the answers are compared afterwards, and a table written a lot is another table."""
    file = "documents.rules" if side == RULED else INDEXES.get(side, (None, None))[0]
    with place.copied(database) as copy:
        with copy.connect() as connection:
            if file is not None:
                run(connection, place.text(file))
            connection.execute("VACUUM ANALYZE")
        return Asked(documents, "change", side, [_ms(server, copy, "change", side, documents) for _ in range(rounds)])


def _ms(server: Server, database: Database, question: str, side: str, documents: int) -> float:
    """Milliseconds of one answer, by pgbench; the first two are left out."""
    file = place.SQL / "questions" / f"{question}.{'rows' if side == ROWS else 'document'}.sql"
    command = [str(server.bin_dir / "pgbench"), "-n", "-M", "prepared", "-D", f"documents={documents}", "-f", str(file)]
    environ = {**os.environ, "PGOPTIONS": "-c synchronous_commit=off -c jit=off"}
    for until in (["-t", "2"], ["-T", str(SECONDS)]):
        done = subprocess.run(
            [*command, *until, database.conninfo], capture_output=True, text=True, check=True, env=environ
        )
    found = re.search(r"latency average = ([0-9.]+) ms", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def _differing(database: Database) -> list[str]:
    """Questions that documents and tables answer differently."""
    with database.connect() as connection:
        return [
            question
            for question in QUESTIONS
            if question != "change"
            and _answers(connection, question, "document") != _answers(connection, question, "rows")
        ]


def _answers(connection: Connection[Any], question: str, side: str) -> list[Any]:
    lines = place.text(f"questions/{question}.{side}").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("\\"))
    if question not in ONE:
        return sorted(connection.execute(text.encode()).fetchall())
    return [connection.execute(text.replace(":provider", str(n)).encode()).fetchall() for n in range(1, 101)]


def _best(found: Sequence[Asked], documents: int, question: str) -> Asked:
    of_documents = [
        one for one in found if (one.documents, one.question) == (documents, question) and one.side not in {RULED, ROWS}
    ]
    return min(of_documents, key=lambda one: one.median)


def _of(found: Sequence[Asked], documents: int, question: str, side: str) -> Asked | None:
    """What a side was asked, if it was."""
    of_it = (one for one in found if (one.documents, one.question, one.side) == (documents, question, side))
    return next(of_it, None)


def _times(found: Sequence[Asked], documents: int, question: str) -> float:
    """How many times as fast the tables are."""
    tables = _of(found, documents, question, ROWS)
    assert tables is not None
    return _best(found, documents, question).median / tables.median


def _tell(found: Sequence[Asked], documents: int) -> None:
    rows = []
    for question, words in QUESTIONS.items():
        sides = [_of(found, documents, question, side) for side in (NO_INDEX, *INDEXES, RULED, ROWS)]
        times = _times(found, documents, question)
        rows.append((words, *(figure(one.median if one else None) for one in sides), f"{times:.2f}×"))
    print(f"\n{documents:,} providers, milliseconds\n")
    print(table(("Question", NO_INDEX, *INDEXES, RULED, ROWS, "times as fast as the best"), rows), flush=True)


def _chart(found: Sequence[Asked], documents: int) -> str:
    """How many times as fast the tables are, as bars."""
    times = [_times(found, documents, question) for question in QUESTIONS]
    return bars(
        f"Tables against documents with the best index, {documents:,} providers",
        "times as fast",
        list(QUESTIONS),
        times,
    )


if __name__ == "__main__":
    sys.exit(main())
