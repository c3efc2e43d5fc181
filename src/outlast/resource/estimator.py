"""How much memory a family of processes has: cheap to estimate, dear to know, so the one is calibrated by the other."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Calibration", "Exact", "Proportional", "Resident", "estimate", "is_due"]

EXACT_EVERY = 30.0
NEAR_SHARE = 0.9
NEAR_EVERY = 5.0
CHANGED_BY = 1.5
LEAST_SHARE = 0.1

Key = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Resident:
    """The resident bytes of a process: its own, those of files, those of shared memory."""

    anonymous: int
    of_files: int
    shared: int

    @property
    def total(self) -> int:
        return self.anonymous + self.of_files + self.shared


@dataclass(frozen=True, slots=True)
class Proportional:
    """The bytes of a process where each page is divided by those who share it: of what it has alone, and of files and the like."""

    anonymous: int
    shared: int


@dataclass(frozen=True, slots=True)
class _Parts:
    alone: int
    shared: int

    @classmethod
    def of(cls, family: Iterable[Resident]) -> "_Parts":
        alone = of_files = shared = 0
        for each in family:
            alone += each.anonymous
            of_files = max(of_files, each.of_files)
            shared = max(shared, each.shared)
        return cls(alone, of_files + shared)

    @property
    def total(self) -> int:
        return self.alone + self.shared


def estimate(family: Iterable[Resident]) -> int:
    """The bytes of processes that share their files and shared memory: what each has alone, and the largest of each shared part.

    For one program in many processes, as a browser is, that is near their proportional size, at a hundredth of the cost.
    """
    return _Parts.of(family).total


class Calibration:
    """What the last estimate of a family was off by: in what each has alone, process by process, and in what they share, as a whole.

    Processes that were forked from one another share a part of what each seems to have alone; that part is as large for each, and
    does not grow with what one of them allocates. What they share of files is as much, however many they are.
    """

    def __init__(self) -> None:
        self._surplus = 0.0
        self._deficit = 0.0

    def learn(self, exact: Mapping[Key, Proportional], estimated: Mapping[Key, Resident]) -> None:
        """Those that are in one of the two only ended in between, and say nothing."""
        both = exact.keys() & estimated.keys()
        if both:
            parts = _Parts.of(estimated[each] for each in both)
            self._surplus = (parts.alone - sum(exact[each].anonymous for each in both)) / len(both)
            self._deficit = sum(exact[each].shared for each in both) - parts.shared

    def applied(self, family: Collection[Resident]) -> float:
        """The corrected estimate, in bytes; nobody has nothing."""
        if not family:
            return 0.0
        parts = _Parts.of(family)
        corrected = parts.alone - self._surplus * len(family) + parts.shared + self._deficit
        return max(corrected, parts.total * LEAST_SHARE)


@dataclass(frozen=True, slots=True)
class Exact:
    """The last exact measurement: when it was, by the monotonic clock, and of how many processes."""

    at: float
    processes: int


def is_due(now: float, last: Exact | None, *, processes: int, size: float, limit: float | None) -> bool:
    """Whether it is time to measure exactly: every 30 s.

    Every 5 s from nine tenths of a limit on, and when there are many more processes than then, or far fewer.
    """
    if last is None:
        return True
    is_near = limit is not None and size >= NEAR_SHARE * limit
    is_another = not last.processes / CHANGED_BY < processes < last.processes * CHANGED_BY
    return now - last.at >= (NEAR_EVERY if is_near or is_another else EXACT_EVERY)
