"""A look at every row that earlier runs left behind, while this one works: what has rotted is found before it is needed.

The ledger is examined in slices, with a pause after each, so that an item waits for one slice at most: some milliseconds. What
takes a look at all rows at once is asked beside the commits. Only where damage is found do they wait for longer: to mend it, all
rows of the ledger are read in one go. A run that could end as completed
examines what is left first, so "completed" means that every row was intact, or was mended and done again.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from outlast.events import EventType
from outlast.ledger.health import Finding, Remedy
from outlast.ledger.port import Ledger
from outlast.runtime import Runtime

__all__ = ["Scrub"]

SLICE = 500
PAUSE_SECONDS = 0.05
# When nothing else is left to do, there is nobody to be kept waiting.
LAST_SLICE = 2_000
WATCH_SECONDS = 5.0
FINDINGS_TOLD_MAX = 20
_FACT = "damage"


class Scrub:
    """Examines a ledger once, and tells of all damage that comes to light."""

    def __init__(self, ledger: Ledger, runtime: Runtime, job_id: str, found: Callable[[], None]) -> None:
        self._ledger = ledger
        self._runtime = runtime
        self._job_id = job_id
        self._found = found
        self._next: int | None = 0
        self._turn = asyncio.Lock()
        self._mended = 0
        self._taken_out: set[str] = set()
        self.damaged = 0
        self.lost = 0

    def skip(self) -> None:
        """There is nothing from earlier runs to be examined."""
        self._next = None

    async def mend(self) -> bool:
        """Examine everything now, because something cannot be read; whether damage was found."""
        if self._next is None:
            self._next = 0
        return await self.finish()

    async def follow(self, changed: Callable[[], None]) -> None:
        """Examine slice after slice, then watch for what others come upon, until cancelled.

        `changed` is called when items may be pending again.
        """
        while True:
            await self._runtime.clock.sleep(WATCH_SECONDS if self._next is None else PAUSE_SECONDS)
            before = self._mended
            await self._look(SLICE)
            if self._mended > before:
                changed()

    async def finish(self) -> bool:
        """Examine what is left, without a pause; whether anything was found."""
        before = self._mended
        await self._look(LAST_SLICE)
        while self._next is not None:
            await self._look(LAST_SLICE)
        return self._mended > before

    async def _look(self, limit: int) -> None:
        async with self._turn:
            findings = await self._ledger.damage()
            if self._next is not None:
                examined = await self._ledger.examine(self._next, limit)
                self._next = examined.next
                findings = [*findings, *examined.findings]
            if findings:
                self._mended += len(findings)
                self._found()
                await self._tell([finding for finding in findings if self._is_news(finding)])

    def _is_news(self, finding: Finding) -> bool:
        """Whether it is damage of its own: an item whose result was taken out is pending for that, and was told of with it."""
        if finding.table == "results" and finding.remedy is Remedy.REMOVED and finding.key is not None:
            self._taken_out.add(finding.key)
        elif finding.table == "items" and finding.remedy is Remedy.PENDING and finding.key in self._taken_out:
            self._taken_out.remove(finding.key)
            return False
        return True

    async def _tell(self, findings: Sequence[Finding]) -> None:
        if not findings:
            return
        lost = sum(finding.remedy is Remedy.FAILED for finding in findings)
        self.damaged += len(findings)
        self.lost += lost
        told = [_row(finding) for finding in findings[:FINDINGS_TOLD_MAX]]
        self._runtime.emit(EventType.LEDGER_DAMAGED, self._job_id, damaged=len(findings), lost=lost, findings=told)
        noted = await self._ledger.get(_FACT) or {"damaged": 0, "lost": 0}
        await self._ledger.put(
            _FACT,
            {
                "at": self._runtime.clock.now().isoformat(),
                "damaged": noted["damaged"] + len(findings),
                "lost": noted["lost"] + lost,
                "findings": told,
            },
        )


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "table": finding.table,
        "row": finding.row,
        "key": finding.key,
        "problem": finding.problem,
        "remedy": finding.remedy.value,
    }
