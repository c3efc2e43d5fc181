"""How what was looked at is told."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from outlast.cli.doctor.check import Check, State
from outlast.cli.phrases import columns, safe, units

__all__ = ["document", "lines", "verdict"]

LINE_MAX = 1_000


def lines(checks: Sequence[Check]) -> list[str]:
    """A line for each check, and below it what to do about it."""
    rows = columns([(each.state, each.name, safe(each.says, LINE_MAX)) for each in checks])
    return [
        line
        for each, row in zip(checks, rows, strict=True)
        for line in (row, *(f"      -> {safe(do, LINE_MAX)}" for do in each.do))
    ]


def verdict(checks: Sequence[Check]) -> str:
    """The last line."""
    found = Counter(each.state for each in checks)
    if found[State.BAD]:
        return (
            f"NOT FIT: {found[State.BAD]} of {units(len(checks), 'check')} bad, {units(found[State.WARN], 'warning')}."
        )
    return f"FIT: nothing is bad, {units(found[State.WARN], 'warning')}."


def document(checks: Sequence[Check]) -> dict[str, Any]:
    """What `--json` answers with."""
    rows = [
        {"name": each.name, "state": each.state, "says": each.says, "do": list(each.do), "facts": dict(each.facts)}
        for each in checks
    ]
    return {"fit": not any(each.state is State.BAD for each in checks), "checks": rows}
