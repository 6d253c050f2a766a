"""A migrated database for the stress runs, the programs that load it, and what must be true of it at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.clusters import Cluster

PARENTS = Path(__file__).parents[1] / "sql" / "parents.bigint.sql"
# Seven days of common hours each, some 20,000 different documents.
DOCUMENTS = """
    INSERT INTO providers (id, availability)
    SELECT
        n,
        (
            SELECT jsonb_object_agg(
                day,
                jsonb_build_object(
                    'available', true,
                    'start', (ARRAY['07:00', '08:00', '08:30', '09:00', '10:00'])[1 + (n * 7 + i * 3) %% 5],
                    'end',
                    (ARRAY['15:00', '16:00', '17:00', '17:30', '18:00', '20:00'])[1 + (n * 11 + i * (n %% 97)) %% 6]
                )
            )
            FROM unnest(ARRAY['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'])
                WITH ORDINALITY AS days (day, i)
        ) || jsonb_build_object('timezone', (ARRAY['Europe/Paris', 'America/New_York', 'UTC'])[1 + n %% 3], 'note', n)
    FROM generate_series(%s::bigint, %s::bigint) AS n
"""


@dataclass(frozen=True)
class Site:
    """A database `app` on a server of the run's own."""

    cluster: Cluster
    conninfo: str

    @property
    def database(self) -> str:
        """For `--database`: the same."""
        return self.conninfo

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.conninfo, autocommit=True)

    def one(self, statement: str) -> Any:  # noqa: ANN401 - whatever the database answers
        with self.connect() as connection:
            row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None

    def schedtool(self, *arguments: str) -> list[str]:
        """The arguments of a process that runs a command on it."""
        return [sys.executable, "-m", "schedtool", "--database", self.conninfo, *arguments]

    def run(self, *arguments: str, allowed: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(self.schedtool(*arguments), capture_output=True, text=True, check=False)
        if done.returncode not in allowed:
            raise AssertionError(f"schedtool {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done

    def pgbench(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start pgbench on it."""
        parts = dict(part.split("=", 1) for part in self.conninfo.split())
        environ = {**os.environ, "PGHOST": parts["host"], "PGPORT": parts["port"], "PGUSER": parts["user"]}
        return subprocess.Popen(
            [self.cluster.program("pgbench"), "-n", *arguments, parts["dbname"]],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
            cwd=cwd,
        )

    def empty_rows(self, where: str = "true") -> None:
        """Take rows out as if they had not been filled yet; their documents stay."""
        with self.connect() as connection, connection.transaction():
            connection.execute("SET LOCAL schedtool.sync = 'document'")
            connection.execute(f"DELETE FROM provider_availability WHERE {where}".encode())

    def failed_checks(self) -> list[str]:
        """What `verify counts parity` finds wrong."""
        done = self.run("verify", "counts", "parity", allowed=(0, 3))
        return [line for line in done.stdout.splitlines() if done.returncode]


@contextmanager
def site(cluster: Cluster, *, providers: int, to: str = "0002", name: str = "app") -> Iterator[Site]:
    """Make the database: parents, documents, and migrations up to `to`."""
    with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    made = Site(cluster, cluster.conninfo.replace("dbname=postgres", f"dbname={name}"))
    with made.connect() as connection:
        connection.execute(PARENTS.read_bytes())
        connection.execute(DOCUMENTS.encode(), [1, providers])
        connection.execute("VACUUM ANALYZE providers")
    made.run("apply", "--to", to)
    yield made
    with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
