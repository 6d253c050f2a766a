"""What the backfill costs everybody else: latency at a fixed rate of writes and reads, with and without it.

    python -m tests.stress.latency --providers 200000 --seconds 60 --rate 200

Four times the same load: without the triggers (that is what they cost alone), with them, with the backfill beside it,
and once more without: two loads alone differ too, so those two together are what the backfill is compared with. Old
writers change a day in the document, readers read it; durable settings. Nothing else looks at the server meanwhile: a
look at its locks every 10 ms makes the slowest hundredth of reads 1.7 times slower by itself (waits.py does look).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clusters import cluster, wait_for
from tests.stress.report import Report
from tests.stress.site import Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WRITE = """
\\set id random(1, {providers})
\\set minute random(0, 59)
UPDATE providers
SET availability = jsonb_set(availability, '{{monday,start}}', to_jsonb('06:' || lpad((:minute)::text, 2, '0')))
WHERE id = :id;
"""
READ = "\\set id random(1, {providers})\nSELECT availability FROM providers WHERE id = :id;\n"
AT_WORK = "SELECT count(*) = 8 FROM pg_stat_activity WHERE application_name = 'pgbench'"
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
    parser.add_argument("--seconds", type=int, default=60, help="of each of the four loads (%(default)s)")
    parser.add_argument("--rate", type=int, default=1000, help="transactions a second, a quarter writes (%(default)s)")
    parser.add_argument("--workers", type=int, default=None, help="of the backfill (its own default)")
    parser.add_argument("--nice-ratio", type=float, default=None, help="of the backfill (its own default)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    report = Report(f"latency with {options.providers} providers at {options.rate} transactions a second")

    def load(app: Site, *beside: str) -> Times:
        return loaded(app, options.providers, options.seconds, options.rate, beside=beside)

    with cluster({}) as server:
        with site(server, providers=options.providers, to="0001", name="plain") as app:
            plain = load(app).writers
        with site(server, providers=options.providers) as app:
            alone = load(app)
            app.empty_rows()
            said = [("--workers", options.workers), ("--nice-ratio", options.nice_ratio)]
            given = [word for name, value in said if value is not None for word in (name, str(value))]
            beside = load(app, *app.schedtool("backfill", *given))
            done = app.one("SELECT coalesce(sum(done), 0)::bigint FROM schedtool_range")
            app.empty_rows()
            alone += load(app)
    writers, readers = beside.writers.p99 / alone.writers.p99, beside.readers.p99 / alone.readers.p99
    added = alone.writers.mean - plain.mean
    report.figures |= {
        "old writers without triggers": plain,
        "old writers with triggers": alone.writers,
        "triggers add to a write": f"{added:.2f} ms, {alone.writers.mean / plain.mean:.1f} times",
        "old writers during the backfill": beside.writers,
        "readers": alone.readers,
        "readers during the backfill": beside.readers,
        "p99 of writers, times": round(writers, 2),
        "p99 of readers, times": round(readers, 2),
        "documents filled meanwhile": done,
    }
    report.promise(
        0 < done < options.providers, "the backfill had ended before the load: more providers, or fewer seconds"
    )
    report.promise(writers <= WRITERS_TIMES, f"writers' p99 above {WRITERS_TIMES} times")
    report.promise(readers <= READERS_TIMES, f"readers' p99 above {READERS_TIMES} times")
    return report.write(as_json=options.json)


@dataclass(frozen=True)
class Times:
    """Milliseconds of every transaction of a load."""

    written: list[float]
    read: list[float]

    def __add__(self, other: Times) -> Times:
        return Times(self.written + other.written, self.read + other.read)

    @property
    def writers(self) -> Latency:
        return _latency(self.written)

    @property
    def readers(self) -> Latency:
        return _latency(self.read)


def loaded(app: Site, providers: int, seconds: int, rate: int, *, beside: Sequence[str] = ()) -> Times:
    """Load the database at a fixed rate, with a program beside it that starts when the load has."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "write.sql").write_text(WRITE.format(providers=providers))
        (folder / "read.sql").write_text(READ.format(providers=providers))
        bench = app.pgbench(
            *("-c", "8", "-j", "2", "-T", str(seconds), "-R", str(rate), "-M", "prepared", "-l"),
            *("-f", "write.sql@1", "-f", "read.sql@3"),
            cwd=folder,
        )
        with ExitStack() as stack:
            if beside:
                wait_for(lambda: app.one(AT_WORK) is True, "the load to begin")
                stack.enter_context(_running(beside))
            _, errors = bench.communicate()
        if bench.returncode:
            raise AssertionError(errors)
        times = Times([], [])
        for log in folder.glob("pgbench_log.*"):
            for line in log.read_text().splitlines():
                _, _, time_us, script, *_ = line.split()
                (times.read if int(script) else times.written).append(float(time_us) / 1000)
    return times


@contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        try:
            yield
            ended = process.poll()
        finally:
            process.terminate()
            process.wait()
        if ended:
            said.seek(0)
            raise AssertionError(f"{command[2]} ended with {ended}: {said.read()}")


def _latency(times: list[float]) -> Latency:
    times = sorted(times)
    n = len(times)
    return Latency(n, sum(times) / n, times[n // 2], times[min(n - 1, n * 99 // 100)])


if __name__ == "__main__":
    sys.exit(main())
