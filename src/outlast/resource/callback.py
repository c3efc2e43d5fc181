"""Calling whoever wants to know of breaches: one call at a time, each with a deadline, none after the end."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from outlast.runtime import Clock

__all__ = ["BreachCallback", "Calls"]

DEADLINE = 30.0
CANCEL_PATIENCE = 5.0
SLOW = 0.1

BreachCallback = Callable[[dict[str, Any]], Awaitable[object] | object]


class Calls:
    """Calls one callback, plain or async. What comes up while a call is under way is told afterwards, the latest of it only."""

    def __init__(self, callback: BreachCallback, clock: Clock, trouble: Callable[[str], None]) -> None:
        self._callback = callback
        self._clock = clock
        self._trouble = trouble
        self._under_way: asyncio.Task[None] | None = None
        self._next: dict[str, Any] | None = None
        self._is_closed = False

    def call(self, told: dict[str, Any]) -> None:
        """Call it now, or as soon as the call under way has ended. A plain callback runs on the event loop."""
        if self._is_closed:
            return
        if self._under_way is not None and not self._under_way.done():
            self._next = told
            return
        waited_for = self._begin(told)
        if waited_for is not None:
            self._under_way = asyncio.get_running_loop().create_task(self._finish(waited_for))

    async def aclose(self, patience: float = DEADLINE) -> None:
        """Wait for the call under way, cancel it when it takes longer than `patience`; none begins any more."""
        self._is_closed, self._next = True, None
        task = self._under_way
        # Whoever stops its own session from within its callback cannot wait for itself.
        if task is None or task.done() or task is asyncio.current_task():
            return
        try:
            await asyncio.wait([task], timeout=patience)
        finally:
            task.cancel()
        await asyncio.wait([task], timeout=CANCEL_PATIENCE)

    def _begin(self, told: dict[str, Any]) -> Awaitable[object] | None:
        began = self._clock.monotonic()
        try:
            result = self._callback(told)
        except Exception as error:  # noqa: BLE001 - a user's code, reported and survived
            self._trouble(f"{type(error).__name__}: {error}")
            return None
        took = self._clock.monotonic() - began
        if took > SLOW:
            self._trouble(f"it held the event loop up for {took:.2f} s")
        return result if isawaitable(result) else None

    async def _finish(self, waited_for: Awaitable[object]) -> None:
        following: Awaitable[object] | None = waited_for
        while following is not None:
            await self._await(following)
            told, self._next = self._next, None
            following = None if told is None or self._is_closed else self._begin(told)

    async def _await(self, waited_for: Awaitable[object]) -> None:
        deadline = asyncio.timeout(DEADLINE)
        try:
            async with deadline:
                await waited_for
        except Exception as error:  # noqa: BLE001 - a user's code, reported and survived
            is_late = deadline.expired()
            self._trouble(f"not done within {DEADLINE:g} s" if is_late else f"{type(error).__name__}: {error}")
