"""The shipped rescues, over the shipped reading: each setting is named where it helps, with the right count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schedtool import policyfile, rescues
from schedtool.project import shipped
from schedtool.settings import as_text
from tests.journey import Journey, insert_documents
from tests.known import all_documents
from tests.test_readme_policy import LINES

if TYPE_CHECKING:
    from tests.conftest import RunCli
    from tests.servers import Database


def test_for_each_example_of_the_readme_the_dry_run_names_the_setting(
    empty_database: Database, run_cli: RunCli
) -> None:
    """All at once, and the counts are those of a dry run under that setting alone."""
    lines = [line for line in LINES if "\n" not in line.policy]
    empty_database.make_parents()
    insert_documents(empty_database, [line.document for line in lines])
    tool = Journey(run_cli, empty_database)
    told = tool.json("backfill", "--dry-run")
    rescued = {one["setting"]: one["documents"] for one in told["rescues"]}
    unguessed = {"default_timezone", "day_names", "key_names", "closed_words", "separators", "zone_aliases"}
    for line in lines:
        if line.policy.partition(" ")[0] not in unguessed:
            assert rescued.get(line.policy, 0) >= 1, line.policy
    assert rescued['zone_aliases = { "EST" = "…" }'] == 1


def test_a_rescue_counts_what_is_read_under_that_setting_and_not_without(
    empty_database: Database, database: Database, run_cli: RunCli
) -> None:
    """Whatever was found first in a document: no document that a setting helps is missed among the known ones."""
    texts = [known.text for known in all_documents() if known.jsonb]
    empty_database.make_parents()
    insert_documents(empty_database, texts * 2)
    told = Journey(run_cli, empty_database).json("backfill", "--dry-run")
    counts = {one["setting"]: one["documents"] for one in told["rescues"] if "…" not in one["setting"]}
    assert len(counts) > 15
    candidates = rescues.candidates(policyfile.schema_of(shipped(), "0003"), shipped() / "sql" / "settings", {})
    read = "provider_availability_read(d.text::jsonb, %s::jsonb) AS r WHERE r.outcome ="
    with database.connect() as connection:
        # Compiling the reading anew for each setting costs more than all the readings.
        connection.execute("SET jit = off")
        listed = f"SELECT d.text FROM unnest(%s::text[]) AS d (text), {read} 'rejected'"
        rejected = [text for (text,) in connection.execute(listed.encode(), [texts, "{}"])]
        for one in candidates.fixed:
            counted = f"SELECT count(*) FROM unnest(%s::text[]) AS d (text), {read} 'converted'"
            [(more,)] = connection.execute(counted.encode(), [rejected, as_text(one.change)])
            assert counts.get(one.setting, 0) == 2 * more, one.setting
