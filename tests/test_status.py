"""The states, told apart; and that looking changes and locks nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from tests.servers import PASSWORD
from tests.team import Team, value

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database


@pytest.fixture
def team(tmp_path: Path, empty_database: Database, run_cli: RunCli) -> Team:
    return Team(tmp_path, empty_database, run_cli)


def test_on_an_untouched_database_everything_is_pending_and_nothing_is_made(team: Team) -> None:
    assert team.states() == {"0001": "pending", "0002": "pending", "0003": "pending"}
    assert team.run("status", "--check").exit_code == 3
    with team.database.connect() as connection:
        assert value(connection, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0


def test_check_ends_with_0_when_everything_is_applied_but_for_what_contract_holds(team: Team) -> None:
    team.run("apply")
    team.migration("contract/0004.drop-thing", "DROP TABLE thing;")

    outcome = team.run("status", "--check")

    assert outcome.exit_code == 0
    assert team.states()["0004"] == "pending"


def test_json_has_exactly_the_promised_fields(team: Team) -> None:
    team.run("apply", "--to", "0001")

    answer = team.json("status")

    assert set(answer) == {"command", "ok", "migrations", "jobs"}
    assert set(answer["migrations"][0]) == {"id", "contract", "state", "applied_at", "duration_ms", "checksum"}
    first, second, _ = answer["migrations"]
    assert first["applied_at"].endswith("Z")
    assert isinstance(first["duration_ms"], int)
    assert (second["applied_at"], second["duration_ms"]) == (None, None)
    assert len(first["checksum"]) == len(second["checksum"]) == 64


def test_an_edited_file_is_told_with_both_checksums(team: Team) -> None:
    team.run("apply")
    applied = team.json("status")["migrations"][1]["checksum"]
    team.migration("0002.fill-thing", "INSERT INTO thing VALUES (5);")

    outcome = team.run("status", "--check")

    assert outcome.exit_code == 3
    assert team.states()["0002"] == "edited"
    assert f"applied {applied}" in outcome.stderr
    assert "-INSERT INTO thing SELECT n, 'x'" in outcome.stderr
    assert "+INSERT INTO thing VALUES (5);" in outcome.stderr
    assert "schedtool repair 0002.fill-thing" in outcome.stderr


def test_other_line_ends_and_a_byte_order_mark_are_no_edit(team: Team) -> None:
    team.run("apply")
    file = team.files.root / "migrations" / "0002.fill-thing.sql"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))

    assert team.states()["0002"] == "applied"


def test_a_file_that_is_gone_is_missing(team: Team) -> None:
    team.run("apply")
    for file in team.files.root.glob("migrations/0002*"):
        file.unlink()

    assert team.run("status", "--check").exit_code == 3
    assert team.states() == {"0001": "applied", "0002": "missing", "0003": "applied"}


def test_a_pending_file_behind_an_applied_one_is_out_of_order(team: Team) -> None:
    team.run("apply")
    team.migration("0002b.late", "SELECT 1;")

    states = {found["id"]: found["state"] for found in team.json("status")["migrations"]}

    assert states["0002b.late"] == "out_of_order"


def test_a_run_outside_a_transaction_that_did_not_end_is_half_done(team: Team) -> None:
    team.run("apply", "--to", "0002")
    with team.database.connect() as connection:
        connection.execute(
            "INSERT INTO schedtool_history (migration, operation, outcome, started_at, tool_version)"
            " VALUES ('0003.index-thing', 'apply', 'started', now(), '0')"
        )

    assert team.states()["0003"] == "half_done"
    assert team.run("apply").exit_code == 0
    assert team.states()["0003"] == "applied"


def test_history_tells_who_did_what_and_with_which_outcome(team: Team) -> None:
    team.run("apply")
    team.run("rollback", "--yes")

    history = team.json("status", "--history")["history"]

    assert [(run["migration"][:4], run["operation"], run["outcome"]) for run in history][-2:] == [
        ("0003", "apply", "done"),
        ("0003", "rollback", "done"),
    ]
    last = history[-1]
    assert last["database_user"]
    assert last["os_user"]
    assert last["host"]
    assert last["tool_version"]


def test_looking_takes_no_lock_and_works_read_only(team: Team) -> None:
    team.run("apply")
    with team.database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        connection.execute(f'ALTER DATABASE "{team.database.name}" SET default_transaction_read_only = on'.encode())

    assert team.run("status", "--check").exit_code == 0
    assert team.run("plan").exit_code == 0
    assert team.run("apply").exit_code == 1


def test_a_role_with_select_only_sees_the_state_and_the_plan(team: Team) -> None:
    team.run("apply", "--to", "0002")
    role = f"r_{team.database.name}"
    with team.database.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), PASSWORD))
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}".encode())
    url = team.database.server.url(team.database.name, user=role, password=PASSWORD)
    try:
        status, plan = team.run("status", url=url), team.run("plan", url=url)
    finally:
        with team.database.connect() as connection:
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())

    assert (status.exit_code, plan.exit_code) == (0, 0), (status, plan)
    assert "0003.index-thing" in plan.stdout
