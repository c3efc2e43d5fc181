"""What a benchmark found: rows of numbers, some with a bar to pass."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

__all__ = ["Bar", "Row", "at_least", "at_most", "row", "shown"]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a number should reach; a missed one is shown, and fails nothing: a busy machine is not a bug."""

    sign: str
    limit: float

    def passed(self, value: float) -> bool:
        compare: Callable[[float, float], bool] = operator.ge if self.sign == ">=" else operator.le
        return compare(value, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: the median, and the least and the most of all rounds."""

    what: str
    value: float
    unit: str
    low: float
    high: float
    bar: Bar | None = None

    def to_dict(self) -> dict[str, Any]:
        verdict = {} if self.bar is None else {"passed": self.bar.passed(self.value)}
        return {**asdict(self), **verdict}


def at_least(limit: float) -> Bar:
    return Bar(">=", limit)


def at_most(limit: float) -> Bar:
    return Bar("<=", limit)


def row(what: str, values: Sequence[float], unit: str, bar: Bar | None = None) -> Row:
    """The row of some rounds' values."""
    return Row(what=what, value=median(values), unit=unit, low=min(values), high=max(values), bar=bar)


def shown(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    cells = [_cells(each) for each in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return "\n".join(
        f"  {what:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {spread:<{widths[3]}}  {verdict}".rstrip()
        for what, value, unit, spread, verdict in cells
    )


def _cells(each: Row) -> tuple[str, str, str, str, str]:
    spread = "" if each.low == each.high else f"({_number(each.low)} to {_number(each.high)})"
    verdict = ""
    if each.bar is not None:
        word = "met" if each.bar.passed(each.value) else "MISSED"
        verdict = f"bar {each.bar.sign} {_number(each.bar.limit)}: {word}"
    return each.what, _number(each.value), each.unit, spread, verdict


def _number(value: float) -> str:
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
