"""A day written in a row is what its document then says, all else equal; written back, the document says what it said.

The documents are those of the corpus that are read, their neighbours, and made-up ones of the same shapes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.documents import Documents
from tests.known import all_documents, neighbours

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from tests.servers import Database

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
KNOWN = tuple(
    [known.text for known in all_documents() if known.jsonb and known.rows is not None]
    + [known.text for known in neighbours() if known.rows is not None and not known.settings]
)

# A row's is_available, start_time, end_time, timezone; None: no row. KEEP: as it was.
KEEP = object()
CHANGES: tuple[tuple[object, ...] | None, ...] = (
    (True, "10:15", "16:45", KEEP),
    (True, "06:00", KEEP, KEEP),
    (True, KEEP, "23:30", KEEP),
    (True, "07:00:30", "24:00", KEEP),
    (False, KEEP, KEEP, KEEP),
    (KEEP, KEEP, KEEP, "Asia/Tokyo"),
    (KEEP, KEEP, KEEP, None),
    (True, "10:00", "11:00", "UTC"),
    None,
)


class Read(NamedTuple):
    """What a document says, by the reading, apart from its rows."""

    outcome: str
    days: dict[str, tuple[object, ...]]
    places: dict[str, tuple[str, ...] | None]
    ignored: tuple[str, ...]


@pytest.fixture
def writer(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A transaction with one provider, rolled back at the end of each example."""
    with database.connect(autocommit=False) as connection:
        connection.execute("INSERT INTO providers (id) VALUES (1)")
        connection.execute("SAVEPOINT example")
        yield connection


def read(connection: psycopg.Connection[Any]) -> Read:
    found = connection.execute(
        "SELECT r.outcome, r.days, r.available, r.starts::text[], r.ends::text[], r.zones, r.places, r.ignored"
        " FROM providers AS p, provider_availability_read_each(ARRAY[p.availability], '{}') AS r"
    ).fetchone()
    assert found is not None
    outcome, days, *columns, places, ignored = found
    return Read(
        outcome,
        dict(zip(days or (), zip(*columns, strict=True), strict=True)) if days else {},
        {
            day: None if place is None else tuple(place[1:].split("\x1f"))
            for day, place in zip(days or (), places or (), strict=True)
        },
        tuple(ignored or ()),
    )


def rows(connection: psycopg.Connection[Any]) -> dict[str, tuple[object, ...]]:
    """The rows, as the reading would say them: a closed day has no times."""
    found = connection.execute(
        "SELECT day_of_week, is_available, CASE WHEN is_available THEN start_time END::text,"
        " CASE WHEN is_available THEN end_time END::text, timezone FROM provider_availability"
    ).fetchall()
    return {day: tuple(rest) for day, *rest in found}


def document(connection: psycopg.Connection[Any]) -> Any:  # noqa: ANN401 it is JSON
    (found,) = connection.execute("SELECT availability FROM providers").fetchone() or (None,)
    return found


def write(connection: psycopg.Connection[Any], day: str, row: tuple[object, ...] | None) -> None:
    """Write a row as new code does."""
    if row is None:
        connection.execute("DELETE FROM provider_availability WHERE day_of_week = %s", (day,))
        return
    connection.execute(
        "INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time, timezone)"
        " VALUES (1, %s, %s, %s, %s, %s) ON CONFLICT (provider_id, day_of_week) DO UPDATE"
        " SET is_available = EXCLUDED.is_available, start_time = EXCLUDED.start_time,"
        " end_time = EXCLUDED.end_time, timezone = EXCLUDED.timezone",
        (day, *row),
    )


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every value of a document that holds no other, with its path."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, str(place)))
    else:
        yield path, json.dumps(value)


def outside(value: object, place: tuple[str, ...]) -> set[tuple[tuple[str, ...], str]]:
    return {(path, leaf) for path, leaf in leaves(value) if path[: len(place)] != place}


def check_round_trip(
    connection: psycopg.Connection[Any], text: str, day: str, change: tuple[object, ...] | None
) -> None:
    connection.execute("ROLLBACK TO example")
    connection.execute("UPDATE providers SET availability = %s", (text,))
    before, said, stood = read(connection), document(connection), rows(connection)
    if before.outcome != "converted":
        assume(False)
    assert stood == before.days

    old = stood.get(day)
    new = None
    if change is not None:
        default = old or (True, "09:00:00", "17:00:00", None)
        new = tuple(was if value is KEEP else value for was, value in zip(default, change, strict=True))
        if new[0] and (new[1] is None or new[2] is None or str(new[1]) >= str(new[2])):
            new = (True, "08:00", "09:00", new[3])
    write(connection, day, new)

    after, written, standing = read(connection), document(connection), rows(connection)
    # The row stands as it was written, and every day of the document says what its row says.
    assert standing.get(day, (None, None))[0] == (None if new is None else new[0])
    rejected = connection.execute("SELECT reason FROM provider_availability_rejects").fetchall()
    if rejected == [("no_week",)]:
        assert standing == {}
    else:
        assert (rejected, after.days) == ([], standing)
    # All else is equal: but for this day's place, or, where days share what they say, for the days.
    place = before.places.get(day)
    if (old or ()) == standing.get(day, ()):
        assert written == said
    elif (
        place is not None
        and isinstance(said, dict)
        and after.places.get(day) == place
        # A zone, or an interval, that all days share is said of each where one of them gets another.
        and (new is None or old is None or new[3] == old[3])
        and not any(leaf == "true" and path in before.places.values() for path, leaf in leaves(said))
    ):
        assert outside(written, place) == outside(said, place)
    for path in before.ignored:
        key = path.removeprefix("$.")
        if isinstance(said, dict) and key in said:
            assert written[key] == said[key]

    write(connection, day, old)
    assert rows(connection) == stood
    again = read(connection)
    if again.outcome == "converted":
        assert again.days == before.days
    else:
        assert stood == {}
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


# The same examples in every run: what somebody changes must not fail by what somebody else's dice find.
COMMON = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@COMMON
@given(text=st.sampled_from(KNOWN), day=st.sampled_from(WEEK), change=st.sampled_from(CHANGES))
@example(
    text='{"schedule": {"days": ["mon"], "start": "9:00", "end": "17:00", "it\'s": 1}, "v": 2}',
    day="monday",
    change=CHANGES[0],
)
@example(
    text='{"tuesday": "9:00-17:00", "a b": {"x": [1]}, "timezone": "Europe/Paris"}', day="tuesday", change=CHANGES[5]
)
@example(
    text='{"monday": true, "saturday": false, "startTime": "09:00", "endTime": "18:00"}',
    day="saturday",
    change=CHANGES[0],
)
def test_a_known_document(
    writer: psycopg.Connection[Any], text: str, day: str, change: tuple[object, ...] | None
) -> None:
    check_round_trip(writer, text, day, change)


@COMMON
@given(seed=st.integers(0, 2**32), day=st.sampled_from(WEEK), change=st.sampled_from(CHANGES))
def test_a_made_up_document(
    writer: psycopg.Connection[Any], seed: int, day: str, change: tuple[object, ...] | None
) -> None:
    made = [text for text in map(json.dumps, Documents(seed).take(12)) if "\\u0000" not in text]
    writer.execute("ROLLBACK TO example")
    taken = writer.execute(
        "SELECT r.i FROM provider_availability_read_each(%s::jsonb[], '{}') AS r WHERE r.outcome = 'converted' LIMIT 1",
        (made,),
    ).fetchone()
    assume(taken is not None)
    assert taken is not None
    check_round_trip(writer, made[taken[0] - 1], day, change)
