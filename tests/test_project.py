"""A project is read whole, and a broken file is refused with its line before anything runs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from schedtool import project as projects
from schedtool.errors import UsageError
from schedtool.sqlfile import Keys
from tests import small_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.small_project import Small

FIRST = "migrations/0001.make-copied.sql"
SECOND = "migrations/0002.fill-copied.sql"
BATCH = "sql/batches/0002.fill-copied.sql"


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return small_project.make(tmp_path)


def refused(small: Small, *wanted: str) -> str:
    """The one line with which the project is refused; it must say all of this."""
    with pytest.raises(UsageError) as caught:
        small.load()
    message = caught.value.message
    for part in wanted:
        assert part in message
    assert "\n" not in message
    return message


def test_the_shipped_project_loads_and_each_migration_has_a_rollback() -> None:
    shipped = projects.load(None)

    assert [migration.number for migration in shipped.migrations] == ["0001", "0002", "0003", "0004"]
    assert [migration.contract for migration in shipped.migrations] == [False, False, False, True]
    assert all(migration.rollback for migration in shipped.migrations)


def test_a_migration_knows_its_number_its_rollback_and_its_companions(small: Small) -> None:
    small.write("sql/verify/0002.fill-copied.counts.sql", "SELECT 1;")
    small.write("sql/verify/0002.fill-copied.sql", "SELECT 2;")
    small.write("sql/settings/0002.current.sql", "SELECT 3;")
    project = small.load()
    migration = project.find("0002")

    assert (migration.id, migration.number, migration.contract, migration.transactional) == (
        "0002.fill-copied",
        "0002",
        False,
        True,
    )
    assert migration.rollback == "DELETE FROM copied;\n"
    assert [file.part for file in project.sql_files("verify", migration)] == [None, "counts"]
    assert [file.part for file in project.sql_files("settings", migration)] == ["current"]
    assert [file.keys for file in project.sql_files("batches", migration)] == [Keys("item", "id")]
    assert project.sql_file("verify", migration, "counts") is not None
    assert project.sql_file("dry_run", migration) is None


def test_the_checksum_ignores_the_byte_order_mark_and_line_ends(small: Small) -> None:
    text = b"-- One.\nSELECT 1;\n"
    path = small.root / FIRST
    checksums = set()
    for written in (text, b"\xef\xbb\xbf" + text, text.replace(b"\n", b"\r\n")):
        path.write_bytes(written)
        migration = small.load().find("0001")
        assert migration.text == text.decode()
        checksums.add(migration.checksum)

    assert checksums == {hashlib.sha256(text).hexdigest()}


def test_contract_migrations_come_last_whatever_their_number(small: Small) -> None:
    small.write("migrations/contract/0000.drop.sql", "SELECT 1;")

    assert [migration.id for migration in small.load().migrations] == [
        "0001.make-copied",
        "0002.fill-copied",
        "0000.drop",
    ]


def test_a_dependency_goes_before_the_order_of_names(small: Small) -> None:
    small.write("migrations/0003.late.sql", "SELECT 1;")
    small.write(SECOND, "-- depends: 0003.late\n-- depends: 0001.make-copied\nSELECT 1;")

    project = small.load()

    assert [migration.number for migration in project.migrations] == ["0001", "0003", "0002"]
    assert project.find("0002").depends == ("0003.late", "0001.make-copied")


def test_an_id_may_be_shortened_to_a_unique_beginning(small: Small) -> None:
    project = small.load()

    assert project.find("0002").id == "0002.fill-copied"
    assert project.find("0002.f").id == "0002.fill-copied"
    with pytest.raises(UsageError, match=r"'000' begins several migrations: 0001.make-copied, 0002.fill-copied"):
        project.find("000")
    for unknown in ("0009", "", "fill"):
        with pytest.raises(UsageError, match="no migration") as caught:
            project.find(unknown)
        assert caught.value.hint == "there are 0001.make-copied, 0002.fill-copied"


def test_a_number_that_begins_another_is_still_found(small: Small) -> None:
    small.write("migrations/00021.more.sql", "SELECT 1;")

    assert small.load().find("0002").id == "0002.fill-copied"


def test_a_folder_without_migrations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no folder migrations/"):
        projects.load(tmp_path)
    with pytest.raises(UsageError, match="has no folder migrations/"):
        projects.load(tmp_path / "missing")
    (tmp_path / "migrations").mkdir()
    with pytest.raises(UsageError, match="holds no migrations"):
        projects.load(tmp_path)


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (SECOND, "SELECT 1;\nBEGIN;\nSELECT 2;\nCOMMIT;", f"{SECOND}:2: BEGIN has no place"),
        (SECOND, "SELECT 1;\nCOMMIT", f"{SECOND}:2: COMMIT has no place"),
        (SECOND, "START\nTRANSACTION;", f"{SECOND}:1: START has no place"),
        (SECOND, "SELECT 1;\nROLLBACK;", f"{SECOND}:2: ROLLBACK has no place"),
        (SECOND, "SELECT 1;\nCOPY t FROM stdin;\n1\n\\.\n", f"{SECOND}:4: a backslash command"),
        (SECOND, "SELECT 1;\nCOPY t FROM stdin;\n", f"{SECOND}:2: COPY with STDIN"),
        (SECOND, "\\i other.sql\n", f"{SECOND}:1: a backslash command"),
        (SECOND, "SELECT 'a\n", f"{SECOND}:1: a quote or comment has no end"),
        (SECOND, "SELECT E'a'\n'b'", f"{SECOND}:1: psql and the server read"),
        (SECOND, "-- Nothing.\n", f"{SECOND}:1: it holds no statement"),
        (SECOND, "SELECT\n:'first'", f"{SECOND}:2: a migration takes no parameters"),
        (SECOND, "SELECT\n:first", f"{SECOND}:2: a migration takes no parameters"),
        (SECOND, "-- transactional: false\nSELECT 1;\nSELECT 2;", f"{SECOND}:3: a file that is not transactional"),
        (SECOND, "-- transactional: no\nSELECT 1;", f"{SECOND}:1: '-- transactional:' is true or false, not 'no'"),
        (SECOND, "-- Transactional: false\nSELECT 1;", f"{SECOND}:1: unknown directive '-- Transactional:'"),
        (SECOND, "-- transactionl: false\nSELECT 1;", f"{SECOND}:1: unknown directive '-- transactionl:'"),
        ("sql/batches/0002.fill-copied.sql", "-- keys: a (b)\n-- leftover: some\nSELECT 1;", "a number of keys"),
        (SECOND, "-- guard: second\nSELECT 1;\nSELECT 2;", f"{SECOND}:1: '-- guard:' is first"),
        (SECOND, "SELECT 1;\n-- transactional: false\n", f"{SECOND}:2: the directive '-- transactional:' would be"),
        (SECOND, "/*\ntransactional: false\n*/ SELECT 1;", f"{SECOND}:2: the directive '-- transactional:' would be"),
        (SECOND, "/* a */\n-- depends: 0001.make-copied\nSELECT 1", f"{SECOND}:2: the directive '-- depends:' would"),
        (SECOND, "-- keys: a (b)\nSELECT 1;", f"{SECOND}:1: unknown directive '-- keys:'"),
        (SECOND, "-- depends: 0009.x\nSELECT 1;", "it depends on '0009.x', which is not there"),
        (SECOND, "-- depends: 0002.fill-copied\nSELECT 1;", "in a circle: 0002.fill-copied → 0002.fill-copied"),
        ("migrations/0002.fill-copied.rollback.sql", "-- depends: x\nSELECT 1;", "rollback.sql:1: unknown directive"),
        ("migrations/0002.fill-copied.rollback.sql", "COMMIT;", "rollback.sql:1: COMMIT has no place"),
        ("migrations/0002.fill-copied.sql", "-- rollback: no\nSELECT 1;", "sql:1: '-- rollback:' is none"),
        ("migrations/0002.fill-copied.sql", "-- rollback: none\nSELECT 1;", "0002.fill-copied.rollback.sql is there"),
        ("migrations/0003.x.rollback.sql", "SELECT 1;", "0003.x.rollback.sql:1: there is no 0003.x.sql"),
        ("migrations/0003.x.py", "steps = []", "0003.x.py:1: migrations in Python"),
        ("migrations/post-apply.sql", "SELECT 1;", "post-apply.sql:1: migrations in Python and post-apply hooks"),
        ("migrations/contract/0002.fill-copied.sql", "SELECT 1;", f"{SECOND} has the same name"),
        (BATCH, "SELECT :'first', :'last'", f"{BATCH}:1: its header has no '-- keys:'"),
        (BATCH, "-- keys: item id\nSELECT 1", f"{BATCH}:1: '-- keys:' is table (column), not 'item id'"),
        (
            BATCH,
            "-- keys: item (id)\n-- keys: item (id)\nSELECT 1",
            f"{BATCH}:2: the directive '-- keys:' stands there",
        ),
        (BATCH, "-- keys: item (id)\nSELECT :first", f"{BATCH}:2: parameters of this file are :'first', :'last'"),
        (BATCH, "-- keys: item (id)\nSELECT :'fist'", "and this reads as psql's fist"),
        (BATCH, "-- keys: item (id)\nSELECT :'settings'", "and this reads as psql's settings"),
        (BATCH, "-- keys: item (id)\n-- settings: 0009\nSELECT 1", f"{BATCH}:2: '-- settings:' is the number"),
        (BATCH, "-- keys: item (id)\nCOMMIT", f"{BATCH}:2: COMMIT has no place"),
        ("sql/batches/0003.none.sql", "-- keys: a (b)\nSELECT 1", "0003.none.sql:1: there is no migration"),
        ("sql/dry_run/0002.fill-copied.sql", "SELECT 1", "its header has no '-- keys:'"),
        ("sql/verify/0002.fill-copied.sql", "SELECT :'first'", "parameters of this file are none"),
        ("sql/verify/0002.fill-copied.sql", "-- until: 0009\nSELECT 1", "'-- until:' is the number of a migration"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(small: Small, path: str, text: str, said: str) -> None:
    small.write(path, "SELECT 0;")
    small.write(path, text)

    refused(small, said)


def test_what_only_looks_like_a_directive_is_prose(small: Small) -> None:
    small.write(
        SECOND,
        """
        -- Locks: item, for a moment.
        -- Run: psql -f; note: it may be run again
        SELECT '-- transactional: false', $$
        -- depends: nothing
        $$, ARRAY[1, 2][1:2];
        """,
    )

    assert small.migration().depends == ()


def test_a_statement_that_is_not_transactional_may_hold_semicolons(small: Small) -> None:
    small.write(SECOND, "-- transactional: FALSE\nCREATE INDEX CONCURRENTLY i ON t ((';')); -- done")

    assert small.migration().transactional is False


def test_a_savepoint_may_be_rolled_back_to(small: Small) -> None:
    small.write(SECOND, "SAVEPOINT a; ROLLBACK TO SAVEPOINT a; DO $$ BEGIN COMMIT; END $$;")

    assert small.migration().text.startswith("SAVEPOINT")


def test_quoted_names_of_table_and_key_are_as_the_catalog_spells_them(small: Small) -> None:
    small.write(BATCH, "-- keys: \"Odd \"\"Table\" ( Id )\n-- settings: 0001\nSELECT :'settings', :'first', :'last'")
    file = small.load().folder("batches")[0]

    assert (file.keys, file.settings, file.parameters) == (
        Keys('Odd "Table', "id"),
        "0001",
        ("settings", "first", "last"),
    )


@pytest.mark.parametrize(("written", "line"), [(b"SELECT 1;\nSELECT '\xff';", 2), (b"\n\nSELECT \x00", 3)])
def test_a_file_that_is_no_text_is_refused_with_its_line(small: Small, written: bytes, line: int) -> None:
    (small.root / FIRST).write_bytes(written)

    refused(small, f"{FIRST}:{line}: it ")


def test_a_query_says_whether_it_writes_and_what_it_does(small: Small) -> None:
    small.write("sql/queries/one.sql", "-- Looks at one.\n-- writes: item\nSELECT :'id', :'id'\n")
    query = small.load().folder("queries")[0]

    assert (query.name, query.writes, query.parameters, query.description) == ("one", True, ("id",), "Looks at one.")


def test_the_number_of_a_migration_may_have_parts() -> None:
    assert projects.number_of("20240131_02_AbCdE-add") == "20240131_02"
    assert projects.number_of("init") == "init"
