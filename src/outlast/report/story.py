"""What happened, in sentences: the ends that were not wanted and what followed them, the hosts that were down, the main cause."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from outlast.report.chronicle import RunSeen
from outlast.report.failures import FailureTable
from outlast.report.marks import Mark, MarkKind
from outlast.report.numbers import Numbers
from outlast.report.told import ABORTED, Standing, Told
from outlast.report.words import clean, clock, duration, number, percent, plural, size

__all__ = ["story"]

DETAIL_MAX = 1_000
ENDS_TOLD_MAX = 6
HOSTS_TOLD_MAX = 3
MUCH = 0.2
"""A group of failures that has so large a share of them is told of."""


def story(
    told: Told, runs: Sequence[RunSeen], marks: Sequence[Mark], failures: FailureTable, counted: Numbers
) -> tuple[str, ...]:
    """A few sentences, in the order in which things happened; the texts in them may be hostile, and are clean."""
    known = [run for run in runs if run.id]
    span = counted.seconds or 0.0
    told_of = (
        *_suspensions(marks, span),
        *_ends(told.standing, known, marks, span),
        *_hosts(marks, span),
        *_browsers(counted),
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


def _ends(standing: Standing, runs: Sequence[RunSeen], marks: Sequence[Mark], span: float) -> Iterator[str]:
    """The ends that nobody wanted, the newest of them, each with what followed."""
    following = {run.id: after for run, after in pairwise(runs)}
    aborts = {mark.run: mark for mark in marks if mark.kind is MarkKind.ABORT}
    broken = {mark.run for mark in marks if mark.kind is MarkKind.BROKEN}
    told = [run for run in runs if run.id in aborts or run.id in broken]
    left = len(told) - ENDS_TOLD_MAX
    if left > 0:
        yield f"It had stopped {plural(left, 'time')} before what follows."
    for run in told[-ENDS_TOLD_MAX:]:
        if run.id in aborts:
            noted = standing.detail.removeprefix(ABORTED) if run.id == standing.run else ""
            what = _aborted(aborts[run.id], noted.rstrip("."), span)
        else:
            what = _broken(run, span)
        yield what + _followed(run, following.get(run.id), span)


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
    return f"At {clock(run.last, span)} it stopped without a word: killed, ended by an error, or the machine went down{memory}"


def _followed(run: RunSeen, after: RunSeen | None, span: float) -> str:
    if after is None:
        return "."
    still = (after.first - run.last).total_seconds()
    return f"; it went on at {clock(after.first, span)}, {duration(max(0.0, still))} later."


def _suspensions(marks: Sequence[Mark], span: float) -> Iterator[str]:
    """What was waited out: the first of them, and how many there were."""
    first = next((mark for mark in marks if mark.kind is MarkKind.SUSPENDED), None)
    if first is None:
        return
    more = sum(mark.kind is MarkKind.SUSPENDED for mark in marks) - 1
    often = f"; {plural(more, 'suspension')} followed" if more else ""
    over = next((mark for mark in marks if mark.kind is MarkKind.GOES_ON and mark.at >= first.at), None)
    until = f" until {clock(over.at, span)}" if over is not None else ""
    why = clean(first.text.replace("builtins.", "").partition("; probing")[0])
    yield f"It was suspended at {clock(first.at, span)}{until}: {why}{often}."


def _hosts(marks: Sequence[Mark], span: float) -> Iterator[str]:
    """Hosts that were taken to be down, those that were so most often."""
    downs: dict[str, list[Mark]] = {}
    for mark in marks:
        if mark.kind is MarkKind.HOST_DOWN:
            downs.setdefault(mark.text.partition(": ")[0], []).append(mark)
    ordered = sorted(downs.items(), key=lambda each: -len(each[1]))
    for host, times in ordered[:HOSTS_TOLD_MAX]:
        often = "" if len(times) == 1 else f", and {plural(len(times) - 1, 'time')} more"
        yield f"{clean(host, 80)} was taken to be down at {clock(times[0].at, span)}{often}."
    if len(ordered) > HOSTS_TOLD_MAX:
        yield f"So were {plural(len(ordered) - HOSTS_TOLD_MAX, 'other host')}."


def _browsers(counted: Numbers) -> Iterator[str]:
    if counted.browser_crashes:
        yield f"Browsers crashed {plural(counted.browser_crashes, 'time')} and were replaced."


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
