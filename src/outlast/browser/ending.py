"""Ends a browser for certain: politely, then by force, and waits until nothing of it is left."""

import asyncio
from collections.abc import Callable

from outlast.browser.calls import Calls
from outlast.browser.custody import Custody
from outlast.browser.generation import Generation
from outlast.browser.launching import Launching
from outlast.browser.policy import BrowserPolicy
from outlast.browser.processes import Process, end, group, is_alive, remove_temporary
from outlast.errors import BrowserUnavailableError
from outlast.runtime import Runtime

__all__ = ["Ending"]

POLL_SECONDS = 0.02


class Ending:
    """Ends browsers, and their driver where it is to blame or has served enough."""

    def __init__(
        self, policy: BrowserPolicy, runtime: Runtime, *, calls: Calls, launching: Launching, custody: Custody
    ) -> None:
        self._policy = policy
        self._clock = runtime.clock
        self._calls = calls
        self._launching = launching
        self._custody = custody
        self._driver_is_due = False

    def renew_driver(self) -> None:
        """The driver has served enough: it ends with the present browser."""
        self._driver_is_due = True

    async def end(self, generation: Generation) -> bool:
        """End it; whether it ended by being asked. Raises `BrowserUnavailableError` when its processes cannot be ended."""
        generation.retire()
        deadlines, leader = self._policy.deadlines, generation.process
        # One that has failed and whose process is known is not asked: it would only take its time not to answer.
        politely = False
        if generation.failure is None or leader is None:
            call = generation.browser.close()
            politely = await self._calls.tried(call, deadlines.close_browser, "browser.close")
        if leader is None and not politely and generation.launched.kill is not None:
            generation.launched.kill()
        if leader is not None:
            politely = await self._gone(leader, deadlines.probe if politely else 0.0) and politely
            end(leader)
            if not await self._gone(leader, deadlines.die):
                left = len(await asyncio.to_thread(group, leader))
                raise BrowserUnavailableError(
                    f"{left} processes of the old browser cannot be ended", context={"scope": "browser"}
                )
        await self._end_driver(generation)
        await asyncio.to_thread(remove_temporary, generation.directories)
        await self._custody.ended(generation)
        generation.is_ended = True
        return politely

    async def _end_driver(self, generation: Generation) -> None:
        if await self._driver_is_stuck(generation):
            await self._launching.stop_driver(at_once=True)
        elif self._driver_is_due:
            await self._launching.stop_driver()
        self._driver_is_due = False

    async def _driver_is_stuck(self, generation: Generation) -> bool:
        """Whether the driver is dead, or does not even notice that its browser has gone."""
        driver = generation.driver
        if driver is None:
            return False
        if not is_alive(driver):
            return True
        return not await self._until(lambda: not generation.browser.is_connected(), self._policy.deadlines.probe)

    async def _gone(self, leader: Process, seconds: float) -> bool:
        deadline = self._clock.monotonic() + seconds
        while await asyncio.to_thread(group, leader):
            if self._clock.monotonic() >= deadline:
                return False
            await self._clock.sleep(POLL_SECONDS)
        return True

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        deadline = self._clock.monotonic() + seconds
        while not holds():
            if self._clock.monotonic() >= deadline:
                return False
            await self._clock.sleep(POLL_SECONDS)
        return True
