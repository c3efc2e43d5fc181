"""A clock that is moved by hand, for what takes a clock and shall not wait for it."""

import asyncio
from datetime import datetime, timedelta

from outlast.testing.virtual_time import EPOCH

__all__ = ["ManualClock"]


class ManualClock:
    """Begins `seconds` after the first of January 2026. Sleeping moves it on at once, is written down in `sleeps`, and lets others run.

    Unlike `VirtualClock` it needs no loop of its own; then nothing sleeps beside anything else: every sleep adds to the time.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float, /) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)
