"""How late the event loop is: whatever holds it up holds up everything."""

import asyncio
from collections import deque

__all__ = ["LagProbe"]

EVERY = 0.2
KEPT_MAX = 1_000


class LagProbe:
    """Sets itself a timer again and again, and remembers for `window` seconds how late it came."""

    def __init__(self, window: float, every: float = EVERY) -> None:
        self._window = window
        self._every = every
        self._timer: asyncio.TimerHandle | None = None
        # Each later than those after it: what is older and less late can never be the worst.
        self._late: deque[tuple[float, float]] = deque(maxlen=KEPT_MAX)

    def start(self) -> None:
        """Begin on the running loop; it must be stopped there."""
        if self._timer is None:
            self._set(asyncio.get_running_loop())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._late.clear()

    def worst(self) -> float | None:
        """The longest delay of the last `window` seconds; None when it is not running. Asking changes nothing."""
        if self._timer is None:
            return None
        now = asyncio.get_running_loop().time()
        while self._late and self._late[0][0] < now - self._window:
            self._late.popleft()
        remembered = self._late[0][1] if self._late else 0.0
        return max(remembered, now - self._timer.when(), 0.0)

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self._every, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            now = loop.time()
            late = now - self._timer.when()
            while self._late and self._late[-1][1] <= late:
                self._late.pop()
            self._late.append((now, late))
            self._set(loop)
