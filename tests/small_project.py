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


DRY_RUN = """
    -- keys: item (id)
    -- settings: 0002
    WITH read AS (
        SELECT
            item.id,
            item.name,
            item.name ~ '[0-9]' AND NOT coalesce((:'settings'::jsonb ->> 'digits')::boolean, false) AS bad
        FROM item WHERE item.id BETWEEN :'first' AND :'last'
    )
    SELECT 'documents' AS kind, NULL::bigint AS key, NULL::text AS path,
        CASE WHEN bad THEN 'rejected' ELSE 'convertible' END AS value, NULL::text AS reason, count(*) AS n
    FROM read GROUP BY bad
    UNION ALL SELECT 'rows', NULL, NULL, 'insert', NULL, count(*) FROM read WHERE NOT bad
    UNION ALL SELECT 'shape', NULL, NULL, 'length ' || length(name), NULL, count(*) FROM read GROUP BY length(name)
    UNION ALL SELECT 'reject', id, '$.name', name, 'digit', 1 FROM read WHERE bad
    UNION ALL SELECT 'rescue', NULL, NULL, 'digits = true', NULL, count(*) FROM read WHERE bad HAVING count(*) > 0;
"""
EXISTING = """
    -- keys: item (id)
    SELECT 'rows' AS kind, NULL::bigint AS key, NULL::text AS path, moved.value, NULL::text AS reason, moved.n
    FROM copied, LATERAL (VALUES ('insert', -1), ('unchanged', 1)) AS moved (value, n)
    WHERE copied.item_id BETWEEN :'first' AND :'last';
"""
SETTLED_BATCH = """
    -- keys: item (id)
    -- settings: 0002
    SELECT FROM item WHERE item.id BETWEEN :'first' AND :'last' ORDER BY item.id FOR NO KEY UPDATE;
    DELETE FROM left_out WHERE item_id BETWEEN :'first' AND :'last' AND accepted_at IS NULL;
    WITH read AS (
        SELECT
            item.id,
            item.name,
            item.name ~ '[0-9]' AND NOT coalesce((:'settings'::jsonb ->> 'digits')::boolean, false) AS bad
        FROM item WHERE item.id BETWEEN :'first' AND :'last'
    ), written AS (
        INSERT INTO copied (item_id, name) SELECT read.id, read.name FROM read WHERE NOT bad
        ON CONFLICT (item_id) DO NOTHING RETURNING 1
    ), rejected AS (
        INSERT INTO left_out (item_id, value) SELECT read.id, read.name FROM read WHERE bad
        ON CONFLICT (item_id) DO NOTHING RETURNING 1
    )
    SELECT
        (SELECT count(*) FROM read) AS documents,
        0::bigint AS empty,
        (SELECT count(*) FROM read WHERE bad) AS rejected,
        (SELECT count(*) FROM written) AS inserted,
        (SELECT count(*) FROM read WHERE NOT bad) - (SELECT count(*) FROM written) AS unchanged;
"""
SCHEMA = """
    {
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "digits": {"type": "boolean"},
            "default_zone": {"type": "string", "minLength": 1, "x-option": "default-timezone"},
            "names": {
                "type": "object",
                "additionalProperties": false,
                "properties": {"first": {"type": "array", "items": {"type": "string"}}}
            }
        },
        "allOf": [
            {
                "not": {"required": ["digits", "names"]},
                "x-message": "digits and names exclude each other",
                "x-key": "names"
            }
        ]
    }
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


def make_settled(root: Path) -> Small:
    """The same with settings, a dry run and rejects."""
    small = make(root)
    small.write(
        "migrations/0001.make-copied.sql",
        (small.root / "migrations/0001.make-copied.sql").read_text()
        + """
        CREATE TABLE left_out (
            item_id bigint PRIMARY KEY, value text NOT NULL, accepted_by text, accepted_at timestamptz, note text
        );
        CREATE TABLE said (version integer GENERATED ALWAYS AS IDENTITY, settings jsonb NOT NULL, who text NOT NULL);
        """,
    )
    small.write("migrations/0001.make-copied.rollback.sql", "DROP TABLE copied, left_out, said;\n")
    small.write("sql/batches/0002.fill-copied.sql", SETTLED_BATCH)
    small.write("sql/dry_run/0002.fill-copied.sql", DRY_RUN)
    small.write("sql/dry_run/0002.fill-copied.existing.sql", EXISTING)
    small.write("sql/settings/0002.schema.json", SCHEMA)
    small.write("sql/settings/0002.current.sql", "SELECT version, settings FROM said ORDER BY version DESC LIMIT 1;\n")
    small.write(
        "sql/settings/0002.store.sql",
        """
        INSERT INTO said (settings, who)
        SELECT :'settings'::jsonb, :'who'
        WHERE :'settings'::jsonb IS DISTINCT FROM (SELECT settings FROM said ORDER BY version DESC LIMIT 1);
        SELECT max(version) AS version FROM said;
        """,
    )
    small.write(
        "sql/rejects/0002.fill-copied.sql",
        """
        SELECT
            item_id AS provider_id, '$.name' AS path, value, 'digit' AS reason, false AS stale,
            accepted_by, accepted_at, note
        FROM left_out
        ORDER BY item_id;
        """,
    )
    small.write(
        "sql/rejects/0002.fill-copied.accept.sql",
        """
        WITH accepted AS (
            UPDATE left_out
            SET accepted_by = :'who', accepted_at = now(), note = nullif(:'note', '')
            WHERE accepted_at IS NULL AND :'name' = 'digit'
            RETURNING 1
        )
        SELECT count(*) AS accepted FROM accepted;
        """,
    )
    return small


def prepare(
    connection: psycopg.Connection, small: Small, count: int, *, key: str = "bigint", first: int = 1, step: int = 1
) -> None:
    """Make the items, and the table of 0001 without its record: the batches of 0002 can run."""
    make_items(connection, count, key=key, first=first, step=step)
    connection.execute(small.load().find("0001").text.encode())


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
