"""The independent reading on the known documents: it must be right before anything is held against it."""

from __future__ import annotations

import json
import re

import pytest

from tests.known import Known, Neighbour, all_documents, dirty_documents, in_short, neighbours, real_documents
from tests.reading import Converted, Empty, Rejected, read

# Where both a start and an end are wrong, the known documents name the start (as written); JSONB's order names the end,
# which is shorter. d133 names the second of two day numbers, which are both unread without a policy.
BOTH_WRONG = "d012 d013 d014 d018 d019 d021 d022 d032 d033 d034 d035 d038 d045 d188"
LATER_IN_JSONB_ORDER = {
    **dict.fromkeys(re.findall("d[0-9]+", BOTH_WRONG), ("$.monday.start", "$.monday.end")),
    "d058": ("$.monday.startTime", "$.monday.endTime"),
    "d133": ("$[1].day", "$[0].day"),
}
STORED = [known for known in all_documents() if known.jsonb]


def ids(known: Known) -> str:
    return known.id


@pytest.mark.parametrize("known", [known for known in real_documents() if known.kind == "out_of_box"], ids=ids)
def test_a_document_of_a_usual_form_is_read_to_its_meaning(known: Known) -> None:
    outcome = read(json.loads(known.text), {})
    assert isinstance(outcome, Converted), outcome
    assert outcome.rows == known.rows


@pytest.mark.parametrize("known", [known for known in real_documents() if known.kind == "reject"], ids=ids)
def test_a_document_that_cannot_be_kept_in_rows_is_rejected(known: Known) -> None:
    assert isinstance(read(json.loads(known.text), {}), Rejected)


@pytest.mark.parametrize("known", [known for known in real_documents() if known.kind == "mapping"], ids=ids)
def test_a_document_that_needs_a_policy_is_read_to_its_meaning_or_not_at_all(known: Known) -> None:
    outcome = read(json.loads(known.text), {})
    assert isinstance(outcome, Rejected) or (isinstance(outcome, Converted) and outcome.rows == known.rows)


@pytest.mark.parametrize("known", [known for known in dirty_documents() if known.jsonb], ids=ids)
def test_a_dirty_document_is_read_as_expected_without_a_policy(known: Known) -> None:
    outcome = read(json.loads(known.text), {})
    if known.rows is None:
        assert isinstance(outcome, Rejected)
    elif known.rows == ():
        assert isinstance(outcome, Empty)
    else:
        assert isinstance(outcome, Converted), outcome
        assert outcome.rows == known.rows


@pytest.mark.parametrize("known", [known for known in STORED if known.bad_path is not None], ids=ids)
def test_a_reject_names_the_place_that_is_wrong(known: Known) -> None:
    outcome = read(json.loads(known.text), {})
    assert isinstance(outcome, Rejected)
    as_written, in_order = LATER_IN_JSONB_ORDER.get(known.id, (known.bad_path, known.bad_path))
    assert known.bad_path == as_written
    assert outcome.path == in_order


@pytest.mark.parametrize("near", [near for near in neighbours() if near.rows is not None], ids=lambda near: near.what)
def test_a_neighbour_that_says_the_same_is_read(near: Neighbour) -> None:
    outcome = read(json.loads(near.text), near.settings)
    assert isinstance(outcome, Converted), outcome
    assert in_short(outcome.rows) == near.rows


@pytest.mark.parametrize("near", [near for near in neighbours() if near.rows is None], ids=lambda near: near.what)
def test_a_neighbour_that_says_something_else_is_rejected_for_it(near: Neighbour) -> None:
    outcome = read(json.loads(near.text), near.settings)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.path) == (near.reason, near.path)


@pytest.mark.parametrize("text", ["null", "{}", "[]", '""'])
def test_a_document_that_says_nothing_is_empty(text: str) -> None:
    assert read(json.loads(text), {}) == Empty()


def test_the_default_zone_stands_where_the_document_names_none() -> None:
    document = {"monday": "9:00-17:00", "tuesday": "closed"}
    outcome = read(document, {"default_timezone": "Europe/Paris"})
    assert isinstance(outcome, Converted)
    assert {row.zone for row in outcome.rows} == {"Europe/Paris"}
    outcome = read({**document, "tz": "UTC"}, {"default_timezone": "Europe/Paris"})
    assert isinstance(outcome, Converted)
    assert {row.zone for row in outcome.rows} == {"UTC"}
