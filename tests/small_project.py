"""A project of a few lines with tables of its own: what schedtool promises to any project, not to the one it ships."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING

from schedtool import project as projects

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from schedtool.project import Migration, Project

MIGRATION = """
    -- Copies every item that has a name; an item whose name holds a digit is left out and counted.
    INSERT INTO copied (item_id, name)
    SELECT item.id, item.name FROM item WHERE item.name !~ '[0-9]' ON CONFLICT DO NOTHING;
"""
BATCH = """
    -- keys: item (id)
    SELECT FROM item WHERE item.id BETWEEN :'first' AND :'last' ORDER BY item.id FOR NO KEY UPDATE;
    WITH read AS (
        SELECT item.id, item.name FROM item WHERE item.id BETWEEN :'first' AND :'last'
    ), written AS (
        INSERT INTO copied (item_id, name)
        SELECT read.id, read.name FROM read WHERE read.name !~ '[0-9]'
        ON CONFLICT (item_id) DO NOTHING RETURNING 1
    )
    SELECT
        (SELECT count(*) FROM read) AS documents,
        (SELECT count(*) FROM read WHERE name ~ '[0-9]') AS rejected,
        (SELECT count(*) FROM written) AS inserted;
"""


@dataclass(frozen=True)
class Small:
    """The project on disk; write into it and read it again."""

    root: Path

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return file

    def load(self) -> Project:
        return projects.load(self.root)

    def migration(self) -> Migration:
        return self.load().find("0002")


def make(root: Path) -> Small:
    """0001 makes a table, 0002 fills it from `item`, in batches."""
    small = Small(root)
    small.write(
        "migrations/0001.make-copied.sql",
        """
        DO $$ BEGIN
            EXECUTE format(
                'CREATE TABLE copied (item_id %s PRIMARY KEY, name text NOT NULL)',
                (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                 WHERE attrelid = 'item'::regclass AND attname = 'id')
            );
        END $$;
        """,
    )
    small.write("migrations/0001.make-copied.rollback.sql", "DROP TABLE copied;\n")
    small.write("migrations/0002.fill-copied.sql", MIGRATION)
    small.write("migrations/0002.fill-copied.rollback.sql", "DELETE FROM copied;\n")
    small.write("sql/batches/0002.fill-copied.sql", BATCH)
    return small


def make_items(
    connection: psycopg.Connection, count: int, *, key: str = "bigint", first: int = 1, step: int = 1
) -> None:
    """Create `item` and fill it; every tenth name holds a digit. A uuid key is random."""
    value = "md5(n::text)::uuid" if key == "uuid" else f"({first} + n * {step})::{key}"
    connection.execute(f"CREATE TABLE item (id {key} PRIMARY KEY, name text NOT NULL)".encode())
    connection.execute(
        f"INSERT INTO item SELECT {value}, CASE WHEN n % 10 = 0 THEN 'x1' ELSE 'x' END "
        f"FROM generate_series(0, {count - 1}) AS n".encode()
    )
