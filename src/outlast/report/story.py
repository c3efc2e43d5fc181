"""What happened, in sentences: the ends that were not wanted and what followed them, the hosts that were down, the main cause."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from typing import TypeAlias

from outlast.report.failures import FailureTable
from outlast.report.marks import Mark, MarkKind
from outlast.report.numbers import Numbers
from outlast.report.seen import RunSeen
from outlast.report.told import ABORTED, Standing, Told
from outlast.report.words import clean, clock, duration, number, percent, plural, size

__all__ = ["story"]

DETAIL_MAX = 1_000
ENDS_TOLD_MAX = 6
HOSTS_TOLD_MAX = 3
MUCH = 0.2
"""A group of failures that has so large a share of them is told of."""

_Told: TypeAlias = Iterator[tuple[datetime, str]]
"""Sentences, each with the moment at which begins what it tells of."""


def story(
    told: Told, runs: Sequence[RunSeen], marks: Sequence[Mark], failures: FailureTable, counted: Numbers
) -> tuple[str, ...]:
    """A few sentences: what happened, in order, then what it comes to; the texts in them may be hostile, and are clean."""
    known = [run for run in runs if run.id]
    span = counted.seconds or 0.0
    moments = (
        *_suspensions(marks, span),
        *_ends(told.standing, known, marks, span),
        *_hosts(marks, span),
        *_browsers(counted, marks),
    )
    told_of = (
        *(sentence for _, sentence in sorted(moments, key=itemgetter(0))),
        *_main_cause(failures, span),
        *_detail(told.standing, marks),
        *(clean(note) for note in told.notes),
    )
    return told_of or tuple(_smooth(told, counted))


def _smooth(told: Told, counted: Numbers) -> Iterator[str]:
    """What there is to say where there is nothing to tell."""
    counts = counted.counts
    if counts.total and counts.done == counts.total:
        yield f"{_all(counts.total)} done, and nothing had to be given up."
    elif told.standing.running:
        yield f"It goes on: {plural(counts.waiting, 'item')} to do."


def _ends(standing: Standing, runs: Sequence[RunSeen], marks: Sequence[Mark], span: float) -> _Told:
    """The ends that nobody wanted, the newest of them, each with what followed."""
    following = {run.id: after for run, after in pairwise(runs)}
    aborts = {mark.run: mark for mark in marks if mark.kind is MarkKind.ABORT}
    broken = {mark.run for mark in marks if mark.kind is MarkKind.BROKEN}
    told = [run for run in runs if run.id in aborts or run.id in broken]
    left = len(told) - ENDS_TOLD_MAX
    if left > 0:
        last = told[left - 1]
        yield last.last, f"It had stopped {plural(left, 'time')} by {clock(last.last, span)}."
    for run in told[-ENDS_TOLD_MAX:]:
        at = run.last
        if run.id in aborts:
            noted = standing.detail.removeprefix(ABORTED) if run.id == standing.run else ""
            at, what = aborts[run.id].at, _aborted(aborts[run.id], noted.rstrip("."), span)
        else:
            what = _broken(run, span)
        yield at, what + _followed(run, following.get(run.id), span)


def _aborted(mark: Mark, noted: str, span: float) -> str:
    why = clean(noted, DETAIL_MAX) if noted else clean(mark.text.replace("builtins.", ""))
    return f"At {clock(mark.at, span)} it was aborted: {why}"


def _detail(standing: Standing, marks: Sequence[Mark]) -> Iterator[str]:
    """What was noted of the end of the last run, where the event log has not told of it."""
    told = {mark.run for mark in marks if mark.kind in {MarkKind.BROKEN, MarkKind.ABORT}}
    if standing.detail and standing.run not in told:
        yield clean(standing.detail, DETAIL_MAX)


def _broken(run: RunSeen, span: float) -> str:
    known = [stood for stood in run.stood if stood.memory is not None]
    memory = ""
    if known and known[-1].memory is not None:
        limit = f" of {size(known[-1].limit)}" if known[-1].limit else ""
        memory = f"; its memory was {size(known[-1].memory)}{limit} when it was last measured"
    why = "killed, ended by an error, or the machine went down"
    return f"It was last heard of at {clock(run.last, span)}, and stopped without a word: {why}{memory}"


def _followed(run: RunSeen, after: RunSeen | None, span: float) -> str:
    if after is None:
        return "."
    still = (after.first - run.last).total_seconds()
    return f"; it went on at {clock(after.first, span)}, {duration(max(0.0, still))} later."


def _suspensions(marks: Sequence[Mark], span: float) -> _Told:
    """What was waited out: the first of them, and how many there were."""
    first = next((mark for mark in marks if mark.kind is MarkKind.SUSPENDED), None)
    if first is None:
        return
    more = sum(mark.kind is MarkKind.SUSPENDED for mark in marks) - 1
    often = f"; {plural(more, 'suspension')} followed" if more else ""
    over = next((mark for mark in marks if mark.kind is MarkKind.GOES_ON and mark.at >= first.at), None)
    until = f" until {clock(over.at, span)}" if over is not None else ""
    why = clean(first.text.replace("builtins.", "").partition("; probing")[0])
    yield first.at, f"It was suspended at {clock(first.at, span)}{until}: {why}{often}."


def _hosts(marks: Sequence[Mark], span: float) -> _Told:
    """Hosts that were taken to be down, those that were so most often."""
    downs: dict[str, list[Mark]] = {}
    for mark in marks:
        if mark.kind is MarkKind.HOST_DOWN:
            downs.setdefault(mark.text.partition(": ")[0], []).append(mark)
    ordered = sorted(downs.items(), key=lambda each: -len(each[1]))
    for host, times in ordered[:HOSTS_TOLD_MAX]:
        often = "" if len(times) == 1 else f", and {plural(len(times) - 1, 'time')} more"
        back = _back(host, times[0], marks, span)
        yield times[0].at, f"{clean(host, 80)} was taken to be down at {clock(times[0].at, span)}{back}{often}."
    if len(ordered) > HOSTS_TOLD_MAX:
        rest = [times[0].at for _, times in ordered[HOSTS_TOLD_MAX:]]
        others = plural(len(rest), "other host")
        yield (
            min(rest),
            f"{others} {'was' if len(rest) == 1 else 'were'} taken to be down, first at {clock(min(rest), span)}.",
        )


def _back(host: str, down: Mark, marks: Sequence[Mark], span: float) -> str:
    """When a host answered again in the run that took it to be down."""
    up = (mark for mark in marks if mark.kind is MarkKind.HOST_UP and mark.run == down.run and mark.at >= down.at)
    back = next((mark.at for mark in up if mark.text.startswith(f"{host} answers again")), None)
    if back is None:
        return ""
    return f" and answered again at {clock(back, span)}, {duration((back - down.at).total_seconds())} later"


def _browsers(counted: Numbers, marks: Sequence[Mark]) -> _Told:
    first = next((mark.at for mark in marks if mark.kind is MarkKind.BROWSER_CRASH), None)
    if first is not None:
        yield first, f"Browsers crashed {plural(counted.browser_crashes, 'time')} and were replaced."


def _main_cause(failures: FailureTable, span: float) -> Iterator[str]:
    if not failures.causes or failures.causes[0].count < MUCH * failures.total:
        return
    cause = failures.causes[0]
    where = ""
    if cause.by_host and max(cause.by_host) == cause.count:
        host = failures.hosts[cause.by_host.index(max(cause.by_host))]
        where = f", all of it at {host}" if host != "(no host)" else ""
    elif cause.hosts > 1:
        where = f", on {number(cause.hosts)} hosts"
    since = f", first at {clock(cause.first_seen, span)}" if cause.first_seen is not None else ""
    share = percent(cause.count, failures.total)
    yield f"{share} of what was given up is one cause, {cause.name}: {cause.type} {cause.message.rstrip('.')}{where}{since}."


def _all(count: int) -> str:
    return "The one item is" if count == 1 else f"All {number(count)} items are"
