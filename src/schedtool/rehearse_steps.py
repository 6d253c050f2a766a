"""What each step of a rehearsal does: the operations of the commands, and a line that says what they came to."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from schedtool import backfill as filling
from schedtool import batches, catalog, dry_run, rehearse_rows, rejects, settings, trace
from schedtool.apply import apply
from schedtool.database import connect, read_only
from schedtool.errors import Refused, SchedtoolError
from schedtool.plan import plan
from schedtool.rehearse_parents import prepare
from schedtool.rollback import rollback
from schedtool.schema_copy import schema_copy
from schedtool.verify import SECTIONS, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schedtool.database import Target
    from schedtool.embedded import Server
    from schedtool.filework import Ran
    from schedtool.project import Migration, Project
    from schedtool.rehearse_parents import Copied, Made

NOTE: Final = "rehearsal"
SHOWN_CHARACTERS: Final = 120
# What a dry run counts, and under which name the batches count the same.
_SAME: Final = (("documents", "empty", "empty"), ("documents", "rejected", "rejected"))
_SAME_ROWS: Final = (("rows", "insert", "inserted"), ("rows", "unchanged", "unchanged"))


@dataclass(frozen=True)
class Reason:
    """Why documents are rejected: how many, and one of them."""

    reason: str
    documents: int
    key: Any
    path: str | None
    value: str | None


@dataclass(frozen=True)
class Outcome:
    """What a step came to.

    Attributes:
        said: In a line.
        ok: It did what it should.
        counts: Its figures by name.
        details: What is wrong, line by line.
        reasons: Why documents wait for a decision.
        proves: What is certain after it, as part of a sentence.
        statements: What each statement of the files did on an empty copy.
    """

    said: str
    ok: bool = True
    counts: Mapping[str, int] = field(default_factory=dict)
    details: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    proves: str | None = None
    statements: tuple[trace.Traced, ...] = ()


@dataclass
class Journey:
    """What the steps share, and what later ones know from earlier ones.

    Attributes:
        kept: Rows as they were, and `since` when.
        foretold: What the dry run of a migration said.
    """

    server: Server
    target: Target
    project: Project
    parents: Made | Copied
    notify: Callable[[object], None]
    kept: tuple[rehearse_rows.Kept, ...] = ()
    since: str = "at the start"
    foretold: dict[str, dry_run.Census] = field(default_factory=dict)


def make_parents(journey: Journey) -> Outcome:
    """Bring what is there before the first migration, and keep a copy of its rows."""
    left = prepare(journey.server, journey.target, journey.project, journey.parents)
    with closing(connect(journey.target, application="rehearse")) as connection:
        journey.kept = rehearse_rows.keep(connection)
    said = ", ".join(f"{kept.table} {kept.rows:,} rows" for kept in journey.kept if kept.rows) or "no rows"
    counts = {kept.table: kept.rows for kept in journey.kept}
    return Outcome(said, counts=counts, details=(left,) if left else ())


def make_plan(journey: Journey) -> Outcome:
    """Plan everything, also what destroys."""
    found = plan(journey.target, journey.project, contract=True).migrations
    batched = [one for one in found if one.batches]
    hazards = dict.fromkeys(hazard for one in found for hazard in one.hazards)
    said = f"{_n(len(found), 'migration')} pending, {len(batched)} in batches"
    statements, details = _trace(journey)
    return Outcome(
        said + (f"; hazards: {', '.join(hazards)}" if hazards else ""),
        counts={"migrations": len(found), "batched": len(batched)},
        details=details,
        statements=statements,
    )


def _trace(journey: Journey) -> tuple[tuple[trace.Traced, ...], tuple[str, ...]]:
    """Run every statement, there and back, on an empty copy; what fails there the journey itself is about to meet."""
    migrations = journey.project.migrations
    try:
        with schema_copy(journey.server, journey.target) as (copy, _):
            there = tuple(trace.trace(copy, journey.project, migrations))
            back = tuple(trace.trace(copy, journey.project, reversed(migrations), back=True))
    except SchedtoolError as error:
        return (), (f"statements were not traced: {error.message}",)
    return (*there, *back), tuple(line for line in map(trace.said, (*there, *back)) if line)


def foretell(journey: Journey, migration: Migration) -> Outcome:
    """Say what the backfill would do."""
    census = filling.census(
        journey.target,
        journey.project,
        migration,
        policy=settings.Policy(),
        on_reject=lambda _: None,
        notify=journey.notify,
    )
    journey.foretold[migration.id] = census
    counts = {"documents": census.total} | {name: census.documents[name] for name in dry_run.DOCUMENTS}
    listed = ", ".join(f"{counts[name]:,} {name}" for name in dry_run.DOCUMENTS)
    reasons = (
        Reason(reason, n, first.key, first.path, first.value)
        for reason, n in census.reasons.most_common()
        for first in census.examples[reason][:1]
    )
    said = f"{_n(census.total, 'document')}: {listed}; {_n(census.rows['insert'], 'row')} to insert"
    return Outcome(said, counts={**counts, "rows": census.rows["insert"]}, reasons=tuple(reasons))


def run_backfill(journey: Journey, migration: Migration) -> Outcome:
    """Run the batches; they must do exactly what the dry run said."""
    done = filling.backfill(
        journey.target,
        journey.project,
        migration,
        policy=settings.Policy(),
        options=batches.Options(),
        notify=journey.notify,
    )
    counted = Counter(done.result.counters)
    rate = done.result.done / max(done.result.elapsed_s, 0.001)
    said = f"{_n(done.result.total, 'document')} at {rate:,.0f}/s: {_n(counted['inserted'], 'row')} inserted"
    counts = {**counted, "waiting": done.rejected}
    if done.rejected:
        said += f"; {_n(done.rejected, 'document')} to decide on"
    census = journey.foretold.get(migration.id)
    if census is None:
        return Outcome(said, counts=counts)
    told = {"documents": census.documents, "rows": census.rows}
    pairs = [
        (mine, told[kind][name], counted[mine])
        for kind, name, mine in (*_SAME, *(_SAME_ROWS if census.compared else _SAME_ROWS[:1]))
        if mine in counted
    ]
    wrong = [f"the dry run said {before:,} {name}, and it was {after:,}" for name, before, after in pairs]
    wrong = [line for line, (_, before, after) in zip(wrong, pairs, strict=True) if before != after]
    proves = (
        f"{_n(counted['documents'] - counted['empty'] - counted['rejected'], 'document')} became"
        f" {_n(counted['inserted'], 'row')}, exactly as the dry run had said"
    )
    return Outcome(
        said + ("" if wrong else ", as the dry run said"),
        ok=not wrong,
        counts=counts,
        details=tuple(wrong),
        proves=None if wrong else proves,
    )


def run_apply(journey: Journey, migration: Migration) -> Outcome:
    """Apply what is pending up to this migration, also where it destroys."""
    done = apply(
        journey.target,
        journey.project,
        to=migration.id,
        contract=migration.contract,
        confirm=lambda _: True,
        notify=journey.notify,
    )
    listed = "; ".join(
        f"{ran.migration} in {ran.duration_ms:,} ms" + (f", {_n(ran.documents, 'document')}" if ran.documents else "")
        for ran in done.applied
    )
    counts = {
        "documents": sum(ran.documents or 0 for ran in done.applied),
        "rows": sum(ran.rows for ran in done.applied),
        "retries": sum(ran.retries for ran in done.applied),
    }
    return Outcome(listed, counts=counts)


def run_verify(journey: Journey) -> Outcome:
    """Run all checks; every one must pass. Without written-down catalogs there is none to hold the schema against."""
    connection = connect(journey.target, application="verify", read_only=True)
    with closing(connection):
        ids = {migration.id for migration in journey.project.migrations}
        _, _, unwritten = catalog.expected(journey.project, ids)
        sections = SECTIONS[1:] if unwritten else SECTIONS
        checks = verify(connection, journey.project, sections=sections, notify=journey.notify)
    failed = [check for check in checks if not check.passed]
    by_section = Counter(check.section for check in checks)
    listed = ", ".join(f"{section} {n}" for section, n in by_section.items())
    said = f"{len(failed)} of {_n(len(checks), 'check')} failed" if failed else f"{_n(len(checks), 'check')} passed"
    if unwritten:
        said += f"; the schema was not checked: sql/expected/{unwritten[0]}.txt is missing"
    details = (
        f"{check.section}: {check.name}: expected {_short(check.expected)}, is {_short(check.actual)}"
        + (f"; {_short(check.detail)}" if check.detail else "")
        for check in failed
    )
    return Outcome(
        said + (f" ({listed})" if listed else ""),
        ok=not failed,
        counts={"checks": len(checks), "failed": len(failed)},
        details=tuple(details),
    )


def undecided(journey: Journey) -> tuple[Reason, ...]:
    """Say which documents wait for a decision, by the name under which they can be accepted, the most of them first."""
    found: dict[str, Reason] = {}
    with closing(connect(journey.target, application="rejects", read_only=True)) as connection, read_only(connection):
        for row in rejects.listing(connection, journey.project):
            if row["accepted_at"] is None:
                first = Reason(row["reason"], 0, row["provider_id"], row["path"], row["value"])
                known = found.get(row["reason"], first)
                found[row["reason"]] = replace(known, documents=known.documents + 1)
    return tuple(sorted(found.values(), key=lambda reason: -reason.documents))


def be_refused(journey: Journey, migration: Migration, waiting: Sequence[Reason]) -> Outcome:
    """Try what destroys while documents wait for a decision: it must be refused, by its own guard."""
    n = sum(reason.documents for reason in waiting)
    counts = {"waiting": n}
    try:
        run_apply(journey, migration)
    except Refused as refused:
        if refused.code != Refused.default_code:
            raise
        return Outcome(
            f"refused, as it should be: {refused.message}",
            counts=counts,
            reasons=tuple(waiting),
            proves=f"{migration.number} was refused while {_n(n, 'document')} waited for a decision",
        )
    said = f"it was NOT refused, although {_n(n, 'document')} had to be decided on"
    return Outcome(said, ok=False, counts=counts, reasons=tuple(waiting))


def accept(journey: Journey, waiting: Sequence[Reason]) -> Outcome:
    """Accept what waits for a decision, each by its name."""
    with closing(connect(journey.target, application="rejects")) as connection:
        names = [reason.reason for reason in waiting]
        accepted = rejects.accept(connection, journey.project, names, note=NOTE)
    total = sum(one.documents for one in accepted)
    said = f"{_n(total, 'document')} accepted, under {_n(len(accepted), 'name')}: left behind, and archived"
    return Outcome(said, counts={"documents": total, "names": len(accepted)})


def keep_anew(journey: Journey, migration: Migration) -> None:
    """Keep the rows again, where the migrations so far have changed some by design."""
    with closing(connect(journey.target, application="rehearse")) as connection:
        if rehearse_rows.changes(connection, journey.kept):
            journey.kept = rehearse_rows.keep(connection, [kept.table for kept in journey.kept])
            journey.since = f"before {migration.number}"


def roll_back(journey: Journey, floor: Migration | None) -> Outcome:
    """Take back what was applied behind `floor`, or everything."""
    done: list[Ran] = []
    while True:
        ran = rollback(
            journey.target,
            journey.project,
            to=floor.id if floor else None,
            confirm=lambda _: True,
            notify=journey.notify,
        )
        done += ran
        if floor or not ran:
            break
    said = "; ".join(f"{ran.migration} in {ran.duration_ms:,} ms" for ran in done)
    counts = {"rows": sum(ran.rows for ran in done), "retries": sum(ran.retries for ran in done)}
    return Outcome(said, counts=counts)


def compare(journey: Journey) -> Outcome:
    """Hold every kept row against what is there now."""
    with closing(connect(journey.target, application="rehearse", read_only=True)) as connection:
        found = rehearse_rows.changes(connection, journey.kept)
    rows = sum(kept.rows for kept in journey.kept)
    tables = ", ".join(kept.table for kept in journey.kept if kept.rows) or "the tables"
    counts = {"rows": rows, "tables": len(journey.kept), "changed": len(found)}
    if found:
        details = tuple(f"{one.table}: {one.what}" for one in found)
        return Outcome(f"not what it was {journey.since}", ok=False, counts=counts, details=details)
    said = f"all {_n(rows, 'row')} of {tables} are what they were {journey.since}, value for value"
    return Outcome(said, counts=counts, proves=f"after the way back {said}")


def _short(value: object) -> str:
    """Enough to know what it is about; `verify` shows all of it."""
    text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _n(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
