"""Which items of a ledger are marked: a byte an item, and no more than that, whatever damage has made of an id."""

__all__ = ["Marks"]


class Marks:
    """A set of ids. Those below `near` take a byte each, marked or not; the others are few, unless the ledger is damaged."""

    def __init__(self) -> None:
        self._near = bytearray()
        self._far: set[int] = set()

    def __contains__(self, item: int) -> bool:
        return bool(self._near[item]) if 0 <= item < len(self._near) else item in self._far

    def reach(self, near: int) -> None:
        """Let the ids below `near` be near ones; it only grows."""
        begin = len(self._near)
        self._near.extend(bytes(max(near - begin, 0)))
        if self._far:
            for item in [item for item in self._far if begin <= item < near]:
                self._far.remove(item)
                self._near[item] = 1

    def add(self, item: int) -> None:
        """Mark it."""
        if 0 <= item < len(self._near):
            self._near[item] = 1
        else:
            self._far.add(item)
