"""The two readings on as many made-up documents as wanted: `python -m tests.fuzz_reading --documents 1000000 --seed 1`.

Prints what came of them, and ends with 1 if one thing did not hold. Rounds are independent: a seed and a size make the
same documents anywhere.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests import servers
from tests.dice import Dice
from tests.fuzzing import play

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from tests.fuzzing import Round

ROUND = 1_000
SHOWN = 50


def migrated(server: servers.Server) -> servers.Database:
    """A database with the reading in it."""
    database = server.create()
    database.make_parents()
    outcome = servers.run_process("--database", database.url, "apply", "--to", "0003")
    assert outcome.exit_code == 0, outcome
    return database


class Tally:
    """What came of all rounds."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.settings: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.kept = self.halved = self.wrong = 0

    def add(self, found: Round) -> None:
        self.outcomes += found.outcomes
        self.kept += found.kept
        self.halved += found.halved
        self.wrong += len(found.wrong)
        self.settings.update(list(found.policy) or ["(no policy)"])
        self.told.update(dict.fromkeys(found.policy, found.told))

    def lines(self) -> list[str]:
        total = self.outcomes.total()
        converted, empty = self.outcomes["converted"], self.outcomes["empty"]
        reasons = [(name, n) for name, n in self.outcomes.most_common() if name not in {"converted", "empty"}]
        settings = [f"{name} {n:,} ({self.told[name]:,})" for name, n in self.settings.most_common()]
        return [
            f"{total:,} documents: {converted:,} converted, {empty:,} empty, {total - converted - empty:,} rejected",
            f"held to what they are without the policy: {self.kept:,}; tried with one day unreadable: {self.halved:,}",
            "reasons: " + ", ".join(f"{name} {n:,}" for name, n in reasons),
            "rounds by setting (documents that only these policies convert): " + ", ".join(settings),
            f"wrong: {self.wrong}",
        ]


def run(connection: psycopg.Connection, documents: int, seed: int) -> Tally:
    """Play rounds until the documents are made."""
    tally, dice, started, told = Tally(), Dice(seed), time.monotonic(), 0.0
    while tally.outcomes.total() < documents:
        found = play(connection, dice.below(2**63), min(ROUND, documents - tally.outcomes.total()))
        tally.add(found)
        if found.wrong and tally.wrong <= SHOWN:
            sys.stdout.write("\n".join([*found.wrong, ""]))
        if (elapsed := time.monotonic() - started) > told + 30:
            told = elapsed
            done = tally.outcomes.total()
            sys.stderr.write(f"{done:,} documents, {done / elapsed:,.0f}/s, {tally.wrong} wrong\n")
        sys.stdout.flush()
    return tally


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", default="embedded", metavar="container|embedded|URL")
    chosen = parser.parse_args(arguments)
    image = os.environ.get("SCHEDTOOL_TEST_IMAGE", servers.DEFAULT_IMAGE)
    with servers.start(chosen.server, image=image, environ=dict(os.environ)) as server:
        database = migrated(server)
        started = time.monotonic()
        with database.connect() as connection:
            tally = run(connection, chosen.documents, chosen.seed)
        server.drop(database.name)
    minutes = (time.monotonic() - started) / 60
    head = f"PostgreSQL {server.version}, seed {chosen.seed}, {minutes:.1f} minutes"
    sys.stdout.write("\n".join([head, *tally.lines(), ""]))
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
