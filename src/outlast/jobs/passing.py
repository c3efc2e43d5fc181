"""What stands behind items that wait? Most of what is at hand is put off, a batch at a time, to see what comes next in the queue."""

import math

from outlast.jobs.athand import AtHand
from outlast.jobs.gate import Gate
from outlast.jobs.postponing import put_off
from outlast.jobs.suspension import Suspension
from outlast.ledger.port import Ledger
from outlast.runtime import Clock

__all__ = ["LOOK_PAST_EVERY", "Passing"]

# When workers are idle because all at hand waits for its hosts, what those cannot use soon is put off, a batch at a time, to find
# items of other hosts behind it. The pause between batches bounds what that costs; `HELD_HOSTS_MAX`, what is kept at hand.
LOOK_PAST_EVERY = 0.05
HELD_HOSTS_MAX = 1_000
KEPT_SHARE = 4


class Passing:
    """Looks past what is at hand where all of it waits for its hosts, or has been probed in vain."""

    def __init__(
        self, gate: Gate, at_hand: AtHand, suspension: Suspension, ledger: Ledger, clock: Clock, *, ahead: int
    ) -> None:
        self._gate = gate
        self._at_hand = at_hand
        self._suspension = suspension
        self._ledger = ledger
        self._clock = clock
        self._enough = ahead // 2
        self._kept = ahead // KEPT_SHARE
        self._looked_at = -math.inf

    @property
    def is_wanted(self) -> bool:
        """Whether others are to be looked for. To be asked where workers are idle, and the job has several hosts."""
        at_hand, suspension = self._at_hand, self._suspension
        if len(at_hand) < self._enough or not at_hand.all_held:
            return False
        return not suspension.suspended or suspension.wants_others(at_hand.held_hosts, self._clock.monotonic())

    async def look(self) -> bool:
        """Put most of it off, unless it is too early; whether something may have become visible."""
        now = self._clock.monotonic()
        if now - self._looked_at < LOOK_PAST_EVERY:
            return False
        self._looked_at = now
        await put_off(self._at_hand.surplus(self._kept, HELD_HOSTS_MAX), self._gate, self._ledger, self._clock)
        return True
