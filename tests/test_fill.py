"""The file of the backfill behind its batches: it looks at everything once, whatever the planner knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.journey import FILL, insert_documents

if TYPE_CHECKING:
    from tests.servers import Database

DOCUMENTS = 200


def test_the_rows_are_read_a_few_times_in_all_and_not_once_per_document(database: Database) -> None:
    """Without statistics PostgreSQL 15 passed over all rows for each provider: 20 s for 8,000 of them."""
    insert_documents(database, [f'{{"monday": "09:00-17:{n % 60:02}", "friday": "closed"}}' for n in range(DOCUMENTS)])

    with database.connect() as connection, connection.transaction():
        # What the planner then does by itself, on every server.
        for setting in ("indexscan", "bitmapscan", "indexonlyscan"):
            connection.execute(f"SET LOCAL enable_{setting} = off".encode())
        connection.execute(FILL.read_bytes())
        read: dict[str, int] = dict(
            connection.execute(
                "SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables"
                " WHERE relname IN ('provider_availability', 'provider_availability_rejects')"
            ).fetchall()
        )

    assert read["provider_availability"] >= 2 * DOCUMENTS
    assert read["provider_availability"] <= 4 * 2 * DOCUMENTS
    assert read["provider_availability_rejects"] <= 4 * DOCUMENTS
