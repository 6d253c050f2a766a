"""`backfill --defer-foreign-key`: the key is away while batches run, nobody notices, and back and proved after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from schedtool import backfill, batches, settings
from schedtool.database import Target
from schedtool.project import load
from tests import journey

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import RunCli
    from tests.servers import Database

DOCUMENT = '{"monday": {"start": "09:00", "end": "17:00"}, "friday": {"start": "09:00", "end": "17:00"}}'
KEY = """
    SELECT convalidated FROM pg_constraint
    WHERE conrelid = 'provider_availability'::regclass AND contype = 'f'
"""
STAND_INS = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'provider_availability_stand_in%'"
PROVIDERS, ROWS = "ALTER TABLE providers", "ALTER TABLE provider_availability"
NAME, OTHER = "provider_availability_provider_id_fkey", "FOREIGN KEY (provider_id) REFERENCES providers"
ORPHANS = "SELECT count(*) FROM provider_availability WHERE provider_id NOT IN (SELECT id FROM providers)"


@pytest.fixture
def documents(empty_database: Database, run_cli: RunCli) -> Database:
    """Three hundred documents, and the triggers, but no rows yet."""
    empty_database.make_parents()
    with empty_database.connect() as connection:
        connection.execute(
            "INSERT INTO providers (id, availability) SELECT n, %s::jsonb FROM generate_series(1, 300) AS n", [DOCUMENT]
        )
    outcome = run_cli("--database", empty_database.url, "apply", "--to", "0002")
    assert outcome.exit_code == 0, outcome
    return empty_database


def run(database: Database, notify: Callable[[object], None], *, strip: bool = True) -> batches.Result:
    project = load(None)
    options = batches.Options(strip=strip, batch_size=20, range_keys=100, workers=1)
    migration = project.find("0003")
    return backfill.backfill(
        Target(database.conninfo), project, migration, policy=settings.Policy(), options=options, notify=notify
    ).result


def once_started(act: Callable[[], object]) -> Callable[[object], None]:
    """Act once while batches run."""
    acted = False

    def notify(event: object) -> None:
        nonlocal acted
        if isinstance(event, batches.Started) and not acted:
            acted = True
            act()

    return notify


def one(database: Database, statement: str) -> Any:  # noqa: ANN401 - whatever the database answers
    found = journey.rows(database, statement)
    return found[0][0] if found else None


def test_the_key_is_away_while_batches_run_and_back_and_proved_at_the_end(documents: Database) -> None:
    before = journey.things(documents)
    seen: list[Any] = []
    result = run(documents, once_started(lambda: seen.extend((one(documents, KEY), one(documents, STAND_INS)))))
    assert seen == [None, 3]
    assert result.counters["inserted"] == 600
    assert journey.things(documents) == before
    assert one(documents, KEY) is True


def test_meanwhile_everybody_is_held_to_the_key_as_before(documents: Database) -> None:
    def write() -> None:
        with documents.connect() as app:
            app.execute("DROP ROLE IF EXISTS old_code")
            app.execute("CREATE ROLE old_code")
            app.execute("GRANT SELECT, UPDATE, DELETE ON providers TO old_code")
            row = "INSERT INTO provider_availability (provider_id, day_of_week) VALUES ({}, 'sunday')"
            with pytest.raises(psycopg.errors.ForeignKeyViolation) as raised:
                app.execute(row.format(9_999).encode())
            assert raised.value.diag.constraint_name == "provider_availability_provider_id_fkey"
            app.execute(row.format(1).encode())
            # Without a grant on the rows: they go, or follow, all the same.
            app.execute("SET ROLE old_code")
            app.execute("DELETE FROM providers WHERE id IN (1, 299)")
            app.execute("UPDATE providers SET id = 1002 WHERE id = 2")
            app.execute("RESET ROLE")
            app.execute("DROP OWNED BY old_code")
            app.execute("DROP ROLE old_code")

    run(documents, once_started(write))
    assert one(documents, ORPHANS) == 0
    assert one(documents, "SELECT count(*) FROM provider_availability WHERE provider_id IN (1, 2, 299)") == 0
    run(documents, lambda _: None, strip=False)
    assert one(documents, "SELECT count(*) FROM provider_availability WHERE provider_id = 1002") == 2
    assert one(documents, "SELECT count(DISTINCT provider_id) FROM provider_availability") == 298


def test_a_delete_behind_the_cursor_takes_the_rows_along_only_because_of_the_stand_in(documents: Database) -> None:
    """The second time the stand-in is taken away: the rows stay without their provider, until the end clears them."""
    left: list[Any] = []

    def delete(key: int) -> None:
        with documents.connect() as app:
            app.execute("DELETE FROM providers WHERE id = %s", [key])
        left.append(one(documents, ORPHANS))

    def notify(event: object) -> None:
        if isinstance(event, batches.Progress) and event.done == event.total and len(left) < 2:
            delete(5)
            with documents.connect() as app:
                app.execute("ALTER TABLE providers DISABLE TRIGGER provider_availability_stand_in_delete_trigger")
            delete(6)

    run(documents, notify)
    assert left == [0, 2]
    assert one(documents, ORPHANS) == 0
    assert one(documents, KEY) is True


def stop(_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("goes_on", ["backfill", "apply"])
def test_a_run_that_ends_half_way_leaves_a_state_that_status_names_and_the_next_run_finishes(
    documents: Database, run_cli: RunCli, goes_on: str
) -> None:
    def tool(*arguments: str) -> tuple[int, str]:
        outcome = run_cli("--database", documents.url, *arguments)
        return outcome.exit_code, outcome.stdout + outcome.stderr

    before = journey.things(documents)
    with pytest.raises(KeyboardInterrupt):
        run(documents, once_started(lambda: stop(None)))
    assert one(documents, KEY) is None
    assert "what its .before file took away is not back yet" in tool("status")[1]
    listed = run_cli("--database", documents.url, "status", "--format", "json").stdout
    assert json.loads(listed)["jobs"][0]["is_stripped"]
    code, said = tool("apply", "--no-batches")
    assert code == 3
    assert "the foreign key of provider_availability is put off still" in said
    assert tool(goes_on)[0] == 0
    if goes_on == "backfill":
        assert journey.things(documents) == before
    assert (one(documents, KEY), one(documents, STAND_INS)) == (True, 0)
    assert "not back yet" not in tool("status")[1]
    assert one(documents, "SELECT count(*) FROM provider_availability") == 600


@pytest.mark.parametrize("statement", [0, 2, 3])
def test_a_failure_at_any_point_of_the_end_is_finished_by_the_next_run(
    documents: Database, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    from schedtool import around  # noqa: PLC0415 - beside its only use

    before = journey.things(documents)
    tried = around._tried  # noqa: SLF001 - the one place every statement of the end goes through
    count = -1

    def failing(act: Callable[[], None], *rest: Any, **named: Any) -> None:  # noqa: ANN401
        nonlocal count
        tried(act, *rest, **named)
        # The first is the .before file.
        count += 1
        if count == statement + 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("schedtool.around._tried", failing)
        with pytest.raises(KeyboardInterrupt):
            run(documents, lambda _: None)
    run(documents, lambda _: None, strip=False)
    assert journey.things(documents) == before
    assert one(documents, KEY) is True


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (f"{PROVIDERS} DISABLE TRIGGER providers_availability_update_trigger", "are not all there and enabled"),
        (f"{ROWS} DROP CONSTRAINT {NAME}, ADD CONSTRAINT {NAME} {OTHER}", "is not the one that 0001 made"),
        (f"{ROWS} DROP CONSTRAINT {NAME}", "it is not there"),
    ],
)
def test_it_is_refused_where_it_is_unsafe_and_nothing_is_changed(
    documents: Database, run_cli: RunCli, first: str, why: str
) -> None:
    journey.execute(documents, first)
    before = journey.things(documents)
    outcome = run_cli("--database", documents.url, "backfill", "--defer-foreign-key")
    assert outcome.exit_code == 3, outcome
    assert why in outcome.stderr
    assert {name: text for name, text in journey.things(documents).items() if "schedtool" not in name} == {
        name: text for name, text in before.items() if "schedtool" not in name
    }
    assert one(documents, "SELECT count(*) FROM provider_availability") == 0


def test_it_is_refused_once_the_rows_are_filled(database: Database, run_cli: RunCli) -> None:
    outcome = run_cli("--database", database.url, "backfill", "--defer-foreign-key")
    assert outcome.exit_code == 3
    assert "the rows are filled already" in outcome.stderr


def test_a_lock_that_is_not_to_be_had_leaves_everything_as_it_was(
    documents: Database, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schedtool.around.TRIES", 2)
    before = journey.things(documents)
    with documents.connect(autocommit=False) as reader:
        reader.execute("SELECT count(*) FROM providers")
        outcome = run_cli("--database", documents.url, "backfill", "--defer-foreign-key")
    assert outcome.exit_code == 4, outcome
    assert journey.things(documents) == before
    assert run_cli("--database", documents.url, "backfill").exit_code == 0
