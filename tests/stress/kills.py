"""Kill the client, its sessions, and the server at random instants: counters and rows are exact every time.

    python -m tests.stress.kills --kills 200 --terminates 50 --restarts 20

Writes are durable (fsync), and the batches commit asynchronously as they always do.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.clusters import Cluster, cluster, wait_for
from tests.stress.report import Report
from tests.stress.site import Site, site

if TYPE_CHECKING:
    import psycopg

# What the ranges of the latest job say, against what is there; in one snapshot, whoever is at work.
EXACT = """
    SELECT
        coalesce(sum((r.counters ->> 'inserted')::bigint), 0),
        (SELECT count(*) FROM provider_availability),
        coalesce(sum((r.counters ->> 'documents')::bigint), 0),
        coalesce(sum(r.done), 0),
        (SELECT count(DISTINCT provider_id) FROM provider_availability)
    FROM schedtool_range AS r
    WHERE r.job_id = (SELECT max(id) FROM schedtool_job WHERE id > %s)
"""
DAYS = 7
IN_THE_MIDDLE = 0.7


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="SIGKILLs of the client (%(default)s)")
    parser.add_argument("--terminates", type=int, default=50, help="pg_terminate_backend of its sessions (%(default)s)")
    parser.add_argument("--restarts", type=int, default=20, help="immediate restarts of the server (%(default)s)")
    parser.add_argument("--providers", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    report = Report("kills")
    with cluster({"checkpoint_timeout": "30s"}) as server, site(server, providers=options.providers) as app:
        kills = _Kills(server, app, report, random.Random(options.seed), options.providers)  # noqa: S311 - no secret
        started = time.monotonic()
        kills.clients(options.kills)
        kills.sessions(options.terminates)
        kills.servers(options.restarts)
        kills.end()
        report.figures["seconds"] = round(time.monotonic() - started)
    return report.write(as_json=options.json)


class _Kills:
    """One client at a time on one database; a job that ends is begun anew, with no rows."""

    def __init__(self, server: Cluster, app: Site, report: Report, chance: random.Random, providers: int) -> None:
        self._server = server
        self._app = app
        self._report = report
        self._chance = chance
        self._providers = providers
        self._checks = 0
        self._jobs = 0
        # The last job when the rows were taken out: until a client has begun the next one, there are none.
        self._over = 0
        self._client: subprocess.Popen[str] | None = None

    def clients(self, times: int) -> None:
        """Kill the client at any instant of its life, the first and the last of its batches included."""
        middle = 0
        for _ in range(times):
            client = self._running()
            before = self._done()
            if self._chance.random() < IN_THE_MIDDLE:
                wait_for(lambda c=client, n=before: c.poll() is not None or self._done() != n, "a sign of progress")
                _until_it_ends(client, limit=self._chance.uniform(0, 0.5))
            else:
                # At any instant from the start of the interpreter on.
                _until_it_ends(client, limit=self._chance.uniform(0, 2))
            client.send_signal(signal.SIGKILL)
            client.communicate()
            self._client = None
            self._check("SIGKILL")
            middle += self._done() > before
        self._report.figures["SIGKILLs of the client"] = f"{times}, {middle} of them after progress"

    def sessions(self, times: int) -> None:
        """End one of the client's sessions, whichever; the client goes on by itself."""
        for _ in range(times):
            self._running()
            with self._app.connect() as other:
                pid = self._chance.choice(self._pids(other))
                _until_it_ends(self._running(), limit=self._chance.uniform(0, 0.2))
                other.execute("SELECT pg_terminate_backend(%s)", [pid])
            self._check("pg_terminate_backend")
        self._report.figures["sessions ended"] = times

    def servers(self, times: int) -> None:
        """End the server at once, and start it again; the client goes on by itself."""
        behind = 0
        for _ in range(times):
            _until_it_ends(self._running(), limit=self._chance.uniform(0.1, 1.5))
            before = self._done()
            self._server.crash()
            self._server.start()
            figures = self._check("immediate restart")
            behind += figures[3] < before
        self._report.figures["immediate restarts"] = f"{times}, {behind} of them lost the last instant's batches"

    def end(self) -> None:
        """Let the last job end, and prove every row."""
        client = self._running()
        _, errors = client.communicate(timeout=1_200)
        self._report.promise(client.returncode == 0, f"the last run ended with {client.returncode}: {errors}")
        self._check("the end")
        rows = self._app.one("SELECT count(*) FROM provider_availability")
        self._report.promise(rows == DAYS * self._providers, f"{rows} rows for {self._providers} documents")
        failed = self._app.failed_checks()
        self._report.promise(not failed, f"verify: {failed}")
        self._report.figures |= {
            "checks, each exact": self._checks,
            "jobs brought to their end on the way": self._jobs,
            "rows at the end": rows,
            "parity": failed or "exact",
        }

    def _running(self) -> subprocess.Popen[str]:
        """The client; a new one where there is none, on a new job where the last one is done."""
        if self._client is not None and self._client.poll() is not None:
            _, errors = self._client.communicate()
            self._report.promise(self._client.returncode == 0, f"a run ended with {self._client.returncode}: {errors}")
            self._client = None
        if self._client is None:
            if self._app.one("SELECT to_regclass('schedtool_job')") is not None and self._app.one(
                "SELECT state FROM schedtool_job ORDER BY id DESC LIMIT 1"
            ) in {"done", None}:
                self._jobs += self._app.one("SELECT count(*) > 0 FROM schedtool_job")
                self._over = self._app.one("SELECT coalesce(max(id), 0) FROM schedtool_job")
                self._app.empty_rows()
            self._client = subprocess.Popen(
                self._app.schedtool("--wait", "60", "backfill", "--nice-ratio", "0"),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        return self._client

    def _pids(self, other: psycopg.Connection[Any]) -> list[int]:
        """The sessions of the client, waited for: it may just be starting."""
        found: list[int] = []

        def look() -> bool:
            self._running()
            there = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'schedtool %'"
            found.extend(pid for (pid,) in other.execute(there).fetchall())
            return bool(found)

        wait_for(look, "a session of the client")
        return found

    def _done(self) -> int:
        return self._figures()[3]

    def _figures(self) -> tuple[int, ...]:
        with self._app.connect() as connection:
            row = connection.execute(EXACT.encode(), (self._over,)).fetchone()
        return tuple(int(value) for value in row or ())

    def _check(self, what: str) -> tuple[int, ...]:
        self._checks += 1
        counted, there, documents, done, whole = figures = self._figures()
        exact = counted == there == DAYS * whole and documents == done == whole
        self._report.promise(exact, f"after {what}: {figures}")
        return figures


def _until_it_ends(client: subprocess.Popen[str], *, limit: float) -> None:
    """Wait for the client's end, or so many seconds: the random instant at which it is hit."""
    with suppress(subprocess.TimeoutExpired):
        client.wait(timeout=limit)


if __name__ == "__main__":
    sys.exit(main())
