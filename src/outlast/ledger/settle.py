"""What one item was, and where it stood, by all that was seen of it."""

from collections.abc import Callable
from typing import NamedTuple

from outlast.ledger.health import Remedy
from outlast.ledger.rows import LOST, ItemRow, identity_of
from outlast.ledger.schema import PENDING
from outlast.ledger.verdict import judge

__all__ = ["Candidate", "Seen", "Settled", "settle"]


class Candidate(NamedTuple):
    """A row as it was seen; `newest` unless it stood in a free page or in what is left of one, where an older copy may be."""

    row: ItemRow
    newest: bool


class Seen(NamedTuple):
    """All that is known of one item: its rows, the best first; its key by the index; whether it has an intact result."""

    item: int
    candidates: tuple[Candidate, ...]
    name: bytes | None
    finished: bool


class Settled(NamedTuple):
    """The item as it is to be. `problem` is None for one that was whole; `placed` is False when its id may be another's."""

    row: ItemRow
    problem: str | None
    remedy: Remedy
    placed: bool = True


def settle(
    seen: Seen,
    *,
    bare: bool,
    opens: Callable[[ItemRow], bool | None],
    place_of: Callable[[bytes], int | None],
    reach: int,
) -> Settled | None:
    """None when nothing of it is proved. `bare` says that the items of this ledger have no payloads.

    `opens`: whether the seal of a row opens, None where there is none to ask; `place_of`: an item by its key, as the index says.
    An id beyond `reach` is believed only where a checksum binds it.
    """
    row, problem = _best(seen, bare=bare, opens=opens)
    if row is None:
        return None
    if _is_misplaced(row, seen, place_of):
        return Settled(_as_new(row), "its place cannot be told", Remedy.PENDING, placed=False)
    placed = row.item <= reach or seen.finished or _is_bound(row)
    verdict = judge(row, seen.name, proved=seen.finished, opens=opens(row))
    if verdict is not None:
        return Settled(verdict.row, problem or verdict.problem, verdict.remedy, placed)
    if not placed:
        return Settled(row, problem or "its place cannot be told", Remedy.PENDING, placed)
    return Settled(row, problem, Remedy.PENDING if problem else Remedy.RESTORED)


def _best(seen: Seen, *, bare: bool, opens: Callable[[ItemRow], bool | None]) -> tuple[ItemRow | None, str | None]:
    whole = [candidate for candidate in seen.candidates if candidate.row.is_itself]
    if whole:
        return _of_whole(whole)
    row = seen.candidates[0].row if seen.candidates else None
    if row is not None and not (opens(row) or _is_vouched_for(row, seen.name)):
        return None, None
    if row is not None and not bare:
        return row, None
    if seen.name is None:
        return row, None
    payload = None if bare else LOST
    key_alone = ItemRow(seen.item, seen.name, payload, PENDING, 0, None, None, identity_of(seen.name, payload), None)
    return key_alone, "only its key was found"


def _is_vouched_for(row: ItemRow, name: bytes | None) -> bool:
    """Whether the index proves the key of a damaged row: they agree, or with the key of the index the checksum fits."""
    return name is not None and (row.key == name or row.identity == identity_of(name, row.payload))


def _of_whole(whole: list[Candidate]) -> tuple[ItemRow, str | None]:
    newest = [candidate.row for candidate in whole if candidate.newest]
    if not newest:
        return _as_new(whole[0].row), "only a copy of it was found that may be older"
    row = newest[0]
    with_payload = next((candidate.row for candidate in whole if not candidate.row.lost), row)
    if row.lost and not with_payload.lost:
        return _as_new(with_payload), "its payload was found in another copy"
    if any(other != row for other in newest):
        return _as_new(row), "there are two rows of it"
    return row, None


def _is_misplaced(row: ItemRow, seen: Seen, place_of: Callable[[bytes], int | None]) -> bool:
    """Whether the id of a proved row, which no checksum binds to it, may be that of another item."""
    if _is_bound(row) or not row.is_itself or row.key == seen.name:
        return False
    return seen.finished or place_of(row.key) not in {None, row.item}


def _is_bound(row: ItemRow) -> bool:
    """Whether a checksum binds the id to the row."""
    return row.state is not None and row.stands


def _as_new(row: ItemRow) -> ItemRow:
    return row._replace(status=PENDING, attempts=0, not_before=None, error=None, state=None)
