"""The table behind the pictures over time: at most so many stretches of equal length."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from outlast.report.timeline import Known, Timeline
from outlast.report.words import clock, number, size, thinned

__all__ = ["Stretch", "stretch_heads", "stretches"]

ROWS_MAX = 48
UNKNOWN = "\u00b7"


@dataclass(frozen=True, slots=True)
class Stretch:
    """One row: when it began, and its cells."""

    at: str
    cells: tuple[str, ...]


def stretch_heads(line: Timeline) -> list[tuple[str, str]]:
    """The heads of the table, each with the class of its column."""
    heads = [("from, UTC", ""), ("finished", "n"), ("retried", "n"), ("given up", "n")]
    return [*heads, *((head, "n") for head, column in _measured(line) if _any(column))]


def stretches(line: Timeline, span: float) -> list[Stretch]:
    """The rows; a stretch in which no run was at work has no numbers."""
    rows = []
    for start, end in thinned(len(line.times), ROWS_MAX):
        sums = [_sum(column[start:end]) for column in (line.finished, line.retried, line.given_up)]
        at = clock(datetime.fromtimestamp(line.times[start], UTC), span)
        measured = [_most(head, column[start:end]) for head, column in _measured(line) if _any(column)]
        rows.append(Stretch(at, (*sums, *measured)))
    return rows


def _measured(line: Timeline) -> list[tuple[str, Sequence[Known]]]:
    return [("memory", line.memory), ("finished so far", line.done), ("known so far", line.total)]


def _any(column: Sequence[Known]) -> bool:
    return any(each is not None for each in column)


def _sum(values: Sequence[float | None]) -> str:
    known = [each for each in values if each is not None]
    return number(round(sum(known))) if known else UNKNOWN


def _most(head: str, values: Sequence[Known]) -> str:
    known = [each for each in values if each is not None]
    if not known:
        return UNKNOWN
    return size(max(known)) if head == "memory" else number(max(known))
