"""How late the event loop is: whatever holds it up holds up everything."""

import asyncio

__all__ = ["LagProbe"]

EVERY = 0.2


class LagProbe:
    """Sets itself a timer again and again and notes how late it comes."""

    def __init__(self, every: float = EVERY) -> None:
        self._every = every
        self._timer: asyncio.TimerHandle | None = None
        self._worst = 0.0

    def start(self) -> None:
        """Begin on the running loop; it must be stopped there."""
        if self._timer is None:
            self._worst = 0.0
            self._set(asyncio.get_running_loop())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def worst(self) -> float | None:
        """The longest delay since the last call, in seconds; None when it is not running."""
        if self._timer is None:
            return None
        late = asyncio.get_running_loop().time() - self._timer.when()
        worst, self._worst = max(self._worst, late, 0.0), 0.0
        return worst

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self._every, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._worst = max(self._worst, loop.time() - self._timer.when())
            self._set(loop)
