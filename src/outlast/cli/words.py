"""What is said at the beginning and at the end of a run, and of a job between runs. Only what is true."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from outlast.cli.hosts import Down
from outlast.cli.phrases import columns, commands, duration, moment, percent, quoted, safe, units
from outlast.cli.reading import Group, JobRecord
from outlast.jobs import ExitCode, Outcome, Summary
from outlast.ledger.port import Counts

__all__ = ["Ended", "beginning", "ending", "failure_lines", "list_lines", "status_document", "status_lines", "style_of"]

GROUPS_SHOWN_MAX = 5
GROUP_WIDTH_MAX = 90
HOSTS_SHOWN_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """All that is known when a run has ended. `before` is how the job stood when it began."""

    summary: Summary
    before: Counts
    seconds: float
    now: datetime
    groups: Sequence[Group]
    down: Sequence[Down]
    output: str | None
    allowed: str
    patience: float
    sources: Sequence[str]
    hint: str


def beginning(name: str, run_id: str, counts: Counts, *, store: str, fresh: bool) -> str:
    """The first line: what is begun, or gone on with."""
    title = f"run {safe(run_id)} of job {safe(name)}"
    if not counts.total:
        again = "starting over" if fresh else "beginning"
        return f"{title}: {again}, kept in {safe(store)}. The same command goes on."
    failed = f", {counts.failed} failed" if counts.failed else ""
    return f"{title}: resuming, {counts.done} of {counts.total} done{failed}. Start over: --fresh"


def ending(ended: Ended) -> list[str]:
    """How a run ended, what is left, and the next command to type."""
    summary = ended.summary
    match summary.outcome:
        case Outcome.EMPTY:
            given = ", ".join(safe(text) for text in ended.sources)
            why = f"{given} held none" if given else "none were given"
            return [f"EMPTY: there were no items: {why}."]
        case Outcome.COMPLETED | Outcome.COMPLETED_WITH_FAILURES:
            return _completed(ended)
        case Outcome.ABORTED:
            return [*_aborted(ended), _left(ended), *_groups(ended), *_next_steps(ended)]
        case _:
            return [
                f"{_stopped(summary)} after {duration(ended.seconds)}.",
                _left(ended),
                *_groups(ended),
                *_next_steps(ended),
            ]


def style_of(summary: Summary) -> str:
    """The colour of the first line."""
    if summary.exit_code == ExitCode.FINISHED:
        return "green"
    return "yellow" if summary.outcome is Outcome.STOPPED else "red"


def failure_lines(groups: Sequence[Group]) -> list[str]:
    """The causes of failure, the most frequent first."""
    if not groups:
        return []
    shown = [
        (f"{group.count}", _cause(group), f"e.g. {safe(group.example, 60)}") for group in groups[:GROUPS_SHOWN_MAX]
    ]
    lines = [f"  {row}" for row in columns(shown, right=frozenset({0}))]
    rest = sum(group.count for group in groups[GROUPS_SHOWN_MAX:])
    if rest:
        lines.append(f"  and {units(rest, 'failure')} of {units(len(groups) - GROUPS_SHOWN_MAX, 'other kind')}")
    return lines


def status_lines(record: JobRecord, groups: Sequence[Group], hint: str) -> list[str]:
    """Where a job stands."""
    counts = record.counts
    finished = counts.total - counts.waiting
    name = quoted(record.name)
    lines = [
        f"job {safe(record.name)}: {finished} of {counts.total} finished ({percent(finished, counts.total)})",
        f"{counts.done} done, {counts.failed} failed, {counts.waiting} to do",
        _last_run(record),
        *failure_lines(groups),
    ]
    steps = [("records", f"outlast results {name}{hint}")] if counts.done else []
    if record.running is None:
        by_code = record.invocation is None
        steps = [*(_by_script(counts, name, hint) if by_code else _again(record.name, counts, hint)), *steps]
    return [*lines, *commands(steps)]


def list_lines(records: Sequence[JobRecord]) -> list[str]:
    """The jobs of a store as a table."""
    rows: list[Sequence[str]] = [("job", "done", "total", "failed", "to do", "last run", "now")]
    for record in records:
        counts = record.counts
        if record.damage is not None:
            rows.append((safe(record.name, 40), "?", "?", "?", "?", "?", f"DAMAGED: {safe(record.damage)}"))
            continue
        numbers = (str(number) for number in (counts.done, counts.total, counts.failed, counts.waiting))
        rows.append((safe(record.name, 40), *numbers, moment(str(record.run.get("started", "?"))), _now(record)))
    return columns(rows, right=frozenset({1, 2, 3, 4}))


def status_document(record: JobRecord, groups: Sequence[Group] | None) -> dict[str, Any]:
    """What `--json` says of a job; without `groups` it says nothing about the causes of failure."""
    document = {
        "job_id": record.name,
        "directory": str(record.directory.path),
        "counts": asdict(record.counts),
        "running": None if record.running is None else asdict(record.running),
        "last_run": record.run or None,
        "ended": record.ended if record.ended.get("run") == record.run.get("id") and record.ended else None,
        "was_killed": record.was_killed,
        "damage": record.damage,
    }
    return document if groups is None else {**document, "failures": [asdict(group) for group in groups]}


def _completed(ended: Ended) -> list[str]:
    summary, before = ended.summary, ended.before
    now = summary.done + summary.failed - before.done - before.failed
    if not now:
        failed = f", {summary.failed} of them failed" if summary.failed else ""
        first = f"Nothing left to do: all {units(summary.total, 'item')} of job {safe(summary.job_id)} are finished{failed}."
        return [first, *_allowance(ended), *_groups(ended), *_next_steps(ended, over=True)]
    word = "FINISHED WITH FAILURES" if summary.failed else "FINISHED"
    share = f" ({percent(summary.failed, summary.total)}; allowed: {safe(ended.allowed)})" if summary.failed else ""
    resumed = f" ({now} in this run)" if now != summary.total else ""
    first = (
        f"{word} in {duration(ended.seconds)}: {summary.done} of {summary.total} done{resumed}, "
        f"{summary.failed or 'none'} failed{share}, {units(summary.retries, 'retry').replace('retrys', 'retries')}."
    )
    return [first, *_repeated(summary), *_groups(ended), *_next_steps(ended)]


def _aborted(ended: Ended) -> list[str]:
    lines = [f"ABORTED after {duration(ended.seconds)}: no host answered for {duration(ended.patience)}."]
    rows = [
        (safe(each.host) or "(items without a host)", f"down since {moment(each.since)} ({_for(each, ended)})")
        for each in ended.down
    ]
    lines += [f"  {row}" for row in (columns(rows[:HOSTS_SHOWN_MAX]) if rows else [])]
    if len(rows) > HOSTS_SHOWN_MAX:
        lines.append(f"  and {units(len(rows) - HOSTS_SHOWN_MAX, 'other host')}")
    return lines


def _for(down: Down, ended: Ended) -> str:
    return duration(max(0.0, (ended.now - down.since).total_seconds()))


def _stopped(summary: Summary) -> str:
    if summary.outcome is Outcome.TIMED_OUT:
        return "OUT OF TIME"
    by = {ExitCode.INTERRUPTED: "Stopped by you (SIGINT)", ExitCode.TERMINATED: "Stopped by SIGTERM"}
    return by.get(ExitCode(summary.exit_code), "Stopped")


def _left(ended: Ended) -> str:
    summary = ended.summary
    failed = f"{summary.failed} failed, " if summary.failed else ""
    return f"{summary.done} of {summary.total} done, {failed}{summary.deferred} still to do. What is recorded is kept."


def _repeated(summary: Summary) -> list[str]:
    if not summary.repeated:
        return []
    return [f"An earlier process was killed: at most {units(summary.repeated, 'item')} may have been fetched twice."]


def _allowance(ended: Ended) -> list[str]:
    if ended.summary.exit_code == ExitCode.FINISHED:
        return []
    return [f"That is more than may fail (allowed: {safe(ended.allowed)})."]


def _groups(ended: Ended) -> list[str]:
    return failure_lines(ended.groups)


def _next_steps(ended: Ended, *, over: bool = False) -> list[str]:
    summary = ended.summary
    name = quoted(summary.job_id)
    counts = Counts(pending=summary.deferred, done=summary.done, failed=summary.failed)
    steps = _again(summary.job_id, counts, ended.hint)
    if summary.deferred:
        steps.append(("look", f"outlast status {name}{ended.hint}"))
    if ended.output is not None:
        steps.append(("records", quoted(ended.output)))
    elif summary.done:
        steps.append(("records", f"outlast results {name}{ended.hint}"))
    if over:
        steps.append(("start over", "the same command with --fresh"))
    return commands(steps)


def _again(name: str, counts: Counts, hint: str) -> list[tuple[str, str]]:
    word = quoted(name)
    if counts.waiting:
        return [("go on", f"outlast resume {word}{hint}")]
    if counts.failed:
        return [("try the failed ones again", f"outlast retry {word}{hint} && outlast resume {word}{hint}")]
    return []


def _by_script(counts: Counts, word: str, hint: str) -> list[tuple[str, str]]:
    """What to do for a job that was started from code."""
    if counts.waiting:
        return [("go on", "run the script that started it again")]
    if counts.failed:
        return [("try the failed ones again", f"outlast retry {word}{hint}, then run the script again")]
    return []


def _cause(group: Group) -> str:
    first, space, rest = group.signature.partition(" ")
    return safe(first.rpartition(".")[2] + space + rest, GROUP_WIDTH_MAX)


def _last_run(record: JobRecord) -> str:
    started = moment(str(record.run.get("started", "?")))
    if record.running is not None:
        holder = record.running
        return f"running since {started}: pid {holder.pid} on {safe(holder.host)}"
    if not record.run:
        return "never run"
    if record.was_killed:
        return f"not running; the run of {started} did not end by itself (killed, or the machine went down)"
    outcome = safe(str(record.ended.get("outcome", "?")))
    if "error" in record.ended:
        when = moment(str(record.ended.get("at", "?")))
        return f"not running; the run of {started} ended {when} with an error: {safe(str(record.ended['error']), 200)}"
    code = safe(str(record.ended.get("exit_code", "?")))
    return f"not running; the run of {started} ended {moment(str(record.ended.get('at', '?')))}: {outcome} (exit code {code})"


def _now(record: JobRecord) -> str:
    if record.running is not None:
        return f"running (pid {record.running.pid})"
    if record.was_killed:
        return "killed"
    return safe(str(record.ended.get("outcome", "?")))
