"""Waiting until everybody who uses a browser, or a context of it, has left."""

import asyncio

__all__ = ["Vacancy"]


class Vacancy:
    """Vacant until somebody is in, and again when nobody is."""

    def __init__(self) -> None:
        self._vacant = asyncio.Event()
        self._vacant.set()

    def note(self, users: int) -> None:
        """So many are in by now."""
        if users:
            self._vacant.clear()
        else:
            self._vacant.set()

    async def comes_within(self, seconds: float | None) -> bool:
        """Whether everybody leaves within `seconds`; None: it may take for ever."""
        try:
            async with asyncio.timeout(seconds):
                await self._vacant.wait()
        except TimeoutError:
            return False
        return True
