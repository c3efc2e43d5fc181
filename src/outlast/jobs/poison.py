"""Which item kills the process? Decides from what was in hand each time the job was killed.

Whatever is in hand when a process dies may have killed it. An item that was in hand at `after - 1` kills in a row is a suspect: it is
tried alone. When the process dies with it alone, it is condemned, and given up without another try. A kill that came from outside
costs the suspects a lone try each, and nothing else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["Suspicion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """At how many kills in a row each item was in hand; the condemned, by the kills they stand for.

    `run` is the killed run that was counted last: no run is counted twice.
    """

    kills: Mapping[int, int] = field(default_factory=dict)
    condemned: Mapping[int, int] = field(default_factory=dict)
    run: str | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Self:
        """What `to_json` gave; nothing for None."""
        if value is None:
            return cls()
        return cls(kills=_numbered(value["kills"]), condemned=_numbered(value["condemned"]), run=value["run"])

    def to_json(self) -> dict[str, Any]:
        return {
            "kills": {str(item): count for item, count in self.kills.items()},
            "condemned": {str(item): count for item, count in self.condemned.items()},
            "run": self.run,
        }

    def killed(self, run: str, in_hand: Collection[int], alone: int | None) -> "Suspicion":
        """The run was killed with these items in hand, not yet recorded; `alone` is the one that was being tried alone."""
        if run == self.run:
            return self
        kills = {item: self.kills.get(item, 0) + 1 for item in in_hand}
        condemned = dict(self.condemned)
        if alone is not None and list(in_hand) == [alone]:
            condemned[alone] = kills.pop(alone)
        return Suspicion(kills=kills, condemned=condemned, run=run)

    def cleared(self) -> "Suspicion":
        """The last run was not killed."""
        return Suspicion(condemned=self.condemned, run=self.run)

    def without(self, item: int) -> "Suspicion":
        """The item is out of suspicion: it was tried alone, or given up."""
        kills = {each: count for each, count in self.kills.items() if each != item}
        condemned = {each: count for each, count in self.condemned.items() if each != item}
        return Suspicion(kills=kills, condemned=condemned, run=self.run)

    def suspects(self, after: int) -> frozenset[int]:
        """The items to be tried alone, when an item is given up after so many kills (0: never)."""
        return frozenset(item for item, count in self.kills.items() if after and count >= after - 1)


def _numbered(value: Mapping[str, int]) -> dict[int, int]:
    return {int(item): count for item, count in value.items()}
