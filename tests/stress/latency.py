"""What the backfill costs everybody else: latency at a fixed rate of writes and reads, with and without it.

    python -m tests.stress.latency --providers 200000 --seconds 60 --rate 200

Three times the same load: without the triggers (that is what they cost alone), with them, and with the backfill
running. Old writers change a day in the document, readers read it; durable settings.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.clusters import cluster
from tests.stress.report import Report
from tests.stress.sampler import LIMIT_MS, Sampler
from tests.stress.site import Site, site

WRITE = """
\\set id random(1, {providers})
\\set minute random(0, 59)
UPDATE providers
SET availability = jsonb_set(availability, '{{monday,start}}', to_jsonb('06:' || lpad((:minute)::text, 2, '0')))
WHERE id = :id;
"""
READ = "\\set id random(1, {providers})\nSELECT availability FROM providers WHERE id = :id;\n"
WRITERS_TIMES, READERS_TIMES = 2.0, 1.2


@dataclass(frozen=True)
class Latency:
    """Milliseconds, waiting for one's turn at the fixed rate included."""

    n: int
    mean: float
    p50: float
    p99: float

    def __str__(self) -> str:
        return f"mean {self.mean:.2f}, p50 {self.p50:.2f}, p99 {self.p99:.2f} ms of {self.n}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.latency", description=__doc__)
    parser.add_argument("--providers", type=int, default=200_000)
    parser.add_argument("--seconds", type=int, default=60, help="of each of the three loads (%(default)s)")
    parser.add_argument("--rate", type=int, default=200, help="transactions a second, a quarter writes (%(default)s)")
    parser.add_argument("--workers", type=int, default=None, help="of the backfill (its own default)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    report = Report(f"latency with {options.providers} providers at {options.rate} transactions a second")
    with cluster({}) as server:
        with site(server, providers=options.providers, to="0001", name="plain") as app:
            writes, _ = load(app, options.providers, options.seconds, options.rate)
            report.figures["old writers without triggers"] = plain = writes
        with site(server, providers=options.providers) as app:
            writes, reads = load(app, options.providers, options.seconds, options.rate)
            app.empty_rows()
            report.figures |= {
                "old writers with triggers": writes,
                "readers": reads,
                "triggers add to a write": f"{writes.mean - plain.mean:.2f} ms, {writes.mean / plain.mean:.1f} times",
            }
            workers = [] if options.workers is None else ["--workers", str(options.workers)]
            with Sampler(app.conninfo) as sampler:
                filling = subprocess.Popen(
                    app.schedtool("backfill", *workers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                busy_writes, busy_reads = load(app, options.providers, options.seconds, options.rate)
                done = app.one("SELECT sum(done) FROM schedtool_range")
                ended = filling.poll() is not None
                filling.terminate()
                filling.wait()
    report.figures |= {
        "old writers during the backfill": busy_writes,
        "readers during the backfill": busy_reads,
        "p99 of writers, times": round(busy_writes.p99 / writes.p99, 2),
        "p99 of readers, times": round(busy_reads.p99 / reads.p99, 2),
        "documents filled meanwhile": done,
        "longest wait for ours": f"{sampler.longest_ms:.0f} ms of {sampler.waits} waits, {sampler.samples} samples",
    }
    report.promise(not ended, "the backfill had ended before the load: more providers, or fewer seconds")
    report.promise(busy_writes.p99 <= WRITERS_TIMES * writes.p99, f"writers' p99 above {WRITERS_TIMES} times")
    report.promise(busy_reads.p99 <= READERS_TIMES * reads.p99, f"readers' p99 above {READERS_TIMES} times")
    report.promise(sampler.longest_ms <= LIMIT_MS, f"a session waited {sampler.longest_ms:.0f} ms for ours")
    return report.write(as_json=options.json)


def load(app: Site, providers: int, seconds: int, rate: int) -> tuple[Latency, Latency]:
    """Load the database at a fixed rate; return the latencies of writers and of readers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "write.sql").write_text(WRITE.format(providers=providers))
        (folder / "read.sql").write_text(READ.format(providers=providers))
        bench = app.pgbench(
            *("-c", "8", "-j", "2", "-T", str(seconds), "-R", str(rate), "-M", "prepared", "-l"),
            *("-f", "write.sql@1", "-f", "read.sql@3"),
            cwd=folder,
        )
        _, errors = bench.communicate()
        if bench.returncode:
            raise AssertionError(errors)
        times: tuple[list[float], list[float]] = ([], [])
        for log in folder.glob("pgbench_log.*"):
            for line in log.read_text().splitlines():
                _, _, time_us, script, *_ = line.split()
                times[int(script)].append(float(time_us) / 1000)
    return _latency(times[0]), _latency(times[1])


def _latency(times: list[float]) -> Latency:
    times.sort()
    n = len(times)
    return Latency(n, sum(times) / n, times[n // 2], times[min(n - 1, n * 99 // 100)])


if __name__ == "__main__":
    sys.exit(main())
