"""The jobs of a store, and the runs of a job, as tables for a terminal of 80 columns: how each ended, and below it why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from outlast.cli.phrases import columns, duration, safe, size, units
from outlast.cli.reading import JobRecord, Notes
from outlast.cli.words.abort import suspended_line, why
from outlast.cli.words.note import note_lines
from outlast.cli.words.pause import paused_text
from outlast.cli.words.standing import moment_told
from outlast.jobs import ExitCode, Outcome
from outlast.report.model import RunRow

__all__ = ["WIDTH", "list_lines", "run_document", "run_lines"]

WIDTH = 80
MAX_FAILED = "max_failed"
NAME_MAX = 20
NAME_SHOWN_MAX = 200
RUN_ID_SHOWN = 14
"""How much of a run's id is shown: enough to tell it from the others, and to be typed after `--run`."""

_WORDS: Mapping[str, str] = {
    Outcome.COMPLETED: "finished",
    Outcome.COMPLETED_WITH_FAILURES: "finished",
    Outcome.TIMED_OUT: "out of time",
}
_NUMBERS = frozenset({1, 2, 3, 4})


def list_lines(records: Sequence[JobRecord], now: datetime, width: int = WIDTH) -> list[str]:
    """The jobs of a store; where there is a reason for how one stands, it is on a line of its own, cut to `width`."""
    rows: list[Sequence[str]] = [("job", "done", "failed", "to do", "size", "last run", "now")]
    rows += [_row(record, now) for record in records]
    head, *jobs = columns(rows, right=_NUMBERS)
    lines = [head]
    for line, record in zip(jobs, records, strict=True):
        reason, name = _reason(record), safe(record.name, NAME_SHOWN_MAX)
        # A name is there to be typed again: one that is too long has a line of its own.
        lines += [
            *([name] if len(name) > NAME_MAX else []),
            line,
            *([f"  {safe(reason, max(width, WIDTH) - 2)}"] if reason else []),
        ]
    return lines


def run_lines(rows: Sequence[RunRow], now: datetime) -> list[str]:
    """The runs of a job, the newest first."""
    table: list[Sequence[str]] = [("run", "began", "lasted", "done", "failed", "retries", "how it ended")]
    for row in rows:
        # Of a run that left no word it is known how long it lasted at least.
        lasted = ("> " if row.outcome is None else "") + duration((row.ended - row.began).total_seconds())
        numbers = ("?" if number is None else str(number) for number in (row.done, row.given_up, row.retries))
        table.append((safe(row.id[:RUN_ID_SHOWN]), _day(row.began, now), lasted, *numbers, _ended(row)))
    return columns(table, right=frozenset({2, 3, 4, 5}))


def run_document(row: RunRow) -> dict[str, Any]:
    """What `--json` says of a run; what is null nothing says."""
    return {**asdict(row), "began": row.began.isoformat(), "ended": row.ended.isoformat()}


def _row(record: JobRecord, now: datetime) -> Sequence[str]:
    counts = record.counts
    known = record.damage is None
    numbers = (str(number) if known else "?" for number in (counts.done, counts.failed, counts.waiting))
    started = moment_told(record.run.get("started"))
    return (
        safe(record.name, NAME_SHOWN_MAX) if len(safe(record.name, NAME_SHOWN_MAX)) <= NAME_MAX else "",
        *numbers,
        size(sum(asdict(record.sizes).values())) if record.sizes is not None else "?",
        "?" if started is None else _day(started, now),
        _state(record),
    )


def _day(at: datetime, now: datetime) -> str:
    """To the minute in UTC; of another year the date."""
    there = at.astimezone(UTC)
    return f"{there:%m-%d %H:%M}" if there.year == now.astimezone(UTC).year else f"{there:%Y-%m-%d}"


def _state(record: JobRecord) -> str:
    """One word for how the job stands, two at most."""
    if record.running is not None:
        return "paused" if record.paused.job else "running" if record.suspended is None else "suspended"
    standing = (
        ("encrypted", record.locked),
        ("unreadable", record.unreadable),
        ("DAMAGED", record.damage is not None or record.met_damage),
        ("not begun", not record.run),
        ("on hold", record.notes.hold is not None),
        ("killed", record.was_killed),
    )
    return next((word for word, is_so in standing if is_so), None) or _ended_word(record)


def _ended_word(record: JobRecord) -> str:
    outcome = str(record.ended.get("outcome", "?"))
    if outcome == Outcome.COMPLETED_WITH_FAILURES and record.ended.get("exit_code") == ExitCode.TOO_MANY_FAILED:
        others = any(each["name"] != MAX_FAILED for each in _unmet(record))
        return "unmet" if others else "failures"
    return safe(_WORDS.get(outcome, outcome))


def _reason(record: JobRecord) -> str:
    """Why it stands so, where that was noted, and what it was told to do."""
    return "; ".join(filter(None, [_why(record), *_ordered(record)]))


def _ordered(record: JobRecord) -> Iterator[str]:
    orders = record.paused
    if orders.job:
        yield f"the whole job is paused{f', and {paused_text(orders.hosts)}' if orders.hosts else ''}"
    elif orders.hosts and record.running is not None:
        yield f"paused: {paused_text(orders.hosts)}"
    if orders.rates:
        yield f"{units(len(orders.rates), 'rate')} ordered"


def _why(record: JobRecord) -> str:
    if record.running is not None:
        holder = f"pid {record.running.pid} on {record.running.host}"
        if record.suspended is None:
            return holder
        return f"{holder}; {suspended_line(record.suspended, paused=record.paused.job)}"
    if record.damage is not None:
        return record.damage
    return next(_reasons(record), "")


def _reasons(record: JobRecord) -> Iterator[str]:
    notes, ended = record.notes, record.ended
    if record.locked:
        yield f"its key {record.locked_by} is needed for the rest"
    if record.met_damage:
        yield "its last run could not read its ledger"
    if notes.hold:
        yield note_lines(Notes(hold=notes.hold))[0].removeprefix("ON HOLD ")
    if record.was_killed:
        return
    if ended.get("outcome") == Outcome.ABORTED and record.aborted is not None:
        yield why(record.aborted)
    yield from (str(ended[name]) for name in ("error", "reason") if ended.get(name))
    yield from (f"not as expected: {each['name']}: {each['reason']}" for each in _unmet(record))
    if ended.get("outcome") == Outcome.STOPPED and record.paused.hosts and record.counts.waiting:
        yield f"paused: {paused_text(record.paused.hosts)}"


def _unmet(record: JobRecord) -> list[dict[str, Any]]:
    return record.notes.unmet["unmet"] if record.notes.unmet else []


def _ended(row: RunRow) -> str:
    """As the event log has it, a word of the ledger's where the log has none."""
    if row.outcome is None:
        return "without a word"
    return safe("failures" if row.outcome == Outcome.COMPLETED_WITH_FAILURES else _WORDS.get(row.outcome, row.outcome))
