"""Bare `psql -f` of every file of migrations/ in autocommit, where its guard says no: nothing is lost, and it says so.

psql goes on after an error and every statement commits for itself: a guard protects only what is in its own statement.
For each guard the damage is seen as well: with the guard taken out, and with the destruction as statements of their own
behind the guard, as one would write it first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.journey import CREATE, DROP, FILES, FILL, SYNC, back, contents, execute, rows, things

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Psql
    from tests.servers import Database

WEEK = '{"monday": {"start": "09:00", "end": "17:00"}, "tuesday": "closed"}'
PARENTS = f"""
    INSERT INTO users (id, name, email) VALUES (1, 'Ada', 'ada@example.com');
    INSERT INTO providers (id, availability) VALUES (1, '{WEEK}'), (2, NULL)
"""
UNDONE = """INSERT INTO providers (id, availability) VALUES (3, '{"monday": "around noon"}')"""
UNHEARD = "ALTER TABLE provider_availability DISABLE TRIGGER USER"
HEARD = "ALTER TABLE provider_availability ENABLE TRIGGER USER"
LATER = f"{UNHEARD}; UPDATE provider_availability SET end_time = '18:00'; {HEARD}"


@dataclass(frozen=True)
class Guard:
    """A state in which a file must not do its work.

    Attributes:
        file: The file.
        done: Files that ran before.
        state: Statements that make the state, after them.
        says: What psql shows of it, % for a 1; with its RAISE taken out the file does the damage.
        also: What else says no, and would after the RAISE is taken out.
    """

    file: Path
    done: tuple[Path, ...]
    state: str
    says: str
    also: tuple[str, ...] = ()


DONE = (CREATE, SYNC, FILL)
DESTROYERS = {
    "the drop, with a document that waits for a decision": Guard(
        DROP, DONE, UNDONE, "documents wait for a decision", ("documents do not equal their rows",)
    ),
    "the drop, with a row that differs": Guard(DROP, DONE, LATER, "documents do not equal their rows"),
    "the drop, with a row missing": Guard(
        DROP, DONE, f"{UNHEARD}; DELETE FROM provider_availability; {HEARD}", "documents do not equal their rows"
    ),
    "the drop, with rows that no document says": Guard(
        DROP,
        DONE,
        f"{UNHEARD}; INSERT INTO provider_availability (provider_id, day_of_week) VALUES (2, 'friday'); {HEARD}",
        "documents do not equal their rows",
    ),
    "the drop, with the rows' trigger disabled": Guard(DROP, DONE, UNHEARD, "missing or disabled"),
    "the drop, with a trigger of the documents disabled": Guard(
        DROP,
        DONE,
        "ALTER TABLE providers DISABLE TRIGGER providers_availability_update_trigger",
        "missing or disabled",
    ),
    "the drop, before the backfill": Guard(
        DROP, (CREATE, SYNC), "", "the rows were not filled", ("documents do not equal their rows",)
    ),
    "0001 back, under 0002": Guard(back(CREATE), (CREATE, SYNC), "", "migration 0002 stands on provider_availability"),
    "0001 back, with bookings": Guard(
        back(CREATE),
        (CREATE,),
        "INSERT INTO bookings (user_id, provider_id, appointment_date) VALUES (1, 1, '2026-01-05')",
        "holds rows that exist nowhere else",
    ),
    "0001 back, with days": Guard(
        back(CREATE),
        (CREATE,),
        "INSERT INTO provider_availability (provider_id, day_of_week) VALUES (1, 'monday')",
        "holds rows that exist nowhere else",
    ),
    "0002 back, under 0003": Guard(back(SYNC), DONE, UNDONE, "migration 0003 stands on this one"),
    "0002 back, under 0004": Guard(
        back(SYNC), (*DONE, DROP), "", "migration 0004 stands on this one", ("migration 0003 stands on this one",)
    ),
    "0002 back, with a decision": Guard(
        back(SYNC),
        (CREATE, SYNC),
        f"{UNDONE}; UPDATE provider_availability_rejects SET accepted_by = 'me', accepted_at = now()",
        "decisions about % documents exist nowhere else",
    ),
    "0002 back, with a policy": Guard(
        back(SYNC),
        (CREATE, SYNC),
        "INSERT INTO provider_availability_policy (version, settings, created_by)"
        " VALUES (1, '{\"default_timezone\": \"Europe/Paris\"}', 'me')",
        "policies that documents were read by exist nowhere else",
    ),
    "0003 back, with a row that no document says": Guard(
        back(FILL), DONE, LATER, "rows of provider_availability say what no document says"
    ),
    "0003 back, with last good rows of an unreadable document": Guard(
        back(FILL),
        DONE,
        "UPDATE providers SET availability = '\"mornings\"' WHERE id = 1",
        "rows of provider_availability say what no document says",
    ),
}
# These could not go through without their guard either, or only begin what the guard forbids.
OTHERS = {
    "0001, without providers": Guard(CREATE, (), "DROP TABLE providers", "there is no table providers"),
    "0001, without users": Guard(CREATE, (), "DROP TABLE users", "there is no table users"),
    "0002, without 0001": Guard(SYNC, (), "", "there is no table provider_availability"),
    "0002, without documents": Guard(
        SYNC, (CREATE,), "ALTER TABLE providers DROP COLUMN availability", "table providers has no column availability"
    ),
    "0003, without 0002": Guard(FILL, (CREATE,), "", "the function and the triggers of migration 0002 are not there"),
    "0003, with a trigger disabled": Guard(FILL, (CREATE, SYNC), UNHEARD, "are not all there and enabled"),
    "the drop, without 0001": Guard(DROP, (), "", "the tables of migrations 0001 and 0002 are not there"),
    "the drop, without 0002": Guard(DROP, (CREATE,), "", "the tables of migrations 0001 and 0002 are not there"),
    "the drop, with a view on the column": Guard(
        DROP,
        DONE,
        "CREATE VIEW weeks AS SELECT id, availability FROM providers",
        "is in use: rule _RETURN on view weeks",
    ),
    "the drop, with a column made from the documents": Guard(
        DROP, DONE, "ALTER TABLE providers ADD said text GENERATED ALWAYS AS (availability::text) STORED", "said"
    ),
    "0003 back, under 0004": Guard(back(FILL), (*DONE, DROP), "", "migration 0004 stands on this one"),
    "0003 back, without 0002": Guard(
        back(FILL),
        (CREATE,),
        "INSERT INTO provider_availability (provider_id, day_of_week) VALUES (1, 'monday')",
        "the tables of migration 0002 are not there",
    ),
    "the drop back, without an archive": Guard(
        back(DROP), DONE, "ALTER TABLE providers DROP COLUMN availability CASCADE", "the archive of the column"
    ),
}
GUARDS = {**DESTROYERS, **OTHERS}


def prepare(database: Database, guard: Guard) -> None:
    database.make_parents()
    execute(database, PARENTS, *(file.read_text() for file in guard.done), guard.state or "SELECT")


@pytest.mark.parametrize("case", GUARDS)
def test_psql_in_autocommit_loses_nothing_behind_a_guard_that_said_no(
    empty_database: Database, psql: Psql, case: str
) -> None:
    guard = GUARDS[case]
    prepare(empty_database, guard)
    there, held = things(empty_database), contents(empty_database)

    outcome = psql(empty_database, file=guard.file)

    assert "ERROR:  " in outcome.stderr
    assert guard.says.replace("%", "1") in outcome.stderr
    now = things(empty_database)
    if guard.file in {CREATE, SYNC}:
        # They make things one by one, and some are made; what was there is what it was.
        now = {name: text for name, text in now.items() if name in there}
        assert all(contents(empty_database)[table] == content for table, content in held.items())
    else:
        assert contents(empty_database) == held
    assert now == there


def without(text: str, *messages: str) -> str:
    """The file without the RAISE of these messages."""
    for message in messages:
        text, count = re.subn(rf"RAISE EXCEPTION '[^']*{re.escape(message)}.*?;\n", "NULL;\n", text, flags=re.DOTALL)
        assert count == 1, message
    return text


def apart(text: str) -> str:
    """The file with its destruction as statements of their own, behind the block with the guards."""
    destruction = re.compile(r"^ +((?:DROP|DELETE FROM|ALTER TABLE \w+ DROP) .*;)\n", re.MULTILINE)
    assert destruction.search(text)
    return destruction.sub("NULL;\n", text) + "\n".join(destruction.findall(text)) + "\n"


@pytest.mark.parametrize("case", DESTROYERS)
def test_without_the_guard_the_damage_is_done(empty_database: Database, psql: Psql, case: str) -> None:
    guard = DESTROYERS[case]
    prepare(empty_database, guard)
    there, held = things(empty_database), contents(empty_database)
    text = without(guard.file.read_text(), guard.says, *guard.also)

    outcome = psql(empty_database, stdin=text)

    assert "ERROR:  " not in outcome.stderr
    assert lost(empty_database, there, held)


@pytest.mark.parametrize("case", DESTROYERS)
def test_with_the_destruction_behind_the_guard_the_damage_is_done(
    empty_database: Database, psql: Psql, case: str
) -> None:
    guard = DESTROYERS[case]
    prepare(empty_database, guard)
    there, held = things(empty_database), contents(empty_database)

    outcome = psql(empty_database, stdin=apart(guard.file.read_text()))

    assert guard.says.replace("%", "1") in outcome.stderr
    assert outcome.exit_code == 0
    assert lost(empty_database, there, held)


def lost(database: Database, there: dict[str, str], held: dict[str, list[str]]) -> bool:
    """Whether something that was there is gone."""
    now = contents(database)
    return bool(there.keys() - things(database).keys()) or any(
        set(content) - set(now.get(table, ())) for table, content in held.items()
    )


def test_a_view_that_uses_the_column_falls_where_the_guard_is_gone_and_cascade_is_written(
    empty_database: Database, psql: Psql
) -> None:
    prepare(empty_database, OTHERS["the drop, with a view on the column"])
    text = without(DROP.read_text(), "providers.availability is in use")

    psql(empty_database, stdin=text)
    assert "view weeks" in things(empty_database)
    psql(empty_database, stdin=text.replace("DROP COLUMN availability;", "DROP COLUMN availability CASCADE;"))
    assert "view weeks" not in things(empty_database)


@pytest.mark.parametrize("table", ["bookings", "provider_availability"])
def test_somebodys_table_of_that_name_is_left_as_it_is_and_can_be_written(
    empty_database: Database, psql: Psql, table: str
) -> None:
    empty_database.make_parents()
    execute(
        empty_database,
        PARENTS,
        f"CREATE TABLE {table} (id integer PRIMARY KEY, provider_id integer, user_id integer, appointment_date date,"
        " day_of_week text)",
        f"INSERT INTO {table} VALUES (1, 1, 1, '2026-01-05', 'monday')",
        f"COMMENT ON TABLE {table} IS 'Ours.'",
    )
    there, held = things(empty_database), contents(empty_database)

    outcome = psql(empty_database, file=CREATE)

    assert f"a table {table} with other columns is there already" in outcome.stderr
    assert contents(empty_database)[table] == held[table]
    execute(empty_database, f"UPDATE {table} SET provider_id = provider_id")
    of_it = re.compile(rf"\w+ {table}\b")
    assert {name: text for name, text in things(empty_database).items() if of_it.match(name)} == {
        name: text for name, text in there.items() if of_it.match(name)
    }


@pytest.mark.parametrize("part", ["policy", "zones", "rejects"])
def test_somebodys_table_of_a_name_that_0002_wants_is_left_and_no_writer_fails(
    empty_database: Database, psql: Psql, part: str
) -> None:
    table = f"provider_availability_{part}"
    empty_database.make_parents()
    execute(
        empty_database,
        PARENTS,
        CREATE.read_text(),
        f"CREATE TABLE {table} (name text PRIMARY KEY, settings text, version text, provider_id text)",
        f"INSERT INTO {table} VALUES ('ours', 'ours', '1', 'one')",
        f"COMMENT ON TABLE {table} IS 'Ours.'",
    )
    there, held = things(empty_database), contents(empty_database)
    rights = rows(
        empty_database, "SELECT relname, relacl::text FROM pg_class WHERE relname = %(table)s", {"table": table}
    )

    outcome = psql(empty_database, file=SYNC)

    assert f"a table {table} with other columns is there already" in outcome.stderr
    assert contents(empty_database)[table] == held[table]
    assert {name: text for name, text in things(empty_database).items() if name in there} == there
    assert rights == rows(
        empty_database, "SELECT relname, relacl::text FROM pg_class WHERE relname = %(table)s", {"table": table}
    )
    execute(empty_database, 'UPDATE providers SET availability = \'{"friday": "closed"}\'')


@pytest.mark.parametrize("kind", ["json", "text"])
def test_documents_of_another_type_are_left_and_can_be_written(empty_database: Database, psql: Psql, kind: str) -> None:
    empty_database.make_parents()
    execute(empty_database, f"ALTER TABLE providers ALTER availability TYPE {kind}", PARENTS, CREATE.read_text())
    held = contents(empty_database)["providers"]

    outcome = psql(empty_database, file=SYNC)

    assert f"column providers.availability is of type {kind}, not jsonb" in outcome.stderr
    assert contents(empty_database)["providers"] == held
    execute(empty_database, 'UPDATE providers SET availability = \'{"friday": "closed"}\'')


def test_every_file_and_its_rollback_was_in_a_state_that_its_guard_forbids() -> None:
    tried = {guard.file for guard in GUARDS.values()}

    assert tried == {*FILES, *(back(file) for file in FILES)}
