"""How many restarts are left: so many within a window of time, and no more."""

from collections import deque

__all__ = ["Budget"]


class Budget:
    """At most `restarts_max` restarts within any `window` seconds."""

    def __init__(self, restarts_max: int, window: float) -> None:
        self._max = restarts_max
        self._window = window
        self._spent: deque[float] = deque(maxlen=max(1, restarts_max))

    def left(self, now: float) -> int:
        while self._spent and self._spent[0] <= now - self._window:
            self._spent.popleft()
        return self._max - len(self._spent)

    def spend(self, now: float) -> bool:
        """Take one if there is one left."""
        if self.left(now) <= 0:
            return False
        self._spent.append(now)
        return True

    def next_at(self, now: float) -> float:
        """Seconds until there is one again; for ever when none is ever allowed."""
        if self.left(now) > 0:
            return 0.0
        return self._spent[0] + self._window - now if self._spent else float("inf")
