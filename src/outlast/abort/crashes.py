"""Crashes of a browser or a worker process: when are they a loop that leads nowhere?"""

from collections import deque

__all__ = ["Crashes"]


class Crashes:
    """`in_a_row` crashes with no completed item between within `row_window` seconds, or `many` within `many_window`; 0: no such rule."""

    __slots__ = ("_in_a_row", "_many", "_many_at", "_many_window", "_row_at", "_row_window")

    def __init__(self, *, in_a_row: int, row_window: float, many: int, many_window: float) -> None:
        self._in_a_row = in_a_row
        self._row_window = row_window
        self._many = many
        self._many_window = many_window
        self._row_at: deque[float] = deque(maxlen=max(1, in_a_row))
        self._many_at: deque[float] = deque(maxlen=max(1, many))

    def crashed(self, now: float) -> str | None:
        """Count one; which rule it has fulfilled, in words."""
        self._row_at.append(now)
        self._many_at.append(now)
        if _is_full(self._row_at, self._in_a_row, now - self._row_window):
            return f"{self._in_a_row} crashes in a row within {self._row_window:g} s, and no item completed between"
        if _is_full(self._many_at, self._many, now - self._many_window):
            return f"{self._many} crashes within {self._many_window:g} s"
        return None

    @property
    def are_in_a_row(self) -> bool:
        """Whether anything crashed since the last completed item."""
        return bool(self._row_at)

    def completed(self) -> None:
        """An item was completed: the row is broken."""
        self._row_at.clear()

    def reset(self) -> None:
        self._row_at.clear()
        self._many_at.clear()


def _is_full(moments: deque[float], limit: int, horizon: float) -> bool:
    return bool(limit) and len(moments) >= limit and moments[0] >= horizon
