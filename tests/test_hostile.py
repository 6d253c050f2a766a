"""Documents made to break out, or to keep the reading busy: each is rejected or read right in time, and runs go on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.comparing import kind, read_by_server
from tests.journey import Journey, rows
from tests.made_policies import SWITCHES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

    from tests.conftest import RunCli
    from tests.servers import Database, Server

LIMIT_MS = 10_000
"""Far more than any of them takes on a busy machine, and far less than what grows with the square of a length."""
EVERYTHING: Mapping[str, object] = {
    **dict.fromkeys(SWITCHES, True),
    "day_numbers": "1=monday",
    "numbers": "hours",
    "all_day": True,
    "separators": [".", "h"],
    "unicode": "nfkc",
    "closed_words": ["", "-"],
}
GOOD = {"start": "09:00", "end": "17:00"}
SPACES = " " * 40_000
MARKS = "'); DROP TABLE providers; -- $$ :'first' %s <script>alert(1)</script> \x1b[2J\x07\u202e =cmd|' /C calc'!A0 \\"


def day(value: object) -> str:
    return json.dumps({"monday": value})


def beside(value: object) -> str:
    return json.dumps({"monday": GOOD, "x": value})


def hostile(deep: int, wide: int, long: int) -> dict[str, tuple[str, str]]:
    """Documents by what they are, and what each comes to: a reason, or "converted"."""
    keys = {f"key {number}": number for number in range(wide)}
    return {
        "lists in lists": ("[" * deep + "]" * deep, "no_day"),
        "objects in objects": ('{"a":' * deep + "1" + "}" * deep, "no_week"),
        "wrappers in wrappers": ('{"schedule":' * deep + '{"monday": null}' + "}" * deep, "unknown_day"),
        "days in days": ('{"monday":' * deep + "1" + "}" * deep, "no_times"),
        "a day of lists in lists": ('{"monday": ' + "[" * deep + "]" * deep + "}", "not_a_range"),
        "lists in lists beside a day": ('{"monday": "9:00-17:00", "x": ' + "[" * deep + "]" * deep + "}", "converted"),
        "a note of objects in objects": (
            '{"monday": "9:00-17:00", "note": ' + '{"a":' * deep + "1" + "}" * deep + "}",
            "converted",
        ),
        "keys": (json.dumps(keys), "too_large"),
        "keys beside a day": (json.dumps({"monday": GOOD, **keys}), "too_large"),
        "keys in a day": (day({**GOOD, **keys}), "too_large"),
        "keys in a wrapper": (json.dumps({"schedule": {"monday": GOOD, **keys}}), "too_large"),
        "keys in a value": (beside(keys), "converted"),
        "keys that may be days": (beside(dict.fromkeys(keys, "9:00-17:00")), "unknown_day"),
        "entries": (json.dumps([{"day": "monday", **GOOD}] * wide), "too_large"),
        "slots": (day([GOOD] * wide), "too_large"),
        "slots under a key": (day({"slots": [GOOD] * wide}), "several_slots"),
        "ranges under a key": (day({"slots": ["9:00-10:00"] * wide}), "several_slots"),
        "names in a list": (json.dumps({"days": ["monday"] * wide, **GOOD}), "duplicate_day"),
        "a long time": (day({"start": "9" * long, "end": "17:00"}), "not_a_time"),
        "a long range": (day("9:00-" * (long // 5)), "not_a_range"),
        "a long flag": (day({**GOOD, "available": "y" * long}), "unreadable_flag"),
        "a long zone": (json.dumps({"monday": GOOD, "tz": "Europe/" * (long // 7)}), "zone_unknown"),
        "a long name": (json.dumps([{"day": "mon-" * (long // 4), **GOOD}]), "unknown_day"),
        "a long key": (json.dumps({"monday": GOOD, "-" * long: 1}), "converted"),
        "a long key of joined days": (json.dumps({"monday": GOOD, "mon," * (long // 4): 1}), "unknown_day"),
        "a long text": (json.dumps("x" * long), "text"),
        "a long text that begins as JSON": (json.dumps("[" * long), "text"),
        "a long text that is JSON": (json.dumps(json.dumps(keys)), "text"),
        "a long note": (json.dumps({"monday": GOOD, "notes": "x" * long}), "converted"),
        "spaces in a range": (day(f"9:00{SPACES}-{SPACES}17:00"), "not_a_range"),
        "spaces in a range by words": (day(f"9:00{SPACES}to{SPACES}17:00"), "not_a_range"),
        "spaces in a time": (day({"start": f"9:00{SPACES}x", "end": "17:00"}), "not_a_time"),
        "spaces in a key": (json.dumps({"monday": GOOD, f"mon{SPACES}x": 1}), "unknown_day"),
        "spaces beside a day": (beside(f"9:00{SPACES}x"), "converted"),
        "marks in a time": (day({"start": MARKS, "end": "17:00"}), "not_a_time"),
        "marks in a key": (json.dumps({MARKS: GOOD}), "unknown_day"),
        "marks in a note": (json.dumps({"monday": GOOD, "notes": MARKS, "zone of " + MARKS: None}), "converted"),
        "marks as a zone": (json.dumps({"monday": GOOD, "tz": MARKS}), "zone_unknown"),
        "a great number": ('{"monday": {"start": 1e400, "end": 17}}', "bare_number"),
    }


HOSTILE = hostile(deep=5_000, wide=20_000, long=1_000_000)
# Under the policy with everything in it, some are read, or rejected for another reason.
OTHERWISE = {
    "a long text that is JSON": "too_large",
    "a great number": "not_a_time",
    "names in a list": "converted",
}


@pytest.fixture(scope="module")
def connection(server: Server, template: str) -> Iterator[psycopg.Connection]:
    database = server.create(template=template)
    with database.connect(options=f"-c statement_timeout={LIMIT_MS}") as connection:
        yield connection
    server.drop(database.name)


@pytest.mark.parametrize("what", list(HOSTILE))
def test_a_hostile_document_is_rejected_or_read_right_in_time(connection: psycopg.Connection, what: str) -> None:
    text, expected = HOSTILE[what]
    [answer] = read_by_server(connection, [text], {})
    assert kind(answer) == expected
    [answer] = read_by_server(connection, [text], EVERYTHING)
    assert kind(answer) == OTHERWISE.get(what, expected)


def test_a_run_goes_on_past_hostile_documents(empty_database: Database, run_cli: RunCli) -> None:
    # Smaller than above: the run reads each many times, once for each setting that might rescue it.
    documents = hostile(deep=5_000, wide=3_000, long=50_000)
    empty_database.make_parents("bigint")
    with empty_database.connect() as connection, connection.cursor() as cursor:
        named = [(what, text) for what, (text, _) in documents.items()]
        cursor.executemany("INSERT INTO providers (name, availability) VALUES (%s, %s)", [*named, ("last", day(GOOD))])
    journey = Journey(run_cli, empty_database)

    said = journey.json("backfill", "--dry-run")
    journey.do("apply", "--to", "0003")

    converted = {what for what, (_, expected) in documents.items() if expected == "converted"} | {"last"}
    assert said["documents"]["convertible"] == len(converted)
    read = rows(
        empty_database,
        "SELECT p.name FROM provider_availability AS a JOIN providers AS p ON p.id = a.provider_id"
        " WHERE (day_of_week, start_time, end_time) = ('monday', '09:00', '17:00')",
    )
    assert {name for (name,) in read} == converted
    listed = journey.json("rejects")["rejects"]
    assert sorted(reject["reason"] for reject in listed) == sorted(
        expected for _, expected in documents.values() if expected != "converted"
    )
    assert all(len(reject["value"]) <= 80 for reject in listed)
    # No control character of a document reaches a terminal.
    shown = run_cli("--database", empty_database.url, "rejects").stdout
    assert not [mark for mark in shown if (ord(mark) < 32 and mark != "\n") or mark in "\x7f\u202e"]
