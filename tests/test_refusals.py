"""Bad input: one clear line that names the thing and the way out, the right exit code, and nothing changed."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from schedtool import embedded
from schedtool.project import shipped
from tests.servers import PASSWORD, run_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database, Outcome

OBJECTS = """
    SELECT c.relkind, c.relname, a.attname, a.atttypid::regtype::text
    FROM pg_class AS c LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'f', p.proname, NULL, p.prosrc FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 't', t.tgname, NULL, NULL FROM pg_trigger AS t WHERE NOT t.tgisinternal
    ORDER BY 1, 2, 3
"""


@contextmanager
def unchanged(database: Database) -> Iterator[None]:
    with database.connect() as connection:
        before = connection.execute(OBJECTS).fetchall()
    yield
    with database.connect() as connection:
        assert connection.execute(OBJECTS).fetchall() == before


def check(outcome: Outcome, exit_code: int, *words: str) -> None:
    """One line that says so, hints below it, no traceback, no password, nothing on stdout."""
    assert outcome.exit_code == exit_code, outcome
    lines = outcome.stderr.splitlines()
    errors = [line for line in lines if line.startswith("schedtool: error: ")]
    assert len(errors) == 1, outcome
    for word in words:
        assert word in outcome.stderr, outcome
    assert "Traceback" not in outcome.stderr
    assert "S3cret" not in outcome.stderr + outcome.stdout
    assert not outcome.stdout


def test_no_database_given(run_cli: RunCli) -> None:
    check(run_cli("apply"), 2, "no database given")


def test_a_server_that_does_not_answer(run_cli: RunCli) -> None:
    url = "postgresql://somebody:S3cret@127.0.0.1:1/app"

    check(run_cli("--database", url, "apply"), 4, "cannot connect", "127.0.0.1", "port 1", "--wait")


def test_a_database_that_is_missing(empty_database: Database, run_cli: RunCli) -> None:
    check(
        run_cli("--database", empty_database.server.url("nowhere"), "apply"),
        4,
        'database "nowhere" does not exist',
        "createdb nowhere",
    )


def test_a_schema_that_is_missing(empty_database: Database, run_cli: RunCli) -> None:
    with unchanged(empty_database):
        outcome = run_cli("--database", empty_database.url, "--schema", "app", "apply")

    check(outcome, 1, 'schema "app" does not exist')


@pytest.fixture(scope="module")
def own() -> Iterator[embedded.Server]:
    """A server that may be broken."""
    with embedded.throwaway(settings={"fsync": "off"}) as server:
        yield server


def test_a_wrong_password(own: embedded.Server, run_cli: RunCli) -> None:
    with psycopg.connect(own.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE somebody LOGIN PASSWORD {}").format(PASSWORD))
        rules = "VALUES ('local all postgres trust'), ('local all all scram-sha-256')"
        connection.execute(f"COPY ({rules}) TO PROGRAM 'cat > pg_hba.conf'".encode())
        connection.execute("SELECT pg_reload_conf()")
    wrong = make_conninfo(own.conninfo, user="somebody", password=f"{PASSWORD}, but another")
    for _ in range(1000):  # until the server has read the file, which is a matter of milliseconds
        try:
            psycopg.connect(wrong).close()
        except psycopg.OperationalError:
            break

    check(run_cli("--database", wrong, "apply"), 4, "password authentication failed", "somebody")


def test_a_standby(own: embedded.Server, run_cli: RunCli) -> None:
    with psycopg.connect(own.conninfo, autocommit=True) as connection:
        connection.execute("COPY (SELECT) TO PROGRAM 'cat > standby.signal'")
        pid = connection.info.backend_pid
        with pytest.raises(psycopg.OperationalError):
            # The server restarts when one of its processes dies so, and finds the file that makes it a standby.
            connection.execute(f"COPY (SELECT) TO PROGRAM 'kill -9 {pid}'".encode())

    check(run_cli("--database", own.conninfo, "--wait", "60", "apply"), 1, "is a standby", "connect to the primary")
    looked = run_cli("--database", own.conninfo, "--wait", "60", "status")
    assert looked.exit_code == 0, looked
    assert "pending" in looked.stdout


def test_no_right_to_create(empty_database: Database, run_cli: RunCli) -> None:
    empty_database.make_parents()
    role = f"r_{empty_database.name}"
    with empty_database.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), PASSWORD))
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        with unchanged(empty_database):
            url = empty_database.server.url(empty_database.name, user=role, password=PASSWORD)
            outcome = run_cli("--database", url, "apply")
    finally:
        with empty_database.connect() as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    check(outcome, 1, f"{role} has no right to create tables in schema public", "GRANT CREATE ON SCHEMA public")


def test_no_migrations_folder(empty_database: Database, tmp_path: Path, run_cli: RunCli) -> None:
    outcome = run_cli("--database", empty_database.url, "--project", tmp_path / "typo", "apply")

    check(outcome, 2, f"{tmp_path / 'typo'} has no folder migrations/", "--project")


def test_an_empty_migrations_folder(empty_database: Database, tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "migrations").mkdir()

    check(run_cli("--database", empty_database.url, "--project", tmp_path, "apply"), 2, "holds no migrations")


@pytest.mark.parametrize("missing", ["providers", "users"])
def test_a_parent_table_that_is_missing(empty_database: Database, run_cli: RunCli, missing: str) -> None:
    empty_database.make_parents()
    with empty_database.connect() as connection:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(missing)))

    with unchanged(empty_database):
        outcome = run_cli("--database", empty_database.url, "apply")

    check(outcome, 1, f"no table {missing} in schema public", "--schema")


def test_a_parent_without_its_key(empty_database: Database, run_cli: RunCli) -> None:
    empty_database.make_parents()
    with empty_database.connect() as connection:
        connection.execute("ALTER TABLE users RENAME COLUMN id TO number")

    with unchanged(empty_database):
        outcome = run_cli("--database", empty_database.url, "apply")

    check(outcome, 1, "table users has no key column id")


def test_the_document_column_that_is_missing(empty_database: Database, run_cli: RunCli) -> None:
    empty_database.make_parents()
    with empty_database.connect() as connection:
        connection.execute("ALTER TABLE providers DROP COLUMN availability")

    with unchanged(empty_database):
        outcome = run_cli("--database", empty_database.url, "apply")

    check(
        outcome, 1, "migrations/0002.sync-availability.sql:", "table providers has no column availability", "--to 0001"
    )
    assert run_cli("--database", empty_database.url, "apply", "--to", "0001").exit_code == 0


@pytest.mark.parametrize(
    ("zone", "says"),
    [("Mars/Base", "this server knows no zone Mars/Base"), ("EST", "'EST' is no zone"), ("", "'' is no zone")],
)
def test_a_default_zone_that_is_none(empty_database: Database, run_cli: RunCli, zone: str, says: str) -> None:
    empty_database.make_parents()

    with unchanged(empty_database):
        applied = run_cli("--database", empty_database.url, "apply", "--default-timezone", zone)
        told = run_cli("--database", empty_database.url, "backfill", "--dry-run", "--default-timezone", zone)

    check(applied, 2, says)
    check(told, 2, says)


def test_a_policy_with_an_unknown_key(empty_database: Database, tmp_path: Path, run_cli: RunCli) -> None:
    empty_database.make_parents()
    (tmp_path / "policy.toml").write_text("# ours\nfirst_day = 1\n")

    with unchanged(empty_database):
        outcome = run_cli("--database", empty_database.url, "apply", "--policy", tmp_path / "policy.toml")

    check(outcome, 2, f"{tmp_path / 'policy.toml'}:2: unknown key 'first_day'")


OURS = {
    "bookings": "0001.create-provider-tables",
    "provider_availability": "0001.create-provider-tables",
    "provider_availability_policy": "0002.sync-availability",
    "provider_availability_zones": "0002.sync-availability",
    "provider_availability_rejects": "0002.sync-availability",
}


@pytest.mark.parametrize("table", OURS)
def test_a_table_of_that_name_with_other_columns(empty_database: Database, run_cli: RunCli, table: str) -> None:
    empty_database.make_parents()
    with empty_database.connect() as connection:
        connection.execute(sql.SQL("CREATE TABLE {} (id bigint PRIMARY KEY, room text)").format(sql.Identifier(table)))

    with unchanged(empty_database):
        outcome = run_cli("--database", empty_database.url, "apply")

    check(outcome, 1, f"a table {table} with other columns is there already", f"migrations/{OURS[table]}.sql:")


def test_an_id_that_no_migration_has(empty_database: Database, run_cli: RunCli) -> None:
    with unchanged(empty_database):
        outcome = run_cli("--database", empty_database.url, "apply", "--to", "0042")

    check(outcome, 2, "no migration '0042'", "there are 0001.create-provider-tables")


def test_an_id_that_several_migrations_begin_with(empty_database: Database, run_cli: RunCli) -> None:
    check(run_cli("--database", empty_database.url, "apply", "--to", "000"), 2, "'000' begins several migrations")


def test_a_rollback_without_a_script(empty_database: Database, tmp_path: Path, run_cli: RunCli) -> None:
    shutil.copytree(shipped() / "migrations", tmp_path / "migrations")
    empty_database.make_parents()
    where = ("--database", empty_database.url, "--project", tmp_path)
    assert run_cli(*where, "apply", "--to", "0001").exit_code == 0
    for number in ("0001.create-provider-tables", "0002.sync-availability"):
        (tmp_path / "migrations" / f"{number}.rollback.sql").unlink()

    with unchanged(empty_database):
        outcome = run_cli(*where, "rollback", "--yes")
        ahead = run_cli(*where, "apply")

    check(outcome, 2, "0001.create-provider-tables has no rollback script; nothing was changed")
    check(ahead, 2, "migrations/0002.sync-availability.sql:1: it has no rollback script", "say so in the first lines")


def test_a_file_that_breaks_a_rule_is_refused_before_anything_runs(
    empty_database: Database, tmp_path: Path, run_cli: RunCli
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001.good.sql").write_text("-- rollback: none\nCREATE TABLE made (id int);\n")
    (folder / "0002.bad.sql").write_text("SELECT 1;\nCOMMIT;\n")

    with unchanged(empty_database):
        outcome = run_cli("--database", empty_database.url, "--project", tmp_path, "apply")

    check(outcome, 2, "migrations/0002.bad.sql:2: COMMIT has no place in a file")


def test_a_value_that_an_option_does_not_take(empty_database: Database, run_cli: RunCli) -> None:
    check(run_cli("--database", empty_database.url, "apply", "--workers", "none"), 2, "--workers")


def test_an_error_in_json_has_its_code_message_and_hint(empty_database: Database, run_cli: RunCli) -> None:
    outcome = run_cli("--database", empty_database.url, "--format", "json", "apply", "--to", "0042")

    assert outcome.exit_code == 2
    assert outcome.stderr == ""
    assert '"command": "apply"' in outcome.stdout
    assert '"ok": false' in outcome.stdout
    assert '"code": "unknown_migration"' in outcome.stdout


def test_the_password_is_nowhere_in_what_is_said_and_kept(empty_database: Database) -> None:
    empty_database.make_parents()
    for arguments in (["apply"], ["status", "--history"], ["rollback", "--yes"], ["apply", "--to", "0042", "-v", "-v"]):
        outcome = run_process("--database", empty_database.url, *arguments)
        assert "S3cret" not in outcome.stdout + outcome.stderr
    with empty_database.connect() as connection:
        for table in ("schedtool_history", "schedtool_job", "_yoyo_log", "_yoyo_migration", "yoyo_lock"):
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table))).fetchall()
            assert "S3cret" not in str(rows)
