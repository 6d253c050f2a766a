"""Old writers, new writers and the backfill on the same hot providers: nothing lost, parity exact.

    python -m tests.stress.mixed --writes 1000000

Old writers move the start of Monday in the document, new writers that of Thursday in the rows, by a second each time,
so that every acknowledged write can be counted afterwards. Half of the new writers lock the provider first. The
backfill runs over and over, at full speed (--nice-ratio 0), with rows to fill each time.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.clusters import cluster
from tests.servers import FAST
from tests.stress.report import Report
from tests.stress.sampler import LIMIT_MS, Sampler
from tests.stress.site import Site, site

OLD = """
\\set id random(1, {hot}) * {every}
UPDATE providers
SET availability = jsonb_set(
    availability,
    '{{monday,start}}',
    to_jsonb(((availability #>> '{{monday,start}}')::time + interval '1 second')::text)
)
WHERE id = :id;
"""
NEW = """
\\set id random(1, {hot}) * {every}
INSERT INTO provider_availability AS a (provider_id, day_of_week, is_available, start_time, end_time, timezone)
VALUES (:id, 'thursday', true, '00:00:01', '23:59:59', 'UTC')
ON CONFLICT (provider_id, day_of_week) DO UPDATE SET start_time = a.start_time + interval '1 second';
"""
NEW_LOCKING = (
    "\\set id random(1, {hot}) * {every}\nBEGIN;\n"
    "SELECT FROM providers WHERE id = :id FOR NO KEY UPDATE;\n" + NEW.split("\n", 2)[2] + "COMMIT;\n"
)
START = """
    UPDATE providers
    SET availability = availability || '{
        "timezone": "UTC",
        "monday": {"available": true, "start": "00:00:00", "end": "23:59:59"},
        "thursday": {"available": true, "start": "00:00:00", "end": "23:59:59"}
    }'
    WHERE id %% %s = 0 AND id <= %s
"""
SECONDS = """
    SELECT coalesce(sum(extract(epoch FROM start_time)), 0)::bigint
    FROM provider_availability
    WHERE day_of_week = '{}' AND provider_id % {} = 0
"""
EVERY = 10


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.mixed", description=__doc__)
    parser.add_argument("--writes", type=int, default=1_000_000, help="acknowledged writes in total (%(default)s)")
    parser.add_argument("--seconds", type=int, default=None, help="as many writes as come to be in so long, instead")
    parser.add_argument("--clients", type=int, default=6, help="connections that write (%(default)s)")
    parser.add_argument("--hot", type=int, default=300, help="providers written to (%(default)s)")
    parser.add_argument("--nice-ratio", default="0", help="of the backfill; its own default is gentle (%(default)s)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    report = Report(f"mixed load on {options.hot} hot providers")
    with cluster(FAST) as server, site(server, providers=options.hot * EVERY) as app:
        _run(app, report, options)
    return report.write(as_json=options.json)


def _run(app: Site, report: Report, options: argparse.Namespace) -> None:
    hot, clients = options.hot, options.clients
    with app.connect() as connection:
        connection.execute(START.encode(), [EVERY, hot * EVERY])
        # As before the backfill: no rows at all, whatever the triggers have written just now.
    app.empty_rows()
    started = time.monotonic()
    rounds = 0
    with tempfile.TemporaryDirectory() as folder, Sampler(app.conninfo) as sampler:
        scripts = []
        for name, text, weight in (("old", OLD, 2), ("new", NEW, 1), ("new-locking", NEW_LOCKING, 1)):
            path = Path(folder) / f"{name}.sql"
            path.write_text(text.format(hot=hot, every=EVERY))
            scripts += ["-f", f"{path}@{weight}"]
        each = ("-t", str(-(-options.writes // clients))) if options.seconds is None else ("-T", str(options.seconds))
        # One thread: several of them count the transactions of a script without a lock, and lose some in a million.
        load = app.pgbench("-c", str(clients), "-j", "1", *each, "--max-tries=20", *scripts)
        while load.poll() is None:
            if rounds:
                # Rows to fill also in later rounds; nobody writes to the others.
                app.empty_rows(f"provider_id % {EVERY} <> 0")
            app.run("backfill", "--nice-ratio", options.nice_ratio)
            rounds += 1
        output, errors = load.communicate()
    said = _said(output)
    app.run("backfill", "--nice-ratio", "0")
    old, new = (app.one(SECONDS.format(day, EVERY)) for day in ("monday", "thursday"))
    failed = app.failed_checks()
    deadlocks = app.one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    report.figures |= {
        "writes acknowledged": said["done"],
        "old writes found in rows and documents": old,
        "new writes found in rows and documents": new,
        "writes given up by their own retries": said["failed"],
        "writers' tries that met a deadlock": said["retries"],
        "deadlocks counted by the server": deadlocks,
        "backfills meanwhile": rounds,
        "longest wait for ours": f"{sampler.longest_ms:.0f} ms of {sampler.waits} waits, {sampler.samples} samples",
        "seconds": round(time.monotonic() - started),
        "writes per second": round(said["done"] / (time.monotonic() - started)),
        "parity": failed or "exact",
    }
    report.promise(load.returncode == 0, f"pgbench ended with {load.returncode}: {errors}")
    report.promise(not failed, f"verify: {failed}")
    report.promise(old == said["old"], f"{said['old']} old writes acknowledged, {old} found")
    report.promise(new == said["new"], f"{said['new']} new writes acknowledged, {new} found")
    report.promise(options.seconds is not None or said["done"] >= options.writes, f"only {said['done']} writes")
    report.promise(sampler.longest_ms <= LIMIT_MS, f"a session waited {sampler.longest_ms:.0f} ms for ours")


def _said(output: str) -> dict[str, int]:
    """Read pgbench's summary: transactions in all and by script."""
    done = int(re.search(r"actually processed: (\d+)", output).group(1))  # type: ignore[union-attr]
    parts = [int(n) for n in re.findall(r"^ - (\d+) transactions \(", output, re.MULTILINE)]
    failed = re.search(r"number of failed transactions: (\d+)", output)
    retries = re.search(r"total number of retries: (\d+)", output)
    return {
        "done": done,
        "old": parts[0],
        "new": parts[1] + parts[2],
        "failed": int(failed.group(1)) if failed else 0,
        "retries": int(retries.group(1)) if retries else 0,
    }


if __name__ == "__main__":
    sys.exit(main())
