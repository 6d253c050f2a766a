"""Each known document that needs to be told something: the policy that reads it to exactly its meaning, or none."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.known import all_documents, conditional_rows, in_short
from tests.policies import told
from tests.reading import Converted, Rejected, read

TOLD = told()
KNOWN = {known.id: known for known in all_documents()}
NEEDED = {known.id for known in all_documents() if known.kind == "mapping" or conditional_rows(known.id) is not None}


def test_every_document_that_needs_to_be_told_something_is_listed() -> None:
    assert set(TOLD) == NEEDED


def test_the_readme_lists_what_no_policy_reads() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- (.+)$", readme.split("No setting is there for")[1].split("A column of")[0], re.MULTILINE)
    assert sorted(listed) == sorted(each.unsupported for each in TOLD.values() if each.settings is None)


@pytest.mark.parametrize("name", [name for name, each in TOLD.items() if each.settings is not None])
def test_a_document_means_under_its_policy_exactly_what_it_means(name: str) -> None:
    settings = TOLD[name].settings
    assert settings is not None
    outcome = read(json.loads(KNOWN[name].text, parse_float=Decimal), settings)
    assert isinstance(outcome, Converted), outcome
    if (short := TOLD[name].rows) is not None:
        assert in_short(outcome.rows) == short
    else:
        assert outcome.rows == (conditional_rows(name) or KNOWN[name].rows)


@pytest.mark.parametrize("name", [name for name, each in TOLD.items() if each.settings])
def test_without_its_policy_it_is_not_read(name: str) -> None:
    assert isinstance(read(json.loads(KNOWN[name].text), {}), Rejected)


@pytest.mark.parametrize("name", [name for name, each in TOLD.items() if each.settings is None])
def test_a_document_that_is_not_supported_is_rejected_under_every_policy_here(name: str) -> None:
    for each in TOLD.values():
        assert isinstance(read(json.loads(KNOWN[name].text), each.settings or {}), Rejected), each.id
