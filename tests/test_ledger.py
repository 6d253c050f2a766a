"""yoyo's tables stay yoyo's, the lock is one that cannot be left behind, and the server's log stays clean."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from schedtool.database import Target, connect
from schedtool.errors import Busy, Failed
from schedtool.lock import locked
from schedtool.records import records
from tests.servers import PASSWORD, Database
from tests.team import Team, value

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunCli

YOYO_TABLES = """
    SELECT array_agg(format('%s.%s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull)
                     ORDER BY c.relname, a.attnum)
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
    WHERE c.relname LIKE '%yoyo%' AND c.relkind = 'r' AND a.attnum > 0
"""


@pytest.fixture
def team(tmp_path: Path, empty_database: Database, run_cli: RunCli) -> Team:
    return Team(tmp_path, empty_database, run_cli)


def test_plain_yoyo_lists_what_we_applied_and_has_nothing_to_do(team: Team) -> None:
    team.run("apply", "--to", "0002")

    listed = team.yoyo("list")
    assert listed.exit_code == 0, listed
    assert [line.split()[:2] for line in listed.stdout.splitlines()[2:]] == [
        ["A", "0001.make-thing"],
        ["A", "0002.fill-thing"],
        ["U", "0003.index-thing"],
    ]

    assert team.yoyo("apply").exit_code == 0
    assert team.states() == {"0001": "applied", "0002": "applied", "0003": "applied"}
    with team.database.connect() as connection:
        assert value(connection, "SELECT count(*) FROM thing") == 3


def test_what_plain_yoyo_applied_is_applied_for_us(team: Team) -> None:
    assert team.yoyo("apply").exit_code == 0

    assert team.states() == {"0001": "applied", "0002": "applied", "0003": "applied"}
    assert [found["checksum"] for found in team.json("status")["migrations"]] == [None, None, None]
    assert team.json("apply")["applied"] == []


def test_plain_yoyo_takes_back_what_we_applied(team: Team) -> None:
    team.run("apply", "--to", "0002")

    assert team.yoyo("rollback").exit_code == 0

    assert team.states() == {"0001": "applied", "0002": "pending", "0003": "pending"}


def test_an_edit_that_plain_yoyo_applied_again_is_no_edit(team: Team) -> None:
    team.run("apply", "--to", "0002")
    team.yoyo("rollback")
    team.migration("0002.fill-thing", "INSERT INTO thing VALUES (8);")

    team.yoyo("apply")

    assert team.states()["0002"] == "applied"


def test_yoyo_and_we_agree_in_a_schema_of_its_own(team: Team) -> None:
    with team.database.connect() as connection:
        connection.execute("CREATE SCHEMA app")

        assert team.run("apply", "--schema", "app").exit_code == 0

        assert value(connection, "SELECT to_regclass('public._yoyo_migration')") is None
        assert value(connection, "SELECT to_regclass('app.schedtool_history')") == "app.schedtool_history"
    listed = team.yoyo("list", "schema=app")
    assert [line.split()[0] for line in listed.stdout.splitlines()[2:]] == ["A", "A", "A"]


def test_the_tables_we_make_are_the_ones_that_yoyo_makes(team: Team) -> None:
    with team.database.connect() as connection:
        team.run("apply")
        ours = value(connection, YOYO_TABLES)
        connection.execute("DROP TABLE _yoyo_migration, _yoyo_log, _yoyo_version, yoyo_lock, thing")
        team.yoyo("apply")

        assert value(connection, YOYO_TABLES) == ours


def test_nothing_that_the_lock_and_the_tables_need_fails_on_the_server(team: Team, tmp_path: Path) -> None:
    target = Target(team.database.conninfo)
    with (tmp_path / "trace").open("w+b") as trace, closing(connect(target, application="test")) as connection:
        connection.pgconn.trace(trace.fileno())
        for _ in range(2):
            with locked(connection, wait=0, notify=lambda _: None):
                assert records(connection) == ()
        connection.pgconn.untrace()
        trace.seek(0)

        messages = trace.read()

    assert b"CommandComplete" in messages
    assert b"ErrorResponse" not in messages


def test_the_lock_says_who_holds_it(team: Team) -> None:
    target = Target(team.database.conninfo)
    with (
        closing(connect(target, application="first")) as first,
        closing(connect(target, application="second")) as second,
        locked(first, wait=0, notify=lambda _: None),
    ):
        with pytest.raises(Busy) as caught, locked(second, wait=0, notify=lambda _: None):
            pass

        assert f"pid {first.info.backend_pid} (" in caught.value.message
        assert "schedtool first" in caught.value.message


def test_the_lock_is_free_for_another_schema(team: Team) -> None:
    with team.database.connect() as connection:
        connection.execute("CREATE SCHEMA app")
    here, there = Target(team.database.conninfo), Target(team.database.conninfo, "app")
    with (
        closing(connect(here, application="first")) as first,
        closing(connect(there, application="second")) as second,
        locked(first, wait=0, notify=lambda _: None),
        locked(second, wait=0, notify=lambda _: None),
    ):
        pass


def test_the_lock_is_given_back_on_a_session_that_goes_on(team: Team) -> None:
    team.run("apply", "--to", "0001")
    target = Target(team.database.conninfo)
    with closing(connect(target, application="test")) as connection:
        with pytest.raises(ZeroDivisionError), locked(connection, wait=0, notify=lambda _: None):
            raise ZeroDivisionError
        assert value(connection, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
        assert value(connection, "SELECT count(*) FROM yoyo_lock") == 0


def test_plain_yoyo_is_kept_out_while_we_are_at_work(team: Team) -> None:
    with (
        closing(connect(Target(team.database.conninfo), application="test")) as connection,
        locked(connection, wait=0, notify=lambda _: None),
    ):
        outcome = team.yoyo("list")

        assert outcome.exit_code == 1
        assert f"Process -{connection.info.backend_pid} has locked this database" in outcome.stderr


def test_we_keep_out_while_plain_yoyo_is_at_work(team: Team) -> None:
    team.run("apply", "--to", "0001")
    with team.database.connect() as connection:
        connection.execute("INSERT INTO yoyo_lock (ctime, pid) VALUES (now() AT TIME ZONE 'UTC', 4321)")

        outcome = team.run("apply")

        assert outcome.exit_code == 4
        assert "locked by plain yoyo, process 4321" in outcome.stderr
        assert "yoyo break-lock" in outcome.stderr
        assert value(connection, "SELECT pid FROM yoyo_lock") == 4321


def test_a_role_that_may_not_create_tables_is_told_so_and_how_to_get_the_right(team: Team) -> None:
    role = f"r_{team.database.name}"
    with team.database.connect() as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD))
        )
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    target = Target(team.database.server.url(team.database.name, user=role, password=PASSWORD))
    try:
        with (
            closing(connect(target, application="test")) as limited,
            pytest.raises(Failed) as caught,
            locked(limited, wait=0, notify=lambda _: None),
        ):
            pass
    finally:
        with team.database.connect() as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    assert caught.value.message == f"{role} has no right to create tables in schema public"
    assert "GRANT CREATE ON SCHEMA public" in (caught.value.hint or "")
