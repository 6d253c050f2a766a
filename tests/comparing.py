"""The SQL reading and the independent one, side by side: what each makes of many documents, and where they differ."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

import psycopg

from tests.document_changes import smaller
from tests.reading import Converted, Empty, Rejected, Row, read
from tests.reading_words import WEEK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Many documents in one statement: a round trip each would take most of the time.
READ = """
SELECT r.outcome, r.path, r.reason, r.ignored, r.days, r.available, r.starts::text[], r.ends::text[], r.zones
FROM jsonb_array_elements(%(documents)s::jsonb) WITH ORDINALITY AS d (document, n)
CROSS JOIN LATERAL provider_availability_read(d.document, %(settings)s::jsonb) AS r
ORDER BY d.n
"""

Outcome = tuple[object, ...]
"""empty; converted, rows, ignored keys; rejected, path, reason; failed, the server's code and message."""


def read_by_server(
    connection: psycopg.Connection, documents: Sequence[str], policy: Mapping[str, object]
) -> list[Outcome]:
    """What the SQL reading gives for each document's JSON text: also which one it fails on, and how."""
    parameters = {"documents": f"[{','.join(documents)}]", "settings": json.dumps(policy)}
    try:
        return [_outcome(*answer) for answer in connection.execute(READ, parameters)]
    except psycopg.Error as error:
        if len(documents) == 1:
            return [("failed", str(error.sqlstate), str(error))]
        half = len(documents) // 2
        return [
            outcome
            for part in (documents[:half], documents[half:])
            for outcome in read_by_server(connection, part, policy)
        ]


def _outcome(
    outcome: str,
    path: str | None,
    reason: str | None,
    ignored: list[str] | None,
    *columns: list[str] | list[bool] | None,
) -> Outcome:
    if outcome != "converted":
        # Whole or nothing.
        assert not any(columns), (outcome, columns)
        return (outcome, str(path), str(reason)) if outcome == "rejected" else (outcome,)
    days = columns[0] or []
    assert len(set(days)) == len(days) > 0, days
    rows = (Row(*row) for row in zip(*(column or [] for column in columns), strict=True))
    return (outcome, tuple(sorted(rows, key=lambda row: WEEK.index(row.day))), tuple(sorted(ignored or [])))


def read_here(document: object, policy: Mapping[str, object]) -> Outcome:
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
    connection: psycopg.Connection, documents: Sequence[object], policy: Mapping[str, object]
) -> list[tuple[object, Outcome, Outcome]]:
    """The documents that the two read differently: document, the server's answer, the independent one."""
    texts = [json.dumps(document) for document in documents]
    answers = read_by_server(connection, texts, policy)
    pairs = zip(documents, answers, strict=True)
    triples = ((document, answer, read_here(document, policy)) for document, answer in pairs)
    return [triple for triple in triples if triple[1] != triple[2]]


def kind(outcome: Outcome) -> str:
    """The outcome without its place in the document: the reason of a rejected one."""
    return str(outcome[2] if outcome[0] == "rejected" else outcome[0])


def smallest(connection: psycopg.Connection, document: object, policy: Mapping[str, object]) -> str:
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
