"""What stands in the live view, line by line, for a screen of any size. Nothing here asks a clock or writes to a terminal."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from outlast.cli.phrases import MEBIBYTE, about, between, duration, percent, plainly, rate, safe, size
from outlast.cli.rows import Line, Piece, Row, cut, fitted, flowed, padded, plain, wide
from outlast.cli.screen.progress import JOB_PAUSED, group_of, stopping_text
from outlast.cli.screen.trend import sparkline
from outlast.cli.screen.view import InTrouble, View
from outlast.cli.words.group import host_named
from outlast.jobs.causes import Cause
from outlast.jobs.host import Reason

__all__ = ["KEYS", "picture"]

KEYS = (
    "Ctrl-C: finish what is in flight, then stop. Twice: stop now. Both are safe.",
    "Ctrl-C: stop in order. Twice: stop now.",
    "Ctrl-C: stop",
)
"""What the keys do, at length and in short."""

BAR_MIN = 10
NAME_MIN = 8
CAUSES_MAX = 5
HOSTS_MAX = 5
NUMBER_WIDTH = 7
LAST_WIDTH = 7
LABEL_WIDTH = 8
CLASS_WIDTH = 12
HOST_WIDTH_MAX = 24
TEXT_MAX = 300
# From these widths on there is room for a column.
WIDE_ENOUGH = {"retried": 50, "host": 64, "last": 64, "last beside retried": 84, "class": 116}
_WORDS = {
    Reason.PARKED: ("down", "red"),
    Reason.PAUSED: ("paused", "yellow"),
    Reason.ASKED_TO_WAIT: ("asked to be left alone", "yellow"),
    Reason.RATE: ("kept to its rate", "dim"),
}


def picture(title: str, view: View, *, width: int, height: int, foot: Sequence[str] = KEYS) -> list[Row]:
    """The rows of the view on a screen of this size, which they leave a line of."""
    lines = [
        Line(0, _head(title, view, width)),
        *_numbers(view, width),
        *_trouble(view),
        *_aside(view, width),
        *_causes(view, width),
        *_hosts(view),
        *_foot(view, foot, width),
    ]
    return [cut(row, width) for row in fitted(lines, height - 1)]


def _head(title: str, view: View, width: int) -> Row:
    """Name, bar, and how far, how fast, how long; what there is no room for goes, the bar first."""
    total = view.counts.total
    eta = "ETA unknown" if view.eta is None else f"ETA {between(view.eta.early, view.eta.late)}"
    name = cut([(title, "bold")], max(NAME_MIN, width // 3))[0]
    # In the order in which they stand, each with how dispensable it is.
    parts: list[tuple[int, Piece]] = [
        (1, (f"{view.finished}/{total}", "")),
        (0, (percent(view.finished, total), "bold")),
        (3, (rate(view.rate), "")),
        (2, (eta, "cyan")),
        (4, (duration(view.elapsed) if view.elapsed >= 60 else f"{view.elapsed:.0f} s", "dim")),
    ]
    while len(parts) > 1 and wide([name]) + sum(2 + wide([piece]) for _, piece in parts) > width:
        parts.remove(max(parts))
    row: list[Piece] = [name]
    rest = width - wide([name]) - sum(2 + wide([piece]) for _, piece in parts)
    if rest >= BAR_MIN + 1:
        row += [(" ", ""), *_bar(view, rest - 1)]
    for _, piece in parts:
        row += [("  ", ""), piece]
    return row


def _bar(view: View, width: int) -> Iterator[Piece]:
    """What is done, what has failed, what is left: told apart by their characters too."""
    total = max(1, view.counts.total)
    finished = min(width, width * view.finished // total)
    failed = min(finished, -(-width * view.counts.failed // total)) if view.counts.failed else 0
    yield "━" * (finished - failed), "green"
    yield "━" * failed, "red"
    yield "─" * (width - finished), "dim"


def _numbers(view: View, width: int) -> Iterator[Line]:
    counts = view.counts
    flying = f"{view.in_flight}" if view.concurrency is None else f"{view.in_flight}/{view.concurrency}"
    parts = [
        _number("ok", counts.done, "green"),
        _number("retrying", counts.deferred, "yellow"),
        _number("failed", counts.failed, "red"),
        *([_number("ignored", counts.ignored, "")] if counts.ignored else []),
        [("in flight ", ""), (flying, "")],
        *_memory(view, width),
    ]
    for place, row in enumerate(flowed(parts, width)):
        yield Line(1 if not place else 4, row)


def _number(word: str, count: int, style: str) -> Row:
    return [(f"{word} ", ""), (str(count), style if count else "")]


def _memory(view: View, width: int) -> Iterator[Row]:
    if view.memory_mb is None:
        return
    used, limit = _bytes(view.memory_mb), view.memory_limit_mb
    row: list[Piece] = [("memory ", ""), (f"{used} of {_bytes(limit)}" if limit else used, "")]
    line = sparkline(view.memory_trend, limit)
    if len(line) > 1 and wide(row) + 1 + len(line) <= width:
        row.append((f" {line}", "blue"))
    yield row
    if view.pages_max is not None:
        yield [(f"at most {view.pages_max} pages for want of it", "yellow")]


def _bytes(megabytes: float) -> str:
    return size(int(megabytes * MEBIBYTE))


def _trouble(view: View) -> Iterator[Line]:
    if view.job_paused:
        yield Line(1, [(JOB_PAUSED, "bold yellow")])
    trouble = view.trouble
    if trouble is None:
        return
    since = "" if trouble.seconds is None else f" for {about(trouble.seconds)}"
    reason = _told(trouble.reason)
    word = "suspended" if view.suspended else "waiting"
    yield Line(1, [(f"{word}{since}: ", "bold yellow"), (reason, "yellow")])
    parts = []
    if trouble.probes:
        parts.append(f"{trouble.probes} probed, {trouble.good_probes} good")
    if trouble.next_probe_in is not None:
        parts.append(f"next probe in {about(trouble.next_probe_in)}")
    if trouble.gives_up_in is not None:
        parts.append(f"aborts in {about(trouble.gives_up_in)}")
    if parts:
        yield Line(3, [(f"  {', '.join(parts)}", "yellow")])


def _aside(view: View, width: int) -> Iterator[Line]:
    """The last checkpoint and the browser: what one looks for only when it is amiss."""
    happened, parts, rank = view.happened, list[Row](), 6
    if happened.checkpoint_problem:
        problem = safe(happened.checkpoint_problem, TEXT_MAX)
        yield Line(2, [("checkpoint failed: ", "bold red"), (problem, "red")])
    if happened.checkpoint_at is not None:
        age = _age(view.now, happened.checkpoint_at)
        parts.append([("checkpoint ", ""), (_short(happened.checkpoint_id), "dim"), (f" {age} ago", "")])
    if happened.browser_at is not None:
        told = [_times(happened.restarts, "restart"), _times(happened.crashes, "crash")]
        style, rank = ("bold red", 2) if happened.no_browser else ("yellow" if happened.crashes else "", 4)
        state = "gone" if happened.no_browser else "renewed"
        reason = safe(happened.browser, 60)
        words = f"{', '.join(filter(None, told))}; {state} {_age(view.now, happened.browser_at)} ago ({reason})"
        parts.append([("browser ", ""), (words.removeprefix("; "), style)])
    yield from (Line(rank, row) for row in flowed(parts, width))


def _times(count: int, noun: str) -> str:
    plural = "es" if noun.endswith("sh") else "s"
    return "" if not count else f"{count} {noun}{plural if count > 1 else ''}"


def _short(checkpoint_id: str) -> str:
    """The end of an id: what tells it from the others of its job."""
    shown = safe(checkpoint_id, TEXT_MAX)
    return shown if len(shown) <= 14 else f"...{shown[-11:]}"


def _causes(view: View, width: int) -> Iterator[Line]:
    shown = view.causes[:CAUSES_MAX]
    if not shown:
        return
    hosts = max(wide([(_where(each), "")]) for each in shown)
    any_again = any(each.retried for each in shown)
    table = _Table(width, min(HOST_WIDTH_MAX, max(hosts, len("host"))), retried=any_again)
    heading = _Cells("failures", "class", "by cause", "failed", "retried", "host", "last")
    yield Line(9, [])
    yield Line(7, [(plain(table.row(heading)), "dim")])
    for place, cause in enumerate(shown):
        cells = _Cells(
            # Before an item is given up with it no verb knows it.
            label=group_of(cause) if cause.failed else "",
            kind=cause.failure_class,
            why=_told(cause.signature),
            failed=f"{cause.failed or ''}",
            retried=f"{cause.retried or ''}",
            host=_where(cause),
            last=_age(view.now, datetime.fromisoformat(cause.last)) if cause.last else "",
        )
        yield Line(min(8, 2 + 2 * place), table.row(cells))


class _Cells(NamedTuple):
    label: str
    kind: str
    why: str
    failed: str
    retried: str
    host: str
    last: str


class _Table:
    """The columns that there is room for; the cause has what the others leave."""

    def __init__(self, width: int, host_width: int, *, retried: bool) -> None:
        self._width = width
        self._retried = retried and width >= WIDE_ENOUGH["retried"]
        self._host_width = host_width
        # A cause that has cost no item yet has no other number; how old it is matters less.
        self._last = width >= WIDE_ENOUGH["last beside retried" if self._retried else "last"]

    def row(self, cells: _Cells) -> Row:
        before: list[Piece] = [(f"{padded(cells.label, LABEL_WIDTH)}  ", "bold")]
        if self._width >= WIDE_ENOUGH["class"]:
            before.append((f"{padded(cells.kind, CLASS_WIDTH)}  ", "dim"))
        after: list[Piece] = [(f"  {padded(cells.failed, NUMBER_WIDTH, right=True)}", "red")]
        if self._retried:
            after.append((f"  {padded(cells.retried, NUMBER_WIDTH, right=True)}", "yellow"))
        if self._width >= WIDE_ENOUGH["host"]:
            after.append((f"  {padded(cells.host, self._host_width)}", ""))
        if self._last:
            after.append((f"  {padded(cells.last, LAST_WIDTH, right=True)}", "dim"))
        left = max(0, self._width - wide(before) - wide(after))
        return [*before, (padded(cells.why, left), ""), *after]


def _where(cause: Cause) -> str:
    more = f" +{cause.hosts_seen - 1}" if cause.hosts_seen > 1 else ""
    return plain(cut([(host_named(cause.hosts[0]), "")], HOST_WIDTH_MAX - len(more))) + more


def _hosts(view: View) -> Iterator[Line]:
    if not view.hosts:
        return
    shown = view.hosts[:HOSTS_MAX]
    names = [host_named(each.host) for each in shown]
    column = min(HOST_WIDTH_MAX, max(wide([(name, "")]) for name in names))
    yield Line(9, [])
    for place, (name, each) in enumerate(zip(names, shown, strict=True)):
        word, style = _WORDS[each.reason]
        told = ", ".join(_standing(each, word, view.now))
        yield Line(min(8, 3 + 2 * place), [(padded(name, column), "bold"), (f"  {told}", style)])
    more = view.hosts_waiting - len(shown)
    if more > 0:
        yield Line(8, [(f"and {more} more {'host' if more == 1 else 'hosts'}", "dim")])


def _standing(each: InTrouble, word: str, now: datetime) -> Iterator[str]:
    yield word if each.since is None else f"{word} for {_age(now, each.since)}"
    if each.seconds is not None:
        what = "next probe" if each.reason is Reason.PARKED else "asked again"
        yield f"{what} in {about(each.seconds)}" if each.seconds > 0 else f"{what} now"


def _foot(view: View, foot: Sequence[str], width: int) -> Sequence[Line]:
    if view.stopping:
        return [Line(0, [(stopping_text(view.in_flight), "bold yellow")])]
    apart = [Line(9, [])] if view.causes or view.hosts else []
    return [*apart, Line(5, [(next((each for each in foot if len(each) <= width), foot[-1]), "dim")])]


def _told(text: str) -> str:
    # It is drawn again and again, and only its beginning can be seen.
    return safe(plainly(text[: 2 * TEXT_MAX]), TEXT_MAX)


def _age(now: datetime, then: datetime) -> str:
    return about(max(0.0, (now - then).total_seconds()))
