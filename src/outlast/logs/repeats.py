"""Lines that say the same again and again: so many of a kind in a minute are written, the others are counted."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

__all__ = ["Repeated", "Repeats"]

WINDOW_SECONDS = 60.0
GROUPS_MAX = 1_000
"""How many kinds of line are told apart at once; then the one that began first is told and forgotten."""


@dataclass(slots=True)
class Repeated:
    """A kind of line: when its minute began, how many came, how many of them were left out. `sample` is the first of them."""

    sample: str
    began: float
    came: int = 0
    left_out: int = 0


class Repeats:
    """Counts lines by their kind. `limit` of a kind pass in a minute; 0: all of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._groups: OrderedDict[Hashable, Repeated] = OrderedDict()

    def admits(self, group: Hashable, sample: str, now: float) -> bool:
        """Whether a line of this kind is to be written. Ask `over` first: it ends the minutes that have passed."""
        if not self._limit:
            return True
        seen = self._groups.get(group)
        if seen is None:
            seen = self._groups[group] = Repeated(sample, now)
        seen.came += 1
        if seen.came <= self._limit:
            return True
        seen.left_out += 1
        return False

    def over(self, now: float) -> list[tuple[Hashable, Repeated]]:
        """The kinds whose minute has passed and of which lines were left out; they begin anew."""
        told = []
        while self._groups:
            group, first = next(iter(self._groups.items()))
            if now - first.began < WINDOW_SECONDS and len(self._groups) < GROUPS_MAX:
                break
            del self._groups[group]
            if first.left_out:
                told.append((group, first))
        return told

    def rest(self) -> list[tuple[Hashable, Repeated]]:
        """The same for all that are left, at the end."""
        told = [(group, seen) for group, seen in self._groups.items() if seen.left_out]
        self._groups.clear()
        return told
