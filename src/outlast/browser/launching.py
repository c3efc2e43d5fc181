"""Launches a browser, and finds out which processes are its."""

import asyncio

from outlast.browser.calls import Calls
from outlast.browser.custody import Custody
from outlast.browser.generation import Generation
from outlast.browser.launched import Launched, Launcher
from outlast.browser.policy import BrowserPolicy
from outlast.browser.processes import (
    Process,
    children,
    command,
    end,
    leads_group,
    look,
    remove_temporary,
    temporary_directories,
)
from outlast.errors import BrowserUnavailableError
from outlast.runtime import Runtime

__all__ = ["Launching"]

BACKOFF_SECONDS = 0.5


class Launching:
    """Starts browsers, one after the other, and ends the driver behind them when it is to blame."""

    def __init__(
        self, launcher: Launcher | None, policy: BrowserPolicy, runtime: Runtime, *, calls: Calls, custody: Custody
    ) -> None:
        self._launcher = launcher
        self._policy = policy
        self._clock = runtime.clock
        self._calls = calls
        self._custody = custody
        self.driver_since = 0.0
        self._driver: Process | None = None
        self._last: Launched | None = None
        self._is_closed = False

    @property
    def is_possible(self) -> bool:
        return self._launcher is not None

    async def launched(self, number: int) -> Generation:
        """A new browser; after failing so often as the policy says, a last time with a new driver."""
        await self._custody.sweep()
        attempts, delay = self._policy.launch_attempts, BACKOFF_SECONDS
        error: Exception | None = None
        for attempt in range(1, attempts + 2):
            try:
                return await self._once(number)
            except BrowserUnavailableError:
                raise
            except Exception as failure:  # noqa: BLE001 - told below, when no attempt works
                error = failure
            if attempt == attempts:
                await self.stop_driver()
            elif attempt < attempts:
                await self._clock.sleep(delay)
                delay *= 2
        raise BrowserUnavailableError(
            f"the browser cannot be started: {error}", context={"scope": "browser", "attempts": attempts + 1}
        ) from error

    async def close(self) -> None:
        """End the driver, and when a browser still arrives that nobody waits for any more, then again."""
        self._is_closed = True
        await self.stop_driver()

    async def stop_driver(self, *, at_once: bool = False) -> None:
        """End the driver, if there is one, so that the next launch gets a new one. `at_once`: it does not answer anyway."""
        last, self._last = self._last, None
        driver, self._driver = self._driver, None
        if driver is not None and at_once:
            end(driver)
        if last is not None and last.stop is not None:
            await self._calls.tried(last.stop(), self._policy.deadlines.stop, "stop")
        if driver is not None:
            end(driver)

    async def _once(self, number: int) -> Generation:
        assert self._launcher is not None
        call = self._launcher()
        launched = await self._calls.wait(call, self._policy.deadlines.launch, "the launch", late=self._dispose)
        self._last = launched
        driver = None if launched.driver_pid is None else look(launched.driver_pid)
        if driver != self._driver or not self.driver_since:
            self._driver, self.driver_since = driver, self._clock.monotonic()
        process = None if driver is None else await asyncio.to_thread(_browser_of, driver, launched.marker)
        profile = () if process is None else tuple(temporary_directories(process))
        generation = Generation(
            number,
            launched,
            self._clock.monotonic(),
            process=process,
            driver=driver,
            directories=(*profile, *launched.directories),
        )
        await self._custody.began(generation)
        return generation

    async def _dispose(self, launched: Launched) -> None:
        try:
            await launched.browser.close()
        finally:
            await asyncio.to_thread(remove_temporary, launched.directories)
            if self._is_closed and launched.stop is not None:
                await launched.stop()


def _browser_of(driver: Process, marker: str) -> Process | None:
    """The browser's main process: the driver's child that leads a group, and has the marker in its command line."""
    found = [each for each in children(driver) if leads_group(each) and marker in command(each)]
    return max(found, key=lambda each: each.started, default=None)
