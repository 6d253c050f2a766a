"""Parents that are not plain tables with a jsonb column: refused with the reason, and nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from tests.test_refusals import check, unchanged

if TYPE_CHECKING:
    from tests.conftest import RunCli
    from tests.servers import Database

USERS = "CREATE TABLE users (id bigint PRIMARY KEY, name text, email text)"


def make(database: Database, *statements: str) -> None:
    with database.connect() as connection:
        for statement in (USERS, *statements):
            connection.execute(statement)


def test_partitioned_providers_are_refused(empty_database: Database, run_cli: RunCli) -> None:
    make(
        empty_database,
        "CREATE TABLE providers (id bigint PRIMARY KEY, availability jsonb) PARTITION BY HASH (id)",
        "CREATE TABLE providers_0 PARTITION OF providers FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
    )

    with unchanged(empty_database):
        outcome = run_cli("--database", empty_database.url, "apply")

    check(outcome, 1, "table providers is partitioned")


@pytest.mark.parametrize("type_name", ["json", "text"])
def test_documents_of_another_type_than_jsonb_are_refused(
    empty_database: Database, run_cli: RunCli, type_name: str
) -> None:
    make(empty_database, f"CREATE TABLE providers (id bigint PRIMARY KEY, availability {type_name})")

    with unchanged(empty_database):
        outcome = run_cli("--database", empty_database.url, "apply")

    check(outcome, 1, f"column providers.availability is of type {type_name}, not jsonb", "ALTER TABLE providers")


@pytest.fixture
def walled(empty_database: Database) -> str:
    """Give the URL of a role that row-level security lets see half of the providers."""
    make(
        empty_database,
        "CREATE TABLE providers (id bigint PRIMARY KEY, availability jsonb)",
        'INSERT INTO providers VALUES (1, \'{"monday": "09:00-17:00"}\'), (2, \'{"monday": "09:00-17:00"}\')',
        "ALTER TABLE providers ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY odd ON providers USING (id % 2 = 1)",
    )
    role = f"walled_{empty_database.name}"
    with empty_database.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'walled'").format(sql.Identifier(role)))
        connection.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}").format(sql.Identifier(role)))
    return empty_database.server.url(empty_database.name, user=role, password="walled")  # noqa: S106 - of a test's role


def test_a_role_that_sees_only_some_providers_cannot_migrate(
    empty_database: Database, walled: str, run_cli: RunCli
) -> None:
    with unchanged(empty_database):
        outcome = run_cli("--database", walled, "apply")

    check(outcome, 1, "row-level security of table providers applies to role")


def test_a_dry_run_never_counts_only_what_row_level_security_shows(walled: str, run_cli: RunCli) -> None:
    outcome = run_cli("--database", walled, "backfill", "--dry-run")

    assert outcome.exit_code == 1
    assert "row-level security" in outcome.stderr
    assert "documents" not in outcome.stdout
