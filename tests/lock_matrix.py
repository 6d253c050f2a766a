"""Which lock each migration takes on which table: measured, and written into the README.

python -m tests.lock_matrix          # writes; the test of the same name holds README.md equal to what is measured
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schedtool import embedded, project, trace
from schedtool.database import Target, connect
from schedtool.project import shipped
from tests.servers import HERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from schedtool.project import Project
    from schedtool.trace import Traced

TABLES = ("providers", "users", "provider_availability", "bookings")
BETWEEN = re.compile(r"(?<=<!-- locks -->\n).*?(?=<!-- /locks -->)", re.DOTALL)


def measure(target: Target, files: Project) -> Sequence[Traced]:
    """Run every statement of the shipped files, there and back, on a database that holds empty parents."""
    there = list(trace.trace(target, files, files.migrations))
    return [*there, *trace.trace(target, files, reversed(files.migrations), back=True)]


def matrix(traced: Iterable[Traced]) -> str:
    """The table as the README has it."""
    by_file: dict[str, list[Traced]] = {}
    for one in traced:
        by_file.setdefault(one.file, []).append(one)
    lines = ["| | " + " | ".join(f"`{table}`" for table in TABLES) + " | rewrites, not validated |"]
    lines.append("|---" * (len(TABLES) + 2) + "|")
    for file, statements in by_file.items():
        strongest = trace.strongest(statements)
        left = sorted({name for one in statements for name in (*one.rewrites, *one.unvalidated)})
        cells = [strongest.get(table, "").lower() for table in TABLES]
        lines.append(f"| {_name(file)} | " + " | ".join([*cells, ", ".join(left) or "none"]) + " |")
    return "\n".join(lines) + "\n"


def _name(file: str) -> str:
    name = file.rpartition("/")[2].removesuffix(".sql")
    return f"{name[:4]} back" if name.endswith(".rollback") else f"`{name[:4]}`"


def written() -> str:
    """What stands in the README."""
    found = BETWEEN.search((HERE.parent / "README.md").read_text(encoding="utf-8"))
    assert found is not None, "README.md has no place for the matrix: <!-- locks --> … <!-- /locks -->"
    return found.group()


def main() -> None:
    """Measure on a throw-away server and write."""
    readme = HERE.parent / "README.md"
    with embedded.throwaway() as server:
        target = Target(server.conninfo)
        with connect(target, application="parents") as connection:
            connection.execute((HERE / "sql" / "parents.bigint.sql").read_bytes())
        new = matrix(measure(target, project.load(shipped())))
    text = readme.read_text(encoding="utf-8")
    assert BETWEEN.search(text) is not None
    readme.write_text(BETWEEN.sub(lambda _: new, text), encoding="utf-8")


if __name__ == "__main__":
    main()
