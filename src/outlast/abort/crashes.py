"""Crashes of a browser or a worker process: when are they a loop that leads nowhere?"""

from collections import deque

__all__ = ["Crashes"]


class Crashes:
    """`in_a_row` crashes with no completed item between within `row_window` seconds, or `many` within `many_window`; 0: no such rule."""

    __slots__ = ("_in_a_row", "_many", "_many_at", "_many_window", "_row_window", "row")

    def __init__(self, *, in_a_row: int, row_window: float, many: int, many_window: float) -> None:
        self._in_a_row = in_a_row
        self._row_window = row_window
        self._many = many
        self._many_window = many_window
        self.row: deque[float] = deque(maxlen=max(1, in_a_row))
        """When anything crashed since the last completed item."""
        self._many_at: deque[float] = deque(maxlen=max(1, many))

    def crashed(self, now: float) -> str | None:
        """Count one; which rule it has fulfilled, in words."""
        self.row.append(now)
        self._many_at.append(now)
        if _is_full(self.row, self._in_a_row, now - self._row_window):
            return f"{self._in_a_row} crashes in a row within {self._row_window:g} s, and no item completed between"
        if _is_full(self._many_at, self._many, now - self._many_window):
            return f"{self._many} crashes within {self._many_window:g} s"
        return None

    def completed(self) -> None:
        """An item was completed: the row is broken."""
        self.row.clear()

    def reset(self) -> None:
        self.row.clear()
        self._many_at.clear()


def _is_full(moments: deque[float], limit: int, horizon: float) -> bool:
    return bool(limit) and len(moments) >= limit and moments[0] >= horizon
