"""The census: what a migration's batches would do, and why not, read range by range and added up here.

Needs SELECT on the table of the keys and nothing else, before any migration is applied and on a standby. What is held
in memory does not grow with the documents: counters by name, a few examples, and the rejects of one range.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import psycopg

from schedtool import ranges
from schedtool.errors import Failed, UsageError
from schedtool.jobs import keys_of
from schedtool.presence import readable
from schedtool.rescues import Found
from schedtool.settings import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from psycopg import Connection

    from schedtool.project import Migration, Project, SqlFile
    from schedtool.rescues import Candidates

EXAMPLES: Final = 3
NAMES: Final = 10_000
"""Different names counted of one kind: documents may have keys without number, and memory may not."""
OTHERS: Final = "…"
"""Where the rest is counted under."""
INTEGERS: Final = frozenset({"smallint", "integer", "bigint"})
"""Types of keys that are numbers in the answer too; a file gives every key as text, so that it serves all types."""
DOCUMENTS: Final = ("convertible", "empty", "rejected")
ROWS: Final = ("insert", "unchanged")


@dataclass(frozen=True)
class Read:
    """A range is read; `total` is the planner's guess, 0 where it has none."""

    documents: int
    total: int
    rejected: int


@dataclass
class Census:
    """What the batches would do.

    Attributes:
        documents: By outcome: convertible, empty, rejected.
        rows: insert or unchanged.
        shapes: Documents by shape.
        ignored: Documents by the path of a key that is not read.
        reasons: Rejects by reason.
        examples: The first few rejects of each reason.
        rescues: Documents that a setting would convert.
        defaults: Documents that were read with a default.
        settings: What the documents were read by.
        decided: Rejected documents that somebody has accepted as they are.
        compared: Whether rows that exist already were looked at; False where their table is not there or not readable.
    """

    documents: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Found]] = field(default_factory=dict)
    rescues: Counter[str] = field(default_factory=Counter)
    defaults: Counter[str] = field(default_factory=Counter)
    settings: Mapping[str, Any] = field(default_factory=dict)
    compared: bool = True
    decided: int = 0
    elapsed_s: float = 0.0

    @property
    def waiting(self) -> int:
        """Rejected documents that nobody has decided about."""
        return self.documents["rejected"] - self.decided

    @property
    def total(self) -> int:
        """All documents, whatever becomes of them."""
        return sum(self.documents[outcome] for outcome in DOCUMENTS)


@dataclass(frozen=True)
class Files:
    """The files of a dry run: the census, what it compares with rows that exist, decisions, and what may be rescued."""

    census: SqlFile
    existing: SqlFile | None
    decided: SqlFile | None
    rescues: SqlFile | None


def files_of(project: Project, migration: Migration) -> Files:
    """Return the files of a migration's dry run.

    Raises:
        UsageError: It has no census.
    """
    files = {file.part: file for file in project.sql_files("dry_run", migration)}
    if None not in files:
        raise UsageError(f"{migration.id} has no file in sql/dry_run, so there is no dry run of it", code="no_dry_run")
    return Files(files[None], files.get("existing"), files.get("decided"), files.get("rescues"))


def census(
    connection: Connection[Any],
    project: Project,
    migration: Migration,
    *,
    settings: Mapping[str, Any],
    candidates: Candidates | None = None,
    readers: Sequence[Connection[Any]] = (),
    on_reject: Callable[[Found], None],
    notify: Callable[[Read], None],
    size: int = ranges.KEYS,
) -> Census:
    """Read every document and say what would become of it; nothing is written, locked or made.

    The census is read on `readers` at once, where there are any, a range on each: PostgreSQL itself does not read in
    parallel what is read anew for every document. `candidates` are settings to try on what is rejected. `on_reject`
    gets every reject, in order of key, range by range.

    Raises:
        UsageError: A file answers something that breaks its contract.
        Failed: The table of the keys is not there, or may not be read.
    """
    wanted = files_of(project, migration)
    keys = keys_of(wanted.census)
    found = Census(settings=settings)
    started = time.monotonic()
    try:
        extent = ranges.extent(connection, keys)
        own_type = int if extent.key_type in INTEGERS else None
        files = ranges.tried(lambda: _there(connection, project, wanted))
        found.compared = wanted.existing is None or files.existing is not None
        text = as_text(settings)
        parts = ranges.ranges(connection, keys, size=size)
        for part, rows in ranges.read_each(connection, readers, files.census, parts, {"settings": text}):
            values = {"first": part.first, "last": part.last, "settings": text}
            rejects = _add(found, files.census, rows, on_reject, own_type)
            if files.rescues is not None and candidates is not None:
                tried = candidates.texts(rejects, helped=found.rescues)
                if tried is not None:
                    rescued = ranges.read(connection, files.rescues, {**values, **tried})
                    _add(found, files.rescues, rescued, on_reject, own_type)
            if files.existing is not None and found.compared:
                try:
                    existing = ranges.read(connection, files.existing, values)
                    rejects += _add(found, files.existing, existing, on_reject, own_type)
                except psycopg.Error:
                    # Its tables come with the migrations: before them, and for a role that may not see them, every
                    # row would be a new one.
                    found.compared = False
            if files.decided is not None and rejects:
                found.decided += _decided(connection, files.decided, values, rejects)
            found.elapsed_s = time.monotonic() - started
            notify(Read(found.total, extent.estimate, found.documents["rejected"]))
    except psycopg.Error as error:
        raise Failed(
            f"{keys.table} ({keys.column}) cannot be read: {error.diag.message_primary or error}",
            hint="a dry run needs SELECT on it, and nothing else",
            code="unreadable",
        ) from error
    found.elapsed_s = time.monotonic() - started
    return found


def _there(connection: Connection[Any], project: Project, files: Files) -> Files:
    """Leave out what compares with tables that come with the migrations and are not there, or may not be seen."""
    existing, decided = (
        file if file is not None and readable(connection, project, file) else None
        for file in (files.existing, files.decided)
    )
    return replace(files, existing=existing, decided=decided)


def _decided(connection: Connection[Any], file: SqlFile, values: Mapping[str, str], rejects: Iterable[Found]) -> int:
    """Count the rejects that a decision holds for; none where there are no decisions yet, or none to be read."""
    try:
        rows = ranges.read(connection, file, values)
    except psycopg.Error:
        return 0
    accepted = {(row["key"], row["path"], row["reason"]) for row in rows}
    return sum((str(reject.key), reject.path, reject.reason) in accepted for reject in rejects)


def _add(
    census: Census,
    file: SqlFile,
    rows: list[dict[str, Any]],
    on_reject: Callable[[Found], None],
    own_type: Callable[[Any], object] | None,
) -> list[Found]:
    """Add a file's answer to the census, and return the rejects in it, in order of key."""
    by_name: Mapping[str, Counter[str]] = {
        "documents": census.documents,
        "rows": census.rows,
        "shape": census.shapes,
        "ignored": census.ignored,
        "rescue": census.rescues,
        "default": census.defaults,
    }
    rejects: list[Found] = []
    for row in rows:
        try:
            kind, count = row["kind"], row["n"]
            named = row["path"] if kind == "ignored" else row["value"]
        except KeyError as error:
            raise UsageError(f"{file.path}: its last result has no column {error}", code="contract") from error
        if kind == "reject":
            key = row["key"] if own_type is None else own_type(row["key"])
            rejects.append(Found(key, row["path"], row["value"], row["reason"]))
        elif kind in by_name and isinstance(count, int):
            counter = by_name[kind]
            counter[named if named in counter or len(counter) < NAMES else OTHERS] += count
        else:
            raise UsageError(f"{file.path}: a row of kind {kind!r} with n {count!r} is not to be had", code="contract")
    # A range's rows come in no order; texts of uuids sort as the uuids do.
    rejects.sort(key=lambda one: one.key)
    for reject in rejects:
        reason = reject.reason if reject.reason in census.reasons or len(census.reasons) < NAMES else OTHERS
        census.reasons[reason] += 1
        examples = census.examples.setdefault(reason, [])
        _exemplify(examples, reject)
        on_reject(reject)
    return rejects


def _exemplify(examples: list[Found], reject: Found) -> None:
    """Keep the first few examples, rather of different values than three times the same."""
    values = [one.value for one in examples]
    if len(examples) == EXAMPLES and reject.value not in values:
        twice = next((index for index, value in enumerate(values) if value in values[:index]), None)
        if twice is not None:
            del examples[twice]
    if len(examples) < EXAMPLES:
        examples.append(reject)
