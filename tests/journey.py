"""The shipped migrations on one database, by the command line, and what the database then holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from psycopg import sql

from schedtool import catalog
from schedtool.database import Target, connect
from schedtool.project import shipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database, Outcome

MIGRATIONS = shipped() / "migrations"
CREATE, SYNC, FILL, DROP = (
    MIGRATIONS / "0001.create-provider-tables.sql",
    MIGRATIONS / "0002.sync-availability.sql",
    MIGRATIONS / "0003.backfill-provider-availability.sql",
    MIGRATIONS / "contract" / "0004.drop-providers-availability.sql",
)
FILES = (CREATE, SYNC, FILL, DROP)


def back(file: Path) -> Path:
    """The rollback of a migration's file."""
    return file.with_name(file.name.removesuffix(".sql") + ".rollback.sql")


class Journey:
    """The command line on one database."""

    def __init__(self, run_cli: RunCli, database: Database, *common: str | Path) -> None:
        self._run_cli = run_cli
        self.database = database
        self._common = ("--database", database.url, *common)

    def run(self, *arguments: str | Path) -> Outcome:
        """Run a command in this process, whatever comes of it."""
        return self._run_cli(*self._common, *arguments)

    def do(self, *arguments: str | Path) -> Outcome:
        """Run a command that is done in the end."""
        outcome = self.run(*arguments)
        assert outcome.exit_code == 0, (arguments, outcome)
        return outcome

    def json(self, *arguments: str | Path) -> dict[str, Any]:
        """Run a command and read its answer, whatever its exit code."""
        answer: dict[str, Any] = json.loads(self.run(*arguments, "--format", "json").stdout)
        return answer

    def failing(self, *arguments: str | Path) -> list[tuple[str, ...]]:
        """Checks of `verify` that fail: name, expected, actual, detail."""
        checks = self.json("verify", *arguments)["checks"]
        assert checks
        names = ("name", "expected", "actual", "detail")
        return [tuple(str(check[name]) for name in names) for check in checks if not check["passed"]]


def rows(database: Database, statement: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
    """What a statement answers, as superuser."""
    with database.connect() as connection:
        return connection.execute(statement.encode(), values).fetchall()


def execute(database: Database, *statements: str) -> None:
    """Run statements as superuser, each for itself."""
    with database.connect() as connection:
        for statement in statements:
            connection.execute(statement.encode())


def insert_documents(database: Database, documents: Iterable[str | None]) -> None:
    """Give each document, as JSON text, a provider; the keys count up where they are numbers."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO providers (availability) VALUES (%s)", [(text,) for text in documents])


def things(database: Database, schema: str = "public") -> dict[str, str]:
    """The catalog of a schema: the definition of each object by its name."""
    with connect(Target(database.conninfo, schema), application="test", read_only=True) as connection:
        return {name: thing.text for name, thing in catalog.snapshot(connection).things.items()}


def contents(database: Database, schema: str = "public") -> dict[str, list[str]]:
    """Every row of every table as text, by table, without the records of yoyo and of the tool."""
    with database.connect() as connection:
        connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace"
            " AND relname !~ '^(_?yoyo|schedtool)_' ORDER BY relname"
        ).fetchall()
        statement = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1")
        return {
            table: [row for (row,) in connection.execute(statement.format(sql.Identifier(table)))]
            for (table,) in tables
        }
