"""A team's own project of three short files, for tests of the runner: nothing in it is about schedules."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from tests import servers
from tests.small_project import Small

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg

    from tests.conftest import RunCli
    from tests.servers import Database, Outcome

FILES = {
    "0001.make-thing": ("CREATE TABLE thing (id bigint PRIMARY KEY, name text);", "DROP TABLE thing;"),
    "0002.fill-thing": (
        "INSERT INTO thing SELECT n, 'x' FROM generate_series(1, 3) AS n;",
        "DELETE FROM thing;",
    ),
    "0003.index-thing": (
        "-- transactional: false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS thing_name_idx ON thing (name);",
        "DROP INDEX CONCURRENTLY IF EXISTS thing_name_idx;",
    ),
}
DROP = "-- depends: 0002.fill-thing\nALTER TABLE thing DROP COLUMN name;"


class Team:
    """The project and the database it is used on, by the command line."""

    def __init__(self, root: Path, database: Database, run_cli: RunCli) -> None:
        self.files = Small(root)
        self.database = database
        self._run_cli = run_cli
        for name, (forward, back) in FILES.items():
            self.migration(name, forward, back)

    def migration(self, name: str, forward: str, back: str | None = None) -> Path:
        """Write a migration, `contract/…` included, and its rollback; one that does nothing where there is none yet."""
        rollback = self.files.root / f"migrations/{name}.rollback.sql"
        if back is not None or not rollback.exists():
            self.files.write(f"migrations/{name}.rollback.sql", (back or "SELECT 1;") + "\n")
        return self.files.write(f"migrations/{name}.sql", forward + "\n")

    def run(self, command: str, *arguments: str, url: str | None = None) -> Outcome:
        """Run a command in this process."""
        return self._run_cli(*self._arguments(command, arguments, url))

    def process(self, command: str, *arguments: str) -> Sequence[str]:
        """Give the arguments of a process that runs a command."""
        return [sys.executable, "-m", "schedtool", *self._arguments(command, arguments, None)]

    def json(self, command: str, *arguments: str) -> dict[str, Any]:
        """Run a command and read its answer, whatever its exit code."""
        answer: dict[str, Any] = json.loads(self.run(command, *arguments, "--format", "json").stdout)
        return answer

    def states(self) -> dict[str, str]:
        """The state of each migration by number."""
        return {found["id"][:4]: found["state"] for found in self.json("status")["migrations"]}

    def history(self) -> list[tuple[str, str, str]]:
        """What was done, in order: number, operation, outcome."""
        runs = self.json("status", "--history")["history"]
        return [(run["migration"][:4], run["operation"], run["outcome"]) for run in runs]

    def yoyo(self, *arguments: str, folder: str = "migrations") -> Outcome:
        """Run plain yoyo on the same files and database."""
        url = self.database.url.replace("postgresql://", "postgresql+psycopg://", 1)
        schema = [argument for argument in arguments if argument.startswith("schema=")]
        if schema:
            url += ("&" if "?" in url else "?") + schema[0]
        command, *rest = [argument for argument in arguments if argument not in schema]
        return servers.run_program(
            sys.executable, "-m", "yoyo", command, "-b", "-d", url, *rest, self.files.root / folder
        )

    def _arguments(self, command: str, arguments: Sequence[str], url: str | None) -> list[str]:
        where = ["--database", url or self.database.url, "--project", str(self.files.root)]
        return [*where, command, *arguments]


def value(connection: psycopg.Connection, statement: str) -> Any:  # noqa: ANN401 - whatever the database answers
    """The first column of the first row."""
    row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None
