"""What a report says, as one frozen value: computed from what a ledger and an event log tell, shown as HTML, Markdown or JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from outlast.ledger.port import Counts
from outlast.report.attempts import AttemptRow, attempt_rows
from outlast.report.chronicle import Chronicle
from outlast.report.failures import FailureTable, failure_table
from outlast.report.gaps import gaps
from outlast.report.marks import Mark, MarkKind
from outlast.report.numbers import Numbers, numbers
from outlast.report.retries import DelayRow
from outlast.report.seen import RunSeen
from outlast.report.story import story
from outlast.report.timeline import Timeline, timeline
from outlast.report.told import KeptCheckpoint, Standing, Told
from outlast.report.words import clean

__all__ = ["SCHEMA_VERSION", "Report", "RunRow", "Step", "report_of", "run_rows", "to_json"]

SCHEMA_VERSION = 1
NAME_MAX = 200
ID_MAX = 60
DETAIL_MAX = 1_000
RUNS_SHOWN_MAX = 200
CHECKPOINTS_SHOWN_MAX = 50
COMMAND_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run. `outcome` is None where nothing says how it ended, a number where nobody has written it down."""

    id: str
    began: datetime
    ended: datetime
    resumed: bool | None
    outcome: str | None
    done: int | None
    given_up: int | None
    retries: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What can be typed next."""

    what: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A job from beginning to end, as far as it is known; `gaps` says what is not.

    `run` is the run it is restricted to, if to one. `unread`: the ledger cannot be read.
    """

    job: str
    made: datetime
    standing: Standing
    run: str = ""
    unread: bool = False
    command: str = ""
    numbers: Numbers
    story: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    gaps: tuple[str, ...] = ()
    runs: tuple[RunRow, ...] = ()
    timeline: Timeline
    marks: tuple[Mark, ...] = ()
    marked: Mapping[MarkKind, int] = field(default_factory=dict)
    failures: FailureTable
    delays: tuple[DelayRow, ...] = ()
    attempts: tuple[AttemptRow, ...] = ()
    checkpoints: tuple[KeptCheckpoint, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-able data: moments in ISO 8601, UTC."""
        document = to_json(self)
        assert isinstance(document, dict)
        return {"schema_version": SCHEMA_VERSION, **document}


def report_of(told: Told, chronicle: Chronicle, run: str = "") -> Report:
    """The report of a job; of one run of it, where `run` is its id, as far as the event log can tell them apart."""
    standing = told.standing
    rows = run_rows(standing, chronicle, None if told.unread else told.counts)
    runs = chronicle.in_order
    line, failures = timeline(runs), failure_table(told.groups)
    counted = numbers(told, chronicle, line, failures)
    running = told.standing.run if told.standing.running else ""
    marks = chronicle.marked(running=running)
    broken = sum(mark.kind is MarkKind.BROKEN for mark in marks)
    return Report(
        job=clean(told.job, NAME_MAX),
        made=told.now,
        standing=_clean_standing(told.standing),
        run=clean(run, ID_MAX),
        unread=bool(told.unread),
        command=clean(told.command, COMMAND_MAX),
        numbers=counted,
        story=story(told, runs, marks, failures, counted),
        steps=tuple(Step(what=clean(what), command=clean(command, COMMAND_MAX)) for what, command in told.steps),
        gaps=gaps(told, chronicle, counted, run),
        runs=rows,
        timeline=line,
        marks=tuple(map(_clean_mark, marks)),
        marked={**chronicle.marks.counts, MarkKind.BROKEN: broken},
        failures=failures,
        delays=chronicle.retries.rows,
        attempts=attempt_rows(told.attempts, told.counts.failed),
        checkpoints=tuple(
            replace(
                each,
                id=clean(each.id, NAME_MAX),
                reason=clean(each.reason, ID_MAX),
                took=chronicle.took.get(each.id),
            )
            for each in told.checkpoints[:CHECKPOINTS_SHOWN_MAX]
        ),
    )


def run_rows(standing: Standing, chronicle: Chronicle, counts: Counts | None) -> tuple[RunRow, ...]:
    """The runs of a job, the newest of them, in order; the ledger has how the last one ended, also where the event log has not.

    `counts` is what it has left, None where it cannot be read.
    """
    if standing.at is not None and not standing.running:
        chronicle.has_ended(standing.run, standing.at, standing.word)
    if counts is not None and not standing.running:
        chronicle.leaves(standing.run, counts)
    running = standing.run if standing.running else ""
    return tuple(_run_row(each, running) for each in chronicle.in_order[-RUNS_SHOWN_MAX:])


def to_json(value: Any) -> Any:
    """A value of the report as JSON-able data."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return {each.name: to_json(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(to_json(name)): to_json(inner) for name, inner in value.items()}
    return [to_json(each) for each in value] if isinstance(value, list | tuple) else value


def _run_row(run: RunSeen, running: str) -> RunRow:
    newest = run.newest if run.stood else None
    outcome = "running" if running and run.id == running else run.outcome
    return RunRow(
        id=clean(run.id, ID_MAX),
        began=run.first,
        ended=run.last,
        resumed=run.resumed,
        outcome=None if outcome is None else clean(outcome, 60),
        done=newest and newest.done,
        given_up=newest and max(0, newest.failed - run.taken_back),
        retries=run.retries,
    )


def _clean_standing(standing: Standing) -> Standing:
    return replace(
        standing, word=clean(standing.word), detail=clean(standing.detail, DETAIL_MAX), run=clean(standing.run, ID_MAX)
    )


def _clean_mark(mark: Mark) -> Mark:
    return Mark(mark.at, mark.kind, clean(mark.text.replace("builtins.", "")), clean(mark.run, ID_MAX))
