"""Whether the tables are there that a file of the project reads: asked of the catalog before the file is run.

To run it and see would do, and leave an ERROR in the server's log each time somebody looks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from schedtool import records

if TYPE_CHECKING:
    from psycopg import Connection

    from schedtool.project import Project, SqlFile

_TABLE = re.compile(r"^table (.+?): ", re.MULTILINE)
_WORD = re.compile(r"\w+")


def readable(connection: Connection[Any], project: Project, file: SqlFile) -> bool:
    """Tell whether all tables that the project's migrations make, and this file names, are there.

    Which tables they make is read off `sql/expected/`; without it nothing is known, and the file may be tried.
    """
    made = {
        name for path in (project.root / "sql" / "expected").glob("*.txt") for name in _TABLE.findall(path.read_text())
    }
    named = made & set(_WORD.findall(file.text))
    return not named or records.there(connection, named) == named
