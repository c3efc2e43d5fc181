"""What is said at the beginning and at the end of a run. Only what is true."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from outlast.cli.hosts import Down
from outlast.cli.phrases import columns, commands, duration, moment, percent, quoted, safe, units
from outlast.cli.reading import Group
from outlast.jobs import ExitCode, Outcome, Summary
from outlast.ledger.port import Counts

__all__ = ["Ended", "beginning", "ending", "failure_lines", "go_on_steps", "style_of"]

GROUPS_SHOWN_MAX = 5
GROUP_WIDTH_MAX = 90
HOSTS_SHOWN_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """All that is known when a run has ended. `before` is how the job stood when it began. `repeatable`: its items can be read again."""

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
    repeatable: bool = True


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
            return _empty(ended)
        case Outcome.COMPLETED | Outcome.COMPLETED_WITH_FAILURES:
            return _completed(ended)
        case Outcome.ABORTED:
            return [*_aborted(ended), _left(ended), *_mended(summary), *_groups(ended), *_next_steps(ended)]
        case _:
            return [
                f"{_stopped(summary)} after {duration(ended.seconds)}.",
                _left(ended),
                *_mended(summary),
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


def go_on_steps(name: str, counts: Counts, hint: str) -> list[tuple[str, str]]:
    """What to type to go on with a job that was begun on the command line."""
    word = quoted(name)
    if counts.waiting:
        return [("go on", f"outlast resume {word}{hint}")]
    if counts.failed:
        return [("try the failed ones again", f"outlast retry {word}{hint} && outlast resume {word}{hint}")]
    return []


def _empty(ended: Ended) -> list[str]:
    if not ended.sources:
        step = ("name some", "the same command with ITEMS behind its target")
        return ["EMPTY: there were no items: none were given.", *commands([step])]
    held = ", ".join(safe(text) for text in ended.sources)
    again = f"outlast resume {quoted(ended.summary.job_id)}{ended.hint}" if ended.repeatable else "the same run command"
    return [f"EMPTY: there were no items: {held} held none.", *commands([("when there are some", again)])]


def _completed(ended: Ended) -> list[str]:
    summary, before = ended.summary, ended.before
    now = summary.done + summary.failed - before.done - before.failed
    if not now:
        failed = f", {summary.failed} of them failed" if summary.failed else ""
        first = f"Nothing left to do: all {units(summary.total, 'item')} of job {safe(summary.job_id)} are finished{failed}."
        return [first, *_mended(summary), *_allowance(ended), *_groups(ended), *_next_steps(ended, over=True)]
    word = "FINISHED WITH FAILURES" if summary.failed else "FINISHED"
    share = f" ({percent(summary.failed, summary.total)}; allowed: {safe(ended.allowed)})" if summary.failed else ""
    resumed = f" ({now} in this run)" if now != summary.total else ""
    first = (
        f"{word} in {duration(ended.seconds)}: {summary.done} of {summary.total} done{resumed}, "
        f"{summary.failed or 'none'} failed{share}, {units(summary.retries, 'retry').replace('retrys', 'retries')}."
    )
    return [first, *_repeated(summary), *_mended(summary), *_groups(ended), *_next_steps(ended)]


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


def _mended(summary: Summary) -> list[str]:
    if not summary.damaged:
        return []
    rows = f"{units(summary.damaged, 'row')} of the ledger {'was' if summary.damaged == 1 else 'were'} damaged"
    return [f"{rows}; what could be mended was mended and done again, what could not be is among the failed."]


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
    steps = go_on_steps(summary.job_id, counts, ended.hint)
    if summary.deferred:
        steps.append(("look", f"outlast status {name}{ended.hint}"))
    if ended.output is not None:
        steps.append(("records", quoted(ended.output)))
    elif summary.done:
        steps.append(("records", f"outlast results {name}{ended.hint}"))
    if over:
        again = f"outlast resume {name}{ended.hint}" if ended.repeatable else "the same run command with"
        steps.append(("start over", f"{again} --fresh"))
    return commands(steps)


def _cause(group: Group) -> str:
    first, space, rest = group.signature.partition(" ")
    return safe(first.rpartition(".")[2] + space + rest, GROUP_WIDTH_MAX)
