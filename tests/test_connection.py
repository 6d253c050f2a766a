"""Which database is meant, what a session is set to, and one clear line for whatever goes wrong with either."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schedtool import database as db
from schedtool import embedded
from schedtool.arguments import hide_secrets
from schedtool.errors import Busy, Failed, SchedtoolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Database

WORD = "sekret"
FLAG, OURS, COMMON = "postgresql://flag@h/flag", "postgresql://ours@h/ours", "postgresql://common@h/common"


# Which database: one test per step.


def test_the_option_comes_first() -> None:
    environ = {"SCHEDTOOL_DATABASE_URL": OURS, "DATABASE_URL": COMMON, "PGHOST": "h"}

    assert db.resolve(FLAG, environ) == FLAG


def test_then_comes_schedtools_own_variable() -> None:
    assert db.resolve(None, {"SCHEDTOOL_DATABASE_URL": OURS, "DATABASE_URL": COMMON, "PGHOST": "h"}) == OURS


def test_then_comes_the_common_variable() -> None:
    assert db.resolve(None, {"SCHEDTOOL_DATABASE_URL": "", "DATABASE_URL": COMMON, "PGHOST": "h"}) == COMMON


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"])
def test_then_come_the_variables_of_libpq_which_reads_them_itself(name: str) -> None:
    assert db.resolve(None, {name: "x"}) == ""


@pytest.mark.parametrize("environ", [{}, {"PGPASSWORD": "x", "PGSSLMODE": "require"}, {"DATABASE_URL": " "}])
def test_without_any_of_them_no_database_is_given(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="no database given") as caught:
        db.resolve(None, environ)

    assert caught.value.code == "no_database"


def test_an_empty_option_never_means_another_database() -> None:
    with pytest.raises(UsageError, match="--database is empty"):
        db.resolve("", {"DATABASE_URL": COMMON})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgres://u@h:1/d", {"user": "u", "host": "h", "port": "1", "dbname": "d"}),
        ("postgresql+psycopg://u@h/d?sslmode=require", {"user": "u", "host": "h", "dbname": "d", "sslmode": "require"}),
        ("host=h user='a b' dbname = d", {"host": "h", "user": "a b", "dbname": "d"}),
        ("postgresql:///d?host=/run/x", {"dbname": "d", "host": "/run/x"}),
        ("postgresql://u:p%40ss@h/d", {"user": "u", "password": "p@ss", "host": "h", "dbname": "d"}),
    ],
)
def test_urls_and_keywords_are_both_understood(given: str, meant: dict[str, str]) -> None:
    assert conninfo_to_dict(db.resolve(given, {})) == meant


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://u:sekret%zz@h/d",
        "postgresql://u:se@kret@h/d",
        "postgresql://u:se/kret@h/d",
        "postgresql://u:se?k@kret@h/d",
        "postgresql://u@h/d?passwort=sekret",
        "host=h password=se kret",
        "host=h password='sekret",
        "password=x sekret=y",
        "mysql://u:sekret@h/d",
        "sekret",
    ],
)
def test_what_cannot_be_read_is_refused_without_a_piece_of_it(given: str) -> None:
    for source, environ in ((given, {}), (None, {"DATABASE_URL": given})):
        with pytest.raises(UsageError) as caught:
            db.resolve(source, environ)

        said = f"{caught.value.message} {caught.value.hint}"
        assert "--database" in said if source else "DATABASE_URL" in said
        assert "kret" not in said
        assert caught.value.__cause__ is None


# Passwords.


@pytest.mark.parametrize(
    "conninfo",
    ["postgresql://u:p%40s%27s@h/d", "host=h password=p@s\\'s", "postgresql://u@h/d?password=p%40s%27s"],
)
def test_the_password_is_scrubbed_however_it_is_spelled(conninfo: str) -> None:
    target = db.Target(conninfo)

    for spelled in ("p@s's", "p%40s%27s", "p@s\\'s"):
        assert spelled not in db.scrub(f"before {spelled} after", target)
    assert "p@s" not in repr(target)


def test_the_password_of_the_environment_is_scrubbed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "sekret")

    assert db.scrub("it was sekret", None) == "it was ***"


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("postgresql://u:sekret@h/d", "postgresql://u:***@h/d"),
        ("--database=postgresql://u:se@kret@h/d", "--database=postgresql://u:***@h/d"),
        ("postgresql://u:se/kret@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u@h/d?password=sekret&x=1", "postgresql://u@h/d?password=***"),
        ("host=h PASSWORD = 'a sekret' x=1", "host=h PASSWORD =***"),
        ("postgresql://u@h:5432/d", "postgresql://u@h:5432/d"),
        ("apply", "apply"),
    ],
)
def test_an_argument_is_shown_without_its_password(argument: str, shown: str) -> None:
    assert hide_secrets(argument) == shown


# Connecting.


def target(database: Database, schema: str = "public", **parameters: str | int) -> db.Target:
    return db.Target(make_conninfo(database.conninfo, **parameters), schema)


def show(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_a_session_says_who_it_is_and_keeps_its_limits(empty_database: Database) -> None:
    with db.connect(
        target(empty_database), application="status", lock_timeout=0.5, statement_timeout=90, read_only=True
    ) as connection:
        found = {
            name: show(connection, name)
            for name in (
                "application_name",
                "search_path",
                "lock_timeout",
                "statement_timeout",
                "row_security",
                "default_transaction_read_only",
                "idle_in_transaction_session_timeout",
                "client_connection_check_interval",
                "client_encoding",
                "TimeZone",
            )
        }

    assert found == {
        "application_name": "schedtool status",
        "search_path": "public",
        "lock_timeout": "500ms",
        "statement_timeout": "90s",
        "row_security": "off",
        "default_transaction_read_only": "on",
        "idle_in_transaction_session_timeout": "5min",
        "client_connection_check_interval": "500ms",
        "client_encoding": "UTF8",
        "TimeZone": "UTC",
    }


def test_one_schema_is_searched_even_with_a_name_that_needs_quotes(empty_database: Database) -> None:
    name = 'Odd "one", two'
    with empty_database.connect() as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))

    with db.connect(target(empty_database, name), application="x") as connection:
        assert db.run(connection, "SELECT current_schemas(false) AS s")[-1].rows == [([name],)]


def test_a_read_only_session_cannot_write_and_a_writing_one_can(empty_database: Database) -> None:
    with (
        db.connect(target(empty_database), application="x", read_only=True) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("CREATE TABLE t ()")
    with db.connect(target(empty_database), application="x") as connection:
        connection.execute("CREATE TABLE t ()")


def test_the_read_only_block_writes_nothing_and_leaves_no_transaction(empty_database: Database) -> None:
    with db.connect(target(empty_database), application="x") as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), db.read_only(connection):
            connection.execute("CREATE TABLE t ()")

        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def failing(wanted: type[SchedtoolError], where: db.Target, *, read_only: bool = False) -> SchedtoolError:
    with pytest.raises(wanted) as caught, db.connect(where, application="x", read_only=read_only):
        pass
    assert "\n" not in caught.value.message
    return caught.value


def test_a_server_that_is_not_there_is_busy_and_named() -> None:
    error = failing(Busy, db.Target("postgresql://u:sekret@127.0.0.1:1/d"))

    assert error.message == 'cannot connect to PostgreSQL: Connection refused (server "127.0.0.1", port 1)'
    assert error.hint == "--wait SECONDS waits for the server to come up"


def test_a_host_that_is_not_there_is_busy_and_named() -> None:
    assert "'nohost.invalid'" in failing(Busy, db.Target("postgresql://u@nohost.invalid/d")).message


def test_a_database_that_is_not_there_is_busy_and_named(empty_database: Database) -> None:
    error = failing(Busy, target(empty_database, dbname="no_such"))

    assert 'database "no_such" does not exist' in error.message
    assert (error.code, error.hint) == ("database_missing", "create it first: createdb no_such")


def test_a_schema_that_is_not_there_is_named(empty_database: Database) -> None:
    error = failing(Failed, target(empty_database, "no such"))

    assert error.message == f'schema "no such" does not exist in database "{empty_database.name}"'


@contextmanager
def role(database: Database, *statements: str) -> Iterator[str]:
    """A role that may log in and nothing else, and what it is given."""
    name = f"role_{database.name}"
    with database.connect() as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{WORD}'".encode())
        try:
            for statement in statements:
                connection.execute(statement.format(role=name).encode())
            yield name
        finally:
            connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


def test_a_schema_that_is_closed_to_the_role_is_named_with_the_way_in(empty_database: Database) -> None:
    with role(empty_database, "CREATE SCHEMA closed") as name:
        error = failing(Failed, target(empty_database, "closed", user=name, password=WORD))

    assert f'role "{name}" has no right to use schema "closed"' in error.message
    assert error.hint == f'its owner can say: GRANT USAGE ON SCHEMA "closed" TO "{name}"'


def test_a_role_that_is_read_only_can_look_and_is_told_that_a_command_writes(empty_database: Database) -> None:
    with role(empty_database, "ALTER ROLE {role} SET default_transaction_read_only = on") as name:
        where = target(empty_database, user=name, password=WORD)
        error = failing(Failed, where)
        with db.connect(where, application="x", read_only=True) as connection:
            assert show(connection, "application_name") == "schedtool x"

    assert "is read-only for role" in error.message


def test_a_role_that_sees_only_some_rows_gets_an_error_instead_of_a_short_answer(empty_database: Database) -> None:
    statements = (
        "CREATE TABLE t (a int)",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY p ON t USING (a = 1)",
        "GRANT SELECT ON t TO {role}",
    )
    with role(empty_database, *statements) as name:
        where = target(empty_database, user=name, password=WORD)
        with (
            db.connect(where, application="x", read_only=True) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
        ):
            connection.execute("SELECT a FROM t")


@pytest.fixture
def own() -> Iterator[db.Target]:
    """A server of this test alone, for what cannot be done to one that others use."""
    with embedded.throwaway() as server:
        yield db.Target(server.conninfo)


def crash(where: db.Target, *, standby: bool = False) -> None:
    """Kill one session's server process, whereupon the server restarts, and return when it is down.

    It comes back as a standby where it is to be one: it finds the file that makes it one.
    """
    with psycopg.connect(where.conninfo, autocommit=True) as connection:
        if standby:
            connection.execute("COPY (SELECT) TO PROGRAM 'cat > standby.signal'")
        os.kill(connection.info.backend_pid, signal.SIGKILL)
    with pytest.raises(Busy):
        connect_until_refused(where)


def connect_until_refused(where: db.Target) -> None:
    while True:
        db.connect(where, application="x", read_only=True).close()


def test_waiting_gets_through_to_a_server_that_comes_up_meanwhile(own: db.Target) -> None:
    crash(own)

    told: list[str] = []
    with db.connect(own, application="x", wait=60, notify=told.append) as connection:
        assert show(connection, "application_name") == "schedtool x"
    (line,) = told
    assert line.startswith("waiting for the server: cannot connect to PostgreSQL: ")


def test_a_standby_can_be_read_and_not_written(own: db.Target) -> None:
    crash(own, standby=True)
    with db.connect(own, application="x", wait=60, read_only=True) as connection:
        assert db.run(connection, "SELECT pg_is_in_recovery()")[-1].rows == [(True,)]

    error = failing(Failed, own)

    assert (error.code, error.hint) == ("standby", "connect to the primary")


def test_a_wrong_password_is_busy_tried_once_and_never_shown(own: db.Target) -> None:
    with psycopg.connect(own.conninfo, autocommit=True) as connection:
        connection.execute("CREATE ROLE u LOGIN PASSWORD 'right'")
        rules = "VALUES ('local all postgres trust'), ('local all all scram-sha-256')"
        connection.execute(f"COPY ({rules}) TO PROGRAM 'cat > pg_hba.conf'".encode())
        connection.execute("SELECT pg_reload_conf()")
    wrong = db.Target(make_conninfo(own.conninfo, user="u", password=WORD))
    done = threading.Event()

    def connect() -> None:
        error.append(failing_in_time(wrong))
        done.set()

    error: list[SchedtoolError] = []
    thread = threading.Thread(target=connect)
    thread.start()

    assert done.wait(30), "it went on trying"
    thread.join()
    assert error[0].code == "wrong_password"
    assert "sekret" not in f"{error[0].message} {error[0].hint}"


def failing_in_time(where: db.Target) -> SchedtoolError:
    with pytest.raises(Busy) as caught, db.connect(where, application="x", wait=3600):
        pass
    return caught.value


# Running texts, and explaining what the server says.


def explained(database: Database, text: str, values: dict[str, str] | None = None) -> SchedtoolError:
    with closing(db.connect(target(database), application="x", lock_timeout=0.05)) as connection:
        with pytest.raises(psycopg.Error) as caught:
            db.run(connection, text, values)
        return db.explain_error(caught.value, file="/somewhere/sql/queries/x.sql", text=text)


def test_a_text_of_several_statements_answers_with_each_result(empty_database: Database) -> None:
    text = "SELECT :'a' AS a; CREATE TABLE t (b int); INSERT INTO t VALUES (1), (2); SELECT b, b FROM t ORDER BY b"
    with db.connect(target(empty_database), application="x") as connection:
        every = db.execute(connection, text, {"a": "it's"})
        with_columns = db.run(connection, "SELECT 1 AS a; SET lock_timeout = 1")

    assert [result.status for result in every] == ["SELECT 1", "CREATE TABLE", "INSERT 0 2", "SELECT 2"]
    assert every[0].dicts() == [{"a": "it's"}]
    assert (every[3].columns, every[3].rows) == (("b", "b"), [(1, 1), (2, 2)])
    assert with_columns[-1].dicts() == [{"a": 1}]


def test_the_same_text_of_several_statements_runs_many_times(empty_database: Database) -> None:
    # psycopg prepares what runs often, and several statements cannot be prepared.
    with db.connect(target(empty_database), application="x") as connection:
        answers = [db.run(connection, "SELECT 1; SELECT 2")[-1].rows for _ in range(12)]

    assert answers == [[(2,)]] * 12


def test_an_error_names_file_line_and_state_and_points_at_the_place(empty_database: Database) -> None:
    error = explained(empty_database, "SELECT 1;\n\tSELECT :'a', wrong FROM pg_class", {"a": "two\nlines \\"})

    assert error.message == 'sql/queries/x.sql:2: column "wrong" does not exist (42703)'
    assert error.hint is not None
    assert error.hint.split("\n")[:2] == [" SELECT :'a', wrong FROM pg_class", "              ^"]


def test_an_error_without_a_position_names_the_line_of_its_statement(empty_database: Database) -> None:
    error = explained(empty_database, "SELECT 1;\n-- ;\nSELECT 2;\n\n  SELECT 1 / 0;\nSELECT 3")

    assert (type(error), error.message) == (Failed, "sql/queries/x.sql:5: division by zero (22012)")


def test_an_error_raised_in_a_block_names_the_line_in_the_block_and_keeps_the_hint(empty_database: Database) -> None:
    text = "SELECT 1;\nDO $x$\nBEGIN\n    PERFORM 1;\n    RAISE 'no' USING HINT = 'do this', DETAIL = 'why';\nEND $x$;"
    error = explained(empty_database, text)

    assert (error.message, error.hint) == ("sql/queries/x.sql:5: no (P0001)", "detail: why\ndo this")


def test_a_lock_not_had_in_time_is_busy(empty_database: Database) -> None:
    with empty_database.connect(autocommit=False) as holder:
        holder.execute("CREATE TABLE t ()")
        holder.commit()
        holder.execute("LOCK TABLE t")
        error = explained(empty_database, "SELECT 1;\nLOCK TABLE t")

    assert (type(error), error.code) == (Busy, "lock_timeout")
    assert error.message == "sql/queries/x.sql:2: canceling statement due to lock timeout (55P03)"


def test_a_connection_that_is_lost_says_how_to_find_out_what_was_done(empty_database: Database) -> None:
    error = explained(empty_database, "SELECT pg_terminate_backend(pg_backend_pid())")

    assert (type(error), error.code) == (Failed, "connection_lost")
    assert error.hint is not None
    assert "schedtool status" in error.hint


def test_copy_with_data_is_no_lost_connection(empty_database: Database) -> None:
    assert explained(empty_database, "COPY (SELECT 1) TO STDOUT").code == "sql_error"


def test_the_tools_own_files_are_read_by_name() -> None:
    assert "search_path" in db.tool_sql("session")
