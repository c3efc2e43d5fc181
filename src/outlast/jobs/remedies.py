"""What the user's own functions do about a failure: refresh the session, rotate the proxy, restart the browser.

A remedy is applied once for all that failed before it was: whoever comes while it is at work waits for it, and whoever began
before it was done tries again without another. After `IN_A_ROW_MAX` of them, with no item of the host answered in between, it is
plain that it does not help; then the failures count.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outlast.events import EventType
from outlast.failure.facts import text_of, type_name
from outlast.failure.model import Remedy
from outlast.jobs.bind import Named
from outlast.runtime import Runtime

__all__ = ["IN_A_ROW_MAX", "Applicable", "Remedies"]

IN_A_ROW_MAX = 3
HOSTS_MAX = 10_000
MESSAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Applicable:
    """A remedy of the user's: how it is called, with which resources, and whether it asks for the `host`."""

    call: Named
    given: Mapping[str, Any]
    wants_host: bool


@dataclass(slots=True)
class _Applied:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    in_a_row: int = 0
    done_at: float | None = None


class Remedies:
    """The remedies of a run, and what has come of them by host. One may take `timeout` seconds."""

    def __init__(
        self, functions: Mapping[Remedy, Applicable], runtime: Runtime, *, job: str, timeout: float | None
    ) -> None:
        self._functions = functions
        self._runtime = runtime
        self._job = job
        self._timeout = timeout
        self._applied: dict[tuple[str, Remedy], _Applied] = {}

    async def apply(self, remedy: Remedy | None, host: str, began: float) -> bool:
        """Whether an attempt that began then (monotonic) is worth repeating, because the remedy has been applied since."""
        function = None if remedy is None else self._functions.get(remedy)
        if remedy is None or function is None:
            return False
        applied = self._of(host, remedy)
        async with applied.turn:
            if applied.done_at is not None and applied.done_at >= began:
                return True
            if applied.in_a_row >= IN_A_ROW_MAX:
                return False
            applied.in_a_row += 1
            if not await self._call(function, remedy, host):
                return False
            applied.done_at = self._runtime.clock.monotonic()
            return True

    def __bool__(self) -> bool:
        """Whether any has been applied."""
        return bool(self._applied)

    def helped(self, host: str) -> None:
        """An item of the host was done."""
        for remedy in self._functions:
            applied = self._applied.get((host, remedy))
            if applied is not None:
                applied.in_a_row = 0

    async def _call(self, function: Applicable, remedy: Remedy, host: str) -> bool:
        given = {**function.given, "host": host} if function.wants_host else function.given
        problem: str | None = None
        try:
            async with asyncio.timeout(self._timeout):
                await function.call(given)
        except Exception as error:  # noqa: BLE001 - the user's code; the failure that it was to mend counts, then
            problem = f"{type_name(error)}: {text_of(error)}"[:MESSAGE_MAX]
        self._runtime.emit(EventType.REMEDY_APPLIED, self._job, remedy=remedy.value, host=host, error=problem)
        return problem is None

    def _of(self, host: str, remedy: Remedy) -> _Applied:
        found = self._applied.get((host, remedy))
        if found is None:
            if len(self._applied) >= HOSTS_MAX:
                del self._applied[next(iter(self._applied))]
            found = self._applied[host, remedy] = _Applied()
        return found
