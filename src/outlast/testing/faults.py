"""What goes wrong on a flaky site, decided by the seed and the path alone: the order of requests changes nothing."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Literal, get_args

from outlast.testing.throttle import Throttle

__all__ = ["Availability", "Fault", "Faults", "Outage", "OutageMode"]

OutageMode = Literal["503", "refuse", "hang"]


class Fault(StrEnum):
    """What the first try of a path meets: the names of the shares in `Faults`."""

    UNAVAILABLE = "unavailable"
    RESET = "reset"
    HANG = "hang"
    RETRY_AFTER = "retry_after"


@dataclass(frozen=True, slots=True)
class Outage:
    """The site is down for `seconds`, from its `after_requests`-th answer on.

    Every request meanwhile is answered 503, has its connection reset ("refuse") or gets no answer ("hang").
    """

    after_requests: int
    seconds: float
    mode: OutageMode = "503"

    def __post_init__(self) -> None:
        _check_mode(self.mode)
        _check("after_requests", self.after_requests)
        _check("seconds", self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What a site does to its visitors; `Faults(unavailable=0, reset=0, hang=0)` does nothing.

    `unavailable`, `reset`, `hang` and `retry_after` are the shares of the paths whose first try is answered 503, is reset in the
    middle of the answer, gets no answer for `hang_seconds`, or is told to come back with `Retry-After: 1` (503 or 429). A
    later try succeeds. `gone` paths are 404 and `broken` ones 500, always. With a `throttle` too many requests are answered 429. A site
    with a `wall` answers 200 with a block page, until its `/login` has been asked for. Every answer waits for `latency` seconds first.
    """

    unavailable: float = 0.10
    reset: float = 0.02
    hang: float = 0.01
    retry_after: float = 0.0
    gone: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    latency: float = 0.0
    hang_seconds: float = 60.0
    outages: tuple[Outage, ...] = ()
    throttle: Throttle | None = None
    wall: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in (*Fault, "latency", "hang_seconds"):
            _check(name, getattr(self, name))
        if (total := math.fsum(self._shares())) > 1:
            raise ValueError(f"the shares of {', '.join(Fault)} add up to {total:g}, more than 1")

    def first_try(self, path: str) -> Fault | None:
        """What the first request of `path` meets; None: its page."""
        chance, reached = self._chance(path, "fault"), 0.0
        for fault, share in zip(Fault, self._shares(), strict=True):
            reached += share
            if chance < reached:
                return fault
        return None

    def retry_after_status(self, path: str) -> int:
        """503 for one half of the paths, 429 for the other."""
        return 503 if self._chance(path, "status") < 0.5 else 429

    def _shares(self) -> tuple[float, ...]:
        return self.unavailable, self.reset, self.hang, self.retry_after

    def _chance(self, path: str, question: str) -> float:
        digest = blake2b(f"{self.seed}\0{question}\0{path}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


class Availability:
    """Whether the site is up: outages begin after so many answers or when asked for, and end by themselves or when asked to.

    Times are seconds of one monotonic clock.
    """

    def __init__(self, outages: Iterable[Outage] = ()) -> None:
        self._planned = deque(sorted(outages, key=lambda outage: outage.after_requests))
        self._answers = 0
        self._mode: OutageMode | None = None
        self._until = math.inf

    def mode_at(self, now: float) -> OutageMode | None:
        """How the site is down; None: it is up."""
        if now >= self._until:
            self.restore()
        if self._mode is None and self._planned and self._answers >= self._planned[0].after_requests:
            outage = self._planned.popleft()
            self.fail(outage.mode, now + outage.seconds)
        return self._mode

    def count_answer(self, now: float) -> None:
        """One more request was answered by a site that is up."""
        self._answers += 1
        self.mode_at(now)

    def fail(self, mode: OutageMode, until: float = math.inf) -> None:
        _check_mode(mode)
        self._mode, self._until = mode, until

    def restore(self) -> None:
        self._mode, self._until = None, math.inf


def _check(name: str, number: float) -> None:
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} is {number}; it must be 0 or more, and finite")


def _check_mode(mode: str) -> None:
    if mode not in get_args(OutageMode):
        raise ValueError(f"{mode!r} is no mode of an outage; there are {', '.join(get_args(OutageMode))}")
