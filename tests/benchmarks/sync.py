"""What the triggers between rows and documents cost a write: `python -m tests.benchmarks.sync`.

Starts a throw-away server with durable settings, fills it, and prints the time of a write with and without the triggers
(pgbench, one client), of the first write of a session, and of one statement over ever more documents.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import make_conninfo

from schedtool import embedded
from tests.journey import CREATE, FILL, SYNC
from tests.servers import HERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schedtool.embedded import Server

WEEK = """jsonb_build_object('timezone', 'Europe/Paris') || (
    SELECT jsonb_object_agg(d.day, CASE WHEN d.i < 6
        THEN jsonb_build_object(
            'available', true, 'start', lpad((7 + (n + d.i) % 4)::text, 2, '0') || ':30', 'end', '17:30')
        ELSE '{"available": false}' END)
    FROM unnest(ARRAY['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'])
        WITH ORDINALITY AS d (day, i))"""

FILLED = (
    "INSERT INTO providers (id, availability) SELECT n, "
    + WEEK.replace("{", "{{").replace("}", "}}")
    + " FROM generate_series(1, {}) AS n"
)
# By name: the table whose triggers are switched off for the comparison, and the script.
WRITES = {
    "old code changes a day": (
        "providers",
        (
            "UPDATE providers SET availability = jsonb_set(availability, '{tuesday,start}',"
            " to_jsonb('0' || :hour || ':15')) WHERE id = :id;"
        ),
    ),
    "old code writes another column": ("providers", "UPDATE providers SET name = :hour WHERE id = :id;"),
    "new code changes a time": (
        "provider_availability",
        (
            "UPDATE provider_availability SET start_time = make_time(:hour, 15, 0)"
            " WHERE provider_id = :id AND day_of_week = 'tuesday';"
        ),
    ),
    "new code by set_day": (
        "provider_availability",
        "SELECT provider_availability_set_day(:id, 'tuesday', true, make_time(:hour, 15, 0), '17:30');",
    ),
    "new code closes a day": (
        "provider_availability",
        (
            "UPDATE provider_availability SET is_available = NOT is_available"
            " WHERE provider_id = :id AND day_of_week = 'tuesday';"
        ),
    ),
}


def pgbench(server: Server, conninfo: str, script: str, *, seconds: int, providers: int) -> tuple[float, float]:
    """Run a script; return milliseconds per write and writes per second."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(f"\\set id random(1, {providers})\n\\set hour random(6, 9)\n{script}\n")
        file.flush()
        done = subprocess.run(
            [server.bin_dir / "pgbench", "-n", "-M", "prepared", "-T", str(seconds), "-f", file.name, conninfo],
            capture_output=True,
            text=True,
            check=True,
        )
    latency = re.search(r"latency average = ([\d.]+) ms", done.stdout)
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    assert latency is not None
    assert rate is not None
    return float(latency[1]), float(rate[1])


def timed(connection: psycopg.Connection, statement: str) -> float:
    started = time.perf_counter()
    connection.execute(statement.encode())
    return time.perf_counter() - started


def lines(server: Server, *, seconds: int, providers: int, bulk: int) -> Iterator[str]:
    """Measure, and yield what there is to say."""
    conninfo = make_conninfo(server.conninfo, dbname="sync")
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("CREATE DATABASE sync")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for path in (HERE / "sql" / "parents.bigint.sql", CREATE, SYNC, FILL):
            connection.execute(path.read_bytes())
        took = timed(
            connection,
            FILLED.format(providers),
        )
        yield f"{providers} documents inserted in one statement: {took / providers * 1000:.2f} ms each"
        connection.execute("VACUUM ANALYZE")
        for name, (table, script) in WRITES.items():
            slow, slow_rate = pgbench(server, conninfo, script, seconds=seconds, providers=providers)
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
            quick, quick_rate = pgbench(server, conninfo, script, seconds=seconds, providers=providers)
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())
            connection.execute("SELECT provider_availability_settle(id, 'document') FROM providers")
            yield (
                f"{name}: {slow:.2f} ms ({slow_rate:.0f}/s) with triggers, {quick:.2f} ms ({quick_rate:.0f}/s) without:"
                f" {slow - quick:+.2f} ms"
            )
        for name, statement in (
            (
                "document",
                'UPDATE providers SET availability = availability || \'{{"monday": "0{}:45-17:00"}}\' WHERE id = 1',
            ),
            (
                "row",
                "UPDATE provider_availability SET end_time = '1{}:45' WHERE provider_id = 1 AND day_of_week = 'friday'",
            ),
        ):
            with psycopg.connect(conninfo, autocommit=True) as session:
                first, second = (timed(session, statement.format(hour)) for hour in (7, 8))
            yield f"write of a {name}: the first of a session {first * 1000:.1f} ms, the second {second * 1000:.1f} ms"
        number = max(bulk // 16, 1)
        while number <= bulk:
            connection.execute("TRUNCATE providers CASCADE")
            connection.execute(FILLED.format(number).encode())
            connection.execute("VACUUM ANALYZE")
            documents = timed(
                connection,
                'UPDATE providers SET availability = availability || \'{"tuesday": "06:00-07:00"}\'',
            )
            rows = timed(connection, "UPDATE provider_availability SET end_time = '18:00' WHERE day_of_week = 'friday'")
            yield (
                f"one statement over {number}: documents {documents:.1f} s ({documents / number * 1000:.2f} ms each),"
                f" rows {rows:.1f} s ({rows / number * 1000:.2f} ms each)"
            )
            number *= 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=10, help="how long each pgbench run lasts")
    parser.add_argument("--providers", type=int, default=2000, help="providers written by pgbench")
    parser.add_argument("--bulk", type=int, default=100_000, help="documents of the greatest single statement")
    arguments = parser.parse_args()
    with embedded.throwaway(settings={"shared_buffers": "256MB", "max_wal_size": "4GB"}) as server:
        print(f"PostgreSQL {server.version}", flush=True)
        for line in lines(server, seconds=arguments.seconds, providers=arguments.providers, bulk=arguments.bulk):
            print(line, flush=True)


if __name__ == "__main__":
    main()
