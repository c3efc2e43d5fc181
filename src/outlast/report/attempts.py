"""How many attempts the items needed."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["AttemptRow", "attempt_rows"]

_SPANS = (("first try", 0, 1), ("second", 2, 2), ("third", 3, 3), ("4 to 6", 4, 6), ("7 and more", 7, None))
GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """So many items needed so many attempts, a `share` of those that came to an end."""

    attempt: str
    items: int
    share: float


def attempt_rows(done: Mapping[int, int], failed: int) -> tuple[AttemptRow, ...]:
    """A row for each number of attempts that was needed, and one for the items that were given up; none where none came to an end."""
    ended = sum(done.values()) + failed
    rows = [
        (word, sum(n for attempts, n in done.items() if _within(attempts, least, most))) for word, least, most in _SPANS
    ]
    rows.append((GIVEN_UP, failed))
    return tuple(AttemptRow(attempt=word, items=items, share=round(items / ended, 5)) for word, items in rows if items)


def _within(attempts: int, least: int, most: int | None) -> bool:
    return attempts >= least and (most is None or attempts <= most)
