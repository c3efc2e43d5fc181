"""Shows how a run goes on, beside it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from outlast.cli.hosts import HostWatch
from outlast.cli.phrases import moment
from outlast.cli.screen.happened import Happenings
from outlast.cli.screen.pace import Pace
from outlast.cli.screen.progress import stopping_text, suspended_text
from outlast.cli.screen.screens import Screen
from outlast.cli.screen.trend import Trend
from outlast.cli.screen.view import View, seen
from outlast.jobs import Progress, Run
from outlast.jobs.progress import let_go_words
from outlast.runtime import Runtime

__all__ = ["Stops", "Watcher"]

# Showing a run costs no more than this share of it, however slow the terminal is; what takes its time is shown less often.
SHARE_MAX = 0.01
REST_MAX = 1.0


class Stops:
    """Counts the signals that asked the run to stop."""

    def __init__(self) -> None:
        self.count = 0
        self.asked = asyncio.Event()

    def ask(self) -> None:
        self.count += 1
        self.asked.set()


class Watcher:
    """Shows how a run goes on, beside it."""

    def __init__(
        self,
        shown: Screen,
        runtime: Runtime,
        stops: Stops,
        *,
        hosts: HostWatch,
        happenings: Happenings,
        concurrency: int,
        quiet: bool,
    ) -> None:
        self.screen = shown
        self._quiet = quiet
        self._clock = runtime.clock
        self._stops = stops
        self._hosts = hosts
        self._happenings = happenings
        self._concurrency = concurrency
        self._pace = Pace()
        self._trend = Trend()

    @asynccontextmanager
    async def beside(self, run: Run, started: float) -> AsyncIterator[None]:
        """Watch `run` while the block runs. What goes wrong with showing it is said, and does not end it."""
        watching = asyncio.create_task(self._watch(run, started))
        try:
            yield
        finally:
            watching.cancel()
            [problem] = await asyncio.gather(watching, return_exceptions=True)
            if isinstance(problem, Exception):
                logging.getLogger("outlast.cli").warning("progress could not be shown: %s", problem)

    async def _watch(self, run: Run, started: float) -> None:
        announced = 0
        stood: tuple[bool, int | None] = (False, None)
        while True:
            progress = await run.progress()
            elapsed = self._clock.monotonic() - started
            view = self._view(progress, elapsed)
            if announced < self._stops.count:
                announced = self._stops.count
                self.screen.say(_stopping(announced, progress.in_flight))
            if (stands := (bool(view.suspended), progress.let_go)) != stood:
                stood = stands
                if not self._quiet:
                    self.screen.say(_suspension(view, progress.let_go))
            began = self._clock.monotonic()
            self.screen.show(view)
            took = self._clock.monotonic() - began
            await self._rest(max(self.screen.every, min(REST_MAX, took / SHARE_MAX)))

    def _view(self, progress: Progress, elapsed: float) -> View:
        if progress.memory_mb is not None:
            self._trend.note(progress.memory_mb, elapsed)
        stopping, down = bool(self._stops.count), self._hosts.down()
        view = seen(progress, self._pace, self._clock.now(), elapsed, stopping=stopping, down=down)
        return replace(
            view,
            concurrency=self._concurrency,
            happened=self._happenings.told,
            memory_trend=self._trend.values,
        )

    async def _rest(self, seconds: float) -> None:
        self._stops.asked.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._stops.asked.wait()
        except TimeoutError:
            return


def _suspension(view: View, let_go: int | None) -> str:
    if view.suspended:
        return f"{moment(view.now)} WARN {suspended_text(view.suspended)}"
    if let_go is not None:
        return f"{moment(view.now)} WARN {let_go_words(let_go)}"
    return f"{moment(view.now)} INFO the job goes on, with half the concurrency at first"


def _stopping(asked: int, in_flight: int) -> str:
    if asked == 1:
        return stopping_text(in_flight)
    return "stopping now: what is in flight is left for the next run"
