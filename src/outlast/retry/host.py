"""What is known of one host: may it be asked now, may it be asked again, and what did the last answer say about it."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from outlast.failure.model import Classification, FailureClass, Fault
from outlast.retry.breaker import PROBE_EVERY_MIN, Admit, Breaker, BreakerState
from outlast.retry.budget import Budget

__all__ = ["HOSTS_MAX", "Change", "Closed", "Host", "Hosts", "Opened", "speaks_for_host"]

HOSTS_MAX = 10_000
"""How many hosts are remembered; those that were not asked for longest are forgotten first."""

# What is down for everybody; a proxy that is down looks from here like its hosts.
_OUTAGES = frozenset({Fault.HOST, Fault.PROXY})

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Opened:
    """The breaker was just opened, after so many failures in a row."""

    failures: int
    next_probe_in: float


@dataclass(frozen=True, slots=True)
class Closed:
    """The breaker was just closed: the host is back after so many seconds."""

    down_for: float


Change = Opened | Closed


def speaks_for_host(kind: Classification) -> bool | None:
    """Whether a failure says that its host is up (True), that it is down (False), or nothing of it (None).

    A host that asks to be left alone for a while is not down, but has not answered either. What failed on this side (a bug, a
    browser, a full disk) says nothing.
    """
    if kind.transient and kind.fault in _OUTAGES:
        return None if kind.failure_class is FailureClass.THROTTLED and kind.retry_after else False
    return None if kind.status is None else True


class Host:
    """The breaker, the budget and the not-before time of one host. All times are monotonic seconds, given by the caller."""

    __slots__ = ("barred", "breaker", "budget", "last_error", "marked", "name", "not_before")

    def __init__(self, name: str) -> None:
        self.name = name
        self.breaker = Breaker()
        self.budget = Budget()
        self.not_before = 0.0
        """When the host may be asked again: what it asked for itself."""
        self.last_error = ""
        # Two bits for those in a hurry: is anybody turned away, and would a success change anything?
        self.barred = False
        self.marked = False

    def wait(self, now: float) -> float:
        """The seconds for which the host asked to be left alone."""
        return max(0.0, self.not_before - now)

    def leave_alone(self, now: float, seconds: float) -> None:
        """The host asked for it. A shorter wish does not take back a longer one."""
        self.not_before = max(self.not_before, now + seconds)
        self.barred = True

    def admit(self, now: float) -> Admit:
        """Whether somebody may ask now; who got `PROBE` must say so when it reports back."""
        admitted = self.breaker.admit(now)
        self.barred = admitted is not Admit.GO or now < self.not_before
        return admitted

    def closed_for(self, now: float) -> float:
        """The seconds after which it makes sense to ask again, while the breaker is not closed."""
        seconds = max(0.0, self.breaker.opens_at - now)
        # While a probe is under way, its lease is the latest moment, and far from the likely one.
        return min(seconds, PROBE_EVERY_MIN) if self.breaker.state is BreakerState.HALF_OPEN else seconds

    def succeeded(self, now: float, *, probe: bool = False) -> Change | None:
        """The host answered. Without `probe`, `now` does not matter."""
        budget, breaker = self.budget, self.breaker
        budget.succeeded()
        if not breaker.evidence:  # so it is closed, and has nothing to forget
            self.marked = budget.tokens < budget.size
            return None
        down_for = breaker.succeeded(now, probe=probe)
        return None if down_for is None else Closed(down_for)

    def failed(self, now: float, kind: Classification, error: str, *, probe: bool = False) -> Change | None:
        """An attempt failed so. If that may pass it costs a token, whosever fault it was: the next attempt is asked for here."""
        self.marked = True
        self.last_error = error
        if kind.transient:
            self.budget.failed()
            if kind.retry_after and kind.fault is Fault.HOST:
                self.leave_alone(now, kind.retry_after)
        is_up = speaks_for_host(kind)
        if is_up is None:
            self.breaker.released(now, probe=probe)
            return None
        if is_up:
            down_for = self.breaker.succeeded(now, probe=probe)
            return None if down_for is None else Closed(down_for)
        if not self.breaker.failed(now, probe=probe):
            return None
        self.barred = True
        return Opened(self.breaker.in_a_row, self.closed_for(now))

    def released(self, now: float, *, probe: bool = False) -> None:
        """Nothing was learned."""
        self.breaker.released(now, probe=probe)

    def to_dict(self, now: float) -> dict[str, Any]:
        """The host as JSON-able data."""
        is_open = self.breaker.state is not BreakerState.CLOSED
        return {
            "host": self.name,
            "state": self.breaker.state.value,
            "failures_in_a_row": self.breaker.in_a_row,
            "evidence": round(self.breaker.evidence, 3),
            "down_for": round(now - self.breaker.down_since, 3)
            if is_open and self.breaker.down_since is not None
            else None,
            "opens_in": round(self.closed_for(now), 3) if is_open else 0.0,
            "left_alone_for": round(self.wait(now), 3),
            "budget": self.budget.tokens,
            "retries_allowed": self.budget.allows,
            "last_error": self.last_error,
        }


class Hosts(Generic[Kept]):
    """One thing per host, made when the host is first asked for; at most `size` of them."""

    def __init__(self, make: Callable[[str], Kept], size: int = HOSTS_MAX) -> None:
        self._make = make
        self._size = size
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def known(self, name: str) -> Kept | None:
        """What there is for the host, if there is something."""
        kept = self._kept.get(name)
        if kept is not None:
            self._kept.move_to_end(name)
        return kept

    def of(self, name: str) -> Kept:
        kept = self.known(name)
        if kept is None:
            if len(self._kept) >= self._size:
                self._kept.popitem(last=False)
            kept = self._kept[name] = self._make(name)
        return kept
