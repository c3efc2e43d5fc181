"""How many items may be in flight at once, whatever their hosts? The least that anybody asks for, each by name."""

from collections.abc import Callable

__all__ = ["PAUSE", "Throttle"]

PAUSE = "pause"
"""The bound of a job that somebody has paused."""


class Throttle:
    """The named bounds on what is in flight. `limit` is the least of them; None: there is none but the number of workers.

    What is in flight when a bound comes down ends as it would have. A bound of 0 hands out nothing.
    """

    __slots__ = ("_bounds", "_wake", "limit")

    def __init__(self) -> None:
        self.limit: int | None = None
        self._bounds: dict[str, int] = {}
        self._wake: Callable[[], None] | None = None

    @property
    def is_shut(self) -> bool:
        """Whether nothing is handed out, not even a probe."""
        return self.limit == 0

    def bound(self, name: str, limit: int | None) -> None:
        """Let no more than `limit` be in flight for this reason; None lifts the bound of that name."""
        before = self.limit
        if limit is None:
            self._bounds.pop(name, None)
        else:
            assert limit >= 0, f"{limit} in flight is nothing"
            self._bounds[name] = limit
        self.limit = min(self._bounds.values(), default=None)
        is_wider = before is not None and (self.limit is None or self.limit > before)
        if is_wider and self._wake is not None:
            self._wake()

    def wakes(self, wake: Callable[[], None]) -> None:
        """Call this, and nothing that was to be called before, whenever more may be in flight than a moment ago."""
        self._wake = wake
