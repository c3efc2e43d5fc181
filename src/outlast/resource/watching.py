"""The rounds of the monitor: every so often one sample, which all sessions share."""

import asyncio
from contextlib import ExitStack, suppress

from outlast.errors import ResourceMonitoringError
from outlast.resource.ladder import Ladder
from outlast.resource.measuring import Measuring
from outlast.resource.readings import Readings
from outlast.resource.session import Session
from outlast.resource.standing import Breach
from outlast.runtime import Clock

__all__ = ["Watching"]


class Watching:
    """Runs while there is a session. It owns the task of the rounds."""

    def __init__(self, measuring: Measuring, clock: Clock, interval: float, ladder: Ladder) -> None:
        self._measuring = measuring
        self._clock = clock
        self._interval = interval
        self._ladder = ladder
        self._sessions: dict[str, Session] = {}
        self._rounds: asyncio.Task[None] | None = None
        self._held = ExitStack()

    def begin(self, session: Session) -> None:
        if not self._sessions:
            self._held.enter_context(self._measuring.using())
            self._measuring.lag.start()
            self._rounds = asyncio.get_running_loop().create_task(self._run(), name="outlast-resource-rounds")
        self._sessions[session.id] = session
        self._measuring.limit = self._limit()

    async def end(self, session_id: str) -> bool:
        """End a session; False when there is none of that id."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return False
        self._measuring.limit = self._limit()
        rounds = self._rounds
        if not self._sessions:
            self._rounds = None
            self._measuring.lag.stop()
            self._held.close()
            await _ended(rounds)
            await self._ladder.aclose()
        await session.aclose()
        return True

    async def end_all(self) -> None:
        for session_id in tuple(self._sessions):
            await self.end(session_id)

    def breaches(self) -> list[Breach]:
        now = self._clock.monotonic()
        return [each for session in self._sessions.values() for each in session.breaches(now)]

    def _limit(self) -> float | None:
        rules = (rule for session in self._sessions.values() for rule in session.threshold.rules)
        return min((rule.limit for rule in rules if rule.metric == "memory_usage" and rule.op == ">="), default=None)

    async def _run(self) -> None:
        while True:
            began = self._clock.monotonic()
            # Trouble has been told where it was met; the next round may see again.
            with suppress(ResourceMonitoringError):
                self._count(await self._measuring.take())
            took = self._clock.monotonic() - began
            await self._clock.sleep(max(0.0, self._interval - took))

    def _count(self, readings: Readings) -> None:
        now = self._clock.monotonic()
        for session in tuple(self._sessions.values()):
            news = session.step(readings, now)
            for standing in session.breached():
                self._ladder.relieve(session.threshold.id, standing, is_news=standing in news)


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None and task is not asyncio.current_task():
        task.cancel()
        await asyncio.wait([task])
