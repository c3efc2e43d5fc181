"""What changes in a ledger file, within the transaction of whoever calls: items, leases, records, facts."""

from collections.abc import Sequence
from typing import Any

from outlast.errors import LedgerCorruptionError, StaleLeaseError
from outlast.ledger.aside import reindexed
from outlast.ledger.health import Remedy
from outlast.ledger.mending import is_due, mend, proved_items, revive
from outlast.ledger.migrate import keep_fact
from outlast.ledger.port import ItemStatus, Lease, NewItem, Record
from outlast.ledger.reading import next_due
from outlast.ledger.rows import LOST, ItemRow, identity_of, is_proved, result_checksum, state_of
from outlast.ledger.schema import DEFERRED, PENDING, SHAPE_NUMBER, SPARED, STATUS_NUMBER
from outlast.ledger.tables import UNREADABLE, Tables

__all__ = ["add", "lease", "put", "record", "release", "renew"]


def add(tables: Tables, items: Sequence[NewItem]) -> int:
    revived = revive(tables, items)
    to_key, to_payload = tables.sealing.to_key, tables.sealing.to_payload
    rows = []
    for item in items:
        key = to_key(item.key)
        payload = to_payload(key, item.key, item.payload)
        rows.append((key, payload, identity_of(key, payload)))
    before = tables.db.total_changes()
    tables.db.executemany(
        "INSERT INTO items (key, payload, identity) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING", rows
    )
    added = tables.db.total_changes() - before
    tables.change[PENDING] += added
    return added + revived


def record(tables: Tables, records: Sequence[Record]) -> list[StaleLeaseError | None]:
    """Write the records whose leases hold; for each record an error or None."""
    given_up = tables.db.executemany(
        "DELETE FROM leases WHERE item = ? AND token = ? RETURNING item, token",
        [(record.lease.item, record.lease.token) for record in records],
    )
    held = set(given_up)
    if len(held) == len(records):
        _write(tables, records)
        return [None] * len(records)
    outcomes: list[StaleLeaseError | None] = []
    good: list[Record] = []
    for each in records:
        key = (each.lease.item, each.lease.token)
        if key in held:
            held.remove(key)
            good.append(each)
            outcomes.append(None)
        else:
            outcomes.append(StaleLeaseError(context={"key": each.lease.key, "token": each.lease.token}))
    _write(tables, good)
    return outcomes


def _write(tables: Tables, records: Sequence[Record]) -> None:
    items: list[tuple[Any, ...]] = []
    results: list[tuple[Any, ...]] = []
    children: list[NewItem] = []
    seals, to_key, to_text = tables.sealing.seals, tables.sealing.to_key, tables.sealing.to_text
    for leased, status, attempts, shape, lines, enqueued, not_before, error in records:
        item, number = leased.item, STATUS_NUMBER[status]
        key = to_key(leased.key) if seals else leased.key
        stored = None if error is None else to_text("error", item, key, error)
        state = state_of(item, number, attempts, not_before, stored)
        items.append((number, attempts, not_before, stored, state, item))
        if status is ItemStatus.DONE:
            text = to_text("result", item, key, lines)
            shaped = SHAPE_NUMBER[shape]
            results.append((item, shaped, text, result_checksum(item, shaped, text)))
        if enqueued:
            children.extend(enqueued)
    tables.db.executemany(
        "UPDATE items SET status = ?, attempts = ?, not_before = ?, error = ?, state = ? WHERE id = ?", items
    )
    tables.db.executemany("INSERT INTO results (item, shape, lines, checksum) VALUES (?, ?, ?, ?)", results)
    tables.change[PENDING] -= len(items)
    for row in items:
        tables.change[row[0]] += 1
    if children:
        add(tables, children)


def lease(tables: Tables, owner: str, count: int, now: float, expires: float) -> list[Lease]:
    tables.db.execute("DELETE FROM leases WHERE expires <= ?", (now,))
    earliest = next_due(tables)
    if earliest is not None and earliest <= now:
        _make_pending(tables, now, count)
    tokens = tables.rows("UPDATE fence SET token = token + 1 RETURNING token")
    if len(tokens) != 1:
        raise LedgerCorruptionError("the ledger is damaged: its fencing token is gone", context={"table": "fence"})
    [(token,)] = tokens
    tables.db.execute(
        "INSERT INTO leases SELECT id, ?, ?, ? FROM items INDEXED BY items_pending "
        "WHERE status = 0 AND id NOT IN (SELECT item FROM leases) ORDER BY id LIMIT ?",
        (owner, expires, token, count),
    )
    chosen = tables.db.changes()
    rows = _leased(tables, token)
    if len(rows) != chosen:
        raise _index_damaged()
    leases = _leases(tables, rows, token)
    if leases is None:
        mended = _mended(tables, rows, token)
        leases = None if mended is None else _leases(tables, mended, token)
    return lease(tables, owner, count, now, expires) if leases is None else leases


def renew(tables: Tables, owner: str, expires: float) -> int:
    tables.db.execute("UPDATE leases SET expires = ? WHERE owner = ?", (expires, owner))
    return tables.db.changes()


def release(tables: Tables, owner: str | None) -> int:
    tables.db.execute("DELETE FROM leases WHERE owner = ifnull(?, owner)", (owner,))
    return tables.db.changes()


def put(tables: Tables, name: str, value: str) -> None:
    stored = tables.sealing.to_fact(name, value)
    keep_fact(tables.db, "facts", name, stored)
    if name in SPARED:
        keep_fact(tables.db, "spare", name, stored)


def _leased(tables: Tables, token: int) -> list[tuple[Any, ...]]:
    join = "leases CROSS JOIN items ON items.id = leases.item"
    return tables.bare_items("WHERE token = ? ORDER BY leases.item", (token,), source=join)


def _leases(tables: Tables, rows: Sequence[tuple[Any, ...]], token: int) -> list[Lease] | None:
    """What is handed out; None when one of the rows is damaged. `is_due` in one pass, because every item comes through here."""
    opened = tables.sealing.item
    leases = []
    for item, key, payload, status, attempts, not_before, error, identity, state in rows:
        if (
            status != PENDING
            or payload == LOST
            or identity != identity_of(key, payload)
            or not is_proved(item, (status, attempts, not_before, error), state)
        ):
            return None
        try:
            leases.append(Lease(item, *opened(key, payload), attempts, token))
        except UNREADABLE:
            return None
    return leases


def _mended(tables: Tables, bare: Sequence[tuple[Any, ...]], token: int) -> list[tuple[Any, ...]] | None:
    """Those of the leased rows that can be done, the damaged ones put right; None: they were chosen by a damaged index.

    That one is built anew then, and the choice is to be made again.
    """
    rows = [ItemRow._make(row) for row in bare]
    damaged = [row for row in rows if not is_due(tables, row)]
    tables.report(mend(tables, damaged, proved_items(tables, [row.item for row in damaged])))
    chosen = _leased(tables, token)
    if all(is_due(tables, ItemRow._make(row)) for row in chosen):
        return chosen
    tables.db.execute("DELETE FROM leases WHERE token = ?", (token,))
    finding = reindexed(tables)
    tables.report([finding])
    if finding.remedy is Remedy.REPAIR:
        raise _index_damaged()
    return None


def _make_pending(tables: Tables, now: float, count: int) -> None:
    rows = tables.items("WHERE items.status = 4 AND not_before <= ? ORDER BY not_before LIMIT ?", (now, count))
    due = [(None, state_of(row.item, PENDING, row.attempts, None, row.error), row.item) for row in rows if row.stands]
    tables.db.executemany("UPDATE items SET status = 0, not_before = ?, state = ? WHERE id = ?", due)
    tables.change[PENDING] += len(due)
    tables.change[DEFERRED] -= len(due)
    damaged = [row for row in rows if not row.stands]
    if damaged:
        tables.report(mend(tables, damaged, proved_items(tables, [row.item for row in damaged])))


def _index_damaged() -> LedgerCorruptionError:
    message = "the ledger is damaged: an index names items that are gone, or not waiting"
    return LedgerCorruptionError(message, context={"table": "items"})
