"""The loop that people write in Python: read documents, make rows, send them; a program of its own, for its memory.

python -m tests.benchmarks.loop URL
"""

from __future__ import annotations

import sys
from datetime import time
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DOCUMENTS = 1000


def main(url: str) -> None:
    """Fill the table in one transaction, a thousand documents at a time."""
    with psycopg.connect(url) as connection, connection.cursor("documents") as reader, connection.cursor() as writer:
        reader.execute("SELECT id, availability FROM providers")
        while found := reader.fetchmany(DOCUMENTS):
            writer.executemany(
                "INSERT INTO provider_availability"
                " (provider_id, day_of_week, is_available, start_time, end_time, timezone)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                list(_rows(found)),
            )


def _rows(found: list[tuple[int, dict[str, Any]]]) -> Iterator[tuple[object, ...]]:
    for provider, document in found:
        for day in WEEK:
            if day in document:
                hours = document[day]
                begin, end = time.fromisoformat(hours["start"]), time.fromisoformat(hours["end"])
                yield (provider, day, hours["available"], begin, end, document["timezone"])


if __name__ == "__main__":
    main(sys.argv[1])
