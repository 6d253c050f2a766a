"""What is written down twice says the same twice, and what belongs in SQL files stands in no Python source."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from schedtool import psqlscript
from schedtool.project import shipped
from tests import paste_reading
from tests.journey import DROP, FILES, back

PROJECT = shipped()
SQL = PROJECT / "sql"
SOURCES = Path(__file__).parents[1] / "src" / "schedtool"


def text(*parts: str) -> str:
    return (SQL.joinpath(*parts)).read_text(encoding="utf-8")


def between(whole: str, first: str, last: str) -> str:
    """The part of a text from one line's beginning to another line, both once in it or the first time."""
    found = whole[whole.index(first) :]
    return found[: found.index(last) + len(last)]


def unindented(whole: str) -> str:
    return "".join(f"{line.strip()}\n" for line in whole.splitlines())


def test_every_copy_of_the_reading_is_the_reading() -> None:
    body = paste_reading.reading(paste_reading.SOURCE.read_text(encoding="utf-8"))
    assert body.count("\n") > 100
    assert len(paste_reading.COPIES) == 3

    for copy in paste_reading.COPIES:
        pasted = paste_reading.reading(copy.read_text(encoding="utf-8"))
        assert pasted == body, f"{copy.name}: python -m tests.paste_reading pastes it anew"


def test_what_the_triggers_read_first_is_the_beginning_of_the_reading() -> None:
    source = paste_reading.SOURCE.read_text(encoding="utf-8")
    assert paste_reading.plain(source).count("\n") > 50
    assert paste_reading.paste_plain(source) == source, "python -m tests.paste_reading pastes it anew"

    begin, end = paste_reading.PLAIN_COPY
    changed = source.split(begin)[0] + begin + "SELECT 1\n" + end + source.split(end)[1]
    assert paste_reading.paste_plain(changed) == source


def test_the_batch_and_the_file_look_for_the_same_before_they_pass_over_a_key() -> None:
    name = "0003.backfill-provider-availability.sql"
    first, last = "            FROM pg_trigger AS t\n", "::regprocedure, 'EXECUTE')"
    batch, file = (
        between(whole, first, last) for whole in (text("batches", name), (PROJECT / "migrations" / name).read_text())
    )
    assert "FROM pg_rewrite" in batch
    assert batch == file


def test_a_copy_that_was_changed_is_pasted_over() -> None:
    copy = paste_reading.COPIES[0].read_text(encoding="utf-8")
    body = paste_reading.reading(copy)
    changed = copy.replace("'converted'", "'read'")
    assert paste_reading.reading(changed) != body

    mended = paste_reading.paste(changed, body)
    assert paste_reading.reading(mended) == body
    assert mended.split(paste_reading.BEGIN)[0] == changed.split(paste_reading.BEGIN)[0]


def test_nothing_but_the_dry_run_and_the_plain_script_holds_a_copy_of_the_reading() -> None:
    marked = {
        file.relative_to(PROJECT).as_posix()
        for folder in ("migrations", "sql")
        for file in (PROJECT / folder).rglob("*.sql")
        if "<reading>" in file.read_text(encoding="utf-8")
    }
    copies = {copy.relative_to(PROJECT).as_posix() for copy in paste_reading.COPIES}

    assert marked == {*copies, "migrations/0002.sync-availability.sql", "sql/CREATE_PROVIDER_TABLES.sql"}


def test_the_archive_is_made_alike_by_the_drop_and_by_its_batches() -> None:
    def made(whole: str) -> str:
        first = "-- One at a time; whoever waited finds it made."
        return unindented(between(whole, first, "changes.provider_id IS 'Whose document.';"))

    assert made(text("batches", DROP.name)) == made(DROP.read_text(encoding="utf-8"))


def test_a_document_is_proved_and_archived_alike_by_the_drop_and_by_its_batches() -> None:
    def proved(whole: str, **own: str) -> str:
        found = unindented(between(whole, "documents AS MATERIALIZED (", "RETURNING provider_id\n"))
        for name, said in own.items():
            assert said in found
            found = found.replace(said, name)
        return found

    batch = proved(
        text("batches", DROP.name),
        settings=":'settings'::jsonb",
        source="providers AS p\nCROSS",
        where=unindented(
            between(text("batches", DROP.name), "WHERE p.id BETWEEN :'first' AND :'last'\n        -- Outside", "END\n")
        ),
        proof="(SELECT u.proof FROM under AS u)\nFROM",
    )
    drop = proved(
        DROP.read_text(encoding="utf-8"),
        settings="policy",
        source="(SELECT DISTINCT t.provider_id FROM taken AS t LIMIT everything) AS c\n"
        "JOIN providers AS p ON p.id = c.provider_id\nCROSS",
        proof="proved\nFROM",
    )
    assert batch.replace("where", "") == drop


def test_a_document_comes_back_alike_in_the_rollback_and_in_its_batches() -> None:
    def given(whole: str, settings: str) -> str:
        found = unindented(between(whole, "-- Rows that were written since the drop:", "RETURNING provider_id\n"))
        assert settings in found
        return found.replace(settings, "SETTINGS")

    batch = text("batches", back(DROP).name)
    assert given(batch, "%3$L::jsonb") == given(
        between(back(DROP).read_text(encoding="utf-8"), "-- LIMIT everything", "INTO few"), "policy"
    )


def test_the_zones_that_are_known_are_asked_for_alike_everywhere() -> None:
    asked = re.compile(r"FROM pg_timezone_names AS z\s+WHERE (.*)\n")
    found = {
        match.group(1)
        for folder in ("migrations", "sql")
        for file in (PROJECT / folder).rglob("*.sql")
        for match in asked.finditer(file.read_text(encoding="utf-8"))
    }

    assert found == {r"(z.name = 'UTC' OR z.name LIKE '%/%') AND z.name !~ '^(posix|right)/'"}


def test_every_probe_tries_its_rows_in_the_same_way() -> None:
    tries = [
        between(file.read_text(encoding="utf-8"), "DO $$", "\n$$;") for file in sorted(SQL.glob("verify/*.probe.sql"))
    ]

    assert len(tries) == 3
    assert len(set(tries)) == 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_migration_and_its_rollback_are_one_block_where_something_could_be_lost(file: Path) -> None:
    alone = [back(file)] + ([file] if file in FILES[2:] else [])

    for path in alone:
        [statement] = psqlscript.statements(path.read_text(encoding="utf-8"))
        assert statement.text.lstrip().startswith("DO $$"), path.name
        assert "CASCADE;" not in statement.text


def test_each_file_says_what_it_locks_and_every_migration_how_to_run_it_by_hand() -> None:
    for file in (*FILES, *(back(file) for file in FILES)):
        head = file.read_text(encoding="utf-8").split("\n\n")[0]
        assert all(line.startswith("--") for line in head.splitlines())
        assert "-- locks: " in head, file.name
    for folder in ("batches", "dry_run", "plan", "queries", "verify"):
        for file in (SQL / folder).iterdir():
            assert "By hand: psql -X" in file.read_text(encoding="utf-8").partition("\n\n")[0], file.name


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [int(file.name[:4]) for file in FILES]

    assert all(later - earlier == 1 for earlier, later in pairwise(numbers))
    assert numbers[0] == 1


@pytest.mark.parametrize("kind", ["*.py", "*.sql"])
def test_no_source_of_the_tool_knows_what_it_migrates(kind: str) -> None:
    names = re.compile(r"\b(provider_availability|availability|bookings?)\b", re.IGNORECASE)
    files = sorted(SOURCES.rglob(kind))
    assert len(files) > 20

    told = {
        f"{file.relative_to(SOURCES)}: {match.group()}"
        for file in files
        for match in names.finditer(file.read_text(encoding="utf-8"))
    }
    assert told == set()


def test_a_migration_is_written_into_no_source_of_the_tool() -> None:
    ids = re.compile("|".join(re.escape(file.stem.partition(".")[2]) for file in FILES))

    assert [file.name for file in SOURCES.rglob("*.py") if ids.search(file.read_text(encoding="utf-8"))] == []
