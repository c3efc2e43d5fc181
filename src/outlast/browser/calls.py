"""Calls that are never cut short: whoever waits may give up, the call itself ends and what it brings too late is disposed of.

Playwright leaks what a cancelled call would have returned, and most of its calls have no timeout.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

from outlast.errors import BrowserTimeoutError

__all__ = ["Calls"]

T = TypeVar("T")


class Calls:
    """The calls under way. `seconds` bounds the waiting, not the call."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        # What outlives its caller belongs to the browser: it must not be told of as the first item's that needed one.
        self._context = copy_context()

    async def wait(
        self,
        call: Awaitable[T],
        seconds: float,
        what: str,
        *,
        late: Callable[[T], Awaitable[Any]] | None = None,
    ) -> T:
        """The call's result. Raises `BrowserTimeoutError` after `seconds`; `late` disposes of a result that nobody awaits."""
        task = self.start(_awaited(call))
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            self._abandon(task, late)
            raise
        if not done:
            self._abandon(task, late)
            raise BrowserTimeoutError(
                f"{what} has not answered within {seconds:g} s", context={"call": what, "seconds": seconds}
            )
        return task.result()

    async def tried(self, call: Awaitable[Any], seconds: float, what: str) -> bool:
        """Whether the call ended well in time; for steps of which each must be tried whatever became of the others."""
        try:
            await self.wait(call, seconds, what)
        except Exception:  # noqa: BLE001 - what cannot be closed is killed; the caller asks for no more
            return False
        return True

    async def closed(self, thing: Any, seconds: float, what: str) -> bool:
        """Whether a page or context was closed; one that refused is asked a second time."""
        try:
            await self.wait(thing.close(), seconds, what)
        except BrowserTimeoutError:
            return False
        except Exception:  # noqa: BLE001 - whatever it was, the second try tells
            return await self.tried(thing.close(), seconds, what)
        return True

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` by itself, owned here."""
        task = asyncio.get_running_loop().create_task(work, context=self._context.copy())
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Like `start`, for what nobody waits for."""
        _ = self.start(work)

    async def end(self, seconds: float) -> None:
        """Give what still runs, and what is disposed of when it ends, `seconds` to end, then cancel it."""
        own = asyncio.current_task()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while running := self._running - {own}:
                    await asyncio.wait(running)
        if late := self._running - {own}:
            for task in late:
                task.cancel()
            await asyncio.wait(late, timeout=seconds)

    def _abandon(self, task: asyncio.Task[T], late: Callable[[T], Awaitable[Any]] | None) -> None:
        if late is not None:
            task.add_done_callback(lambda ended: self._dispose(ended, late))

    def _dispose(self, task: asyncio.Task[T], late: Callable[[T], Awaitable[Any]]) -> None:
        if not task.cancelled() and task.exception() is None:
            self.spawn(_awaited(late(task.result())))

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, so that asyncio does not report it


async def _awaited(call: Awaitable[T]) -> T:
    return await call
