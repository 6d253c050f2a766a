"""A policy may widen what is read, never change it: what is converted already must read the same under the new one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import psycopg

from schedtool import ranges
from schedtool.errors import Refused
from schedtool.presence import readable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from schedtool.project import Project

EXAMPLES: Final = 3


def check(connection: Connection[Any], project: Project, number: str, settings: Mapping[str, Any]) -> bool:
    """Refuse settings under which what is converted would read otherwise; False where that cannot be told.

    `sql/settings/NNNN.changed.sql` is asked range by range, each in a short READ ONLY transaction, and answers the
    keys. It cannot tell before its migrations are applied, nor to a role that may not see their tables.

    Raises:
        Refused: With how many there are, and the first three.
    """
    file = project.sql_file("settings", project.find(number), "changed")
    if file is None or file.keys is None or not readable(connection, project, file):
        return False
    values = {"settings": json.dumps(settings, ensure_ascii=False)}
    count = 0
    examples: list[str] = []
    try:
        for part in ranges.ranges(connection, file.keys):
            found = ranges.read(connection, file, {**values, "first": part.first, "last": part.last})
            count += len(found)
            examples += [str(row["key"]) for row in found[: EXAMPLES - len(examples)]]
    except psycopg.Error as error:
        if error.sqlstate not in ranges.MISSING:
            raise
        return False
    if count:
        documents = "1 converted document" if count == 1 else f"{count:,} converted documents"
        more = ", …" if count > EXAMPLES else ""
        raise Refused(
            f"{documents} would read otherwise under this policy: {file.keys.table} {', '.join(examples)}{more}",
            hint="a policy may widen what is read, not change it: leave out the setting that changes it",
            code="policy_refused",
        )
    return True
