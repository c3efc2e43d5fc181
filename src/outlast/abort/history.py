"""What failed and succeeded, and when, in memory that does not grow with the job.

All of it is counted as a whole, and once more in buckets of time, from which a stretch of time is answered: the last ones fine, those
before twice as wide each time. Counting one operation makes room for one bucket, and costs the same whenever it comes.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from outlast.failure.describe import Failure
from outlast.failure.groups import OTHER, Groups

__all__ = ["BUCKET_SECONDS", "Counts", "History", "Stretch", "Tally"]

BUCKET_SECONDS = 5.0
BUCKETS_MAX = 32
"""So many buckets of one width; beyond it the oldest joins those of twice the width."""

GROUPS_MAX = 64
HOSTS_MAX = 200
GROUP_HOSTS_MAX = 50
BUCKET_GROUPS_MAX = 16
BUCKET_HOSTS_MAX = 50
BUCKET_GROUP_HOSTS_MAX = 10


@dataclass(slots=True)
class Tally:
    """How many failed and succeeded."""

    failed: int = 0
    succeeded: int = 0

    @property
    def rate(self) -> float | None:
        """The share that failed; None where nothing happened."""
        total = self.failed + self.succeeded
        return self.failed / total if total else None


@dataclass(slots=True)
class Counts(Tally):
    """The counts of one stretch of time. `repeated`: failures of an incident after its first, which are counted nowhere else."""

    repeated: int = 0
    incidents: int = 0
    hosts_max: int = HOSTS_MAX
    groups: Groups = field(default_factory=lambda: Groups(GROUPS_MAX, 1, GROUP_HOSTS_MAX))
    categories: Counter[str] = field(default_factory=Counter)
    severities: Counter[str] = field(default_factory=Counter)
    failed_by_host: Counter[str] = field(default_factory=Counter)
    succeeded_by_host: Counter[str] = field(default_factory=Counter)

    def merge(self, other: "Counts") -> None:
        self.failed += other.failed
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
                self.add(mine, name, times)

    def add(self, counted: Counter[str], name: str, times: int) -> None:
        """Count under `name`, or under `other` when there is no room for a new one."""
        if name not in counted and len(counted) >= self.hosts_max:
            name = OTHER
        counted[name] += times


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time, and how many operations its two halves had. It is answered to `resolution` seconds."""

    whole: Counts
    earlier: Tally
    later: Tally
    seconds: float
    resolution: float


class History:
    """The history of one job. All times are monotonic seconds, but for the moments of failures."""

    def __init__(self) -> None:
        self._whole = Counts()
        self._levels: list[dict[int, Counts]] = [{}]
        """Buckets by number, the oldest first; those of each level are twice as wide as those of the one before."""

    def succeeded(self, now: float, host: str, n: int) -> None:
        for counts in (self._whole, self._at(now)):
            counts.succeeded += n
            if host:
                counts.add(counts.succeeded_by_host, host, n)

    def failed(
        self, now: float, failure: Failure, *, host: str, key: str, at: datetime, category: str, severity: str
    ) -> None:
        for counts in (self._whole, self._at(now)):
            counts.failed += 1
            counts.groups.add(failure, host, key, at)
            counts.add(counts.categories, category, 1)
            counts.add(counts.severities, severity, 1)
            if host:
                counts.add(counts.failed_by_host, host, 1)

    def incident(self, now: float, *, is_first: bool) -> None:
        """Count an incident, or a further failure of one that is counted."""
        for counts in (self._whole, self._at(now)):
            counts.incidents += is_first
            counts.repeated += not is_first

    def example(self, signature: str) -> str:
        """What a failure of this signature said, one of the last; empty when nothing is known of it."""
        for level in self._levels:
            for counts in reversed(level.values()):
                group = counts.groups.get(signature)
                if group is not None:
                    return f"{group.sample.type}: {group.sample.message}"
        return ""

    def since(self, start: float | None, now: float) -> Stretch:
        """Everything from `start` on, or from the beginning; a bucket that begins before it counts as a whole."""
        chosen = [each for each in self._buckets() if start is None or each[1] > start]
        first = min((begin for begin, *_ in chosen), default=0.0) if start is None else start
        whole, earlier, later = self._whole if start is None else Counts(), Tally(), Tally()
        for begin, end, counts in chosen:
            half = earlier if begin + end <= first + now else later
            half.failed += counts.failed
            half.succeeded += counts.succeeded
            if start is not None:
                whole.merge(counts)
        resolution = max((end - begin for begin, end, _ in chosen), default=BUCKET_SECONDS)
        return Stretch(whole, earlier, later, max(0.0, now - first), resolution)

    def _at(self, now: float) -> Counts:
        buckets, number = self._levels[0], int(now // BUCKET_SECONDS)
        counts = buckets.get(number)
        if counts is None:
            groups = Groups(BUCKET_GROUPS_MAX, 1, BUCKET_GROUP_HOSTS_MAX)
            counts = buckets[number] = Counts(hosts_max=BUCKET_HOSTS_MAX, groups=groups)
            self._make_room()
        return counts

    def _make_room(self) -> None:
        """Where a level has a bucket too many, its oldest joins the next level."""
        for level, buckets in enumerate(self._levels):
            if len(buckets) <= BUCKETS_MAX:
                break
            oldest = next(iter(buckets))
            counts = buckets.pop(oldest)
            if level + 1 == len(self._levels):
                self._levels.append({})
            kept = self._levels[level + 1].setdefault(oldest // 2, counts)
            if kept is not counts:
                kept.merge(counts)

    def _buckets(self) -> Iterator[tuple[float, float, Counts]]:
        """Each bucket with its beginning and its end."""
        for level, buckets in enumerate(self._levels):
            width = BUCKET_SECONDS * 2**level
            for number, counts in buckets.items():
                yield number * width, (number + 1) * width, counts
