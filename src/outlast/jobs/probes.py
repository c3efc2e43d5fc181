"""The items with which a suspended job finds out whether anything works: which are out, and when the next may go."""

import math

from outlast.abort.probing import PROBE_EVERY_MAX
from outlast.jobs.athand import Task

__all__ = ["BESIDE_AFTER", "UNANSWERED_AFTER", "Probes"]

BESIDE_AFTER = PROBE_EVERY_MAX
"""A probe that is out for so long does not keep the next one back: what hangs does not tell when others are back."""

UNSERVED_EVERY = 1.0

UNANSWERED_AFTER = 60.0
"""A probe that is out for so long is as good as a bad one, when the patience is over."""


class Probes:
    """All times are monotonic seconds, given by the caller. `due` is when the next may go; infinite: none may."""

    def __init__(self) -> None:
        self.due = math.inf
        self.lacks_item = False
        """Whether one was due, and there was no item that may be tried."""
        self._out: dict[int, float] = {}

    def __bool__(self) -> bool:
        return bool(self._out)

    def __contains__(self, task: Task) -> bool:
        return bool(self._out) and task.lease.item in self._out

    def asked(self, task: Task, now: float) -> None:
        self._out[task.lease.item] = now
        self.lacks_item = False

    def unserved(self, now: float) -> None:
        """One is due, and there is no item that may be tried."""
        self.lacks_item = True
        self.due = now + UNSERVED_EVERY

    def over(self, task: Task) -> None:
        """It was answered, or will not be."""
        self._out.pop(task.lease.item, None)

    def forget(self) -> None:
        """Those that are out are items like others now."""
        self._out.clear()

    def opens_at(self) -> float:
        """When the next may go, if nothing happens."""
        return max(self.due, *(asked + BESIDE_AFTER for asked in self._out.values())) if self._out else self.due

    def are_unanswered(self, now: float) -> bool:
        """Whether one has been out for too long."""
        return any(now - asked >= UNANSWERED_AFTER for asked in self._out.values())
