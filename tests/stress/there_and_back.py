"""Every document dropped and brought back: to the letter, or where a row was written meanwhile as if it never went.

python -m tests.stress.there_and_back [--documents 100000] [--seed 1]

Made-up documents of all shapes with unknown keys, and the known ones, on two databases. On one of them the column is
dropped, the rows of every third provider are written (a day said anew, a day taken away, a new one), and the column is
brought back. On the other the same rows are written while the triggers keep the documents in step. The documents must
then be the same text, those of the other providers the text they were, and `verify` green.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING

from psycopg.conninfo import make_conninfo

from schedtool import embedded
from tests.documents import Documents
from tests.known import all_documents
from tests.servers import FAST, Database, Server, run_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WRITES = (
    # The first day of every ninth provider said anew, of the next taken away, of the next a new one where it has none.
    (
        "UPDATE provider_availability AS a SET is_available = true, start_time = '06:15', end_time = '22:45'"
        " WHERE a.provider_id % 9 = 0 AND a.day_of_week = {first}"
    ),
    "DELETE FROM provider_availability AS a WHERE a.provider_id % 9 = 3 AND a.day_of_week = {first}",
    (
        "INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time)"
        " SELECT DISTINCT a.provider_id, 'sunday', true, '10:00'::time, '24:00'::time FROM provider_availability AS a"
        " WHERE a.provider_id % 9 = 6 ON CONFLICT DO NOTHING"
    ),
)
FIRST = "(SELECT min(o.day_of_week) FROM provider_availability AS o WHERE o.provider_id = a.provider_id)"


def documents(number: int, *, seed: int) -> Iterator[str]:
    """The known documents, then so many made-up ones that JSONB takes."""
    yield from (known.text for known in all_documents() if known.jsonb)
    made = Documents(seed)
    while number > 0:
        text = json.dumps(made.document())
        # JSONB has no NUL and no half of a surrogate pair.
        if "\\u0000" not in text and "\\ud" not in text.lower():
            number -= 1
            yield text


def fill(database: Database, texts: Sequence[str]) -> None:
    """Insert them and let them be read; what cannot be read is left behind by name."""
    with database.connect() as connection, connection.cursor() as cursor:
        with cursor.copy("COPY providers (availability) FROM STDIN") as copy:
            for text in texts:
                copy.write_row((text,))
        connection.execute("ANALYZE providers")
    run(database, "apply")
    run(database, "apply")
    reasons = {reject["reason"] for reject in json.loads(run(database, "rejects", "--format", "json"))["rejects"]}
    if reasons:
        run(database, "rejects", *(part for reason in sorted(reasons) for part in ("--accept", reason)))


def run(database: Database, *arguments: str) -> str:
    """Run a command that is done in the end."""
    outcome = run_process("--database", database.conninfo, *arguments)
    if outcome.exit_code:
        raise AssertionError((arguments, outcome))
    return outcome.stdout


def write(database: Database) -> int:
    """Write the rows of every third provider, each write for itself, as applications do."""
    with database.connect() as connection:
        return sum(connection.execute(statement.format(first=FIRST).encode()).rowcount for statement in WRITES)


def said(database: Database) -> dict[int, str | None]:
    """Every document as JSONB's own text."""
    with database.connect() as connection:
        found: dict[int, str | None] = dict(
            connection.execute("SELECT id, availability::text FROM providers").fetchall()
        )
    return found


def differences(gone: Database, kept: Database, texts: Sequence[str]) -> tuple[int, list[str]]:
    """Take both through it and tell how many documents a row changed, and what is not as it must be."""
    for database in (gone, kept):
        fill(database, texts)
    before = said(gone)
    run(gone, "apply", "--contract", "--yes")
    written = [write(database) for database in (gone, kept)]
    run(gone, "rollback", "--yes")
    back, live = said(gone), said(kept)
    wrong = [f"{written[0]} rows were written there, {written[1]} here"] if written[0] != written[1] else []
    wrong += [
        f"provider {key}: was {text}, is {back[key]}" for key, text in before.items() if key % 3 and back[key] != text
    ]
    wrong += [f"provider {key}: live {text}, back {back[key]}" for key, text in live.items() if back[key] != text]
    for database in (gone, kept):
        outcome = run_process("--database", database.conninfo, "verify")
        if outcome.exit_code:
            wrong.append(outcome.stdout)
    return sum(back[key] != text for key, text in before.items()), wrong


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    texts = list(documents(given.documents, seed=given.seed))
    begun = time.monotonic()
    with embedded.throwaway(settings=FAST) as own:
        parameters = dict(part.split("=", 1) for part in own.conninfo.split(" ") if not part.startswith("dbname="))
        server = Server("embedded", str(own.bin_dir), own.version, parameters, own.bin_dir)
        databases = []
        for _ in range(2):
            made = server.create()
            conninfo = make_conninfo(own.conninfo, dbname=made.name)
            databases.append(Database(conninfo, conninfo, made.name, server))
            databases[-1].make_parents()
        changed, wrong = differences(databases[0], databases[1], texts)
    print(  # noqa: T201 - the answer
        f"{len(texts)} documents there and back in {time.monotonic() - begun:.0f} s; {changed} changed by their rows,"
        f" {len(wrong)} not as they must be"
    )
    if wrong:
        sys.exit("\n".join(wrong[:20]))


if __name__ == "__main__":
    main()
