"""Time, chance and identity: everything in the package asks its `Runtime`, so that a test can give its own."""

import asyncio
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from outlast.events import EventBus, EventType, ResilienceEvent

__all__ = ["Clock", "Runtime", "SystemClock", "new_id"]

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Clock(Protocol):
    """Where time comes from. Durations come from `monotonic`, records from `now`."""

    def now(self) -> datetime:
        """The wall clock, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        ...

    async def sleep(self, seconds: float, /) -> None: ...


class SystemClock:
    """The machine's clocks and asyncio's sleep."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)


def new_id() -> str:
    """26 characters that sort by creation time: a ULID (https://github.com/ulid/spec)."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What a component needs from outside: the clock, a roll in [0, 1), fresh ids, and the bus its events go to."""

    clock: Clock = field(default_factory=SystemClock)
    roll: Callable[[], float] = random.random
    new_id: Callable[[], str] = new_id
    bus: EventBus = field(default_factory=EventBus)

    def emit(self, kind: EventType, job_id: str, **data: Any) -> None:
        """Emit an event; nothing is built when nobody listens to its type."""
        if self.bus.wants(kind):
            self.bus.emit(ResilienceEvent.of(kind, job_id, data, self.clock.now()))
