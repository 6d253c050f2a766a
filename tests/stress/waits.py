"""A backfill from its first batch to its last, among writers of the very documents it is at: who ever waited for it?

    python -m tests.stress.waits --providers 20000

Writers follow the cursor, so that they meet its locks far more often than chance would have it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time

from tests.clusters import cluster, wait_for
from tests.servers import FAST
from tests.stress.report import Report
from tests.stress.sampler import LIMIT_MS, Sampler
from tests.stress.site import Site, site

PAUSE_S = 0.01
# A document a little ahead of the cursor: inside the batch that runs, or that will.
CHASE = """
    UPDATE providers
    SET availability = jsonb_set(availability, '{monday,start}', '"06:30"')
    WHERE id = (
        SELECT coalesce(r.done_key, r.first_key)::bigint + (random() * 150)::bigint
        FROM schedtool_range AS r
        WHERE r.job_id = (SELECT max(id) FROM schedtool_job) AND r.finished_at IS NULL
        ORDER BY r.number
        LIMIT 1
    )
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.waits", description=__doc__)
    parser.add_argument("--providers", type=int, default=20_000)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    report = Report(f"waits for the backfill of {options.providers} documents")
    with cluster(FAST) as server, site(server, providers=options.providers) as app:
        ended = threading.Event()
        slowest: list[float] = []
        writers = [threading.Thread(target=_chase, args=(app, ended, slowest)) for _ in range(options.writers)]
        app.run("backfill", "--dry-run")
        started = time.monotonic()
        with Sampler(app.conninfo) as sampler:
            filling = subprocess.Popen(
                app.schedtool("-v", "backfill", "--nice-ratio", "0"), stderr=subprocess.PIPE, text=True
            )
            for writer in writers:
                writer.start()
            _, errors = filling.communicate()
            ended.set()
            for writer in writers:
                writer.join()
        failed = app.failed_checks()
        deadlocks = app.one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    report.figures |= {
        "seconds": round(time.monotonic() - started),
        "writes among its documents": len(slowest),
        "waits for ours seen": sampler.waits,
        "longest wait for ours": f"{sampler.longest_ms:.0f} ms, seen every {sampler.gap_ms:.0f} ms at worst",
        "slowest write altogether": f"{max(slowest, default=0):.0f} ms",
        "batches given up for others": errors.count("another session waited"),
        "deadlocks": deadlocks,
        "parity": failed or "exact",
    }
    report.promise(filling.returncode == 0, f"the backfill ended with {filling.returncode}: {errors}")
    report.promise(sampler.waits > 0, "nobody ever waited, so nothing is shown")
    report.promise(sampler.longest_ms <= LIMIT_MS, f"a session waited {sampler.longest_ms:.0f} ms for ours")
    report.promise(not failed, f"verify: {failed}")
    return report.write(as_json=options.json)


def _chase(app: Site, ended: threading.Event, slowest: list[float]) -> None:
    with app.connect() as connection:
        wait_for(lambda: ended.is_set() or app.one("SELECT to_regclass('schedtool_range')") is not None, "a job")
        while not ended.wait(PAUSE_S):
            begun = time.monotonic()
            connection.execute(CHASE.encode())
            slowest.append((time.monotonic() - begun) * 1000)


if __name__ == "__main__":
    sys.exit(main())
