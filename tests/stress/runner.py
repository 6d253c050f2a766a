"""Many processes that apply the same migrations at the same time, round after round, each on a fresh database.

python -m tests.stress.runner [--rounds 50] [--processes 8]

In every round one process applies each migration; the others wait for it, or say that they are busy (4). Anything else
ends the command with 1 and the words of the process that failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg.conninfo import make_conninfo

from schedtool import embedded
from tests import servers
from tests.servers import Database, Outcome, Server, clean_environ
from tests.small_project import Small
from tests.team import FILES

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, BUSY = 0, 4


def write(root: Path) -> Path:
    """Write the project that is applied: a table, rows, and an index built CONCURRENTLY."""
    files = Small(root)
    for name, (forward, back) in FILES.items():
        files.write(f"migrations/{name}.sql", forward + "\n")
        files.write(f"migrations/{name}.rollback.sql", back + "\n")
    return root


def race(database: Database, root: Path, *, processes: int) -> Sequence[Outcome]:
    """Start them all at once, every second one patient, and wait for all."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "schedtool", "--database", database.url, "--project", str(root), "apply"]
            + (["--wait", "60"] if number % 2 else []),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environ(),
        )
        for number in range(processes)
    ]
    outcomes = []
    for process in started:
        with process:
            stdout, stderr = process.communicate(timeout=120)
        outcomes.append(Outcome(process.returncode, stdout, stderr))
    return outcomes


def wrong(database: Database, outcomes: Sequence[Outcome]) -> list[str]:
    """Say what is not as it must be after a round."""
    found = [
        f"exit code {outcome.exit_code}: {outcome.stderr.strip()}"
        for number, outcome in enumerate(outcomes)
        if outcome.exit_code != DONE and not (outcome.exit_code == BUSY and number % 2 == 0)
    ]
    for migration in FILES:
        times = sum(f"applied {migration} " in outcome.stdout for outcome in outcomes)
        if times != 1:
            found.append(f"{migration} was applied {times} times")
    if found:
        return found
    with database.connect() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM thing), (SELECT count(*) FROM _yoyo_migration),"
            " (SELECT count(*) FROM schedtool_history WHERE outcome = 'done'), (SELECT count(*) FROM yoyo_lock),"
            " (SELECT count(*) FROM pg_index WHERE NOT indisvalid)"
        ).fetchone()
    if row != (3, 3, 3, 0, 0):
        found.append(f"rows, records, history, locks, invalid indexes are {row}, not (3, 3, 3, 0, 0)")
    return found


def main() -> None:
    """Run the rounds and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--processes", type=int, default=8)
    given = parser.parse_args()
    codes: Counter[int] = Counter()
    begun = time.monotonic()
    with embedded.throwaway(settings=servers.FAST) as own, tempfile.TemporaryDirectory() as folder:
        parameters = dict(part.split("=", 1) for part in own.conninfo.split(" ") if not part.startswith("dbname="))
        server = Server("embedded", str(own.bin_dir), own.version, parameters, own.bin_dir)
        root = write(Path(folder))
        for number in range(1, given.rounds + 1):
            made = server.create()
            # Over the socket, as the throw-away server has it.
            conninfo = make_conninfo(own.conninfo, dbname=made.name)
            database = Database(conninfo, conninfo, made.name, server)
            outcomes = race(database, root, processes=given.processes)
            codes.update(outcome.exit_code for outcome in outcomes)
            if problems := wrong(database, outcomes):
                sys.exit(f"round {number}: " + "\n".join(problems))
            server.drop(made.name)
    print(  # noqa: T201 - the answer
        f"{given.rounds} rounds of {given.processes} processes in {time.monotonic() - begun:.0f} s:"
        f" {codes[DONE]} ended with 0, {codes[BUSY]} with 4 (busy), none otherwise; each migration was applied once"
    )


if __name__ == "__main__":
    main()
