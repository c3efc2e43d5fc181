"""Where one host stands: what it has to be given time for, and since when it fails.

Six things may keep an item of it back: an operator has paused it; it asked to be left alone until some time; it is parked (its
breaker is open); it may be down, and is asked by one at a time; as many are in flight as it takes; it was asked a moment ago, and
has a rate.

A host may be down when its last `CAREFUL_AFTER` results were failures of its own, and is asked once a second at most when its last
`DOUBTFUL_AFTER` were. So an outage costs what was in flight and one more request in its first second, whatever the concurrency, and a
host that is merely flaky loses nothing. Retries are let through one at a time too where too few of its attempts succeed
(`outlast.retry.budget`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from outlast.jobs.adaptive import Adaptive
from outlast.jobs.rate import Spacing
from outlast.retry.breaker import Breaker, BreakerState
from outlast.retry.budget import Budget

__all__ = [
    "CAREFUL_AFTER",
    "DOUBTFUL_AFTER",
    "GIVEN_UP_AFTER",
    "PROBE_LEASE",
    "PUT_OFF_SECONDS",
    "Host",
    "Reason",
    "Wait",
]

CAREFUL_AFTER = 2
DOUBTFUL_AFTER = 5
DOUBTFUL_EVERY = 1.0
# One that takes this long keeps the others of a host that may be down no longer.
CAREFUL_SECONDS = 5.0
# So many failures of a host that is not waited for any longer are enough to give up the rest of its items.
GIVEN_UP_AFTER = 5
# How long an item that stands in the way of others is put off, to see what is behind it: at least, and at most where the host has
# not itself asked for longer. What is unpaused comes back within `PUT_OFF_PAUSED`.
PUT_OFF_SECONDS = 15.0
PUT_OFF_PAUSED = 60.0
PUT_OFF_MAX = 300.0
# A probe that does not come back stops others no longer than this.
PROBE_LEASE = 120.0


class Reason(StrEnum):
    """Why the items of a host wait."""

    PAUSED = "paused"
    ASKED_TO_WAIT = "asked_to_wait"
    PARKED = "parked"
    CAREFUL = "careful"
    BUSY = "busy"
    RATE = "rate"


class Wait(NamedTuple):
    """An item has to wait, until the time `opens_at` (infinite: until something happens)."""

    reason: Reason
    opens_at: float


@dataclass(slots=True, eq=False)
class Host:
    """One host. All times are monotonic seconds. After a change that may hold items back, or let them go, call `settle`."""

    name: str
    spacing: Spacing | None = None
    adaptive: Adaptive | None = None
    paused: bool = False
    breaker: Breaker = field(default_factory=lambda: Breaker(lease=PROBE_LEASE))
    budget: Budget = field(default_factory=Budget)
    failing: set[str] = field(default_factory=set)
    """The items that failed for its sake since it last answered."""
    failing_since: float = 0.0
    in_a_row: int = 0
    last_failure: float = -math.inf
    asked_last: float = -math.inf
    not_before: float = -math.inf
    in_flight: int = 0
    booked: float = -math.inf
    """When the last of its items that were put off for its rate comes back."""
    doubted: bool = False
    """Its failures are held against its items: it is not waited for."""
    doubts: int = 0
    """How many of its items have failed since it was doubted."""
    free: bool = True
    """Nothing keeps an item back: that is asked for every item, the rest only of hosts that have something."""

    @property
    def given_up(self) -> bool:
        """Whether its items are given up without being tried."""
        return self.doubted and self.doubts >= GIVEN_UP_AFTER

    @property
    def parked(self) -> bool:
        return self.breaker.state is not BreakerState.CLOSED and not self.doubted

    @property
    def is_probed(self) -> bool:
        """Whether a probe of it is under way."""
        return self.breaker.state is BreakerState.HALF_OPEN

    @property
    def is_well(self) -> bool:
        """Whether nothing speaks against it, and it will be asked when its time has come."""
        return not self.paused and not self.parked and self.in_a_row < CAREFUL_AFTER

    def forgettable(self, now: float) -> bool:
        """Whether little is lost when it is forgotten."""
        return not self.in_flight and not self.failing and self.wait(now, retry=True) is None

    def settle(self) -> None:
        """Find out whether there is anything to be asked before an item may go."""
        self.free = (
            self.spacing is None
            and not self.paused
            and self.not_before == -math.inf
            and self.breaker.state is BreakerState.CLOSED
            and self.in_a_row < CAREFUL_AFTER
            and self.budget.allows
            and (self.adaptive is None or self.adaptive.at_ceiling)
        )

    def wait(self, now: float, *, retry: bool) -> Wait | None:
        """What keeps an item back now; None: nothing does."""
        return next((wait for wait in self._waits(retry=retry) if wait.opens_at > now), None)

    def barred(self, now: float) -> bool:
        """Whether it may not be asked at all now: somebody has paused it, it has asked for that itself, or its rate says so."""
        spaced = self.spacing is not None and self.spacing.opens_at > now
        return self.paused or self.not_before > now or spaced

    def asked(self, now: float) -> None:
        """One of its items goes, now."""
        self.in_flight += 1
        self.asked_last = now
        if self.spacing is not None:
            self.spacing.take(now)
        if now >= self.not_before > -math.inf:
            self.not_before = -math.inf
            self.settle()

    def respace(self, spacing: Spacing | None) -> None:
        """Ask it as often as this says from now on, counted from when it was asked last."""
        seconds = None if spacing is None else spacing.seconds
        if seconds == (None if self.spacing is None else self.spacing.seconds):
            return
        if spacing is not None and self.asked_last > -math.inf:
            spacing.take(self.asked_last)
        self.spacing, self.booked = spacing, -math.inf
        self.settle()

    def takes(self, seconds: float) -> int:
        """How many of its items may go within about so many seconds, at least 1."""
        if self.paused or self.parked or self.not_before > -math.inf:
            return 1
        bounds = [2.0 if self.in_a_row >= CAREFUL_AFTER else math.inf]
        if self.spacing is not None:
            bounds.append(seconds / self.spacing.seconds)
        if self.adaptive is not None:
            bounds.append(2.0 * self.adaptive.limit)
        return max(1, int(min(*bounds, 1e6)))

    def put_off(self, now: float) -> float:
        """Until when an item that waits for it may be out of the way: no longer than it would have to wait."""
        if self.paused:
            return now + PUT_OFF_PAUSED
        earliest = max(now + PUT_OFF_SECONDS, self.not_before)
        if self.spacing is None:
            return earliest
        # One after the other: together they would only be put off again.
        latest = max(earliest, now + PUT_OFF_MAX)
        self.booked = min(max(earliest, self.booked + self.spacing.seconds), latest)
        return self.booked

    def answered(self) -> None:
        """It is up, as far as anybody knows."""
        self.failing.clear()
        self.in_a_row = 0
        if self.doubted:
            self.doubted, self.doubts, self.breaker = False, 0, Breaker(lease=PROBE_LEASE)
        self.budget.succeeded()

    def unanswered(self, now: float) -> None:
        """It failed one of its items."""
        if not self.failing:
            self.failing_since = now
        self.in_a_row += 1
        self.doubts += self.doubted
        self.last_failure = now
        self.budget.failed()

    def _waits(self, *, retry: bool) -> Iterator[Wait]:
        if self.paused:
            yield Wait(Reason.PAUSED, math.inf)
        yield Wait(Reason.ASKED_TO_WAIT, self.not_before)
        if self.parked:
            yield Wait(Reason.PARKED, self.breaker.opens_at)
        else:
            yield Wait(Reason.CAREFUL, self._careful_until(retry=retry))
            if self.adaptive is not None and self.in_flight >= self.adaptive.limit:
                yield Wait(Reason.BUSY, math.inf)
        if self.spacing is not None:
            yield Wait(Reason.RATE, self.spacing.opens_at)

    def _careful_until(self, *, retry: bool) -> float:
        """Until when only one at a time may go, and one is; in the past where that does not hold."""
        if self.in_a_row < CAREFUL_AFTER and (self.budget.allows or not retry):
            return -math.inf
        apart = self.last_failure + DOUBTFUL_EVERY if self.in_a_row >= DOUBTFUL_AFTER else -math.inf
        return max(apart, self.asked_last + CAREFUL_SECONDS) if self.in_flight else apart
