"""How long applying takes beside its peers, and how long looking takes beside a bare connection.

    pip install alembic; npm install dbmate
    python -m tests.benchmarks.runner [--rounds 5] [--files 200] [--dbmate PATH]

Applies one-statement files to a fresh database, by each tool in turn in every round, on one throw-away server with its
durable settings. Then starts `status`, `apply` with nothing to do, and their like, against `python -c "import psycopg;
psycopg.connect(…)"`. Prints medians, the fastest round, and ratios of medians. A tool that is missing is named, and the
rest goes on.

Ratios hold from machine to machine, about; seconds do not. A busy machine spoils both.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

from schedtool import embedded
from tests.benchmarks import place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OURS = "schedtool"
BARE = "bare connect"


@dataclass(frozen=True)
class Tool:
    """How a tool is called; each gets the database's name.

    Attributes:
        apply: Applies everything that is pending.
        look: Tells what is applied, where the tool has such a command.
        environ: What it wants to be told by variables.
    """

    name: str
    apply: Callable[[str], Sequence[str]]
    look: Callable[[str], Sequence[str]] | None
    environ: Callable[[str], Mapping[str, str]] = field(default=lambda _: {})


def tools(folder: Path, socket: str, files: int, dbmate: str | None) -> tuple[list[Tool], list[str]]:
    """Write each tool's migrations, and give the tools there are and what is missing."""
    statements = {f"{number:04}": f"CREATE TABLE t{number} (id integer);" for number in range(1, files + 1)}
    host = quote(socket, safe="")
    missing = []
    plain = folder / "plain" / "migrations"
    plain.mkdir(parents=True)
    for number, statement in statements.items():
        (plain / f"{number}.t.sql").write_text(f"{statement}\n")
        (plain / f"{number}.t.rollback.sql").write_text(f"DROP TABLE t{int(number)};\n")

    def ours(name: str, *command: str) -> list[str]:
        where = ["--database", f"host={socket} user=postgres dbname={name}", "--project", str(plain.parent)]
        return [sys.executable, "-m", "schedtool", *where, *command]

    def yoyo(name: str, command: str) -> list[str]:
        url = f"postgresql+psycopg://postgres@/{name}?host={host}"
        return [sys.executable, "-m", "yoyo", command, "-b", "-d", url, str(plain)]

    found = [
        Tool(OURS, lambda name: ours(name, "-q", "apply"), lambda name: ours(name, "status")),
        Tool("yoyo", lambda name: yoyo(name, "apply"), lambda name: yoyo(name, "list")),
    ]
    if importlib.util.find_spec("alembic") is None:
        missing.append("alembic: pip install alembic")
    else:
        found.append(_alembic(folder / "alembic", statements, host))
    program = dbmate or shutil.which("dbmate")
    if program is None:
        missing.append("dbmate: npm install dbmate, and name it with --dbmate node_modules/.bin/dbmate")
    else:
        found.append(_dbmate(folder / "dbmate", statements, host, program))
    return found, missing


def _alembic(folder: Path, statements: Mapping[str, str], host: str) -> Tool:
    versions = folder / "versions"
    versions.mkdir(parents=True)
    before = None
    for number, statement in statements.items():
        (versions / f"{number}.py").write_text(
            f"from alembic import op\nrevision = '{number}'\ndown_revision = {before!r}\n"
            f"def upgrade():\n    op.execute({statement!r})\n"
        )
        before = number
    (folder / "env.py").write_text(
        "import os\nfrom alembic import context\nfrom sqlalchemy import create_engine\n"
        "with create_engine(os.environ['BENCH_URL']).connect() as connection:\n"
        "    context.configure(connection=connection, transaction_per_migration=True)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\n")

    def call(*command: str) -> list[str]:
        return [sys.executable, "-m", "alembic", "-c", str(folder / "alembic.ini"), *command]

    return Tool(
        "alembic",
        lambda _: call("upgrade", "head"),
        lambda _: call("current"),
        lambda name: {"BENCH_URL": f"postgresql+psycopg://postgres@/{name}?host={host}"},
    )


def _dbmate(folder: Path, statements: Mapping[str, str], host: str, program: str) -> Tool:
    folder.mkdir(parents=True)
    for number, statement in statements.items():
        (folder / f"{number}_t.sql").write_text(
            f"-- migrate:up\n{statement}\n-- migrate:down\nDROP TABLE t{int(number)};\n"
        )

    def call(name: str, command: str) -> list[str]:
        url = f"postgres://postgres@/{name}?host={host}&sslmode=disable"
        return [program, "--url", url, "--no-dump-schema", "-d", str(folder), command]

    return Tool("dbmate", lambda name: call(name, "migrate"), lambda name: call(name, "status"))


def timed(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Run a command and give its seconds; what it says is shown where it fails."""
    begun = time.perf_counter()
    done = subprocess.run(command, env=place.environ(environ), capture_output=True, text=True, check=False)
    took = time.perf_counter() - begun
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:4])} … ended with {done.returncode}: {done.stderr or done.stdout}")
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--dbmate", metavar="PATH", help="default: the one in PATH")
    given = parser.parse_args()
    applied: dict[str, list[float]] = {}
    looked: dict[str, list[float]] = {}
    with embedded.throwaway() as server, tempfile.TemporaryDirectory() as folder:
        socket = str(server.data_dir)
        found, missing = tools(Path(folder), socket, given.files, given.dbmate)
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            for number in range(given.rounds):
                for tool in found:
                    name = f"{tool.name}_{number}"
                    connection.execute(f"CREATE DATABASE {name}".encode())
                    environ = tool.environ(name)
                    applied.setdefault(tool.name, []).append(timed(tool.apply(name), environ))
                    if tool.look is not None:
                        looked.setdefault(f"{tool.name}: look", []).append(timed(tool.look(name), environ))
                    looked.setdefault(f"{tool.name}: apply, nothing to do", []).append(timed(tool.apply(name), environ))
                code = f"import psycopg; psycopg.connect({server.conninfo!r})"
                looked.setdefault(BARE, []).append(timed([sys.executable, "-c", code], {}))
    print(f"PostgreSQL {server.version}, {given.rounds} rounds; seconds")
    _print(f"applying {given.files} one-statement files", applied, OURS)
    _print("starting, looking, ending", looked, BARE)
    for line in missing:
        print(f"missing: {line}")


def _print(title: str, seconds: Mapping[str, Sequence[float]], base: str) -> None:
    print(f"\n{title:<36} {'median':>8} {'fastest':>8} {'of ' + base:>18}")
    for name, figures in sorted(seconds.items(), key=lambda item: statistics.median(item[1])):
        ratio = statistics.median(figures) / statistics.median(seconds[base])
        print(f"{name:<36} {statistics.median(figures):8.3f} {min(figures):8.3f} {ratio:17.2f}×")


if __name__ == "__main__":
    main()
