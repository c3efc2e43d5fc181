"""The gate that leases wait at while there is no browser: it opens, or it tells them why it never will."""

import asyncio

__all__ = ["Gate"]


class Gate:
    """Closed at first."""

    def __init__(self) -> None:
        self._decided = asyncio.Event()
        self._error: Exception | None = None

    @property
    def is_open(self) -> bool:
        return self._decided.is_set() and self._error is None

    def open(self) -> None:
        self._error = None
        self._decided.set()

    def close(self) -> None:
        self._error = None
        self._decided.clear()

    def fail(self, error: Exception) -> None:
        """Send everybody away who waits."""
        self._error = error
        self._decided.set()

    async def passed(self) -> None:
        """Wait until it is open; raises what it failed with."""
        await self._decided.wait()
        if self._error is not None:
            raise self._error
