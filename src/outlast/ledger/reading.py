"""What a ledger file is asked: each row is proved before it is handed out, and a damaged one is an error with its key."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from outlast.errors import KeyMissingError, LedgerCorruptionError
from outlast.ledger.health import Finding, Remedy
from outlast.ledger.port import Counts, ItemStatus, Result, StoredFailure, StoredItem
from outlast.ledger.rows import ItemRow, ResultRow, fact_checksum, identity_of, is_proved, result_checksum
from outlast.ledger.schema import DONE, NOBODY, SHAPES, SPARED, STATUS_NUMBER, STATUSES
from outlast.ledger.tables import UNREADABLE, Tables, paired
from outlast.storage.strictjson import decode

__all__ = ["counts", "fact", "failures", "items", "next_due", "position", "results", "stored_fact", "true_counts"]

KEYS_TOLD_MAX = 100

_UNPROVED = "its checksum does not fit"

Row = TypeVar("Row")
Value = TypeVar("Value")


class _DamageError(Exception):
    """The row that is being read cannot be handed out."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.problem)
        self.finding = finding


def results(tables: Tables, after: int, limit: int) -> list[Result]:
    """At least one, where there is any, and fewer than `limit` where they are large; so it is with the others."""
    rows, _ = tables.slice_of_results_with_items(
        f"WHERE position > ? AND results.item <> {NOBODY} ORDER BY position LIMIT ?", (after, limit)
    )
    read = _results(tables, rows)
    return _sound(tables, [paired(row) for row in rows], _result) if read is None else read


def failures(tables: Tables, after: int, limit: int, status: ItemStatus) -> list[StoredFailure]:
    rest = f"WHERE items.status = {STATUS_NUMBER[status]} AND items.id > ? ORDER BY items.id LIMIT ?"
    stored = _items(tables, rest, (after, limit))
    return [
        StoredFailure(each.item, each.key, each.attempts, each.error or "", each.payload, each.lost) for each in stored
    ]


def items(tables: Tables, after: int, limit: int) -> list[StoredItem]:
    return _items(tables, "WHERE items.id > ? ORDER BY items.id LIMIT ?", (after, limit))


def fact(tables: Tables, name: str) -> Any:
    """A value kept beside the items; None without one."""
    stored = stored_fact(tables, name)
    if stored is None:
        return None
    try:
        return decode(tables.sealing.fact(name, stored))
    except KeyMissingError:
        raise
    except UNREADABLE as error:
        raise _damaged_fact(name) from error


def stored_fact(tables: Tables, name: str) -> bytes | None:
    """As it is stored; of two copies the one that is intact."""
    damaged = False
    for table in ("facts", "spare") if name in SPARED else ("facts",):
        rows = tables.rows(f"SELECT CAST(value AS BLOB), checksum FROM {table} WHERE name = ?", (name,))  # noqa: S608
        for value, checksum in rows:
            if value is not None and checksum == fact_checksum(name, value):
                intact: bytes = value
                return intact
            damaged = True
    if damaged:
        raise _damaged_fact(name)
    return None


def counts(tables: Tables) -> Counts:
    """From the kept counts; from the items themselves where those cannot be right."""
    stored = dict(tables.rows("SELECT status, n FROM counts"))
    [(leased,)] = tables.rows("SELECT count(*) FROM leases")
    numbers = [stored.get(number) for number in range(len(STATUSES))]
    if any(not isinstance(number, int) or number < 0 for number in numbers) or stored[0] < leased:
        stored = true_counts(tables)
    by_status = {status.value: stored[number] for number, status in enumerate(STATUSES)}
    return Counts(**{**by_status, "pending": stored[0] - leased, "leased": leased})


def true_counts(tables: Tables) -> dict[int, int]:
    """How many items there are of each status, counted; it reads the whole table."""
    # Not GROUP BY: that sorts all statuses first, for a million items in a file of 4 MB.
    counted = ", ".join(f"count(*) FILTER (WHERE status = {number})" for number in range(len(STATUSES)))
    [found] = tables.rows(f"SELECT {counted} FROM items")  # noqa: S608
    return dict(enumerate(found))


def next_due(tables: Tables) -> float | None:
    due: float | None
    [(due,)] = tables.rows("SELECT min(not_before) FROM items WHERE status = 4")
    return due


def position(tables: Tables) -> int:
    newest: int
    [(newest,)] = tables.rows("SELECT ifnull(max(position), 0) FROM results")
    return newest


def _items(tables: Tables, rest: str, bindings: Sequence[Any]) -> list[StoredItem]:
    bare, _ = tables.slice_of_items(rest, bindings)
    return _sound(tables, [ItemRow._make(row) for row in bare], _item)


def _sound(tables: Tables, rows: Sequence[Row], read: Callable[[Tables, Row], Value]) -> list[Value]:
    values: list[Value] = []
    findings: list[Finding] = []
    for row in rows:
        try:
            values.append(read(tables, row))
        except _DamageError as damage:
            findings.append(damage.finding)
    if findings:
        # The error tells of them. Whoever mends them finds them again, and each is to come up once.
        raise _damaged(findings)
    return values


def _results(tables: Tables, rows: Sequence[tuple[Any, ...]]) -> list[Result] | None:
    """None when one of the rows is damaged. `_result` in one pass, because every result comes through here."""
    open_item, open_text = tables.sealing.item, tables.sealing.text
    read: list[Result] = []
    for place, item, shape, lines, checksum, _, key, payload, status, attempts, due, error, identity, state in rows:
        if (
            status != DONE
            or checksum != result_checksum(item, shape, lines)
            or identity != identity_of(key, payload)
            or not is_proved(item, (status, attempts, due, error), state)
        ):
            return None
        try:
            text = open_text("result", item, key, lines)
            read.append(Result(place, open_item(key, payload)[0], SHAPES[shape], text))
        except UNREADABLE:
            return None
    return read


def _result(tables: Tables, pair: tuple[ResultRow, ItemRow | None]) -> Result:
    row, item = pair
    if item is None:
        raise _DamageError(Finding("results", row.position, None, "its item is gone", Remedy.REPAIR))
    if not row.proved:
        raise _damage(tables, "results", row.position, item, _UNPROVED)
    if not (item.is_itself and item.stands):
        raise _damage(tables, "items", item.item, item, _UNPROVED)
    if item.status != DONE:
        raise _damage(tables, "items", item.item, item, "it has a result and is not done")
    try:
        key, _ = tables.sealing.item(item.key, item.payload)
        lines = tables.sealing.text("result", item.item, item.key, row.lines)
        return Result(row.position, key, SHAPES[row.shape], lines)
    except KeyMissingError:
        raise
    except UNREADABLE as error:
        raise _damage(tables, "results", row.position, item, f"it cannot be read: {error}") from error


def _item(tables: Tables, row: ItemRow) -> StoredItem:
    if not (row.is_itself and row.stands):
        raise _damage(tables, "items", row.item, row, _UNPROVED)
    try:
        key, payload = tables.sealing.item(row.key, row.payload)
        error = None if row.error is None else tables.sealing.text("error", row.item, row.key, row.error)
        status = STATUSES[row.status]
        return StoredItem(row.item, key, payload, status, row.attempts, row.not_before, error, row.lost)
    except KeyMissingError:
        raise
    except UNREADABLE as unreadable:
        raise _damage(tables, "items", row.item, row, f"it cannot be read: {unreadable}") from unreadable


def _damage(tables: Tables, table: str, row: int, item: ItemRow, problem: str) -> _DamageError:
    """What will become of it is for the one to say who mends it; until then it counts as to be done again."""
    return _DamageError(Finding(table, row, tables.name(item.key, item.payload), problem, Remedy.PENDING))


def _damaged(findings: Sequence[Finding]) -> LedgerCorruptionError:
    keys = [finding.key for finding in findings if finding.key is not None]
    first = findings[0]
    more = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
    return LedgerCorruptionError(
        f"the ledger is damaged: {first.table} row {first.row} ({first.key}): {first.problem}{more}",
        context={
            "damaged": len(findings),
            "keys": keys[:KEYS_TOLD_MAX],
            "rows": [[finding.table, finding.row] for finding in findings[:KEYS_TOLD_MAX]],
        },
    )


def _damaged_fact(name: str) -> LedgerCorruptionError:
    message = f"the ledger is damaged: the checksum of its fact {name!r} does not fit"
    return LedgerCorruptionError(message, context={"damaged": 1, "facts": [name]})
