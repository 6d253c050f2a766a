"""Other sessions, in the words of every message that names one, and who of them is in our way."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from schedtool.database import connect
from schedtool.errors import SchedtoolError
from schedtool.records import answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from psycopg import Connection

    from schedtool.database import Target


def session(row: Mapping[str, Any]) -> str:
    """Say who a session is: process, role, application, host, age, state, and its statement with the time it began."""
    who = [row["role"] or "no role", row["application"] or "no application name", row["host"]]
    if row["age_s"] is not None:
        who.append(f"for {row['age_s']} s")
    who.append(row["state"] or "state hidden from this role")
    text = f"pid {row['pid']} ({', '.join(who)})"
    since = f" since {row['query_start']} UTC" if row["query_start"] else ""
    return f"{text}{since}: {row['statement']}" if row["statement"] else text


@dataclass
class Blockers:
    """Finds out, from a second session, who keeps the first one waiting.

    Only while the first session waits can the server say for whom, and then it cannot ask itself. The second session is
    opened when it is first needed, and its failure is nobody's failure.

    Attributes:
        seen: Who was in the way when it was last looked, kept when the way was free.
    """

    target: Target
    pid: int
    seen: tuple[str, ...] = ()
    _connection: Connection[Any] | None = field(default=None, repr=False)

    def look(self) -> None:
        """Remember who blocks the first session now."""
        with suppress(psycopg.Error, SchedtoolError):
            if self._connection is None:
                self._connection = connect(self.target, application="blockers", read_only=True)
            rows = answer(self._connection, "blockers", pid=self.pid)
            if rows:
                self.seen = tuple(session(row) for row in rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
