"""The catalog as text: what the migrations build, one readable file per migration, and what a database has instead.

A file of `sql/expected/` holds what its migration adds or changes, object by object, and what it takes away. Laid over
each other in order, the files of the applied migrations say what the schema must hold: no less, and on the tables that
they make no more. Nothing in them depends on the schema's name, the server's version, or the type of somebody's key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg

from schedtool import records
from schedtool.database import explain_error, run
from schedtool.errors import Failed, Refused, UsageError
from schedtool.jobs import answer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from psycopg import Connection

    from schedtool.project import Migration, Project

INDENT: Final = "    "
GONE: Final = "gone "
FOLLOWS: Final = re.compile(r"type of (.+?\))")
HEAD: Final = (
    "# What {id}.sql adds to the catalog, changes in it and takes out of it.\n"
    "# Written by `schedtool verify --write`; held against a database by `schedtool verify schema`.\n"
)


@dataclass(frozen=True)
class Thing:
    """One object of the catalog.

    Attributes:
        name: Kind and name: `column parcel.weight`.
        owner: The table it belongs to, or None.
        text: Its definition and comment.
    """

    name: str
    owner: str | None
    text: str


@dataclass(frozen=True)
class Snapshot:
    """All objects of the schema by name, and the types of all columns (`users(id)`: `bigint`)."""

    things: Mapping[str, Thing]
    types: Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    """An object as it should be and as it is; None where it should not be there, or is not."""

    name: str
    expected: str | None
    actual: str | None

    @property
    def kind(self) -> str | None:
        """missing, changed or extra; None where both are the same."""
        if self.expected == self.actual:
            return None
        if self.actual is None:
            return "missing"
        return "extra" if self.expected is None else "changed"


def snapshot(connection: Connection[Any], *, following: bool = False) -> Snapshot:
    """Read the catalog of the schema, without the tables of schedtool and yoyo; reads only.

    With `following`, the type of a column that follows somebody's key is written as `type of users(id)`.
    """
    things: dict[str, Thing] = {}
    types: dict[str, str] = {}
    for row in answer(connection, "catalog"):
        text = row["definition"] or ""
        if row["type"] is not None:
            table, _, column = row["name"].partition(".")
            types[f"{table}({column})"] = row["type"]
            follows = following and row["follows"] is not None
            text = text.replace("{type}", f"type of {row['follows']}" if follows else row["type"], 1)
        lines = [line.rstrip() for line in text.strip().splitlines()]
        if row["comment"]:
            lines += [f"-- {line}" for line in row["comment"].splitlines()]
        name = f"{row['kind']} {row['name']}"
        things[name] = Thing(name, row["owner"], "\n".join(lines))
    return Snapshot(things, types)


def expected(project: Project, applied: Collection[str]) -> tuple[Mapping[str, str], frozenset[str], tuple[str, ...]]:
    """Lay the files of the applied migrations over each other.

    Returns:
        Objects that must be there with their text; names of objects that must not be; ids without a file.
    """
    there: dict[str, str] = {}
    gone: set[str] = set()
    missing: list[str] = []
    for migration in project.migrations:
        if migration.id not in applied:
            continue
        path = path_of(project, migration)
        if not path.is_file():
            missing.append(migration.id)
            continue
        for name, text in _read(path):
            if text is None:
                there.pop(name, None)
                gone.add(name)
            else:
                there[name] = text
                gone.discard(name)
    return there, frozenset(gone), tuple(missing)


def compare(
    connection: Connection[Any], project: Project, applied: Collection[str], *, found: Snapshot | None = None
) -> Iterator[Difference]:
    """Yield every object that the applied migrations build, as it should be and as it is; then what is too much.

    `found` is the catalog where it was read already.
    """
    there, gone, missing = expected(project, applied)
    found = found or snapshot(connection)
    for name, text in there.items():
        known = FOLLOWS.sub(lambda match: found.types.get(match.group(1), match.group()), text, count=1)
        actual = found.things.get(name)
        yield Difference(name, known if name.startswith("column ") else text, actual.text if actual else None)
    made = {name.removeprefix("table ") for name in there if name.startswith("table ")}
    for thing in found.things.values():
        # A migration without a file may have made anything, so then nothing can be called too much.
        if thing.name in gone or (thing.owner in made and thing.name not in there and not missing):
            yield Difference(thing.name, None, thing.text)


def path_of(project: Project, migration: Migration) -> Path:
    """Return where a migration's expected catalog stands."""
    return project.root / "sql" / "expected" / f"{migration.id}.txt"


def write(connection: Connection[Any], project: Project) -> tuple[Path, ...]:
    """Run every migration in one transaction that is always rolled back, and write what each does to the catalog.

    Raises:
        Refused: A migration is applied already, so what it did to the catalog cannot be seen.
        Failed: A migration fails here, or a file cannot be written.
    """
    recorded = {record.id for record in records.records(connection)}
    if recorded:
        raise Refused(
            f"{min(recorded)} is applied here; --write wants a database with nothing applied",
            hint="give it one that holds only the parents, empty",
            code="not_empty",
        )
    texts = []
    connection.execute("BEGIN")
    try:
        before = snapshot(connection, following=True)
        ours: set[str] = set()
        for migration in project.migrations:
            for _ in range(2 if migration.again else 1):
                _run(connection, migration)
            after = snapshot(connection, following=True)
            texts.append((path_of(project, migration), _delta(migration, before, after, ours)))
            ours |= set(after.things) - set(before.things)
            before = after
    finally:
        if not connection.closed:
            connection.execute("ROLLBACK")
    try:
        for path, text in texts:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}", hint="--project names a folder to write into") from error
    return tuple(path for path, _ in texts)


def _run(connection: Connection[Any], migration: Migration) -> None:
    text = migration.text
    if not migration.transactional:
        # An index is the same however it was built, and this transaction is to be rolled back.
        text = re.sub(r"\bCONCURRENTLY\b", "", text, flags=re.IGNORECASE)
    try:
        run(connection, text)
    except psycopg.Error as error:
        raise explain_error(error, file=migration.path, text=migration.text) from error


def _delta(migration: Migration, before: Snapshot, after: Snapshot, ours: set[str]) -> str:
    """Write what changed. Of what others made, only a column can be gone: what hangs on it differs by place."""
    parts: dict[str | None, list[str]] = {}
    for thing in after.things.values():
        old = before.things.get(thing.name)
        if thing.name.startswith("table ") and old is not None and thing.name not in ours:
            # A table in a file is one that the migrations make: what else stands on it is too much.
            continue
        if old is None or old.text != thing.text:
            parts.setdefault(thing.owner, []).append(_block(thing))
    gone = [
        f"{GONE}{name}"
        for name in before.things
        if name not in after.things and (name in ours or name.startswith("column "))
    ]
    blocks = ["\n".join(lines) for lines in parts.values()]
    return HEAD.format(id=migration.id) + "".join(
        f"\n{block}\n" for block in [*blocks, *["\n".join(gone)] * bool(gone)]
    )


def _block(thing: Thing) -> str:
    first, *rest = thing.text.split("\n")
    return "\n".join([f"{thing.name}: {first}", *(f"{INDENT}{line}" for line in rest)])


def _read(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the objects of a file with their texts, None for one that is gone."""
    name, lines = "", list[str]()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith(INDENT) and name:
            lines.append(line.removeprefix(INDENT))
            continue
        if name:
            yield name, "\n".join(lines)
            name = ""
        if not line or line.startswith("#"):
            continue
        if line.startswith(GONE):
            yield line.removeprefix(GONE), None
            continue
        name, colon, first = line.partition(": ")
        if not colon:
            raise UsageError(f"{path}:{number}: neither an object nor a line of one", code="contract")
        lines = [first]
    if name:
        yield name, "\n".join(lines)
