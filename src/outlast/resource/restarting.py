"""Asking for a new browser, and saying so when there is one."""

import asyncio
from collections.abc import Mapping
from typing import Any

from outlast.contracts import IBrowserLifecycleIntegration
from outlast.events import EventType
from outlast.runtime import Runtime

__all__ = ["Restarting"]

DEADLINE = 180.0


class Restarting:
    """Restarts browsers through whoever owns them, which may emit `browser_restarted` itself; it is not emitted twice."""

    def __init__(self, restarter: IBrowserLifecycleIntegration, runtime: Runtime, job_id: str) -> None:
        self._restarter = restarter
        self._runtime = runtime
        self._job_id = job_id

    async def restart(self, reason: str, context: Mapping[str, Any]) -> bool:
        """Whether it has been restarted. Raises what its owner raises, and `TimeoutError` after 180 s."""
        heard: list[object] = []
        began = self._runtime.clock.monotonic()
        forget = self._runtime.bus.subscribe(heard.append, [EventType.BROWSER_RESTARTED])
        try:
            async with asyncio.timeout(DEADLINE):
                restarted = await self._restarter.on_browser_restart_required(reason, dict(context))
        finally:
            forget()
        if restarted and not heard:
            took = self._runtime.clock.monotonic() - began
            self._runtime.emit(EventType.BROWSER_RESTARTED, self._job_id, reason=reason, duration=took)
        return restarted
