"""What the README says of the policy is what the reading does: each line of its table, and what it lists as reasons."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from schedtool import policyfile, settings
from schedtool.project import load, shipped
from schedtool.settings import Policy
from tests.journey import insert_documents, rows
from tests.reading_words import WEEK

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Database

README = (shipped() / "README.md").read_text(encoding="utf-8")
SCHEMA = policyfile.schema_of(shipped(), "0003")
READ = """
    SELECT r.outcome, r.reason, r.path, r.days, r.available, r.starts::text[], r.ends::text[], r.zones
    FROM provider_availability_read(%(document)s::jsonb, %(settings)s::jsonb) AS r
"""


class Line(NamedTuple):
    """A line of the table."""

    policy: str
    document: str
    read_as: str


def table(heading: str) -> list[tuple[str, ...]]:
    """The cells of the README's table under these column names."""
    body = README.split(heading + "\n", maxsplit=1)[1].split("\n\n")[0]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in body.splitlines()[1:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


LINES = [
    Line("\n".join(one for one in code(policy) if "=" in one and " = " in one), code(document)[0], read_as)
    for policy, document, read_as in table("| In the policy | Document | Read as |")
]


def in_short(found: tuple[object, ...]) -> str:
    _, _, _, *arrays = found
    assert all(isinstance(one, list) for one in arrays), found
    days = sorted(zip(*arrays, strict=True), key=lambda one: WEEK.index(one[0]))
    return ", ".join(
        f"{day[:3]} " + (f"{start[:5]}-{end[:5]}" if available else "closed") + (f" {zone}" if zone else "")
        for day, available, start, end, zone in days
    )


@pytest.mark.parametrize("line", LINES, ids=[line.policy for line in LINES])
def test_each_setting_reads_its_example_as_the_readme_says(database: Database, tmp_path: Path, line: Line) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(line.policy, encoding="utf-8")
    given = settings.effective(load(None), "0003", policy=Policy(path), stored=None)
    [before] = rows(database, READ, {"document": line.document, "settings": "{}"})
    [after] = rows(database, READ, {"document": line.document, "settings": settings.as_text(given)})
    assert after[0] == "converted", after
    assert in_short(after) == line.read_as
    if line.policy.startswith("default_timezone"):
        assert in_short(before) == line.read_as.removesuffix(" Europe/Paris")
    else:
        assert before[0] == "rejected"


def test_every_setting_of_the_schema_has_its_example() -> None:
    shown = {one.partition(" = ")[0] for line in LINES for one in line.policy.splitlines()}
    assert shown == set(SCHEMA["properties"])
    names = re.search(r"Languages are files in `sql/settings/languages/`: (.*?);", README)
    assert names is not None
    folder = shipped() / "sql" / "settings" / "languages"
    assert code(names.group(1)) == sorted(file.stem for file in folder.glob("*.toml"))


def test_every_value_that_a_setting_may_have_is_named() -> None:
    for name, part in SCHEMA["properties"].items():
        if "enum" in part:
            policies = [policy for policy, *_ in table("| In the policy | Document | Read as |")]
            [policy] = [one for one in policies if one.startswith(f"`{name} ")]
            assert all(value in policy for value in part["enum"]), name


REASONS = {code(cell)[0]: example for cell, example, _ in table("| Reason | Example | What it says, and what to do |")}
ABOUT_ROWS = {"row_differs", "error_"}
"""Reasons that no reading gives: what stands in the rows does, or what the database says of new ones."""


def test_the_reasons_of_the_readme_are_those_of_the_reading() -> None:
    """In the function's text a finding is written `N name`, N being its rank at one place."""
    source = (shipped() / "migrations" / "0002.sync-availability.sql").read_text(encoding="utf-8")
    body = source.split("-- <reading>\n")[1].split("-- </reading>\n")[0]
    found = set(re.findall(r"' ?[0-9]([a-z_]{3,})[' ]", body)) | {"text", "no_week"}
    assert found == set(REASONS) - ABOUT_ROWS


@pytest.mark.parametrize("reason", sorted(set(REASONS) - ABOUT_ROWS))
def test_the_example_of_a_reason_is_rejected_for_it(database: Database, reason: str) -> None:
    # One that is too large is described, for it would be.
    large = json.dumps({"monday": ["9:00-17:00"] * 201})
    example = large if reason == "too_large" else code(REASONS[reason])[0]
    given = '{"zero_width": true}' if reason == "duplicate_key" else "{}"
    [found] = rows(database, READ, {"document": example, "settings": given})
    assert found[:2] == ("rejected", reason)


def test_the_update_for_a_column_of_zones_writes_only_where_none_is_said(database: Database) -> None:
    [statement] = re.findall(r"`(UPDATE providers SET availability[^`]+)`", README)
    insert_documents(database, ['{"monday": "9:00-17:00"}', '{"monday": "9:00-17:00", "timezone": "UTC"}', "[]", None])
    with database.connect() as connection:
        connection.execute("ALTER TABLE providers ADD COLUMN timezone text DEFAULT 'Asia/Tokyo'")
        connection.execute(statement)
    assert rows(database, "SELECT availability ->> 'timezone' FROM providers ORDER BY id") == [
        ("Asia/Tokyo",), ("UTC",), (None,), (None,),
    ]  # fmt: skip
    assert rows(database, "SELECT timezone FROM provider_availability ORDER BY provider_id") == [
        ("Asia/Tokyo",), ("UTC",),
    ]  # fmt: skip
