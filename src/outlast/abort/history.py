"""What failed and what succeeded, and when, in memory that does not grow with the job.

It is counted in buckets of time. When a history is too long for its buckets they become twice as wide: everything stays counted, and a
stretch of time is answered to the width of a bucket.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from outlast.failure.describe import Failure
from outlast.failure.groups import OTHER, Groups

__all__ = ["BUCKET_SECONDS", "Counts", "History", "Stretch", "add"]

BUCKET_SECONDS = 5.0
BUCKETS_MAX = 256
GROUPS_MAX = 64
HOSTS_MAX = 200


@dataclass(slots=True)
class Counts:
    """The counts of one stretch of time. `repeated`: failures of an incident after its first, which are counted nowhere else."""

    succeeded: int = 0
    repeated: int = 0
    incidents: int = 0
    groups: Groups = field(default_factory=lambda: Groups(GROUPS_MAX, 1, HOSTS_MAX))
    categories: Counter[str] = field(default_factory=Counter)
    severities: Counter[str] = field(default_factory=Counter)
    failed_by_host: Counter[str] = field(default_factory=Counter)
    succeeded_by_host: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        return self.severities.total()

    @property
    def rate(self) -> float | None:
        """The share that failed; None where nothing happened."""
        total = self.failed + self.succeeded
        return self.failed / total if total else None

    def merge(self, other: "Counts") -> None:
        self.succeeded += other.succeeded
        self.repeated += other.repeated
        self.incidents += other.incidents
        self.groups.merge(other.groups)
        for mine, theirs in (
            (self.categories, other.categories),
            (self.severities, other.severities),
            (self.failed_by_host, other.failed_by_host),
            (self.succeeded_by_host, other.succeeded_by_host),
        ):
            for name, times in theirs.items():
                add(mine, name, times)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time, whole and in its two halves; times are monotonic seconds."""

    whole: Counts
    earlier: Counts
    later: Counts
    seconds: float


class History:
    """The history of one job. All times are monotonic seconds, but for the moments of failures."""

    def __init__(self) -> None:
        self._buckets: dict[int, Counts] = {}
        self.width = BUCKET_SECONDS

    def succeeded(self, now: float, host: str, n: int) -> None:
        counts = self._at(now)
        counts.succeeded += n
        if host:
            add(counts.succeeded_by_host, host, n)

    def failed(
        self, now: float, failure: Failure, *, host: str, key: str, at: datetime, category: str, severity: str
    ) -> None:
        counts = self._at(now)
        counts.groups.add(failure, host, key, at)
        add(counts.categories, category, 1)
        add(counts.severities, severity, 1)
        if host:
            add(counts.failed_by_host, host, 1)

    def incident(self, now: float, *, is_first: bool) -> None:
        """Count an incident, or a further failure of one that is counted."""
        counts = self._at(now)
        counts.incidents += is_first
        counts.repeated += not is_first

    def example(self, signature: str) -> str:
        """What a failure of this signature said, one of the last; empty when nothing is known of it."""
        for number in sorted(self._buckets, reverse=True):
            group = self._buckets[number].groups.get(signature)
            if group is not None:
                return f"{group.sample.type}: {group.sample.message}"
        return ""

    def since(self, start: float | None, now: float) -> Stretch:
        """Everything from `start` on, or from the beginning; a bucket that begins before it counts as a whole."""
        chosen = {n: each for n, each in self._buckets.items() if start is None or (n + 1) * self.width > start}
        first = min(chosen, default=0) * self.width if start is None else start
        middle = (first + now) / 2
        return Stretch(
            whole=_sum(chosen.values()),
            earlier=_sum(each for n, each in chosen.items() if (n + 0.5) * self.width <= middle),
            later=_sum(each for n, each in chosen.items() if (n + 0.5) * self.width > middle),
            seconds=max(0.0, now - first),
        )

    def _at(self, now: float) -> Counts:
        number = int(now // self.width)
        while number not in self._buckets and len(self._buckets) >= BUCKETS_MAX:
            self._widen()
            number = int(now // self.width)
        counts = self._buckets.get(number)
        if counts is None:
            counts = self._buckets[number] = Counts()
        return counts

    def _widen(self) -> None:
        self.width *= 2
        old, self._buckets = self._buckets, {}
        for number, counts in old.items():
            kept = self._buckets.setdefault(number // 2, counts)
            if kept is not counts:
                kept.merge(counts)


def add(counted: Counter[str], name: str, times: int) -> None:
    """Count under `name`, or under `other` when there is no room for a new one."""
    if name not in counted and len(counted) >= HOSTS_MAX:
        name = OTHER
    counted[name] += times


def _sum(all_of_them: Iterable[Counts]) -> Counts:
    total = Counts()
    for each in all_of_them:
        total.merge(each)
    return total
