"""How often may an item fail for another's sake? Failures that are nobody's or another's do not count, but not without end.

A browser that crashes on one page, a host that asks to be left alone each time it is asked: the fault is not the item's, and yet
it may be the item that brings it about. Every `EXCUSED_MAX`th failure in a row that is excused counts after all.
"""

__all__ = ["EXCUSED_MAX", "Excuses"]

EXCUSED_MAX = 10
ITEMS_MAX = 10_000


class Excuses:
    """Counts the excused failures in a row of each item, of at most `ITEMS_MAX` at a time: of more, the first are forgotten."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def count(self, key: str) -> int:
        """One more failure of this item is not its own; how many that makes in a row. 0: it counts after all."""
        count = self._counts.pop(key, 0) + 1
        if count >= EXCUSED_MAX:
            return 0
        if len(self._counts) >= ITEMS_MAX:
            del self._counts[next(iter(self._counts))]
        self._counts[key] = count
        return count

    def __bool__(self) -> bool:
        return bool(self._counts)

    def forget(self, key: str) -> None:
        """The item was done, or failed for its own sake."""
        self._counts.pop(key, None)
