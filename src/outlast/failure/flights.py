"""One at a time, and whoever comes meanwhile shares what came of it: a session that ten pages miss is refreshed once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

__all__ = ["Flights"]


@dataclass(slots=True)
class _Flight:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    landed: bool = False
    result: Any = None
    error: Exception | None = None


class Flights:
    """What is under way, by its name."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}

    async def share(self, name: str, call: Callable[[], Any]) -> Any:
        """What `call` gives or raises, or what the one of this name gives that is under way already.

        When the one who makes the call is cancelled, the next of those who wait for it makes it.
        """
        flight = self._flights.setdefault(name, _Flight())
        async with flight.lock:
            if not flight.landed:
                await self._fly(name, flight, call)
        if flight.error is not None:
            raise flight.error
        return flight.result

    async def _fly(self, name: str, flight: _Flight, call: Callable[[], Any]) -> None:
        try:
            given = call()
            flight.result = await given if isawaitable(given) else given
        except Exception as error:  # noqa: BLE001 - it is raised for everybody who shares it
            flight.error = error
        flight.landed = True
        del self._flights[name]
