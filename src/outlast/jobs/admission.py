"""How many pages may be open at once? As many as there is memory for, rather than one more and none.

A page costs what the browsers hold beyond what they hold without pages, shared among those that are open. As long as what is free, less
a reserve, has room for another page of that cost, there is one more; where it has not, there are as many fewer as would free
what is missing. One is always let through: if a single page is too much, fewer do not help, and somebody else has to act.

So that the number does not swing with every sample: it falls at once, but rises by one at a time, no sooner than `HOLD_SECONDS`
after it last changed, and only when there is room for two.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["HOLD_SECONDS", "PAGES_MIN", "PAGE_MB_MIN", "RESERVE_SHARE", "Admission", "Memory", "memory_in"]

PAGES_MIN = 1
# A headless page that shows next to nothing; less than this is the noise of the measurement.
PAGE_MB_MIN = 15.0
# What a page costs before any was seen: ten tabs of a Chromium took 20 MB each, ten contexts 22 to 75.
PAGE_MB_FIRST = 60.0
# What is not given to pages: for the browser itself to work with, and for what grows between two samples. Of a large machine a
# tenth would be far too much: there are scrapers that run one page while gigabytes are free.
RESERVE_SHARE = 0.1
RESERVE_MB_MAX = 1_024.0
HOLD_SECONDS = 5.0
# A cost that is seen to rise counts at once; one that falls counts little by little.
FALLING = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One sample, in MB. `limit` is what may be used, `used` what is used of it, `browsers` what the browsers hold of that; None: unknown.

    `age` is how many seconds the browser has been up.
    """

    limit: float | None
    used: float | None
    browsers: float | None
    pages: int
    age: float | None = None

    @property
    def room(self) -> float | None:
        """What may still be given to pages; negative where too much is given already."""
        if self.limit is None or self.used is None:
            return None
        return self.limit - min(RESERVE_SHARE * self.limit, RESERVE_MB_MAX) - self.used


class Admission:
    """The number of pages that may be open, at most `ceiling`. All times are monotonic seconds, given by the caller."""

    __slots__ = ("_age", "_bare", "_changed_at", "_page_mb", "ceiling", "limit")

    def __init__(self, ceiling: int) -> None:
        assert ceiling >= PAGES_MIN, f"{ceiling} pages are none"
        self.ceiling = ceiling
        self.limit = ceiling
        """How many pages may be open now."""
        self._bare: float | None = None
        self._page_mb: float | None = None
        self._age: float | None = None
        self._changed_at = -math.inf

    @property
    def page_mb(self) -> float:
        """What a page is reckoned to cost."""
        return PAGE_MB_FIRST if self._page_mb is None else self._page_mb

    def look(self, now: float, memory: Memory) -> int:
        """Take one sample into account; the number of pages from now on. What is not known changes nothing."""
        self._learn(memory)
        if (room := memory.room) is None:
            return self.limit
        wanted = memory.pages + math.floor(room / self.page_mb)
        if wanted < self.limit:
            self._set(now, wanted)
        elif wanted >= self.limit + 2 and now - self._changed_at >= HOLD_SECONDS:
            self._set(now, self.limit + 1)
        return self.limit

    def _set(self, now: float, wanted: int) -> None:
        limit = min(max(wanted, PAGES_MIN), self.ceiling)
        if limit != self.limit:
            self.limit, self._changed_at = limit, now

    def _learn(self, memory: Memory) -> None:
        if memory.age is not None:
            if self._age is not None and memory.age < self._age:
                # What a page cost in a browser that is gone says little of this one: it may have been restarted for that.
                self._page_mb = self._bare = None
            self._age = memory.age
        if memory.browsers is None:
            return
        if not memory.pages:
            # No pages and no browser is no measure of a browser without pages.
            self._bare = memory.browsers or self._bare
            return
        bare = memory.browsers / (memory.pages + 1) if self._bare is None else self._bare
        seen = max((memory.browsers - bare) / memory.pages, PAGE_MB_MIN)
        known = self._page_mb
        self._page_mb = seen if known is None or seen > known else known + FALLING * (seen - known)


def memory_in(metrics: Mapping[str, Any], pages: int, own_limit: float) -> Memory:
    """The sample in what the monitor measured: below the machine's limit, or the job's own where that leaves less; 0: it has none."""
    machine = Memory(
        limit=metrics.get("memory_limit_mb"),
        used=metrics.get("memory_used_mb"),
        browsers=metrics.get("browser_memory"),
        pages=pages,
        age=metrics.get("browser_uptime"),
    )
    if not own_limit:
        return machine
    own = replace(machine, limit=own_limit, used=metrics.get("memory_usage"))
    return min(
        (each for each in (own, machine) if each.room is not None), key=lambda each: each.room or 0.0, default=own
    )
