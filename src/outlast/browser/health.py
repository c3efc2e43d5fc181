"""Does the browser answer? `is_connected` and `version` say yes of one that is frozen or whose driver is dead."""

import asyncio
from typing import Any

from outlast.browser.calls import Calls
from outlast.browser.generation import Generation
from outlast.browser.policy import BrowserPolicy
from outlast.browser.recycling import Latency
from outlast.runtime import Runtime

__all__ = ["Health"]

PROBES = 2


class Health:
    """Asks one question at a time; whoever wants to know meanwhile gets the same answer."""

    def __init__(self, policy: BrowserPolicy, runtime: Runtime, calls: Calls) -> None:
        self._policy = policy
        self._clock = runtime.clock
        self._calls = calls
        self._asked: tuple[Generation, asyncio.Task[bool]] | None = None
        self._session: tuple[Generation, Any] | None = None
        self._latency: tuple[Generation, Latency] | None = None

    @property
    def is_slow(self) -> bool:
        """Whether it answers far more slowly than at first."""
        return self._latency is not None and self._latency[1].is_slow

    async def healthy(self, generation: Generation) -> bool:
        """Whether it answers. One that has not answered twice has failed."""
        if not generation.look():
            return False
        asked = self._asked
        if asked is None or asked[0] is not generation or asked[1].done():
            asked = (generation, self._calls.start(self._check(generation)))
            self._asked = asked
        await asyncio.wait({asked[1]})
        return not asked[1].cancelled() and asked[1].result()

    async def _check(self, generation: Generation) -> bool:
        for _ in range(PROBES):
            began = self._clock.monotonic()
            answered = await self._calls.tried(self._probe(generation), self._policy.deadlines.probe, "probe")
            if not generation.look():
                return False
            if answered:
                generation.answered = self._clock.monotonic()
                self._learn(generation, generation.answered - began)
                return True
        generation.fail("it does not answer")
        return False

    def _learn(self, generation: Generation, seconds: float) -> None:
        if self._latency is None or self._latency[0] is not generation:
            self._latency = (generation, Latency(self._policy.slow_factor))
        self._latency[1].add(seconds)

    async def _probe(self, generation: Generation) -> None:
        session = await self._cdp(generation)
        if session is not None:
            await session.send("Browser.getVersion")
            return
        context = await generation.browser.new_context()
        try:
            seconds = self._policy.deadlines.probe
            page = await self._calls.wait(context.new_page(), seconds, "context.new_page")
            await self._calls.wait(page.evaluate("0"), seconds, "page.evaluate")
        finally:
            seconds = self._policy.deadlines.close_context
            if not await self._calls.closed(context, seconds, "context.close"):
                generation.is_tainted = True

    async def _cdp(self, generation: Generation) -> Any:
        """Chromium's own protocol: a question to the browser's process that makes no page."""
        if self._session is not None and self._session[0] is generation:
            return self._session[1]
        browser, session = generation.browser, None
        if getattr(getattr(browser, "browser_type", None), "name", "") == "chromium":
            session = await browser.new_browser_cdp_session()
        self._session = (generation, session)
        return session
