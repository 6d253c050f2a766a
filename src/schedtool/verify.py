"""The proof: checks as rows from SQL files, and the catalog held against what the migrations build.

Only what belongs to applied migrations is checked. A file over key ranges is run range by range, each in a READ ONLY
transaction with one snapshot; its checks pass when they pass in every range, and their figures are added up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import psycopg

from schedtool import catalog, ranges, records, settings
from schedtool.database import explain_error, read_only, run
from schedtool.errors import Refused, SchedtoolError, UsageError
from schedtool.jobs import keys_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from schedtool.project import Project, SqlFile

SECTIONS: Final = ("schema", "constraints", "counts", "parity")
PROBE: Final = "probe"
SAMPLE_KEYS: Final = 200
"""Keys per range of a sample: many small ranges show more of a table than one large one."""
NUMBER: Final = re.compile(r"\d+")
DETAILS: Final = 3
"""Details kept of a check that fails in many ranges."""


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        expected: What should be; a number, a text, or None.
        actual: What is.
        detail: What to look at, for people.
        error: It could not be run; whether it would pass is not known.
    """

    section: str
    name: str
    passed: bool
    expected: object
    actual: object
    detail: str | None
    error: bool = False


@dataclass(frozen=True)
class Checked:
    """A range of a file is checked."""

    file: str
    keys: int
    total: int


@dataclass(frozen=True)
class _Run:
    connection: Connection[Any]
    project: Project
    sections: Collection[str]
    sample: int | None
    readers: Sequence[Connection[Any]]
    notify: Callable[[Checked], None]


def verify(
    connection: Connection[Any],
    project: Project,
    *,
    sections: Sequence[str] = (),
    sample: int | None = None,
    readers: Sequence[Connection[Any]] = (),
    notify: Callable[[Checked], None],
) -> tuple[Check, ...]:
    """Run the checks of the applied migrations, all sections or these; `sample` is about how many keys to look at.

    Files over key ranges are read on `readers` at once, where there are any.

    Raises:
        Refused: Nothing is applied, so there is nothing to verify.
    """
    with read_only(connection):
        applied = {record.id for record in records.records(connection)} & {one.id for one in project.migrations}
    if not applied:
        raise Refused("nothing is applied, so there is nothing to verify", code="nothing_applied")
    work = _Run(connection, project, sections or SECTIONS, sample, readers, notify)
    checks: list[Check] = []
    if "schema" in work.sections:
        checks += _schema(work, applied)
    for migration in project.migrations:
        if migration.id in applied:
            for file in project.sql_files("verify", migration):
                if _wanted(work, file, applied):
                    checks += _file(work, file)
    return tuple(sorted(checks, key=lambda check: _rank(check.section)))


def probe(connection: Connection[Any], project: Project) -> tuple[Check, ...]:
    """Try violating rows, inside a transaction that is always rolled back: each constraint must catch its own.

    `sql/verify/<id>.probe.sql` answers one check per constraint, under its name; a constraint that none is named after
    is a check that fails.

    Raises:
        Refused: Nothing is applied.
    """
    with read_only(connection):
        applied = {record.id for record in records.records(connection)} & {one.id for one in project.migrations}
        there, _, _ = catalog.expected(project, applied)
    if not applied:
        raise Refused("nothing is applied, so there is nothing to verify", code="nothing_applied")
    checks: list[Check] = []
    for migration in project.migrations:
        file = project.sql_file("verify", migration, PROBE)
        if migration.id in applied and file is not None:
            checks += _probe(connection, file)
    named = {check.name for check in checks}
    for thing in there:
        constraint = thing.partition(".")[2]
        if thing.startswith("constraint ") and constraint not in named:
            checks.append(Check("constraints", constraint, False, "a probe", None, "no probe tries this constraint"))
    return tuple(checks)


def _rank(section: str) -> int:
    return SECTIONS.index(section) if section in SECTIONS else len(SECTIONS)


def _wanted(work: _Run, file: SqlFile, applied: Collection[str]) -> bool:
    if file.part == PROBE or (file.part in SECTIONS and file.part not in work.sections):
        return False
    return file.until is None or work.project.find(file.until).id not in applied


def _schema(work: _Run, applied: Collection[str]) -> list[Check]:
    with read_only(work.connection):
        found = list(catalog.compare(work.connection, work.project, applied))
        _, _, missing = catalog.expected(work.project, applied)
    checks = [Check("schema", one.name, one.kind is None, one.expected, one.actual, one.kind) for one in found]
    for migration in missing:
        detail = f"sql/expected/{migration}.txt is missing: schedtool verify --write writes it"
        checks.append(Check("schema", migration, False, "a file", None, detail, error=True))
    return checks


def _file(work: _Run, file: SqlFile) -> list[Check]:
    try:
        rows = (
            _ranged(work, file)
            if file.keys is not None
            else _checks(file, ranges.read(work.connection, file, _settings(work, file)))
        )
    except psycopg.Error as error:
        return [_unrunnable(file, explain_error(error, file=file.path, text=file.text))]
    except UsageError:
        raise
    except SchedtoolError as error:
        if error.code == "connection_lost":
            raise
        return [_unrunnable(file, error)]
    return [check for check in rows if check.section in work.sections]


def _ranged(work: _Run, file: SqlFile) -> list[Check]:
    """Add the checks of all ranges up, by section and name, in the order they came."""
    keys = keys_of(file)
    total = ranges.extent(work.connection, keys).estimate
    every = 1 if work.sample is None else max(1, total // max(work.sample, SAMPLE_KEYS))
    size = ranges.KEYS if work.sample is None else SAMPLE_KEYS
    found: dict[tuple[str, str], Check] = {}
    passed_by = read = 0

    def chosen() -> Iterator[ranges.Range]:
        nonlocal passed_by
        for number, part in enumerate(ranges.ranges(work.connection, keys, size=size)):
            passed_by += part.keys
            if number % every == 0:
                yield part

    for part, rows in ranges.read_each(work.connection, work.readers, file, chosen(), _settings(work, file)):
        read += part.keys
        for check in _checks(file, rows):
            name = (check.section, check.name)
            found[name] = _added(found[name], check) if name in found else check
        work.notify(Checked(file.name, passed_by, max(total, passed_by)))
    if work.sample is None:
        return list(found.values())
    said = f"a sample: {read} of {passed_by} keys"
    return [replace(check, detail=f"{said}; {check.detail}" if check.detail else said) for check in found.values()]


def _settings(work: _Run, file: SqlFile) -> Mapping[str, str]:
    """What the file reads by, as its parameter; nothing for one that asks for none."""
    if file.settings is None:
        return {}
    with read_only(work.connection):
        stored = settings.current(work.connection, work.project, file.settings)
    return {"settings": settings.as_text(stored.settings if stored else {})}


def _checks(file: SqlFile, rows: Iterable[Mapping[str, Any]]) -> list[Check]:
    names = ("section", "name", "passed", "expected", "actual", "detail")
    checks = []
    for row in rows:
        missing = [name for name in names if name not in row]
        if missing or not isinstance(row["passed"], bool):
            what = f"no column {missing[0]}" if missing else f"passed = {row['passed']!r}, which is no boolean"
            raise UsageError(f"{file.path}: its last result has {what}", code="contract")
        checks.append(Check(**{name: row[name] for name in names}))
    return checks


def _added(before: Check, now: Check) -> Check:
    """One check over two ranges: passed in both, figures added up where they are numbers.

    What a range says beside its figures is kept where it failed, and not of more ranges than people read.
    """
    if before.passed and now.passed:
        details = [_sums(before.detail, now.detail)]
    else:
        details = [one.detail for one in (before, now) if one.detail and not one.passed]
    if details[:1] == [before.detail] and str(before.detail).count("\n") + 1 >= DETAILS:
        details = details[:1]
    return Check(
        section=before.section,
        name=before.name,
        passed=before.passed and now.passed,
        expected=_sum(before.expected, now.expected),
        actual=_sum(before.actual, now.actual),
        detail="\n".join(dict.fromkeys(detail for detail in details if detail)) or None,
    )


def _sum(before: object, now: object) -> object:
    """Add integers up, also those that a file answers as text; of anything else the first stands."""
    try:
        total = int(str(before)) + int(str(now))
    except ValueError:
        return before
    return str(total) if isinstance(before, str) else total


def _sums(before: str | None, now: str | None) -> str | None:
    """Add two details up that differ in their figures only: the arithmetic of one range and of the next."""
    if before is None or now is None or NUMBER.sub("", before) != NUMBER.sub("", now):
        return None
    figures = iter(NUMBER.findall(now))
    return NUMBER.sub(lambda match: str(int(match.group()) + int(next(figures))), before)


def _unrunnable(file: SqlFile, error: SchedtoolError) -> Check:
    section = file.part if file.part in SECTIONS else SECTIONS[-1]
    detail = error.message if not error.hint else f"{error.message}\n{error.hint}"
    return Check(str(section), file.name, False, None, None, detail, error=True)


def _probe(connection: Connection[Any], file: SqlFile) -> list[Check]:
    try:
        connection.execute("BEGIN")
        try:
            results = run(connection, file.text)
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")
    except psycopg.Error as error:
        return [_unrunnable(file, explain_error(error, file=file.path, text=file.text))]
    return _checks(file, results[-1].dicts() if results else [])
