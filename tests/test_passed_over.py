"""Batches that pass over the foreign key, because they hold their providers' locks: and nothing else is passed over."""

from __future__ import annotations

import shutil
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from schedtool import backfill, batches, psqlscript, settings
from schedtool.database import Target
from schedtool.database import run as run_sql
from schedtool.errors import Failed, UsageError
from schedtool.project import load, shipped
from tests import small_project
from tests.clusters import wait_for
from tests.journey import execute, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from schedtool.project import Project
    from tests.conftest import RunCli
    from tests.servers import Database

DOCUMENTS = 300
ROWS = 2 * DOCUMENTS
DOCUMENT = '{"monday": {"start": "09:00", "end": "17:00"}, "friday": {"start": "09:00", "end": "17:00"}}'
FILE = (shipped() / "migrations" / "0003.backfill-provider-availability.sql").read_text()
BATCH = "sql/batches/0003.backfill-provider-availability"
ITS_LOCK = "FOR NO KEY UPDATE OF p\n"
LOOKS = "current_setting('schedtool.passes_over', true) = 'yes'"
ROWS_WRITTEN = "SELECT count(*) FROM provider_availability"
ORPHANS = f"{ROWS_WRITTEN} WHERE provider_id NOT IN (SELECT id FROM ONLY providers)"
KEPT_BY_TRIGGER = """
    CREATE TABLE kept (id bigint);
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO kept VALUES (NEW.id); RETURN NEW; END';
    CREATE TRIGGER keep {when} INSERT ON provider_availability FOR EACH ROW EXECUTE FUNCTION keep()
"""
KEPT_BY_RULE = """
    CREATE TABLE kept (id bigint);
    CREATE RULE keep AS ON INSERT TO provider_availability DO ALSO INSERT INTO kept VALUES (NEW.provider_id)
"""

OURS = {
    "TABLE": "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    "ROUTINE": "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
}


@pytest.fixture
def documents(empty_database: Database, run_cli: RunCli) -> Database:
    """Three hundred documents of two days, and the triggers, but no rows yet."""
    empty_database.make_parents()
    with empty_database.connect() as connection:
        connection.execute(
            "INSERT INTO providers (id, availability) SELECT n, %s::jsonb FROM generate_series(1, %s) AS n",
            [DOCUMENT, DOCUMENTS],
        )
    outcome = run_cli("--database", empty_database.url, "apply", "--to", "0002")
    assert outcome.exit_code == 0, outcome
    return empty_database


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Project]:
    """The shipped project with something taken out of one of its files."""

    def change(part: str, *changes: tuple[str, str]) -> Project:
        for folder in ("migrations", "sql"):
            shutil.copytree(shipped() / folder, tmp_path / folder)
        file = tmp_path / f"{BATCH}{part}.sql"
        text = file.read_text()
        for old, new in changes:
            assert text.count(old) == 1
            text = text.replace(old, new)
        file.write_text(text)
        return load(tmp_path)

    return change


def run(
    database: Database,
    notify: Callable[[object], None] = lambda _: None,
    *,
    project: Project | None = None,
    target: Target | None = None,
) -> batches.Result:
    project = project or load(None)
    return backfill.backfill(
        target or Target(database.conninfo),
        project,
        project.find("0003"),
        policy=settings.Policy(),
        options=batches.Options(batch_size=20, range_keys=100, workers=1, nice_ratio=0),
        notify=notify,
    ).result


def one(database: Database, statement: str) -> Any:  # noqa: ANN401 - whatever the database answers
    return rows(database, statement)[0][0]


def asked(database: Database, act: Callable[[], object]) -> int:
    """How often something looks for a provider by its key; what a session has counted is known at its end."""
    scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE relname = 'providers' AND indexrelname ~ 'pkey'"
    there = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ 'schedtool'"
    )
    begun = one(database, scans)
    act()
    wait_for(lambda: one(database, there) == 0, "the sessions to end")
    return int(one(database, scans) - begun)


def test_the_key_is_not_asked_for_every_row(documents: Database, changed: Callable[..., Project]) -> None:
    assert asked(documents, lambda: run(documents)) < ROWS / 2
    assert one(documents, ROWS_WRITTEN) == ROWS
    execute(documents, "SET schedtool.sync = 'document'; DELETE FROM provider_availability")
    usual = changed(".session", ("'replica', false", "'origin', false"))
    assert asked(documents, lambda: run(documents, project=usual)) > ROWS
    assert one(documents, ROWS_WRITTEN) == ROWS


@pytest.mark.parametrize("is_locked", [True, False], ids=["", "without the lock"])
def test_the_lock_is_what_answers_for_the_key(
    documents: Database, changed: Callable[..., Project], is_locked: bool
) -> None:
    """The batch has read the provider that is deleted, and waits with its rows for a row of another one before it."""
    project = load(None) if is_locked else changed("", ("    FOR NO KEY UPDATE\n", ""), (ITS_LOCK, ""))
    deleted = threading.Event()

    def delete() -> None:
        with documents.connect() as app:
            app.execute("DELETE FROM providers WHERE id = 7")
        deleted.set()

    deleting = threading.Thread(target=delete)
    with documents.connect() as app, documents.connect() as watch:
        app.execute("SET schedtool.sync = 'document'")
        app.execute("BEGIN")
        app.execute("INSERT INTO provider_availability (provider_id, day_of_week) VALUES (3, 'monday')")
        filling = threading.Thread(target=run, args=(documents,), kwargs={"project": project})
        filling.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = %s"
        wait_for(
            lambda: watch.execute(waits, ["schedtool batches"]).fetchone() == (1,), "the batch to wait for the row"
        )
        deleting.start()
        # Without the lock it does not wait for the batch; with it, until the batch has ended or made way.
        if not is_locked:
            assert deleted.wait(10)
        app.execute("ROLLBACK")
        deleting.join()
        filling.join()
    assert one(documents, "SELECT count(*) FROM providers WHERE id = 7") == 0
    assert one(documents, ORPHANS) == (0 if is_locked else 2)


@pytest.mark.parametrize(
    "keeping",
    [KEPT_BY_TRIGGER.format(when="BEFORE"), KEPT_BY_TRIGGER.format(when="AFTER")],
    ids=["BEFORE", "AFTER"],
)
def test_what_the_application_hangs_on_the_rows_is_not_passed_over(documents: Database, keeping: str) -> None:
    execute(documents, keeping)
    assert run(documents).counters["inserted"] == ROWS
    assert one(documents, "SELECT count(*) FROM kept") == ROWS


def test_nor_is_a_rule_which_no_batch_can_follow(documents: Database) -> None:
    execute(documents, KEPT_BY_RULE)
    with pytest.raises(Failed, match="rules"):
        run(documents)
    assert one(documents, ROWS_WRITTEN) == 0


def test_without_looking_for_it_it_would_be(documents: Database, changed: Callable[..., Project]) -> None:
    execute(documents, KEPT_BY_TRIGGER.format(when="AFTER"))
    blind = changed("", (LOOKS, "false"))
    assert run(documents, project=blind).counters["inserted"] == ROWS
    assert one(documents, "SELECT count(*) FROM kept") == 0


def test_nor_what_comes_while_batches_run(documents: Database) -> None:
    filling = threading.Thread(target=run, args=(documents,))
    with documents.connect() as app, documents.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("SELECT FROM providers WHERE id = 200 FOR UPDATE")
        filling.start()
        wait_for(
            lambda: (app.execute(ROWS_WRITTEN).fetchone() or ()) > (200,),
            "the batches to come to the row that is locked",
        )
        with app.transaction():
            app.execute(KEPT_BY_TRIGGER.format(when="AFTER").encode())
            (before,) = app.execute(ROWS_WRITTEN).fetchone() or (0,)
        holder.execute("ROLLBACK")
        filling.join()
    assert 0 < before < ROWS
    assert one(documents, ROWS_WRITTEN) == ROWS
    assert one(documents, "SELECT count(*) FROM kept") == ROWS - before


@pytest.mark.parametrize("is_blind", [False, True], ids=["", "without looking for it"])
def test_another_key_is_asked_for_every_row(
    documents: Database, changed: Callable[..., Project], is_blind: bool
) -> None:
    """Documents with a day that this key does not know become rejects, one by one."""
    execute(
        documents,
        "UPDATE providers SET availability = availability - 'friday' WHERE id > 2",
        "CREATE TABLE weekdays (name text PRIMARY KEY)",
        "INSERT INTO weekdays VALUES ('monday')",
        "ALTER TABLE provider_availability ADD CONSTRAINT weekday FOREIGN KEY (day_of_week) REFERENCES weekdays",
    )
    run(documents, project=changed("", (LOOKS, "false")) if is_blind else None)
    rejected = rows(documents, "SELECT provider_id, reason FROM provider_availability_rejects ORDER BY 1")
    unknown = one(documents, f"{ROWS_WRITTEN} WHERE day_of_week = 'friday'")
    assert (rejected, unknown) == (([], 2) if is_blind else ([(1, "error_23503"), (2, "error_23503")], 0))


def test_a_trigger_on_the_rejects_sees_one_that_a_failing_document_becomes(documents: Database) -> None:
    """The batch that looked is rolled back by then."""
    execute(
        documents,
        "ALTER TABLE provider_availability ADD CONSTRAINT not_five CHECK (provider_id <> 5)",
        """
        CREATE TABLE kept (id bigint);
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO kept VALUES (NEW.provider_id); RETURN NEW; END';
        CREATE TRIGGER keep AFTER INSERT ON provider_availability_rejects FOR EACH ROW EXECUTE FUNCTION keep()
        """,
    )
    run(documents)
    assert rows(documents, "SELECT id FROM kept") == [(5,)]


def test_an_owner_who_may_not_set_it_fills_the_rows_all_the_same(documents: Database) -> None:
    name = f"owner_of_{documents.name}"
    role = sql.Identifier(name)
    with documents.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'owns'").format(role))
        # All that belongs to this superuser at once would be the system's own things too.
        connection.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(role))
        for kind, names in OURS.items():
            for (one_of_them,) in connection.execute(names.encode()).fetchall():
                connection.execute(sql.SQL("ALTER {} {} OWNER TO {}").format(sql.SQL(kind), sql.SQL(one_of_them), role))
    try:
        owner = psycopg.conninfo.make_conninfo(documents.conninfo, user=name, password="owns")  # noqa: S106
        with psycopg.connect(owner) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET session_replication_role = 'replica'")
        assert run(documents, target=Target(owner)).counters["inserted"] == ROWS
        execute(documents, "SET schedtool.sync = 'document'; DELETE FROM provider_availability")
        with psycopg.connect(owner) as connection:
            connection.execute(FILE.encode())
        assert one(documents, ROWS_WRITTEN) == ROWS
    finally:
        with documents.connect() as connection:
            connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(role))
            connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))


ROLE = "SELECT current_setting('session_replication_role')"


def test_the_file_alone_passes_over_the_key_and_gives_the_setting_back(documents: Database) -> None:
    roles: list[Any] = []

    def fill(file: str) -> None:
        with documents.connect() as connection, connection.transaction():
            connection.execute(file.encode())
            roles.append(connection.execute(ROLE).fetchone())

    assert asked(documents, lambda: fill(FILE)) < ROWS
    assert one(documents, ROWS_WRITTEN) == ROWS
    execute(documents, "SET schedtool.sync = 'document'; DELETE FROM provider_availability")
    usual = FILE.replace("'session_replication_role', 'replica'", "'session_replication_role', 'origin'")
    assert usual != FILE
    assert asked(documents, lambda: fill(usual)) >= ROWS
    assert one(documents, ROWS_WRITTEN) == ROWS
    assert roles == [("origin",)] * 2


@pytest.mark.parametrize("is_blind", [False, True], ids=["", "without looking for it"])
def test_the_file_alone_passes_over_nothing_else(documents: Database, is_blind: bool) -> None:
    execute(documents, KEPT_BY_TRIGGER.format(when="AFTER"))
    looks = "current_setting('session_replication_role') = 'origin' AND NOT ("
    blind = FILE.replace(looks, f"{looks} false AND")
    assert blind != FILE
    execute(documents, blind if is_blind else FILE)
    assert one(documents, ROWS_WRITTEN) == ROWS
    assert one(documents, "SELECT count(*) FROM kept") == (0 if is_blind else ROWS)


RUBBISH = """INSERT INTO providers (id, availability) VALUES ({}, '{{"monday": "rubbish"}}')"""
REJECTED_ORPHANS = (
    "SELECT count(*) FROM provider_availability_rejects WHERE provider_id NOT IN (SELECT id FROM ONLY providers)"
)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


class Others:
    """Sessions of the application, each statement committed by itself but where it begins a transaction."""

    def __init__(self, database: Database, stack: ExitStack) -> None:
        self.database = database
        self.watch, self.holder, self.app = (stack.enter_context(database.connect()) for _ in range(3))
        self.holder.execute("SET schedtool.sync = 'document'")

    def hold_a_row(self) -> None:
        """Keep whoever fills waiting with the row of provider 3, whose own row nobody holds."""
        self.holder.execute("BEGIN")
        self.holder.execute("INSERT INTO provider_availability (provider_id, day_of_week) VALUES (3, 'monday')")

    def wait_for(self, sessions: int) -> None:
        wait_for(lambda: self.watch.execute(WAITING).fetchone() == (sessions,), "sessions to wait for locks")

    def delete(self, key: int, *, waits: bool) -> threading.Thread:
        """Delete a provider in a session of its own, at once or when the one who fills lets it."""
        deleting = threading.Thread(target=execute, args=(self.database, f"DELETE FROM providers WHERE id = {key}"))
        deleting.start()
        if waits:
            self.wait_for(2)
        else:
            deleting.join()
        return deleting


@pytest.mark.parametrize("is_locked", [True, False], ids=["", "without a lock of its own"])
@pytest.mark.parametrize(
    ("comes", "key", "orphans"),
    [("UPDATE providers SET id = 10 WHERE id = 300", 10, ORPHANS), (RUBBISH.format(10), 10, REJECTED_ORPHANS)],
    ids=["another key", "a new one"],
)
def test_a_provider_that_comes_into_the_range_behind_the_locks_is_locked_too(
    documents: Database, comes: str, key: int, orphans: str, is_locked: bool
) -> None:
    session, batch = ((shipped() / f"{BATCH}{part}.sql").read_text() for part in (".session", ""))
    assert batch.count(ITS_LOCK) == 1
    lock, *rest = psqlscript.statements(batch if is_locked else batch.replace(ITS_LOCK, ""))
    values = {"first": "1", "last": "20", "settings": "{}"}
    execute(documents, f"DELETE FROM providers WHERE id = {key}")
    with ExitStack() as stack:
        others, connection = Others(documents, stack), stack.enter_context(documents.connect())
        connection.execute(session.encode())
        connection.execute("BEGIN")
        run_sql(connection, lock.text, values)
        others.app.execute(comes.encode())
        others.hold_a_row()

        def fill() -> None:
            for statement in rest:
                run_sql(connection, statement.text, values)
            connection.execute("COMMIT")

        filling = threading.Thread(target=fill)
        filling.start()
        others.wait_for(1)
        deleting = others.delete(key, waits=is_locked)
        others.holder.execute("ROLLBACK")
        filling.join()
        deleting.join()
    assert one(documents, f"SELECT count(*) FROM providers WHERE id = {key}") == 0
    assert (one(documents, orphans) > 0) is not is_locked


@pytest.mark.parametrize("is_locked", [True, False], ids=["", "without a lock of its own"])
def test_the_file_alone_locks_a_provider_that_is_there_anew(documents: Database, is_locked: bool) -> None:
    assert FILE.count(ITS_LOCK) == 1
    file = (FILE if is_locked else FILE.replace(ITS_LOCK, "")).replace("'500ms'", "'60s'")
    with ExitStack() as stack:
        others, first, ninth = Others(documents, stack), *(stack.enter_context(documents.connect()) for _ in range(2))
        first.execute("BEGIN")
        first.execute("DELETE FROM providers WHERE id = 2")
        ninth.execute("BEGIN")
        ninth.execute("SELECT FROM providers WHERE id = 9 FOR UPDATE")
        filling = threading.Thread(target=execute, args=(documents, file))
        filling.start()
        others.wait_for(1)
        # It has listed the second provider, and waits for it; then for the ninth.
        first.execute("COMMIT")
        first.execute(RUBBISH.format(2).encode())
        others.hold_a_row()
        ninth.execute("ROLLBACK")
        waits = f"{WAITING} AND wait_event = 'transactionid' AND query !~ 'DELETE'"
        wait_for(lambda: one(documents, waits) == 1 and is_writing(documents), "the file to wait for the row")
        deleting = others.delete(2, waits=is_locked)
        others.holder.execute("ROLLBACK")
        filling.join()
        deleting.join()
    assert one(documents, "SELECT count(*) FROM providers WHERE id = 2") == 0
    assert (one(documents, REJECTED_ORPHANS) > 0) is not is_locked


def is_writing(database: Database) -> bool:
    """Whether the file has come to its rows, beside whoever holds one: by the lock that it takes then."""
    locks = (
        "SELECT count(*) FROM pg_locks WHERE relation = 'provider_availability'::regclass AND mode = 'RowExclusiveLock'"
    )
    return int(one(database, locks)) == 2


@pytest.mark.parametrize("is_blind", [False, True], ids=["", "without looking for them"])
def test_children_of_providers_are_no_providers_to_the_key(
    documents: Database, changed: Callable[..., Project], is_blind: bool
) -> None:
    execute(
        documents,
        "CREATE TABLE providers_vip () INHERITS (providers)",
        f"INSERT INTO providers_vip (id, availability) VALUES (1001, '{DOCUMENT}')",
    )
    if is_blind:
        run(documents, project=changed("", ("WHERE h.inhparent IN", "WHERE false AND h.inhparent IN")))
    else:
        with pytest.raises(Failed, match="foreign key"):
            run(documents)
    assert one(documents, ORPHANS) == (2 if is_blind else 0)


def test_who_has_it_set_already_keeps_it(documents: Database) -> None:
    """Whatever is passed over then is the decision of whoever has set it."""
    execute(documents, KEPT_BY_TRIGGER.format(when="AFTER"))
    target = Target(psycopg.conninfo.make_conninfo(documents.conninfo, options="-c session_replication_role=replica"))
    assert run(documents, target=target).counters["inserted"] == ROWS
    assert one(documents, "SELECT count(*) FROM kept") == 0


SESSION = "sql/batches/0002.fill-copied.session.sql"


def test_the_session_file_runs_once_on_each_connection_before_its_first_batch(
    empty_database: Database, tmp_path: Path
) -> None:
    small = small_project.make(tmp_path)
    small.write(
        SESSION, "INSERT INTO sessions VALUES (pg_backend_pid()); SELECT set_config('small.said', 'yes', false);\n"
    )
    batch = tmp_path / "sql/batches/0002.fill-copied.sql"
    batch.write_text(
        f"{batch.read_text().rstrip()}\n".replace(
            "SELECT FROM item", "SELECT current_setting('small.said') FROM item", 1
        )
    )
    with empty_database.connect() as connection:
        small_project.prepare(connection, small, 400)
        connection.execute("CREATE TABLE sessions (pid integer)")
        work = batches.work_of(small.load(), small.migration())
        assert work is not None
        target = Target(empty_database.conninfo)
        options = batches.Options(batch_size=20, range_keys=100, workers=2)
        result = batches.run(connection, target, work=work, options=options, notify=lambda _: None)
        assert result.counters["documents"] == 400
        assert connection.execute("SELECT count(*), count(DISTINCT pid) FROM sessions").fetchone() == (2, 2)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("SELECT 1 / 0;\n", Failed, "0002.fill-copied.session.sql:1"),
        ("SELECT :'first';\n", UsageError, "0002.fill-copied.session.sql:1"),
    ],
    ids=["an error", "a parameter"],
)
def test_a_session_file_that_is_wrong_is_named(
    empty_database: Database, tmp_path: Path, text: str, error: type[Exception], said: str
) -> None:
    small = small_project.make(tmp_path)

    def fill(connection: psycopg.Connection[Any]) -> None:
        work = batches.work_of(small.load(), small.migration())
        assert work is not None
        target = Target(empty_database.conninfo)
        batches.run(connection, target, work=work, options=batches.Options(), notify=lambda _: None)

    with empty_database.connect() as connection:
        small_project.prepare(connection, small, 40)
        small.write(SESSION, text)
        with pytest.raises(error, match=said):
            fill(connection)
        assert connection.execute("SELECT count(*) FROM copied").fetchone() == (0,)
