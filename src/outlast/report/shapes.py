"""How each kind of mark looks, in the pictures and in the key to them: shapes that differ without their colours."""

from collections.abc import Mapping
from dataclasses import dataclass

from outlast.report.marks import MarkKind

__all__ = ["SHAPES", "Shape"]


@dataclass(frozen=True, slots=True)
class Shape:
    """A path in a box of 10 by 10; `hollow`: its outline alone. `line`: how a line through the picture is drawn at it."""

    word: str
    path: str
    colour: str
    hollow: bool = False
    line: str = "none"


_CIRCLE = "M8.6 3.2A4 4 0 1 0 9 5M9.4 0.8V3.6H6.6"
_DIAMOND = "M5 0L10 5L5 10L0 5Z"

SHAPES: Mapping[MarkKind, Shape] = {
    MarkKind.START: Shape("begun", "M1 0L10 5L1 10Z", "blue", line="solid"),
    MarkKind.RESUME: Shape("resumed", "M0 0L5 5L0 10ZM5 0L10 5L5 10Z", "blue", line="solid"),
    MarkKind.END: Shape("ended", "M1 1H9V9H1Z", "soft", hollow=True, line="solid"),
    MarkKind.BROKEN: Shape("stopped without a word", "M1 1L9 9M9 1L1 9", "red", hollow=True, line="solid"),
    MarkKind.ABORT: Shape("aborted", "M0 0H10V10H0Z", "purple", line="solid"),
    MarkKind.SUSPENDED: Shape("suspended", "M1 0H4V10H1ZM6 0H9V10H6Z", "purple", line="dashed"),
    MarkKind.GOES_ON: Shape("suspension over", "M1 0L10 5L1 10Z", "purple", hollow=True),
    MarkKind.RESTART: Shape("browser restarted", _CIRCLE, "green", hollow=True, line="dashed"),
    MarkKind.BROWSER_CRASH: Shape("browser crashed", _DIAMOND, "red", line="dashed"),
    MarkKind.HOST_DOWN: Shape("host down", "M0 1H10L5 10Z", "amber", line="dashed"),
    MarkKind.HOST_UP: Shape("host back", "M5 0L10 9H0Z", "amber", hollow=True),
    MarkKind.PRESSURE: Shape("limit broken", "M5 0L10 9H0Z", "red"),
    MarkKind.DAMAGED: Shape("damage found", _DIAMOND, "purple", hollow=True),
    MarkKind.QUARANTINE: Shape("item quarantined", "M3 0H7V10H3Z", "red"),
    MarkKind.ORDER: Shape("orders", "M0 2H10M0 5H10M0 8H10", "blue", hollow=True),
    MarkKind.UNMET: Shape("not as expected", "M0 5H10M5 0V10", "red", hollow=True),
    MarkKind.CHECKPOINT: Shape("checkpoint", "M5 0V10", "soft", hollow=True),
}
