"""Is this the ledger that the checkpoints were taken with, and has it everything they know of?

A ledger gets a lineage (the id of its first run) and counts the starts of its job; a checkpoint pins both, with how far the ledger
had come. A ledger that is behind what was pinned has lost something that was recorded: an older copy was put back, or its end is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

__all__ = ["Behind", "Pin", "compare"]


class Behind(StrEnum):
    """How it shows that results are missing from a ledger."""

    OLDER = "older"
    """The newest checkpoint was taken when the ledger had come further."""
    OTHER = "other"
    """The newest checkpoint was taken with another ledger."""
    GONE = "gone"
    """There are checkpoints, and there was no ledger."""
    OUTPUT = "output"
    """The output file holds lines that the ledger does not know."""
    REPAIRED = "repaired"
    """A repair has saved what could be saved, which was not all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """How far a ledger had come: in its so many-th start, with results up to `position`, and so many items."""

    lineage: str
    start: int
    position: int
    items: int

    @classmethod
    def of_checkpoint(cls, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> Self | None:
        """What a checkpoint pins; None for one that was not taken by a run of a job. Early ones pin no start."""
        try:
            return cls(
                lineage=metadata["lineage"],
                start=data.get("start", 0),
                position=data["position"],
                items=sum(data["counts"].values()),
            )
        except (KeyError, TypeError, AttributeError):
            return None


def compare(pinned: Pin, found: Pin) -> Behind | None:
    """Whether the ledger that is `found` is behind what a checkpoint `pinned`; None: it has all of it."""
    if pinned.lineage != found.lineage:
        return Behind.OTHER
    if pinned.start > found.start or pinned.position > found.position or pinned.items > found.items:
        return Behind.OLDER
    return None
