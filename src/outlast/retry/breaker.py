"""Is this host worth asking? Opens when it has stopped answering, and finds out with one request at a time when it is back.

While closed it weighs evidence: every failure adds `ln(0.7 / 0.3)` nats, every success takes as much away, never below nothing.
At `EVIDENCE_MAX` it opens: after ten failures in a row, or after more of them with successes between (the CUSUM of E. S. Page, 1954,
between a host that fails 30 % of the time and one that fails 70 %; a host that fails three times in ten opens it about never).

While open it hands out a probe `PROBE_EVERY_MIN` seconds after it opened, and after each that fails the next at twice the interval, up
to `PROBE_EVERY_MAX`, so that recovery is noticed within that time; after `LONG` seconds of being down, `PROBE_EVERY_LONG`. A probe is
leased: one that outlives its lease is taken for lost, and stops the others no longer. A good probe is followed by another at once,
and `PROBES_GOOD` good ones in a row close the breaker, with all evidence forgotten (the half-open state of M. Nygard, "Release It!").
"""

import math
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

__all__ = ["TRANSITIONS", "Admit", "Breaker", "BreakerState", "Turn"]

NATS = math.log(0.7 / 0.3)
EVIDENCE_MAX = 8.0
PROBE_EVERY_MIN = 1.0
PROBE_EVERY_MAX = 5.0
PROBE_EVERY_LONG = 30.0
LONG = 600.0
PROBES_GOOD = 2
LEASE = 60.0


class BreakerState(StrEnum):
    """Closed: everybody may ask. Open: nobody may, until a probe is due. Half-open: one probe is under way, or due at once."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Turn(StrEnum):
    """What changes the state."""

    GAVE_IN = "gave_in"
    PROBED = "probed"
    FAILED = "failed"
    RELEASED = "released"
    MENDED = "mended"


TRANSITIONS: Mapping[tuple[BreakerState, Turn], BreakerState] = MappingProxyType(
    {
        (BreakerState.CLOSED, Turn.GAVE_IN): BreakerState.OPEN,
        (BreakerState.OPEN, Turn.PROBED): BreakerState.HALF_OPEN,
        (BreakerState.HALF_OPEN, Turn.PROBED): BreakerState.HALF_OPEN,
        (BreakerState.HALF_OPEN, Turn.FAILED): BreakerState.OPEN,
        (BreakerState.HALF_OPEN, Turn.RELEASED): BreakerState.OPEN,
        (BreakerState.HALF_OPEN, Turn.MENDED): BreakerState.CLOSED,
    }
)
"""What is not in the table cannot happen."""


class Admit(StrEnum):
    """What the breaker says to somebody who wants to ask: go, go as the one probe, or wait."""

    GO = "go"
    PROBE = "probe"
    WAIT = "wait"


class Breaker:
    """The breaker of one host. All times are monotonic seconds, given by the caller.

    Whoever was admitted reports back once, and says whether it was the `probe`: `succeeded`, `failed`, or `released` when it
    learned nothing (cancelled, or somebody else's fault). Reports of those who were under way when it opened say nothing new.
    """

    __slots__ = ("_every", "_good", "_lease", "down_since", "evidence", "in_a_row", "opens_at", "state")

    def __init__(self, *, lease: float = LEASE) -> None:
        self.state = BreakerState.CLOSED
        self.evidence = 0.0
        self.in_a_row = 0
        """How many failures there were since the last success."""
        self.opens_at = 0.0
        """When somebody may next be admitted: 0 when closed; while a probe is under way, the end of its lease."""
        self.down_since: float | None = None
        """When the failures began that opened it; None when closed without evidence against the host."""
        self._lease = lease
        self._every = PROBE_EVERY_MIN
        self._good = 0

    def admit(self, now: float) -> Admit:
        """Whether the host may be asked now; `PROBE` hands out the lease of the one probe."""
        if self.state is BreakerState.CLOSED:
            return Admit.GO
        if now < self.opens_at:
            return Admit.WAIT
        self._turn(Turn.PROBED)
        self.opens_at = now + self._lease
        return Admit.PROBE

    def succeeded(self, now: float, *, probe: bool = False) -> float | None:
        """The host answered. When this has closed the breaker: for how many seconds it was down."""
        if self.state is BreakerState.CLOSED:
            self.in_a_row = 0
            if self.evidence > NATS:
                self.evidence -= NATS
            elif self.evidence:
                self.evidence = 0.0
                self.down_since = None
            return None
        if not probe or self.state is BreakerState.OPEN:
            return None
        self.in_a_row = 0
        self._good += 1
        self.opens_at = now
        return self._close(now) if self._good >= PROBES_GOOD else None

    def failed(self, now: float, *, probe: bool = False, sure: bool = False) -> bool:
        """The host did not answer as it should; `sure`: no more evidence is wanted. True when this has opened the breaker."""
        if self.state is not BreakerState.CLOSED:
            if probe and self.state is BreakerState.HALF_OPEN:
                self.in_a_row += 1
                self._wait_longer(now)
            return False
        if self.down_since is None:
            self.down_since = now
        self.in_a_row += 1
        self.evidence = EVIDENCE_MAX if sure else min(EVIDENCE_MAX, self.evidence + NATS)
        if self.evidence < EVIDENCE_MAX:
            return False
        self._turn(Turn.GAVE_IN)
        self.opens_at = now + self._every
        return True

    def released(self, now: float, *, probe: bool = False) -> None:
        """Nothing was learned: a probe gives its lease back, and the next may have it at once."""
        if probe and self.state is BreakerState.HALF_OPEN:
            self._turn(Turn.RELEASED)
            self.opens_at = now

    def _wait_longer(self, now: float) -> None:
        assert self.down_since is not None, "what is open is down"
        self._turn(Turn.FAILED)
        self._good = 0
        is_long = now - self.down_since >= LONG
        self._every = PROBE_EVERY_LONG if is_long else min(2 * self._every, PROBE_EVERY_MAX)
        self.opens_at = now + self._every

    def _close(self, now: float) -> float:
        assert self.down_since is not None, "what is open is down"
        down_for = now - self.down_since
        self._turn(Turn.MENDED)
        self.evidence = self.opens_at = 0.0
        self.down_since = None
        self._every, self._good = PROBE_EVERY_MIN, 0
        return down_for

    def _turn(self, turn: Turn) -> None:
        self.state = TRANSITIONS[self.state, turn]
