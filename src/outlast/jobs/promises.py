"""What hosts have asked for is kept beyond the process: until when nobody is to ask them."""

from outlast.jobs.gate import Gate
from outlast.jobs.host import PUT_OFF_SECONDS
from outlast.ledger.port import Ledger
from outlast.runtime import Clock

__all__ = ["Promises"]

NOTE_SECONDS = 1.0
# What is over sooner than the next process could begin need not be noted.
WORTH_SECONDS = 3.0
HOSTS_NOTED_MAX = 1_000
_FACT = "asked_to_wait"


class Promises:
    """Notes in the ledger until when (seconds since the epoch) each host of a gate wants to be left alone."""

    def __init__(self, ledger: Ledger, gate: Gate, clock: Clock) -> None:
        self._ledger = ledger
        self._gate = gate
        self._clock = clock
        self._noted: dict[str, float] = {}

    async def recall(self) -> None:
        """Keep what an earlier run has promised, and wait for what it put off before anybody is called silent."""
        self._noted = await self._ledger.get(_FACT) or {}
        now, wall = self._clock.monotonic(), self._clock.now().timestamp()
        for host, until in self._noted.items():
            if until > wall:
                self._gate.promise(host, now + until - wall, now)
        if (await self._ledger.counts()).deferred:
            self._gate.quiet(now + PUT_OFF_SECONDS)

    async def follow(self) -> None:
        """Note what is promised, at most once a second, until cancelled."""
        while True:
            await self._clock.sleep(NOTE_SECONDS)
            now, wall = self._clock.monotonic(), self._clock.now().timestamp()
            asked = self._gate.asked_to_wait(now + WORTH_SECONDS)
            # Whole seconds, rounded up: the clocks drift apart, and that is no news.
            found = {host: float(round(wall + until - now + 0.5)) for host, until in asked[:HOSTS_NOTED_MAX]}
            if any(abs(found[host] - self._noted.get(host, 0.0)) > 1 for host in found):
                await self._ledger.put(_FACT, found)
                self._noted = found
