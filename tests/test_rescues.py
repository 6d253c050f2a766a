"""Settings that would convert rejected documents: which are tried, how they are counted, and how the answer looks."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from schedtool import policyfile, rescues
from schedtool.project import shipped
from schedtool.rescues import Found
from tests import small_project
from tests.journey import Journey, insert_documents

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunCli
    from tests.servers import Database

SCHEMA = policyfile.schema_of(shipped(), "0003")
FOLDER = shipped() / "sql" / "settings"
RESCUES = """
    -- keys: item (id)
    -- settings: 0002
    SELECT
        'rescue' AS kind, NULL AS key, NULL AS path, c.candidate ->> 'setting' AS value, NULL AS reason, count(*) AS n
    FROM jsonb_array_elements(:'rejects'::jsonb) AS r (reject)
    JOIN item ON item.id::text = r.reject ->> 0
    JOIN jsonb_array_elements(:'candidates'::jsonb) AS c (candidate) ON (c.candidate -> 'reasons') ? (r.reject ->> 1)
    WHERE item.id BETWEEN :'first' AND :'last'
        AND (item.name !~ '[0-9]' OR ((:'settings'::jsonb || (c.candidate -> 'change')) ->> 'digits')::boolean)
    GROUP BY c.candidate ->> 'setting';
"""


def tried(**settings: Any) -> dict[str, rescues.Candidate]:  # noqa: ANN401 - what a policy may say
    return {one.setting: one for one in rescues.candidates(SCHEMA, FOLDER, settings).fixed}


def reject(key: int, reason: str, value: object) -> Found:
    return Found(key, "$.x", json.dumps(value), reason)


def test_every_setting_that_could_rescue_is_tried_with_each_value_it_may_have() -> None:
    found = tried()
    bases = [f'day_numbers = "{base}"' for base in ("0=sunday", "0=monday", "1=monday", "1=sunday")]
    assert {*bases, 'numbers = "hours"', 'numbers = "minutes"', 'numbers = "seconds"'} < set(found)
    assert {"pairs = true", 'separators = ["."]', 'separators = ["h"]', 'closed_words = [""]'} < set(found)
    assert {f'languages = ["{name}"]' for name in ("es", "pt", "fr", "de", "it", "nl")} < set(found)
    assert found["pairs = true"].reasons == ("pair_or_starts",)
    assert found['languages = ["es"]'].change["day_names"]["lunes"] == "monday"
    untried = {"default_timezone", "day_names", "key_names", "all_day_words", "zone_aliases"}
    assert {setting.partition(" ")[0] for setting in found} == set(SCHEMA["properties"]) - untried


def test_what_is_set_already_or_would_contradict_the_policy_is_not_tried() -> None:
    found = tried(
        day_numbers="1=monday", pairs=True, separators=["."], languages=["es"], day_names={"gesloten": "sunday"}
    )
    assert not any(setting.startswith(("day_numbers", "pairs")) for setting in found)
    assert 'separators = [".", "h"]' in found
    assert 'languages = ["es", "fr"]' in found
    # In Dutch it is closed, and the policy has it as a day.
    assert 'languages = ["es", "nl"]' not in found


def test_a_language_is_tried_where_one_of_its_words_stands() -> None:
    """The pattern is PostgreSQL's, and reads here as it does there, but for `\\u`, which both know."""
    where = tried()['languages = ["es"]'].where
    assert where is not None
    for text in ('{"lunes": 1}', '{"Miércoles": 1}', '{"x": "CERRADO"}', '{"hora_inicio": 1}', '{"HoraInicio": 1}'):
        assert re.search(where, text, re.IGNORECASE), text
    for text in ('{"monday": 1}', '{"lunesa": 1}', '{"xlunes": 1}', '{"lundi": "fermé"}'):
        assert not re.search(where, text, re.IGNORECASE), text


def test_rejected_texts_are_tried_as_names_of_a_zone_and_no_more_than_fifty() -> None:
    candidates = rescues.candidates(SCHEMA, FOLDER, {"zone_aliases": {"CET": "Europe/Paris"}})
    texts = candidates.texts([reject(1, "zone_unknown", " EST "), reject(2, "zone_offset", -300)])
    assert texts is not None
    [alias] = [one for one in json.loads(texts["candidates"]) if one["setting"].startswith("zone_aliases")]
    assert alias["setting"] == 'zone_aliases = { "EST" = "…" }'
    assert alias["change"] == {"zone_aliases": {"CET": "Europe/Paris", "EST": "UTC"}}
    assert alias["value"] == '" EST "'
    candidates.texts([reject(n, "zone_unknown", f"Zone {n}") for n in range(3, 500)])
    assert len(candidates.by_value) == rescues.VALUES


def test_nothing_is_asked_where_nothing_could_help() -> None:
    candidates = rescues.candidates(SCHEMA, FOLDER, {})
    assert candidates.texts([]) is None
    assert candidates.texts([reject(1, "break", "12:00"), reject(2, "row_differs", "monday")]) is None
    texts = candidates.texts([reject(1, "break", "12:00"), reject(2, "day_number", 1)])
    assert texts is not None
    assert json.loads(texts["rejects"]) == [["2", "day_number", "1"]]
    assert len(json.loads(texts["candidates"])) == 4


def test_what_helped_nothing_in_many_tries_is_tried_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescues, "TRIES", 10)
    candidates = rescues.candidates(SCHEMA, FOLDER, {})

    def settings(*helped: str) -> set[str]:
        texts = candidates.texts([reject(n, "day_number", 1) for n in range(6)], helped=helped)
        return set() if texts is None else {one["setting"] for one in json.loads(texts["candidates"])}

    assert len(settings()) == len(settings()) == 4
    assert settings('day_numbers = "1=monday"') == {'day_numbers = "1=monday"'}
    assert settings() == set()


def test_a_projects_own_rescues_are_counted_range_by_range(
    run_cli: RunCli, empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schedtool.ranges.KEYS", 7)
    with empty_database.connect() as connection:
        small_project.make_items(connection, 100)
    small = small_project.make_settled(tmp_path)
    file = small.root / "sql/dry_run/0002.fill-copied.sql"
    file.write_text(re.sub(r"\n *UNION ALL SELECT 'rescue'.*", ";\n", file.read_text()))
    schema = json.loads((small.root / "sql/settings/0002.schema.json").read_text())
    schema["properties"]["digits"]["x-rescues"] = {"reasons": ["digit"]}
    small.write("sql/settings/0002.schema.json", json.dumps(schema))
    small.write("sql/dry_run/0002.fill-copied.rescues.sql", RESCUES)

    def said() -> dict[str, Any]:
        common = ("--database", empty_database.url, "--project", small.root, "--format", "json")
        answer: dict[str, Any] = json.loads(run_cli(*common, "backfill", "--dry-run").stdout)
        return answer

    answer = said()
    assert answer["documents"]["rejected"] == 10
    assert answer["rescues"] == [{"setting": "digits = true", "documents": 10}]
    schema["properties"]["digits"]["x-rescues"] = {"reasons": ["another"]}
    small.write("sql/settings/0002.schema.json", json.dumps(schema))
    assert said()["rescues"] == []


HOSTILE = (
    '{"monday": {"start": "\\u001b[2J\\u001b]0;x\\u0007", "end": "17:00"}}',
    '{"monday": {"start": "<script>alert(1)</script>", "end": "17:00"}}',
    '{"monday": {"start": "[red]x[/red]", "end": "17:00"}}',
    '{"月曜日月曜日月曜日月曜日月曜日月曜日月曜日月曜日": {"start": "09:00", "end": "17:00"}}',
    '{"monday": {"start": "\\u202e00:90\\u2066", "end": "17:00"}}',
    '{"monday": {"start": "' + "x" * 1_000_000 + '", "end": "17:00"}}',
    '{"monday": {"start": "09:00", "end": "17:00"}, "' + "note" * 100 + '\\u0007": null}',
    "{" + ", ".join(f'"k{n}\\n": {n}' for n in range(3_000)) + "}",
)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_dry_run_fits_the_terminal_whatever_the_documents_hold(
    run_cli: RunCli, database: Database, columns: int
) -> None:
    insert_documents(database, ['{"monday": "9:00-17:00"}'] * 20 + list(HOSTILE))
    outcome = run_cli("--database", database.url, "backfill", "--dry-run", environ={"COLUMNS": str(columns)})
    assert outcome.exit_code == 3, outcome
    lines = outcome.stdout.splitlines()

    def wide(line: str) -> int:
        return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)

    assert max(wide(line) for line in lines) <= columns
    assert all(line.isprintable() for line in lines)
    assert "\\u001b[2J" in outcome.stdout
    assert "[red]x[/red]" in outcome.stdout
    assert any(line.startswith("  convertible ") and "█" in line for line in lines)
    assert any(line.startswith("  there already, and equal") for line in lines)


def test_the_object_for_programs_is_the_promised_one(run_cli: RunCli, database: Database) -> None:
    insert_documents(database, HOSTILE)
    answer = json.loads(run_cli("--database", database.url, "backfill", "--dry-run", "--format", "json").stdout)
    assert set(answer) == {
        *("command", "ok", "dry_run", "documents", "rows", "rejects", "shapes", "ignored", "rescues"),
        *("elapsed_s", "rows_per_s"),
    }
    assert set(answer["documents"]) == {"total", "convertible", "empty", "rejected"}
    assert set(answer["rows"]) == {"insert", "unchanged"}
    assert {frozenset(one) for one in answer["rejects"]} == {frozenset({"provider_id", "path", "value", "reason"})}
    assert len(answer["rejects"]) == answer["documents"]["rejected"] >= 7


def test_a_dry_run_shows_rows_that_differ_and_what_it_read_by(
    database: Database, run_cli: RunCli, tmp_path: Path
) -> None:
    tool = Journey(run_cli, database)
    insert_documents(database, ['{"monday": "9:00-17:00"}'] * 3)
    with database.connect() as connection:
        connection.execute(
            "ALTER TABLE provider_availability DISABLE TRIGGER USER;"
            "UPDATE provider_availability SET start_time = '10:00' WHERE provider_id = 2;"
            "ALTER TABLE provider_availability ENABLE TRIGGER USER"
        )
    outcome = tool.run("backfill", "--dry-run")
    assert "  to insert                 0" in outcome.stdout.splitlines()
    assert "  there already, and equal  2" in outcome.stdout.splitlines()
    assert re.search(r"\n  row_differs  1  100\.0 %  █+\n +2  \$ +monday\n", outcome.stdout), outcome.stdout
    (tmp_path / "policy.toml").write_text('day_numbers = "1=monday"\n', encoding="utf-8")
    outcome = tool.run("backfill", "--dry-run", "--policy", tmp_path / "policy.toml")
    assert 'Read by the policy\n  day_numbers = "1=monday"\n' in outcome.stdout


def test_a_dry_run_tells_how_many_documents_name_no_zone(
    empty_database: Database, run_cli: RunCli, tmp_path: Path
) -> None:
    empty_database.make_parents()
    tool = Journey(run_cli, empty_database)
    zone = '"timezone": "Europe/Paris"'
    days = ['{"monday": "9:00-17:00"}', f'{{"monday": "9:00-17:00", {zone}}}', '{"monday": {"zone": "x"}}', "{}"]
    insert_documents(empty_database, days * 3)
    assert "  no zone: timezone stays NULL  3 " in tool.run("backfill", "--dry-run").stdout
    (tmp_path / "policy.toml").write_text('default_timezone = "Europe/Paris"\n', encoding="utf-8")
    told = tool.run("backfill", "--dry-run", "--policy", tmp_path / "policy.toml").stdout
    assert "  no zone: Europe/Paris  3 " in told
