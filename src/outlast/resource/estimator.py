"""How much memory a family of processes has: cheap to estimate, dear to know, so the one is calibrated by the other."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Calibration", "Resident", "estimate", "is_due"]

EXACT_EVERY = 30.0
NEAR_SHARE = 0.9
NEAR_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Resident:
    """The resident bytes of a process: its own, those of files, those of shared memory."""

    anonymous: int
    of_files: int
    shared: int

    @property
    def total(self) -> int:
        return self.anonymous + self.of_files + self.shared


def estimate(family: Iterable[Resident]) -> int:
    """The bytes of processes that share their files and shared memory: what each has alone, and the largest of each shared part.

    For one program in many processes, as a browser is, that is near their proportional size, at a hundredth of the cost.
    """
    alone = of_files = shared = 0
    for each in family:
        alone += each.anonymous
        of_files = max(of_files, each.of_files)
        shared = max(shared, each.shared)
    return alone + of_files + shared


class Calibration:
    """The last exact size of a family in relation to its estimate."""

    def __init__(self) -> None:
        self._ratio = 1.0

    def learn(self, exact: int, estimated: int) -> None:
        if exact > 0 and estimated > 0:
            self._ratio = exact / estimated

    def applied(self, estimated: int) -> float:
        return estimated * self._ratio


def is_due(now: float, last: float | None, bytes_now: float, limit: float | None) -> bool:
    """Whether it is time to measure exactly: every 30 s, and every 5 s from nine tenths of a limit on. Times are monotonic."""
    if last is None:
        return True
    is_near = limit is not None and bytes_now >= NEAR_SHARE * limit
    return now - last >= (NEAR_EVERY if is_near else EXACT_EVERY)
