"""The drop while writers hammer documents and rows: either it refuses, or nothing acknowledged is lost; and back again.

python -m tests.stress.drop [--rounds 100] [--providers 1000] [--documents 1] [--rows 1] [--ahead]

In every round, on a fresh copy of a database that is filled, writers of documents and of rows write as fast as they
can while `apply --contract` drops the column, and writers of rows go on while `rollback` brings it back. What each of
them was told is committed must be there in the end: in the rows, in the archive, in the documents that came back. With
--ahead the batches have run in the copied database, as when the drop is tried again. ACCESS EXCLUSIVE on providers is
sampled from outside, every millisecond; a lock held for less may be seen as 0 ms.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo

from schedtool import embedded
from schedtool.project import shipped
from tests.clusters import wait_for
from tests.servers import Database, Server, clean_environ

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOT = 40
"""Providers that the writers write: few, so that they meet each other and the drop."""
FILL = (
    "INSERT INTO providers (availability) SELECT jsonb_build_object('monday', jsonb_build_object("
    "'start', '09:00', 'end', to_char('10:00'::time + (n %% 400) * interval '1 minute', 'HH24:MI')), 'sunday',"
    " 'closed', 'note', 'kept', 'n', 0) FROM generate_series(1, %s) AS n"
)
DOCUMENT = (
    "UPDATE providers SET availability = jsonb_set(availability, '{monday,end}', to_jsonb(%(end)s::text))"
    " || jsonb_build_object('n', %(n)s::integer) WHERE id = %(id)s"
)
ROW = (
    "UPDATE provider_availability SET is_available = true, start_time = '08:00', end_time = %(end)s"
    " WHERE provider_id = %(id)s AND day_of_week = 'sunday'"
)
HELD = (
    "SELECT count(*) FROM pg_locks AS l WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'AccessExclusiveLock'"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = %s) AND l.relation = %s"
)


@dataclass
class Writer:
    """One connection that writes until it is told to stop; `told` is the last committed value by provider."""

    conninfo: str
    statement: str
    seed: int
    told: dict[int, tuple[int, str]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    slowest_s: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Write; what the server refuses is counted and not repeated, as a careless application would."""
        dice = random.Random(self.seed)  # noqa: S311 - which provider is written
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            while not self.stop.is_set():
                key, n = dice.randint(1, HOT), self.writes + 1
                end = f"{dice.randint(10, 23):02}:{dice.randint(0, 59):02}"
                begun = time.monotonic()
                try:
                    connection.execute(self.statement.encode(), {"id": key, "n": n, "end": end})
                except psycopg.errors.UndefinedColumn:
                    self.errors["the column is gone"] += 1
                    return
                except psycopg.Error as error:
                    self.errors[str(error.sqlstate)] += 1
                else:
                    self.told[key] = (n, end)
                    self.writes += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - begun)


@contextmanager
def writing(writers: Sequence[Writer]) -> Iterator[None]:
    """Let them write for as long as the block takes."""
    threads = [threading.Thread(target=writer.run, daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for writer in writers:
            writer.stop.set()
        for thread in threads:
            thread.join()


@dataclass
class Sampler:
    """Looks from outside how long anybody holds ACCESS EXCLUSIVE on providers."""

    server: str
    dbname: str
    relation: int
    held_s: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Sample until told to stop; keep the longest time between the first and the last sight of the lock."""
        since = None
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute("SELECT set_config('jit', 'off', false)")
            while not self.stop.wait(0.001):
                row = connection.execute(HELD, (self.dbname, self.relation)).fetchone()
                now = time.monotonic()
                if row and row[0]:
                    since = since or now
                    self.held_s = max(self.held_s, now - since)
                else:
                    since = None


@dataclass(frozen=True)
class Round:
    """What a round came to. `dropped` is False where the drop refused; times in seconds."""

    dropped: bool
    said: str
    tries: int
    held_s: float
    writes: int
    errors: Counter[str]
    slowest_s: float
    wrong: tuple[str, ...]


def play(database: Database, *, documents: int, rows: int, seed: int, batches: bool = True, back: bool = True) -> Round:
    """Drop under writers, roll back under writers of rows, and hold what they were told against what is there."""
    with database.connect() as connection:
        [(relation,)] = connection.execute("SELECT 'providers'::regclass::oid::bigint").fetchall()
    old = [Writer(database.conninfo, DOCUMENT, seed * 100 + number) for number in range(documents)]
    new = [Writer(database.conninfo, ROW, seed * 100 + 50 + number) for number in range(rows)]
    sampler = Sampler(database.server.conninfo, database.name, relation)
    thread = threading.Thread(target=sampler.run, daemon=True)
    thread.start()
    try:
        with writing([*old, *new]):
            wait_for(lambda: all(writer.writes for writer in (*old, *new)), "every writer to have written")
            apply = run(database, "apply", "--contract", "--yes", *(() if batches else ("--no-batches",)))
    finally:
        sampler.stop.set()
        thread.join()
    answer = json.loads(apply.stdout)
    tries = sum(ran["retries"] for ran in answer.get("applied", [])) + 1
    wrong = []
    last = {key: value for writer in new for key, value in writer.told.items()}
    if apply.returncode == 0:
        wrong += held(database, "SELECT provider_id, availability FROM providers_availability_archive", old, documents)
    if apply.returncode == 0 and back:
        later = [Writer(database.conninfo, ROW, seed * 100 + 90)]
        with writing(later):
            returned = run(database, "rollback", "--yes")
        if returned.returncode:
            wrong.append(f"the rollback ended with {returned.returncode}: {returned.stdout}")
        last |= later[0].told
        new += later
    if apply.returncode or back:
        wrong += held(database, "SELECT id, availability FROM providers", old, documents)
    wrong += rows_of(database, last, alone=rows <= 1)
    verify = run(database, "verify", "counts", "parity")
    if verify.returncode:
        wrong.append(f"verify ended with {verify.returncode}: {verify.stdout}")
    said = "" if apply.returncode == 0 else answer["error"]["message"]
    if apply.returncode not in {0, 3, 4}:
        wrong.append(f"the drop ended with {apply.returncode}: {said}")
    writers = [*old, *new]
    return Round(
        apply.returncode == 0,
        said,
        tries,
        sampler.held_s,
        sum(writer.writes for writer in writers),
        sum((writer.errors for writer in writers), Counter()),
        max(writer.slowest_s for writer in writers),
        tuple(wrong),
    )


def run(database: Database, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "schedtool", "--database", database.conninfo, *arguments, "--format", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environ())


def held(database: Database, statement: str, writers: Sequence[Writer], documents: int) -> list[str]:
    """Documents that do not hold the last value a writer was told is committed; of several writers any one's."""
    with database.connect() as connection:
        found: dict[int, dict[str, Any] | None] = dict(connection.execute(statement.encode()).fetchall())
    wrong = []
    for key in {key for writer in writers for key in writer.told}:
        told = {writer.told[key] for writer in writers if key in writer.told}
        said = found.get(key)
        there = (said["n"], said["monday"]["end"]) if said else None
        # A write whose commit the writer never heard of may be there as well, but only as the next one.
        if there not in told and not (documents == 1 and there and there[0] > max(told)[0]):
            wrong.append(f"provider {key}: told {told}, there is {there}")
        if said and said["note"] != "kept":
            wrong.append(f"provider {key}: its note is gone")
    return wrong


def rows_of(database: Database, last: dict[int, tuple[int, str]], *, alone: bool) -> list[str]:
    """Rows that do not hold the last value their one writer was told is committed."""
    if not alone:
        return []
    with database.connect() as connection:
        found: dict[int, str] = dict(
            connection.execute(
                "SELECT provider_id, to_char(end_time, 'HH24:MI') FROM provider_availability"
                " WHERE day_of_week = 'sunday'"
            ).fetchall()
        )
    return [f"row of {key}: told {end}, there is {found[key]}" for key, (_, end) in last.items() if found[key] != end]


def fill(database: Database, providers: int) -> None:
    """Make providers with documents of one shape."""
    with database.connect() as connection:
        connection.execute(FILL.encode(), (providers,))
        connection.execute("ANALYZE")


def prepare(server: Server, *, providers: int, ahead: bool) -> Database:
    """Fill a database to be copied: parents, documents, rows, and with `ahead` the archive."""
    database = server.create()
    conninfo = make_conninfo(server.conninfo, dbname=database.name)
    database = Database(conninfo, conninfo, database.name, server)
    database.make_parents()
    fill(database, providers)
    # In one statement: the documents are of some hundred kinds, and nobody writes yet.
    applied = run(database, "apply", "--no-batches")
    if applied.returncode:
        sys.exit(applied.stdout)
    if ahead:
        batch = shipped() / "sql" / "batches" / "0004.drop-providers-availability.sql"
        text = batch.read_text(encoding="utf-8").replace(":'settings'", "'{}'")
        with database.connect() as connection:
            for first in range(1, providers + 1, 20_000):
                part = text.replace(":'first'", f"'{first}'").replace(":'last'", f"'{first + 19_999}'")
                connection.execute("BEGIN")
                connection.execute(part.encode())
                connection.execute("COMMIT")
            connection.execute("VACUUM ANALYZE")
    return database


def main() -> None:
    """Run the rounds and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--providers", type=int, default=1000)
    parser.add_argument("--documents", type=int, default=1)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--ahead", action="store_true")
    parser.add_argument("--only-drop", action="store_true", help="leave the way back out, which takes long for many")
    given = parser.parse_args()
    settings = {"max_wal_size": "4GB", "shared_buffers": "512MB", "synchronous_commit": "off"}
    played: list[Round] = []
    with embedded.throwaway(settings=settings) as own:
        parameters = dict(part.split("=", 1) for part in own.conninfo.split(" ") if not part.startswith("dbname="))
        server = Server("embedded", str(own.bin_dir), own.version, parameters, own.bin_dir)
        template = prepare(server, providers=given.providers, ahead=given.ahead)
        for number in range(1, given.rounds + 1):
            made = server.create(template=template.name)
            conninfo = make_conninfo(own.conninfo, dbname=made.name)
            database = Database(conninfo, conninfo, made.name, server)
            one = play(
                database,
                documents=given.documents,
                rows=given.rows,
                seed=number,
                batches=not given.ahead,
                back=not given.only_drop,
            )
            print(  # noqa: T201 - the answer
                f"round {number}: {'dropped' if one.dropped else f'refused ({one.said})'}, tries {one.tries},"
                f" held {one.held_s * 1000:.0f} ms, {one.writes} writes, slowest {one.slowest_s * 1000:.0f} ms,"
                f" errors {dict(one.errors)}",
                flush=True,
            )
            if one.wrong:
                sys.exit("\n".join(one.wrong))
            played.append(one)
            server.drop(made.name)
    times = [one.held_s * 1000 for one in played if one.dropped]
    print(  # noqa: T201 - the answer
        f"{len(played)} rounds with {given.providers} providers: {len(times)} dropped, nothing lost in any;"
        f" ACCESS EXCLUSIVE on providers median {statistics.median(times or [0]):.0f} ms,"
        f" longest {max(times or [0]):.0f} ms;"
        f" {sum(one.tries for one in played)} tries; {sum(one.writes for one in played)} writes,"
        f" errors {dict(sum((one.errors for one in played), Counter()))}"
    )


if __name__ == "__main__":
    main()
