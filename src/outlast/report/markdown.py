"""A report as Markdown, for the summary of a CI job or a ticket. What strangers have written stands in it as text, never as markup."""

import re
from collections.abc import Iterator, Sequence

from outlast.report.model import Report
from outlast.report.numbers import Numbers
from outlast.report.shapes import SHAPES
from outlast.report.tiles import Tile, tiles
from outlast.report.view import HOUR, ending, lasted, shown_marks
from outlast.report.words import brief, clock, day_and_clock, duration, number, percent, plural, size

__all__ = ["markdown"]

CAUSES_SHOWN_MAX = 20
MARKS_SHOWN_MAX = 40
RUNS_SHOWN_MAX = 20
_WITH_MEANING = re.compile(r"[\\`*_\[\]<>#|~&@$!]")


def markdown(report: Report) -> str:
    """The report as one Markdown document."""
    return (
        "\n".join([*_head(report), *_story(report), *_failures(report), *_tables(report), *_marks(report)]).rstrip()
        + "\n"
    )


def _head(report: Report) -> Iterator[str]:
    n = report.numbers
    yield f"# {_text(report.job)}: {_text(report.standing.word)}"
    yield ""
    yield _when(report, n)
    yield ""
    cells = tiles(report)
    yield from _table([tile.label for tile in cells], [["<br>".join([_value(tile), *tile.lines]) for tile in cells]])


def _value(tile: Tile) -> str:
    return f"**{tile.value}** {tile.unit}".rstrip()


def _when(report: Report, n: Numbers) -> str:
    seconds = (n.seconds or 0.0) < HOUR
    made = f"made {day_and_clock(report.made, seconds=seconds)} UTC"
    if n.began is None or n.ended is None or n.seconds is None:
        return made
    to = "now" if report.standing.running else day_and_clock(n.ended, seconds=seconds)
    one = f"only run {_text(report.run)}, " if report.run else ""
    runs = f" in {plural(n.runs, 'run')}" if n.runs > 1 else ""
    return f"{one}{day_and_clock(n.began, seconds=seconds)} to {to} UTC ({duration(n.seconds)}{runs}), {made}"


def _story(report: Report) -> Iterator[str]:
    if report.story:
        yield from ["", "## What happened", "", *(f"- {_text(sentence)}" for sentence in report.story)]
    if report.steps:
        yield from ["", "## Next", ""]
        yield from (f"- {_text(step.what)}: {_code(step.command)}" for step in report.steps)
    if report.gaps:
        yield from ["", "## Not known", "", *(f"- {_text(gap)}" for gap in report.gaps)]


def _failures(report: Report) -> Iterator[str]:
    table, span = report.failures, report.numbers.seconds or 0.0
    if not table.causes:
        return
    yield from [
        "",
        "## Failures",
        "",
        f"{plural(table.total, 'item')} given up, in {plural(table.groups, 'group')}.",
        "",
    ]
    elsewhere = [plural(table.more_hosts, "other host")] if table.more_hosts else []
    rows = []
    for cause in table.causes[:CAUSES_SHOWN_MAX]:
        counts = [*cause.by_host, *([cause.elsewhere] if elsewhere else [])]
        seen = [f"{clock(at, span)}" if at else "?" for at in (cause.first_seen, cause.last_seen)]
        rows.append(
            [
                cause.name,
                f"{_text(cause.type)} {_text(cause.message)}<br>{_text(cause.frame)} e.g. {_text(cause.example)}",
                cause.failure_class.replace("_", " "),
                *(number(count) if count else "" for count in counts),
                f"**{number(cause.count)}**",
                " to ".join(seen),
            ]
        )
    heads = ["group", "cause", "class", *map(_text, table.hosts), *elsewhere, "total", "seen"]
    yield from _table(heads, rows, right=range(3, len(heads) - 1))
    left = table.groups - len(rows)
    if left > 0:
        yield from ["", f"And {plural(left, 'further group')}."]


def _tables(report: Report) -> Iterator[str]:
    if report.delays:
        yield from ["", "## Did waiting help?", ""]
        rows = [
            [row.delay, *map(number, (row.retries, row.succeeded, row.again, row.given_up, row.unknown))]
            for row in report.delays
        ]
        yield from _table(
            ["waited", "retries", "succeeded", "failed again", "given up", "not known"], rows, right=range(1, 6)
        )
    if report.attempts:
        yield from ["", "## Attempts needed", ""]
        counts = [[row.attempt, number(row.items), percent(row.share, 1)] for row in report.attempts]
        yield from _table(["attempt", "items", "share"], counts, right=range(1, 3))
    if len(report.runs) > 1:
        yield from ["", "## Runs", ""]
        runs = [
            [
                day_and_clock(run.began),
                lasted(run),
                ending(run),
                number(run.done),
                number(run.given_up),
            ]
            for run in report.runs[-RUNS_SHOWN_MAX:]
        ]
        yield from _table(
            ["began", "lasted", "ended", "done", "given up"], [[_text(cell) for cell in row] for row in runs]
        )
    if report.checkpoints:
        newest = report.checkpoints[0]
        intact = "intact" if newest.intact else "not read" if newest.intact is None else "damaged"
        at = f" of {day_and_clock(newest.at)}" if newest.at else ""
        took = f", taken in {brief(newest.took)}" if newest.took is not None else ""
        yield from [
            "",
            f"The newest of {plural(len(report.checkpoints), 'checkpoint')} kept{at}: {intact}, {size(newest.size)}{took}.",
        ]


def _marks(report: Report) -> Iterator[str]:
    marks = [mark for mark in shown_marks(report) if mark.kind != "checkpoint"][-MARKS_SHOWN_MAX:]
    if marks:
        yield from ["", "## When", ""]
        yield from _table(
            ["UTC", "what", ""],
            [[day_and_clock(mark.at, seconds=True), SHAPES[mark.kind].word, _text(mark.text)] for mark in marks],
        )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join('---:' if place in right else '---' for place in range(len(heads)))}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _text(text: str) -> str:
    """Text that looks in Markdown as it is; an address in it is no link."""
    return (
        _WITH_MEANING.sub(lambda found: f"\\{found[0]}" if found[0] not in "<>&@" else f"&#{ord(found[0])};", text)
        .replace("://", "&#58;//")
        .replace("www.", "www&#46;")
    )


def _code(command: str) -> str:
    """A command as code; where it holds backticks, between more of them."""
    longest = max((len(run) for run in re.findall("`+", command)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{command}{space}{fence}"
