"""The short forms of the stress commands of the drop: the same code, few documents, one round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stress import drop, there_and_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Database, Server


@pytest.fixture
def two(server: Server) -> Iterator[tuple[Database, Database]]:
    made = server.create(), server.create()
    for database in made:
        database.make_parents()
    yield made
    for database in made:
        server.drop(database.name)


def test_documents_come_back_to_the_letter_and_as_if_they_had_never_gone_where_rows_were_written(
    two: tuple[Database, Database],
) -> None:
    texts = list(there_and_back.documents(150, seed=5))

    changed, wrong = there_and_back.differences(*two, texts)

    assert wrong == []
    assert changed > 20


def test_under_writers_of_both_sides_nothing_acknowledged_is_lost(database: Database) -> None:
    drop.fill(database, 60)

    played = drop.play(database, documents=1, rows=1, seed=1)

    assert played.wrong == ()
    assert played.writes > 10
