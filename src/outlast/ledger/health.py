"""What is wrong with a ledger, and what is done about it."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["FINDINGS_KEPT_MAX", "Examined", "Finding", "Health", "Remedy"]

FINDINGS_KEPT_MAX = 10_000
"""How many findings are told one by one; beyond that they are counted."""


class Remedy(StrEnum):
    """What becomes of what was damaged; a ledger opened for reading only says what would."""

    PENDING = "pending"
    """The item is done again."""
    DONE = "done"
    """The item stays done: an intact result proves it."""
    FAILED = "failed"
    """The item cannot be done again, because its payload is lost; adding it anew brings it back."""
    RESTORED = "restored"
    """A second copy held what was damaged, or it could be told from the rest."""
    REMOVED = "removed"
    """Nothing in the row can be trusted, so it is taken out."""
    REPAIR = "repair"
    """The file itself is damaged: `repair` builds it anew."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One damaged row. `key` is that of its item, where it can be told; in a sealed ledger without keys, its keyed hash."""

    table: str
    row: int | str
    key: str | None
    problem: str
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class Examined:
    """A slice that was examined. `next` is where the next one begins; None when all was."""

    next: int | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a check found: the rows it read, what is wrong with them, and what SQLite says of the file (`structure`).

    `proved` is False for a ledger of schema 1, whose rows have no checksums. `damaged` counts the findings; `findings` are the
    first `FINDINGS_KEPT_MAX` of them.
    """

    items: int = 0
    results: int = 0
    facts: int = 0
    damaged: int = 0
    findings: tuple[Finding, ...] = ()
    structure: tuple[str, ...] = ()
    proved: bool = True

    @property
    def sound(self) -> bool:
        """Nothing is wrong with it."""
        return not self.damaged and not self.structure
