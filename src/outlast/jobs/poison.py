"""Which item kills the process? Decides from what was in hand each time the job was killed.

Whatever is in hand when a process dies may have killed it. An item that was in hand at `SUSPECT_AFTER` kills in a row is a suspect: it
is tried alone. When the process dies with it alone so often as the setting `poison_after` says, each time that it is tried, the
item is condemned, and given up without another try. A kill that came from outside costs the suspects a lone try each, and who
survives that is not suspected any longer; it would have to strike the same lone item again and again to condemn it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["SUSPECT_AFTER", "Suspicion"]

SUSPECT_AFTER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """At how many kills in a row each item was in hand, and at how many it was alone.

    `run` is the killed run that was counted last: no run is counted twice.
    """

    kills: Mapping[int, int] = field(default_factory=dict)
    alone: Mapping[int, int] = field(default_factory=dict)
    run: str | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Self:
        """What `to_json` gave; nothing for None."""
        if value is None:
            return cls()
        return cls(kills=_numbered(value["kills"]), alone=_numbered(value["alone"]), run=value["run"])

    def to_json(self) -> dict[str, Any]:
        return {
            "kills": {str(item): count for item, count in self.kills.items()},
            "alone": {str(item): count for item, count in self.alone.items()},
            "run": self.run,
        }

    def killed(self, run: str, in_hand: Collection[int], alone: int | None) -> "Suspicion":
        """The run was killed with these items in hand, not yet recorded; `alone` is the one that was being tried alone."""
        if run == self.run:
            return self
        # Who was tried alone before, and this time was not in hand, has not been tried since: that is no point in its favour.
        kills = {item: count for item, count in self.kills.items() if item in self.alone}
        kills |= {item: self.kills.get(item, 0) + 1 for item in in_hand}
        lone = dict(self.alone)
        if alone is not None and list(in_hand) == [alone]:
            lone[alone] = lone.get(alone, 0) + 1
        return Suspicion(kills=kills, alone=lone, run=run)

    def cleared(self) -> "Suspicion":
        """The last run was not killed."""
        kills = {item: count for item, count in self.kills.items() if item in self.alone}
        return Suspicion(kills=kills, alone=self.alone, run=self.run)

    def without(self, item: int) -> "Suspicion":
        """The item is out of suspicion: it was tried alone, or given up."""
        kills = {each: count for each, count in self.kills.items() if each != item}
        alone = {each: count for each, count in self.alone.items() if each != item}
        return Suspicion(kills=kills, alone=alone, run=self.run)

    def suspects(self) -> frozenset[int]:
        """The items to be tried alone."""
        return frozenset(item for item, count in self.kills.items() if count >= SUSPECT_AFTER)

    def goes_on(self, after: int) -> bool:
        """Whether somebody is to be tried alone, or given up, at the next start."""
        return bool(self.suspects() or self.condemned(after))

    def condemned(self, after: int) -> frozenset[int]:
        """The items to be given up, when `after` lone kills are enough."""
        return frozenset(item for item, count in self.alone.items() if count >= after)


def _numbered(value: Mapping[str, int]) -> dict[int, int]:
    return {int(item): count for item, count in value.items()}
