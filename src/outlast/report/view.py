"""What the page shows, prepared: tiles, rows of the tables behind the pictures, and the numbers the pictures are drawn from."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import sqrt
from typing import Any, NamedTuple

from outlast.report.marks import Mark, MarkKind
from outlast.report.model import Report, RunRow
from outlast.report.shapes import SHAPES
from outlast.report.stretches import stretch_heads, stretches
from outlast.report.tiles import tiles
from outlast.report.timeline import Timeline
from outlast.report.words import brief, clock, day_and_clock, duration, number, percent, plural, size

__all__ = ["FILTERS", "HOUR", "ending", "lasted", "shown_marks", "view"]

HOUR = 3_600
CHECKPOINTS_SHOWN_MAX = 12
MARKS_SHOWN_MAX = 300
DRAWN_MAX = 250
"""How many marks of one kind are drawn, evenly chosen."""
LEVELS = 9
LIMIT_DRAWN_MAX = 4
"""A limit of more than so many times what was used is told in words: a picture that reached up to it would have its curve at the foot."""


class _Heat(NamedTuple):
    most: int

    def level(self, count: int) -> int:
        return max(1, round(LEVELS * sqrt(count / self.most))) if count else 0


def view(report: Report) -> dict[str, Any]:
    """The names that the template uses."""
    line, span = report.timeline, report.numbers.seconds or 0.0
    causes = report.failures.causes
    heat = _Heat(max((max(*cause.by_host, cause.elsewhere, 1) for cause in causes if cause.by_host), default=1))
    events = shown_marks(report)
    return {
        "report": report,
        "n": report.numbers,
        "tiles": tiles(report),
        "shapes": SHAPES,
        "kinds": [kind for kind in MarkKind if report.marked.get(kind)],
        "has_memory": any(each is not None for each in line.memory),
        "has_browser": any(line.browser),
        "limit_told": report.numbers.memory_limit if not _is_limit_drawn(line) else None,
        "has_progress": any(line.total),
        "stretch_heads": stretch_heads(line),
        "stretches": stretches(line, span),
        "events": events,
        "marks_total": sum(report.marked.values()),
        "level": heat.level,
        "ending": ending,
        "lasted": lasted,
        "at": lambda at: day_and_clock(at, seconds=span < HOUR),
        "time": lambda at: clock(at, span),
        "most_retries": max((row.retries for row in report.delays), default=1),
        "most_items": max((row.items for row in report.attempts), default=1),
        "pictures": _pictures(line, report.marks),
    }


def shown_marks(report: Report) -> list[Mark]:
    """The marks for a table, the newest of them; of many checkpoints the table is not about."""
    marks = list(report.marks)
    if report.marked.get(MarkKind.CHECKPOINT, 0) > CHECKPOINTS_SHOWN_MAX:
        marks = [mark for mark in marks if mark.kind is not MarkKind.CHECKPOINT]
    return marks[-MARKS_SHOWN_MAX:]


def ending(run: RunRow) -> str:
    """How a run ended, in words."""
    return "stopped without a word" if run.outcome is None else run.outcome.replace("_", " ")


def lasted(run: RunRow) -> str:
    """How long a run lasted; of one that left no word, how long at least."""
    least = "at least " if run.outcome is None else ""
    return f"{least}{duration((run.ended - run.began).total_seconds())}"


def _pictures(line: Timeline, marks: Sequence[Mark]) -> dict[str, Any]:
    edge = [line.times[-1] + line.step] if line.times else []
    closed: Callable[[Sequence[Any]], list[Any]] = lambda values: [*values, *(None for _ in edge)]  # noqa: E731 - one word
    return {
        "step": line.step,
        "times": [*line.times, *edge],
        "rates": {
            "finished": closed(line.finished_rate),
            "retried": closed(line.retried_rate),
            "given_up": closed(line.given_up_rate),
        },
        **{name: closed(getattr(line, name)) for name in ("memory", "browser", "done", "total")},
        "limit": closed(line.limit) if _is_limit_drawn(line) else [],
        "down": line.down,
        "marks": [(round(mark.at.timestamp(), 1), mark.kind, mark.text) for mark in _drawn(marks)],
        "shapes": {kind: asdict(shape) for kind, shape in SHAPES.items()},
    }


def _is_limit_drawn(line: Timeline) -> bool:
    limits = [each for each in line.limit if each]
    return bool(limits) and min(limits) <= LIMIT_DRAWN_MAX * max((each or 0 for each in line.memory), default=0)


def _drawn(marks: Sequence[Mark]) -> list[Mark]:
    chosen = []
    for kind in MarkKind:
        these = [mark for mark in marks if mark.kind is kind]
        every = max(1, -(-len(these) // DRAWN_MAX))
        chosen += these[::every]
    return chosen


FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": number,
    "plural": plural,
    "brief": brief,
    "percent": percent,
    "size": size,
    "duration": duration,
    "joints": lambda host: re.findall(r"[.:]?[^.:]+|[.:]", str(host)),
    "words": lambda text: str(text).replace("_", " "),
    "short_id": lambda text: f"…{str(text)[-8:]}",
}
