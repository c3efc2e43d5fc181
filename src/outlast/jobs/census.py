"""How much a job has given, exactly, whatever killed its runs: counted as it is recorded, and noted with the place it was counted to.

What this run records is counted in passing. What runs recorded that were killed before they could note it is read from the
ledger, beside the work, a slice at a time with a pause after each; what is left of that at the end is read then. Where the ledger
has grown by another number of results than were counted, or has lost some to damage, it is right, and is read. Nothing is held
in memory but the totals.
"""

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from outlast.errors import LedgerCorruptionError
from outlast.jobs.yields import Yield
from outlast.ledger.port import ItemStatus, Ledger, Record
from outlast.runtime import Clock

__all__ = ["Census", "Mender"]

SLICE = 500
PAUSE_SECONDS = 0.05
LAST_SLICE = 2_000
_FACT = "yield"


class Mender(Protocol):
    """Who mends a ledger that cannot be read for damage."""

    def mend(self) -> Awaitable[bool]:
        """Whether any was found."""
        ...


class Census:
    """Counts the results of one ledger, and in how many records each of `fields` is."""

    def __init__(self, ledger: Ledger, fields: Sequence[str], clock: Clock, mender: Mender) -> None:
        self._ledger = ledger
        self._fields = tuple(fields)
        self._clock = clock
        self._mender = mender
        self._read = Yield.of(self._fields)
        self._read_to = 0
        self._began = 0
        self._damage: list[Any] = []
        self.here = Yield.of(self._fields)
        """What this run has recorded."""

    @property
    def known(self) -> Yield:
        """What is counted so far: all there is, unless a run was killed and what it recorded is still being read."""
        return self._read.plus(self.here)

    async def begin(self) -> None:
        """Go on from what was noted last. To be called before anything is recorded."""
        self._damage = await self._damage_now()
        self._began = await self._ledger.position()
        noted = await self._ledger.get(_FACT)
        if noted is None or noted["damage"] != self._damage or noted["position"] > self._began:
            return
        kept = Yield.from_json(noted["yield"]).only(self._fields)
        if kept is not None:
            self._read, self._read_to = kept, noted["position"]

    def note(self, record: Record) -> int:
        """Count what was just recorded; how many records it gave."""
        return self.here.add(record.shape, record.lines) if record.status is ItemStatus.DONE else 0

    async def follow(self) -> None:
        """Read what killed runs have recorded."""
        try:
            while self._read_to < self._began:
                await self._clock.sleep(PAUSE_SECONDS)
                await self._read_on(SLICE)
        except LedgerCorruptionError:
            return  # whoever examines the ledger finds it too and mends it; at the end all is read again

    async def total(self) -> Yield:
        """What the whole job has given; noted for the next run. To be called when nothing is being recorded."""
        while True:
            try:
                return await self._total()
            except LedgerCorruptionError:
                if not await self._mender.mend():
                    raise

    async def _total(self) -> Yield:
        position, damage = await self._ledger.position(), await self._damage_now()
        if damage != self._damage:
            self._read, self._read_to = Yield.of(self._fields), 0
        if damage != self._damage or position - self._began != self.here.items:
            self._began, self.here, self._damage = position, Yield.of(self._fields), damage
        while self._read_to < self._began:
            await self._read_on(LAST_SLICE)
        self._read, self.here = self.known, Yield.of(self._fields)
        self._read_to = self._began = position
        await self._ledger.put(_FACT, {"position": position, "damage": damage, "yield": self._read.to_json()})
        return self._read

    async def _read_on(self, limit: int) -> None:
        # Positions grow by one at least, so there are no more results than that.
        results = await self._ledger.results(self._read_to, min(limit, self._began - self._read_to))
        for result in results:
            if result.position <= self._began:
                self._read.add(result.shape, result.lines)
        self._read_to = results[-1].position if results and results[-1].position < self._began else self._began

    async def _damage_now(self) -> list[Any]:
        """What changes when results may have been taken out of the ledger."""
        damage, repaired = await self._ledger.get("damage"), await self._ledger.get("repaired")
        return [damage and damage["damaged"], repaired and repaired["at"]]
