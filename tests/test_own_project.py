"""The README's page about a team's own migrations, typed as it stands there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.journey import insert_documents
from tests.servers import HERE, run_program
from tests.team import value

if TYPE_CHECKING:
    from tests.servers import Database

EXAMPLE = re.compile(r"<!-- own project -->\n```sh\n(.*?)```\n<!-- /own project -->", re.DOTALL)


def test_the_example_of_the_readme_works_as_it_stands_there(empty_database: Database, tmp_path: Path) -> None:
    found = EXAMPLE.search((HERE.parent / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    empty_database.make_parents()
    insert_documents(empty_database, [None] * 250)
    programs = str(Path(sys.executable).parent)

    outcome = run_program(
        "bash",
        "-euc",
        f'PATH="{programs}:$PATH"\n{found[1]}',
        environ={"SCHEDTOOL_DATABASE_URL": empty_database.url},
        cwd=tmp_path,
    )

    assert outcome.exit_code == 0, outcome
    # It is applied, taken back and applied again; the batches do the work, the file finds nothing left.
    assert outcome.stdout.count("applied 0006.fill-provider-labels") == 2
    assert "rolled back 0006.fill-provider-labels" in outcome.stdout
    assert re.search(r"0006\.fill-provider-labels +yes, 250 documents +\S*provider_labels", outcome.stdout)
    assert re.search(r"every provider has a label|All \d+ checks passed", outcome.stdout)
    with empty_database.connect() as connection:
        assert value(connection, "SELECT count(*) FROM provider_labels") == 250
        done = "SELECT sum((counters ->> 'inserted')::bigint) FROM schedtool_job WHERE migration LIKE '0006%'"
        assert value(connection, done) == 500
