"""A policy is stored by the run that uses it, counted up, and shown by `status`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from schedtool.project import shipped
from tests.journey import Journey, execute, insert_documents, rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Psql, RunCli
    from tests.servers import Database


@pytest.fixture
def tool(run_cli: RunCli, database: Database) -> Journey:
    return Journey(run_cli, database)


def policy(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_status_shows_the_policy_its_version_and_who_gave_it_when(tool: Journey, tmp_path: Path) -> None:
    tool.do("backfill", "--policy", policy(tmp_path, 'languages = ["es"]\nday_numbers = "0=sunday"\n'))
    [shown] = tool.json("status")["policies"]
    assert set(shown) == {"migration", "version", "settings", "created_by", "created_at"}
    # The migration that filled the rows stored the first.
    assert (shown["migration"], shown["version"]) == ("0003.backfill-provider-availability", 2)
    assert shown["settings"]["day_numbers"] == "0=sunday"
    assert shown["settings"]["languages"] == ["es"]
    assert shown["settings"]["day_names"]["miércoles"] == "wednesday"
    assert shown["created_at"].endswith("Z")
    assert shown["created_by"].startswith("postgres (")

    lines = tool.run("status").stdout.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("policy of 0003"))
    assert re.fullmatch(
        r"policy of 0003\.backfill-provider-availability: version 2, by postgres \(.+\), 20\d\d-.+Z", lines[head]
    )
    assert '  day_numbers = "0=sunday"' in lines[head:]
    assert '  languages = ["es"]' in lines[head:]
    assert any(re.fullmatch(r'  day_names = \d\d entries, \{ ".{1,60}…', line) for line in lines[head:])
    assert max(len(line) for line in lines) <= 120


def test_the_same_policy_is_no_new_version_and_another_is(tool: Journey, tmp_path: Path, database: Database) -> None:
    def versions() -> list[tuple[int, dict[str, object]]]:
        return rows(database, "SELECT version, settings FROM provider_availability_policy ORDER BY version")

    tool.do("backfill", "--policy", policy(tmp_path, "pairs = true\n"))
    tool.do("backfill", "--policy", policy(tmp_path, "# the same\npairs = true\n"))
    tool.do("backfill")
    assert versions() == [(1, {}), (2, {"pairs": True})]
    tool.do("backfill", "--default-timezone", "UTC")
    assert versions()[2:] == [(3, {"pairs": True, "default_timezone": "UTC"})]


def test_a_policy_can_drive_no_terminal_through_status(tool: Journey, database: Database) -> None:
    execute(
        database,
        r"""INSERT INTO provider_availability_policy (version, settings, created_by)
            VALUES (9, '{"closed_words": ["\u001b]0;x\u0007"]}', E'me\x1b[2J')""",
    )
    shown = tool.run("status").stdout
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "version 9, by me\\x1b[2J" in shown


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ('"EST" = "America/New_York", "X" = "Mars/Olympus"', "zone_aliases: X: this server knows no zone Mars/Olympus"),
        ('" Asia/Tokyo" = "Europe/Paris"', "zone_aliases:  Asia/Tokyo is a zone that this server knows"),
    ],
)
def test_an_alias_is_a_name_that_the_server_does_not_know_for_a_zone_that_it_knows(
    tool: Journey, tmp_path: Path, aliases: str, message: str
) -> None:
    said = policy(tmp_path, f"zone_aliases = {{{aliases}}}\n")
    for arguments in (("backfill", "--policy", said), ("backfill", "--dry-run", "--policy", said)):
        outcome = tool.run(*arguments)
        assert outcome.exit_code == 2, outcome
        assert message in outcome.stderr
    assert tool.json("status")["policies"][0]["version"] == 1


CONVERTED = ['{"monday": "9:00-17:00"}', '{"tuesday": "9:00-17:00", "timezone": "UTC"}', "null", '{"1": "9:00-17:00"}']
OTHER_ZONE = ("--default-timezone", "Europe/Paris")


def test_a_policy_under_which_a_converted_document_would_read_otherwise_is_refused(
    tool: Journey, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by the dry run, which reads the rows where it may, and range by range."""
    monkeypatch.setattr("schedtool.ranges.KEYS", 3)
    insert_documents(database, CONVERTED * 5)
    tool.run("backfill")
    for arguments in (("backfill", *OTHER_ZONE), ("backfill", "--dry-run", *OTHER_ZONE)):
        outcome = tool.run(*arguments)
        assert outcome.exit_code == 3, outcome
        assert "5 converted documents would read otherwise under this policy: providers 1, 5, 9, …" in outcome.stderr
    assert tool.json("status")["policies"][0]["settings"] == {}
    execute(database, "DELETE FROM providers WHERE availability ? 'monday'")
    assert tool.run("backfill", *OTHER_ZONE).exit_code == 3
    assert tool.json("status")["policies"][0]["settings"] == {"default_timezone": "Europe/Paris"}


def test_without_rows_any_policy_may_follow(tool: Journey, database: Database) -> None:
    insert_documents(database, CONVERTED)
    execute(database, "DELETE FROM provider_availability")
    execute(database, "UPDATE providers SET availability = NULL")
    tool.do("backfill", *OTHER_ZONE)
    tool.do("backfill", "--default-timezone", "Asia/Tokyo")
    assert tool.json("status")["policies"][0]["version"] == 3


def test_by_hand_the_file_that_stores_refuses_it_too_and_unguarded_it_breaks_parity(
    tool: Journey, database: Database, psql: Psql
) -> None:
    insert_documents(database, CONVERTED)
    file = shipped() / "sql" / "settings" / "0003.store.sql"
    given = {"settings": '{"closed_words": ["9:00-17:00"]}', "who": "me"}
    refused = psql(database, "-1", "-v", "ON_ERROR_STOP=1", file=file, variables={**given, "checked": "false"})
    assert refused.exit_code == 3
    assert "2 converted documents would read otherwise under this policy: providers 1, 2" in refused.stderr
    # Whoever says that he has checked is believed; this is what the check is there for.
    stored = psql(database, "-1", "-v", "ON_ERROR_STOP=1", file=file, variables={**given, "checked": "true"})
    assert stored.exit_code == 0, stored
    assert tool.failing("parity")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('{"default_timezone": "Mars/Base"}', "default_timezone: this server knows no zone Mars/Base"),
        ('{"zone_aliases": {"X": "Mars/Base"}}', "zone_aliases: X: this server knows no zone Mars/Base"),
        ('{"zone_aliases": {"Asia/Tokyo": "UTC"}}', "zone_aliases: Asia/Tokyo is a zone that this server knows"),
    ],
)
def test_by_hand_an_unknown_zone_is_refused_by_name(
    database: Database, psql: Psql, settings: str, message: str
) -> None:
    folder = shipped() / "sql" / "settings"
    given = {"settings": settings, "who": "me", "checked": "false"}
    for name in ("0003.check.sql", "0003.store.sql"):
        outcome = psql(database, "-1", "-v", "ON_ERROR_STOP=1", file=folder / name, variables=given)
        assert outcome.exit_code == 3
        assert message in outcome.stderr
