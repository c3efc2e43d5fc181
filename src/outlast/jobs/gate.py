"""May this item be tried now, and whose fault was it? Decides host by host, from what came of the tries before.

An item that fails while others are answered has itself to blame. `PARK_AFTER` different items that fail in a row, with the same
host in all of them and no answer between, say something about the host: it is parked. While it is, one item at a time probes it,
1 s after the parking and then at doubling intervals up to `PROBE_EVERY_MAX` (the half-open breaker of M. Nygard, "Release It!",
with a bound on its interval, so that recovery is noticed within that time). What fails meanwhile is not held against the item.

At the end of a job there may be fewer items left than that. An item that fails again, with nobody answered since it last
failed, gets `GRACE` seconds of the benefit of the doubt; after that its failures count.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["PARK_AFTER", "PROBE_EVERY_MAX", "Failed", "Gate", "Parked", "Probe", "Recovered"]

PARK_AFTER = 5
GRACE = 60.0
PROBE_EVERY_MIN = 1.0
PROBE_EVERY_MAX = 5.0
# A probe that does not come back (its worker was cancelled) stops others no longer than this.
PROBE_LEASE = 120.0
HOSTS_MAX = 10_000


class Probe(StrEnum):
    """What the gate says to an item: go, go as the one probe of its host, or wait."""

    GO = "go"
    PROBE = "probe"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Parked:
    """A host was just parked after so many different items failed in a row."""

    host: str
    failures: int
    next_probe_in: float


@dataclass(frozen=True, slots=True)
class Recovered:
    """A parked host answered again after so many seconds."""

    host: str
    down_for: float


@dataclass(frozen=True, slots=True)
class Failed:
    """What a failed try means: whether it counts against its item, and what to announce."""

    counts: bool
    parked: Parked | None = None


@dataclass(slots=True)
class _Host:
    failing_since: float
    failing: set[str] = field(default_factory=set)
    parked: bool = False
    doubted: bool = False
    probe_at: float = 0.0
    probe_every: float = PROBE_EVERY_MIN


class Gate:
    """Remembers only the hosts that are failing now. All times are monotonic seconds, given by the caller."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}
        self._parked = 0
        self._last_answer = -math.inf

    @property
    def parked(self) -> int:
        """How many hosts are parked."""
        return self._parked

    def parked_hosts(self) -> list[str]:
        return [name for name, host in self._hosts.items() if host.parked]

    def admit(self, name: str, now: float) -> Probe:
        """Whether an item of this host may be tried now; `PROBE` hands out the one probe that is due."""
        host = self._hosts.get(name)
        if host is None or not host.parked:
            return Probe.GO
        if now < host.probe_at:
            return Probe.WAIT
        host.probe_at = now + PROBE_LEASE
        return Probe.PROBE

    def opens(self, name: str) -> float:
        """When an item of this host may next be tried: in the past, unless the host is parked."""
        host = self._hosts.get(name)
        return host.probe_at if host is not None and host.parked else 0.0

    def answered(self, name: str, now: float) -> Recovered | None:
        """The host answered, if only with "no such page": it is up."""
        self._last_answer = now
        host = self._hosts.pop(name, None)
        if host is None or not host.parked:
            return None
        self._parked -= 1
        return Recovered(name, now - host.failing_since)

    def failed(self, name: str, key: str, now: float, *, probe: bool = False) -> Failed:
        """The host did not answer as it should. Says whether that counts against the item `key`."""
        host = self._hosts.get(name)
        if host is None:
            self._make_room()
            host = self._hosts[name] = _Host(failing_since=now)
        if host.parked:
            if probe:  # tries that were under way when the host was parked say nothing new
                host.probe_every = min(2 * host.probe_every, PROBE_EVERY_MAX)
                host.probe_at = now + host.probe_every
            return Failed(counts=False)
        if host.doubted:
            return Failed(counts=True)
        failed_before = key in host.failing
        host.failing.add(key)
        if len(host.failing) < PARK_AFTER:
            # Nobody else was answered since it last failed: the first minute of that is not held against it either.
            return Failed(counts=not failed_before or now - host.failing_since >= GRACE)
        host.parked = True
        host.failing.clear()
        host.probe_at = now + host.probe_every
        self._parked += 1
        return Failed(counts=False, parked=Parked(name, PARK_AFTER, host.probe_every))

    def doubt(self) -> None:
        """Stop waiting for the parked hosts: until they answer, failures count against the items again."""
        for host in self._hosts.values():
            host.doubted = host.doubted or host.parked
            host.parked = False
        self._parked = 0

    def silent_for(self, now: float) -> float:
        """Seconds for which nobody answered although somebody was asked; 0 when no host is parked."""
        asked = min((host.failing_since for host in self._hosts.values() if host.parked), default=now)
        return now - max(asked, self._last_answer)

    def _make_room(self) -> None:
        if len(self._hosts) >= HOSTS_MAX:
            forgotten = next((name for name, host in self._hosts.items() if not host.parked), next(iter(self._hosts)))
            self._parked -= self._hosts.pop(forgotten).parked
