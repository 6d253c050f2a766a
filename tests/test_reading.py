"""The SQL reading against the independent one: the same rows, or the same first reject, and the same ignored keys."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.documents import Documents, smaller
from tests.known import Known, Neighbour, all_documents, neighbours
from tests.reading import Converted, Empty, Rejected, Row, read
from tests.reading_words import WEEK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.servers import Server

BATCH = 500
BATCHES = 110
SETTINGS: tuple[dict[str, str], ...] = ({}, {"default_timezone": "Europe/Paris"})

REASONS = """
absence all_day ambiguous_time ambiguous_week bare_number booked break contradiction date day_group day_number
days_without_times duplicate_day empty_value missing_end missing_start mixed_clock no_day no_times no_week
not_a_range not_a_time not_weekly offset_in_time pair_or_starts several_slots slot_starts start_not_before_end text
unknown_day unknown_key unreadable_flag zone_offset zone_unknown
"""

# Many documents in one statement: a round trip each would take most of the time.
READ = """
SELECT r.outcome, r.path, r.reason, r.ignored, r.days, r.available, r.starts::text[], r.ends::text[], r.zones
FROM jsonb_array_elements(%(documents)s::jsonb) WITH ORDINALITY AS d (document, n)
CROSS JOIN LATERAL provider_availability_read(d.document, %(settings)s::jsonb) AS r
ORDER BY d.n
"""

Outcome = tuple[str, ...] | tuple[str, tuple[Row, ...], tuple[str, ...]]


@pytest.fixture(scope="module")
def connection(server: Server, template: str) -> Iterator[psycopg.Connection]:
    database = server.create(template=template)
    with database.connect() as connection:
        yield connection
    server.drop(database.name)


def read_by_server(connection: psycopg.Connection, documents: Sequence[str], policy: dict[str, str]) -> list[Outcome]:
    """What the SQL reading gives for each document's JSON text."""
    parameters = {"documents": f"[{','.join(documents)}]", "settings": json.dumps(policy)}
    return [_outcome(*answer) for answer in connection.execute(READ, parameters)]


def _outcome(
    outcome: str,
    path: str | None,
    reason: str | None,
    ignored: list[str] | None,
    *columns: list[str] | list[bool] | None,
) -> Outcome:
    if outcome == "rejected":
        return (outcome, str(path), str(reason))
    if outcome == "empty":
        return (outcome,)
    rows = (Row(*row) for row in zip(*(column or [] for column in columns), strict=True))
    return (outcome, tuple(sorted(rows, key=lambda row: WEEK.index(row.day))), tuple(sorted(ignored or [])))


def read_here(document: object, policy: dict[str, str]) -> Outcome:
    """What the independent reading gives, in the same words."""
    outcome = read(document, policy)
    match outcome:
        case Empty():
            return ("empty",)
        case Rejected():
            return ("rejected", outcome.path, outcome.reason)
        case Converted():
            return ("converted", outcome.rows, tuple(sorted(outcome.ignored)))


def differing(
    connection: psycopg.Connection, documents: Sequence[object], policy: dict[str, str]
) -> list[tuple[object, Outcome, Outcome]]:
    """The documents that the two read differently: document, the server's answer, the independent one."""
    texts = [json.dumps(document) for document in documents]
    answers = read_by_server(connection, texts, policy)
    pairs = zip(documents, answers, strict=True)
    triples = ((document, answer, read_here(document, policy)) for document, answer in pairs)
    return [triple for triple in triples if triple[1] != triple[2]]


def kind(outcome: Outcome) -> object:
    """The outcome without its place in the document."""
    return outcome[2] if outcome[0] == "rejected" else outcome[0]


def smallest(connection: psycopg.Connection, document: object, policy: dict[str, str]) -> str:
    """Make a document that is read differently as small as it goes, in the same way, and show both answers."""
    [(_, answer, here)] = differing(connection, [document], policy)
    while True:
        steps = list(islice(smaller(document), 2_000))
        found = [
            (step, step_answer, step_here)
            for step, step_answer, step_here in differing(connection, steps, policy)
            if (kind(step_answer), kind(step_here)) == (kind(answer), kind(here))
        ]
        if not found:
            return f"\n{json.dumps(document)} {policy or ''}\n  SQL    {answer}\n  Python {here}"
        document, answer, here = min(found, key=lambda each: len(json.dumps(each[0])))


@pytest.mark.parametrize("known", [known for known in all_documents() if known.jsonb], ids=lambda known: known.id)
def test_a_known_document_is_read_alike_by_both(connection: psycopg.Connection, known: Known) -> None:
    [answer] = read_by_server(connection, [known.text], {})
    assert answer == read_here(json.loads(known.text), {})


@pytest.mark.parametrize("near", neighbours(), ids=lambda near: near.what)
def test_a_neighbour_of_a_known_document_is_read_alike_by_both(connection: psycopg.Connection, near: Neighbour) -> None:
    [answer] = read_by_server(connection, [near.text], {})
    assert answer == read_here(json.loads(near.text), {})


@pytest.mark.parametrize("known", [known for known in all_documents() if not known.jsonb], ids=lambda known: known.id)
def test_a_text_that_is_no_json_never_comes_to_a_reading(connection: psycopg.Connection, known: Known) -> None:
    with pytest.raises(psycopg.DataError):
        connection.execute("SELECT %s::jsonb", [known.text])


@pytest.mark.parametrize("text", ["null", "{}", "[]", '""'])
def test_a_document_that_says_nothing_is_empty_to_the_server(connection: psycopg.Connection, text: str) -> None:
    assert read_by_server(connection, [text], {}) == [("empty",)]


def test_a_missing_document_is_empty_to_the_server(connection: psycopg.Connection) -> None:
    answer = connection.execute("SELECT outcome FROM provider_availability_read(NULL, '{}')").fetchall()
    assert answer == [("empty",)]


@settings(
    max_examples=BATCHES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**63 - 1), policy=st.sampled_from(SETTINGS))
def test_made_up_documents_are_read_alike_by_both(
    connection: psycopg.Connection, seed: int, policy: dict[str, str]
) -> None:
    found = differing(connection, Documents(seed).take(BATCH), policy)
    if found:
        shortest = sorted((document for document, _, _ in found), key=lambda document: len(json.dumps(document)))
        shown = "".join(smallest(connection, document, policy) for document in shortest[:3])
        pytest.fail(f"{len(found)} of {BATCH} documents are read differently, of these:{shown}")


def test_made_up_documents_meet_every_outcome() -> None:
    """Documents that are all rejected for the same reason would prove nothing."""
    outcomes = Counter(read_here(document, {})[:3:2] for document in Documents(1).take(10_000))
    reasons = Counter(outcome[-1] for outcome in outcomes.elements() if outcome[0] == "rejected")
    kinds = Counter(outcome[0] for outcome in outcomes.elements())
    assert kinds["converted"] > 2_000
    assert kinds["empty"] > 20
    assert not set(REASONS.split()) - set(reasons)
