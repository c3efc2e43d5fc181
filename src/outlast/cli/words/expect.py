"""What is said of a job that is not what was expected of it, or that gave nothing at all."""

from collections.abc import Sequence

from outlast.cli.phrases import safe, units
from outlast.jobs import Summary

__all__ = ["MEANT", "barren_line", "is_barren", "shown_unmet", "unmet_lines"]

REASON_WIDTH_MAX = 300
MEANT = (
    "If that is meant, say so: results = false below [expect] in the job file, OUTLAST_EXPECT__RESULTS=false in the environment, "
    'or expect={"results": False} from code.'
)
# What is said of failures anyway, with the number that is allowed.
_SAID_ELSEWHERE = "max_failed: "


def is_barren(summary: Summary) -> bool:
    """Whether an empty run is one that did items, and got nothing from them."""
    return summary.done > 0


def barren_line(summary: Summary, took: str) -> str:
    """The first line of such a run."""
    failed = f", {summary.failed} failed" if summary.failed else ""
    gave = "it gave no record" if summary.done == 1 else "not one of them gave a record"
    done = f"{summary.done} of {units(summary.total, 'item')} done{failed}"
    return f"EMPTY after {took}: {done}, and {gave}: what the function returned was nothing."


def shown_unmet(summary: Summary) -> list[str]:
    """What is not met, beyond too many failures."""
    return [each for each in summary.unmet if not each.startswith(_SAID_ELSEWHERE)]


def unmet_lines(unmet: Sequence[str]) -> list[str]:
    """A line for each expectation that is not met."""
    return [f"Not as expected: {safe(each, REASON_WIDTH_MAX)}." for each in unmet]
