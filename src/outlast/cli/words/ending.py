"""What is said at the beginning and at the end of a run. Only what is true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outlast.cli.failures.grouping import NamedGroup
from outlast.cli.hosts import Down
from outlast.cli.phrases import columns, commands, duration, moment, percent, quoted, safe, units
from outlast.cli.words.abort import aborted_lines, aborted_steps, taken_back_lines, why
from outlast.cli.words.expect import MEANT, barren_line, is_barren, shown_unmet, unmet_lines
from outlast.cli.words.group import failure_lines
from outlast.cli.words.next_steps import failure_steps, go_on_steps
from outlast.cli.words.pause import paused_text
from outlast.jobs import ExitCode, Outcome, Summary
from outlast.jobs.outcome import BY_COMMAND, CUT_SHORT, UNREAD
from outlast.ledger.port import Counts

__all__ = ["Ended", "beginning", "ending", "style_of"]

HOSTS_SHOWN_MAX = 10
REASON_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """All that is known when a run has ended. `before` is how the job stood when it began.

    `repeatable`: its items can be read again. `aborted`: why it was aborted, if it was. `max_time`: how long it may take; None: as
    long as it likes. `job_paused`: somebody has paused the whole job; `paused`: these hosts.
    """

    summary: Summary
    before: Counts
    seconds: float
    now: datetime
    groups: Sequence[NamedGroup]
    down: Sequence[Down]
    output: str | None
    allowed: str
    patience: float
    sources: Sequence[str]
    hint: str
    repeatable: bool = True
    aborted: Mapping[str, Any] | None = None
    max_time: float | None = None
    job_paused: bool = False
    paused: Sequence[str] = ()


def beginning(name: str, run_id: str, counts: Counts, *, store: str, fresh: bool) -> str:
    """The first line: what is begun, or gone on with."""
    title = f"run {safe(run_id)} of job {safe(name)}"
    if not counts.total:
        again, on = (
            ("starting over", "Without --fresh the same command goes on")
            if fresh
            else ("beginning", "The same command goes on")
        )
        return f"{title}: {again}, kept in {safe(store)}. {on}."
    failed = f", {counts.failed} failed" if counts.failed else ""
    return f"{title}: resuming, {counts.done} of {counts.total} done{failed}. Start over: --fresh"


def ending(ended: Ended) -> list[str]:
    """How a run ended, what is left, and the next command to type."""
    summary = ended.summary
    match summary.outcome:
        case Outcome.EMPTY:
            return _barren(ended) if is_barren(summary) else _empty(ended)
        case Outcome.COMPLETED | Outcome.COMPLETED_WITH_FAILURES:
            return _completed(ended)
        case _:
            first = _aborted(ended) if summary.outcome is Outcome.ABORTED else _cut_short(ended)
            return [
                *first,
                _left(ended),
                *_repeated(summary),
                *_remarks(summary),
                *_groups(ended),
                *_next_steps(ended),
            ]


def style_of(summary: Summary) -> str:
    """The colour of the first line."""
    if summary.exit_code == ExitCode.FINISHED:
        return "green"
    went_on = summary.outcome in {Outcome.STOPPED, Outcome.TIMED_OUT} and summary.exit_code != ExitCode.TOO_MANY_FAILED
    return "yellow" if went_on else "red"


def _empty(ended: Ended) -> list[str]:
    unmet = unmet_lines(shown_unmet(ended.summary))
    if not ended.sources:
        step = ("name some", "the same command with ITEMS behind its target")
        return ["EMPTY: there were no items: none were given.", *unmet, *commands([step])]
    held = ", ".join(safe(text) for text in ended.sources)
    again = f"outlast resume {quoted(ended.summary.job_id)}{ended.hint}" if ended.repeatable else "the same run command"
    return [f"EMPTY: there were no items: {held} held none.", *unmet, *commands([("when there are some", again)])]


def _barren(ended: Ended) -> list[str]:
    summary = ended.summary
    lines = [barren_line(summary, duration(ended.seconds)), *unmet_lines(shown_unmet(summary)), MEANT]
    again = f"outlast resume {quoted(summary.job_id)}{ended.hint}" if ended.repeatable else "the same run command with"
    steps = [("when that is mended", f"{again} --fresh"), *failure_steps(summary.job_id, ended.groups, ended.hint)]
    return [*lines, *_mended(summary), *_groups(ended), *commands(steps)]


def _completed(ended: Ended) -> list[str]:
    summary, before = ended.summary, ended.before
    if summary.done + summary.failed == before.done + before.failed:
        failed = f", {summary.failed} of them failed" if summary.failed else ""
        items, are = ("the 1 item", "is") if summary.total == 1 else (f"all {summary.total} items", "are")
        all_of_them = f"{items} of job {safe(summary.job_id)} {are} finished"
        first = f"Nothing left to do: {all_of_them}{failed}{_ignored(summary)}."
        return [first, *_remarks(summary), *_allowance(ended), *_groups(ended), *_next_steps(ended, over=True)]
    word = _finished(summary)
    share = f" ({percent(summary.failed, summary.total)}; allowed: {safe(ended.allowed)})" if summary.failed else ""
    resumed = f" ({max(0, summary.done - before.done)} in this run)" if before.done else ""
    first = (
        f"{word} in {duration(ended.seconds)}: {summary.done} of {summary.total} done{resumed}, "
        f"{summary.failed or 'none'} failed{share}{_ignored(summary)}, {units(summary.retries, 'retry').replace('retrys', 'retries')}."
    )
    return [first, *_repeated(summary), *_remarks(summary), *_untried(summary), *_groups(ended), *_next_steps(ended)]


def _finished(summary: Summary) -> str:
    if shown_unmet(summary):
        return "FINISHED, NOT AS EXPECTED,"
    return "FINISHED WITH FAILURES" if summary.failed else "FINISHED"


def _aborted(ended: Ended) -> list[str]:
    note = ended.aborted or {"silence": True}
    if not note.get("silence"):
        by = " by `outlast abort`" if note.get("ordered") else ""
        return [f"ABORTED{by} after {duration(ended.seconds)}: {why(note)}.", *aborted_lines(note)]
    lines = [f"ABORTED after {duration(ended.seconds)}: no host answered for {duration(ended.patience)}."]
    rows = [
        (safe(each.host) or "(items without a host)", f"down since {moment(each.since)} ({_for(each, ended)})")
        for each in ended.down
    ]
    lines += [f"  {row}" for row in (columns(rows[:HOSTS_SHOWN_MAX]) if rows else [])]
    if len(rows) > HOSTS_SHOWN_MAX:
        lines.append(f"  and {units(len(rows) - HOSTS_SHOWN_MAX, 'other host')}")
    return [*lines, *taken_back_lines(ended.summary.taken_back)]


def _cut_short(ended: Ended) -> list[str]:
    summary = ended.summary
    said = f"{_stopped(summary)} after {duration(ended.seconds)}{_limit(ended)}.{_waits(ended)}"
    is_told = not summary.reason or summary.reason in {BY_COMMAND, UNREAD}
    return [
        said,
        *([] if is_told else [safe(summary.reason or "", REASON_MAX)]),
        *taken_back_lines(summary.taken_back),
    ]


def _for(down: Down, ended: Ended) -> str:
    return duration(max(0.0, (ended.now - down.since).total_seconds()))


def _stopped(summary: Summary) -> str:
    if summary.outcome is Outcome.TIMED_OUT:
        return "OUT OF TIME"
    if summary.reason == BY_COMMAND:
        return BY_COMMAND.capitalize()
    by = {
        ExitCode.INTERRUPTED: "Stopped by you (SIGINT)",
        ExitCode.TERMINATED: "Stopped by SIGTERM",
        ExitCode.RESOURCE_LIMIT: "STOPPED BY A LIMIT",
        ExitCode.USAGE: "NOT STARTED",
        ExitCode.TOO_MANY_FAILED: "STOPPED, NOT AS EXPECTED,",
    }
    return by.get(ExitCode(summary.exit_code), "Stopped")


def _limit(ended: Ended) -> str:
    if ended.summary.outcome is not Outcome.TIMED_OUT or ended.max_time is None:
        return ""
    return f" (max_time: {duration(ended.max_time)})"


def _waits(ended: Ended) -> str:
    """Why it stopped by itself, if it was for hosts that are paused."""
    paused = ended.summary.paused
    return f" What is left waits for paused hosts: {paused_text(paused)}." if paused else ""


def _ignored(summary: Summary) -> str:
    ignored = summary.total - summary.done - summary.failed - summary.deferred
    return f", {ignored} ignored" if ignored else ""


def _left(ended: Ended) -> str:
    summary = ended.summary
    failed = f"{summary.failed} failed, " if summary.failed else ""
    ignored = f"{_ignored(summary).removeprefix(', ')}, " if _ignored(summary) else ""
    is_unread = not summary.deferred and summary.outcome is not Outcome.ABORTED
    left = UNREAD if is_unread else f"{summary.deferred} still to do"
    return f"{summary.done} of {summary.total} done, {failed}{ignored}{left}. What is recorded is kept."


def _repeated(summary: Summary) -> list[str]:
    items = units(summary.repeated, "item")
    return [f"An earlier process was killed: at most {items} may have been fetched twice."] if summary.repeated else []


def _remarks(summary: Summary) -> list[str]:
    return [*unmet_lines(shown_unmet(summary)), *_mended(summary)]


def _untried(summary: Summary) -> list[str]:
    why = "their host did not answer: the same command tries them"
    return [f"{summary.untried} of the failed were not tried, as {why}."] if summary.untried else []


def _mended(summary: Summary) -> list[str]:
    if not summary.damaged:
        return []
    rows = f"{units(summary.damaged, 'row')} of the ledger {'was' if summary.damaged == 1 else 'were'} damaged"
    return [f"{rows}; what could be mended was mended and done again, what could not be is among the failed."]


def _allowance(ended: Ended) -> list[str]:
    summary = ended.summary
    if summary.exit_code == ExitCode.FINISHED or (
        shown_unmet(summary) and len(shown_unmet(summary)) == len(summary.unmet)
    ):
        return []
    return [f"That is more than may fail (allowed: {safe(ended.allowed)})."]


def _groups(ended: Ended) -> list[str]:
    return failure_lines(ended.groups)


def _around_it(ended: Ended) -> list[tuple[str, str]]:
    if ended.summary.outcome is not Outcome.ABORTED:
        return []
    down = [each.host for each in ended.down]
    return aborted_steps(ended.summary.job_id, ended.aborted or {}, ended.hint, down)


def _going_on(ended: Ended, counts: Counts) -> list[tuple[str, str]]:
    summary = ended.summary
    steps = go_on_steps(
        summary.job_id,
        counts,
        ended.hint,
        ended.paused,
        outcome=summary.outcome,
        job_paused=ended.job_paused,
        untried=summary.untried > 0,
    )
    if any(each.startswith("results:") for each in summary.unmet):  # what is done gave nothing, and is not done again
        return [("when that is mended", f"outlast resume {quoted(summary.job_id)}{ended.hint} --fresh"), *steps]
    if not ended.repeatable and not summary.deferred and summary.outcome in CUT_SHORT:
        return [("go on", "the same run command with what its source still holds")]
    if summary.exit_code == ExitCode.USAGE and steps:
        # What could not be started will not be started by the same command as long as nothing is mended.
        return [("when that is mended", steps[0][1]), *steps[1:]]
    if _limit(ended):
        name = quoted(summary.job_id)
        unpaused = f"outlast unpause {name}{ended.hint} && " if ended.job_paused else ""
        lifted = f"{unpaused}outlast resume {name} --max-time none{ended.hint}"
        return [*steps, ("without a limit", lifted)]
    return steps


def _next_steps(ended: Ended, *, over: bool = False) -> list[str]:
    summary = ended.summary
    name = quoted(summary.job_id)
    counts = Counts(pending=summary.deferred, done=summary.done, failed=summary.failed)
    steps = [
        *_going_on(ended, counts),
        *_around_it(ended),
        *failure_steps(summary.job_id, ended.groups, ended.hint),
    ]
    if summary.exit_code == ExitCode.USAGE:
        steps.append(("find out why", "outlast doctor"))
    if summary.deferred:
        steps.append(("look", f"outlast status {name}{ended.hint}"))
    if summary.failed and summary.exit_code in {ExitCode.TOO_MANY_FAILED, ExitCode.ABORTED}:
        steps.append(("report", f"outlast report {name}{ended.hint}"))
    if ended.output is not None and summary.done:
        steps.append(("records", quoted(ended.output)))
    elif summary.done:
        steps.append(("records", f"outlast results {name}{ended.hint}"))
    if over:
        again = f"outlast resume {name}{ended.hint}" if ended.repeatable else "the same run command with"
        steps.append(("start over", f"{again} --fresh"))
    return commands(steps)
