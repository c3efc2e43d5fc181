"""What becomes of items that were given up: pending again, or no longer counted. A slice at a time, each a transaction's part."""

from collections.abc import Sequence

from outlast.ledger.port import ItemStatus
from outlast.ledger.schema import FAILED, IGNORED, PENDING, STATUS_NUMBER
from outlast.ledger.tables import Tables

__all__ = ["SLICE", "ignore", "retry", "retry_on"]

SLICE = 2_000
"""How many items are changed in one transaction: a few hundredths of a second in which nobody else commits."""

# One that is not proved may have been done: it is left to whoever examines it. One whose payload is lost cannot be done.
_PROVED = "payload IS NOT x'' AND state = state_of(id, status, attempts, not_before, CAST(error AS BLOB))"


def retry(tables: Tables, status: ItemStatus, items: Sequence[int]) -> int:
    """Make those of the items that have this status pending again, as new ones; the number of those."""
    number = STATUS_NUMBER[status]
    new = "status = 0, attempts = 0, not_before = NULL, error = NULL, state = NULL"
    sql = f"UPDATE items SET {new} WHERE id = ? AND status = {number} AND {_PROVED}"  # noqa: S608 - ours
    return _change(tables, items, sql, number, PENDING)


def retry_on(tables: Tables, status: ItemStatus, after: int) -> tuple[int, int | None]:
    """`retry` for the next slice of all that have this status; also the item after which to go on, None at the end."""
    sql = f"SELECT id FROM items WHERE status = {STATUS_NUMBER[status]} AND id > ? ORDER BY id LIMIT ?"  # noqa: S608 - ours
    items = [item for (item,) in tables.rows(sql, (after, SLICE))]
    return retry(tables, status, items), items[-1] if len(items) == SLICE else None


def ignore(tables: Tables, items: Sequence[int]) -> int:
    """Let those of the items that have failed count as ignored; the number of those."""
    state = f"state_of(id, {IGNORED}, attempts, not_before, CAST(error AS BLOB))"
    sql = f"UPDATE items SET status = {IGNORED}, state = {state} WHERE id = ? AND status = {FAILED} AND {_PROVED}"  # noqa: S608 - ours
    return _change(tables, items, sql, FAILED, IGNORED)


def _change(tables: Tables, items: Sequence[int], sql: str, before: int, after: int) -> int:
    changes = tables.db.total_changes()
    tables.db.executemany(sql, [(item,) for item in items])
    changed = tables.db.total_changes() - changes
    tables.change[before] -= changed
    tables.change[after] += changed
    return changed
