"""How many failures of which kind there were, and when, in bounded memory.

Failures are counted in buckets of time. When a history is too long for its buckets, they become twice as wide: everything stays
counted, and a time range is answered to the width of a bucket.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from outlast.failure.groups import OTHER

__all__ = ["Counts", "Timeline"]

BUCKET_SECONDS = 60
BUCKETS_MAX = 256
NAMES_MAX = 128

KINDS = ("category", "severity", "type", "class", "signature", "action")


@dataclass(slots=True)
class Counts:
    """The counts of one stretch of time. Of each kind `NAMES_MAX` names are told apart, the rest are `other`."""

    total: int = 0
    resolved: int = 0
    recovery_seconds: float = 0.0
    handler_errors: int = 0
    names: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})

    def add(self, names: Mapping[str, str], times: int = 1) -> None:
        """Count failures that have these names, one of each kind."""
        self.total += times
        for kind, name in names.items():
            self.note(kind, name, times)

    def resolve(self, seconds: float) -> None:
        """One of the failures was mended, `seconds` after it happened."""
        self.resolved += 1
        self.recovery_seconds += seconds

    def merge(self, other: "Counts") -> None:
        self.total += other.total
        self.resolved += other.resolved
        self.recovery_seconds += other.recovery_seconds
        self.handler_errors += other.handler_errors
        for kind, counted in other.names.items():
            for name, times in counted.items():
                self.note(kind, name, times)

    def note(self, kind: str, name: str, times: int = 1) -> None:
        """Count a name of failures that are counted already."""
        counted = self.names[kind]
        if name not in counted and len(counted.keys() - {OTHER}) >= NAMES_MAX:
            name = OTHER
        counted[name] += times

    def to_dict(self) -> dict[str, Any]:
        """The published keys, and ours: `failures_by_class`, `failures_by_action`, `handler_errors`."""
        return {
            "total_failures": self.total,
            **{f"failures_by_{kind}": dict(self.names[kind].most_common()) for kind in KINDS},
            "resolved_failures": self.resolved,
            "unresolved_failures": self.total - self.resolved,
            "mean_time_to_recovery": self.recovery_seconds / self.resolved if self.resolved else None,
            "handler_errors": self.handler_errors,
        }


class Timeline:
    """The counts of one job over time; moments are seconds since the epoch."""

    def __init__(self, buckets_max: int = BUCKETS_MAX) -> None:
        self._buckets_max = buckets_max
        self._buckets: dict[int, Counts] = {}
        self.width = BUCKET_SECONDS

    def at(self, moment: float) -> Counts:
        """The counts of the stretch in which `moment` lies, to be added to at once."""
        number = int(moment // self.width)
        while number not in self._buckets and len(self._buckets) >= self._buckets_max:
            self._widen()
            number = int(moment // self.width)
        return self._buckets.setdefault(number, Counts())

    def between(self, start: float | None, end: float | None) -> Counts:
        """The counts of every stretch that has a moment from `start` to `end`; None: no such limit."""
        return _sum(
            counts
            for number, counts in self._buckets.items()
            if (start is None or (number + 1) * self.width > start) and (end is None or number * self.width <= end)
        )

    def merge(self, other: "Timeline") -> None:
        for number, counts in other._buckets.items():  # noqa: SLF001 - it is one of our own
            self.at(number * other.width).merge(counts)

    def _widen(self) -> None:
        self.width *= 2
        old, self._buckets = self._buckets, {}
        for number, counts in old.items():
            kept = self._buckets.setdefault(number // 2, counts)
            if kept is not counts:
                kept.merge(counts)


def _sum(all_of_them: Iterable[Counts]) -> Counts:
    total = Counts()
    for each in all_of_them:
        total.merge(each)
    return total
