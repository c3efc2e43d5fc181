"""Whose items are left? A look at all that is not done yet."""

import math
from collections.abc import Collection

from outlast.jobs.gate import Gate
from outlast.jobs.items import host_of
from outlast.ledger.port import ItemStatus, Ledger, StoredItem
from outlast.runtime import Clock
from outlast.storage.strictjson import decode

__all__ = ["Leftovers", "only_of"]

SLICE = 500
# Whether all that is left waits for paused hosts takes a look at all of it.
LOOK_EVERY = 5.0
LOOK_SHARE = 20
_LEFT = frozenset({ItemStatus.PENDING, ItemStatus.DEFERRED})


class Leftovers:
    """Whether nothing is left but items of paused hosts, found out so seldom that looking costs little."""

    def __init__(self, gate: Gate, ledger: Ledger, clock: Clock) -> None:
        self._gate = gate
        self._ledger = ledger
        self._clock = clock
        self.looks_at = -math.inf
        """Before that (monotonic) nobody looks again."""

    async def are_paused(self) -> bool:
        """Whether all that is left is of hosts that are paused; False also when it is too early to look."""
        now = self._clock.monotonic()
        if now < self.looks_at:
            return False
        found = await only_of(self._gate.paused, self._ledger)
        took = self._clock.monotonic() - now
        self.looks_at = now + max(LOOK_EVERY, LOOK_SHARE * took)
        return found


async def only_of(hosts: Collection[str], ledger: Ledger) -> bool:
    """Whether every item that still has to be done is one of these hosts."""
    after = 0
    while items := await ledger.items(after, SLICE):
        if any(_host_of(item) not in hosts for item in items if item.status in _LEFT):
            return False
        after = items[-1].item
    return True


def _host_of(item: StoredItem) -> str:
    return host_of(item.key if item.payload is None else decode(item.payload))
