"""The checkpoints that may go."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Kept", "to_delete"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored checkpoint of one job, and whether it verifies."""

    id: str
    sequence: int
    intact: bool


def to_delete(rows: Iterable[Kept], keep: int) -> tuple[str, ...]:
    """The ids to delete, oldest first, so that `keep` intact checkpoints stay, and always the newest one.

    Damaged ones are evidence: they neither count nor go.
    """
    newest_first = sorted((row for row in rows if row.intact), key=lambda row: row.sequence, reverse=True)
    return tuple(row.id for row in reversed(newest_first[max(keep, 1) :]))
