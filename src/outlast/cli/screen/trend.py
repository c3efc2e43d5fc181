"""How a number went since a run began, in a few characters."""

from collections.abc import Sequence

__all__ = ["Trend", "sparkline"]

STRETCHES_MAX = 16
_BARS = "▁▂▃▄▅▆▇█"
# A limit that is further away than this says nothing of how the number went.
_IN_SIGHT = 4.0
_ROOM = 2.0


class Trend:
    """The most that a number was in each stretch of a run. There are `STRETCHES_MAX` at most: they get longer as the run does."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._most: list[float] = []

    def note(self, value: float, elapsed: float) -> None:
        """The number is `value`, so many seconds after the run began. Where nothing was noted it was what it is now."""
        while elapsed >= self._seconds * STRETCHES_MAX:
            self._seconds *= 2
            self._most = [max(self._most[at : at + 2]) for at in range(0, len(self._most), 2)]
        place = int(elapsed / self._seconds)
        if place < len(self._most):
            self._most[place] = max(self._most[place], value)
        else:
            self._most += [value] * (place + 1 - len(self._most))

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(self._most)


def sparkline(values: Sequence[float], limit: float | None = None) -> str:
    """A bar for each value, from nothing up to the limit; where that is out of sight, up to twice the largest value."""
    most = max(values, default=0.0)
    if most <= 0:
        return ""
    top = limit if limit is not None and most * _IN_SIGHT >= limit else most * _ROOM
    last = len(_BARS) - 1
    return "".join(_BARS[min(last, max(0, int(value / top * len(_BARS))))] for value in values)
