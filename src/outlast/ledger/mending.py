"""Damaged items put right, or what would be done about them said, where the file may only be read."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import apsw

from outlast.ledger.health import Finding, Remedy
from outlast.ledger.port import NewItem
from outlast.ledger.reading import true_counts
from outlast.ledger.rows import LOST, ItemRow, Stored, identity_of, is_proved, result_checksum, state_of
from outlast.ledger.schema import FAILED, NOBODY, PENDING
from outlast.ledger.tables import UNREADABLE, Tables
from outlast.ledger.verdict import Verdict, judge

__all__ = ["LOST_ERROR", "is_due", "mend", "opens", "proved_items", "recount", "revive", "take_out_results"]

LOST_ERROR = json.dumps(
    {
        "type": "outlast.errors.LedgerCorruptionError",
        "message": "the payload of this item was lost to damage of the ledger; add the item again to have it done",
        "status": None,
        "class": "local_resource",
        "signature": "ledger: payload lost to damage",
        "traceback": "",
    }
)
"""The failure of an item that was given up because its payload was lost."""


def is_due(tables: Tables, row: ItemRow) -> bool:
    """Whether an item waits, and can be handed out."""
    return row.status == PENDING and row.is_itself and row.stands and not row.lost and opens(tables, row) is not False


def opens(tables: Tables, row: ItemRow) -> bool | None:
    """Whether the seal of an item opens; None where there is none to ask."""
    if not tables.sealing.seals or row.lost:
        return None
    try:
        tables.sealing.item(row.key, row.payload)
    except UNREADABLE:
        return False
    return True


def mend(tables: Tables, rows: Sequence[ItemRow], proved: Collection[int]) -> list[Finding]:
    """Say of each of these items what is wrong, and put it right where the file is open for writing.

    `proved` are those of them that have an intact result.
    """
    spare_keys = _spare_keys(tables, [row.item for row in rows if not row.is_itself])
    findings: list[Finding] = []
    for row in rows:
        verdict = judge(row, spare_keys.get(row.item), proved=row.item in proved, opens=opens(tables, row))
        if verdict is not None:
            remedy = _written(tables, row, verdict) if tables.writable else verdict.remedy
            name = tables.name(verdict.row.key, row.payload)
            findings.append(Finding("items", row.item, name, verdict.problem, remedy))
    if findings and tables.writable:
        recount(tables)
    return findings


def proved_items(tables: Tables, items: Sequence[int]) -> set[int]:
    """Those of the items that have an intact result; it reads all results."""
    pairs = tables.results_with_items("WHERE results.item IN (SELECT value FROM json_each(?))", (json.dumps(items),))
    return {row.item for row, _ in pairs if row.proved}


def take_out_results(tables: Tables, positions: Sequence[int]) -> None:
    """Let these results be nobody's. Their positions stay taken."""
    nothing = (NOBODY, 0, "")
    tables.db.executemany(
        "UPDATE results SET item = ?, shape = ?, lines = ?, checksum = ? WHERE position = ?",
        [(*nothing, result_checksum(*nothing), position) for position in positions],
    )


def recount(tables: Tables) -> None:
    """Set the kept counts to the truth."""
    tables.change.clear()
    tables.db.executemany("INSERT OR REPLACE INTO counts VALUES (?, ?)", list(true_counts(tables).items()))


def revive(tables: Tables, items: Sequence[NewItem]) -> int:
    """Give back their payloads to the items among these that were given up without; the number of those."""
    if not tables.rows("SELECT 1 FROM items INDEXED BY items_lost WHERE payload = x'' LIMIT 1"):
        return 0
    rows = []
    for item in items:
        key = tables.sealing.to_key(item.key)
        payload = tables.sealing.to_payload(key, item.key, item.payload)
        rows.append((payload, identity_of(key, payload), key))
    before = tables.db.total_changes()
    tables.db.executemany(
        "UPDATE items SET payload = ?, identity = ?, status = 0, attempts = 0, not_before = NULL, error = NULL, state = NULL "
        "WHERE key = ? AND status = 3 AND payload = x''",
        rows,
    )
    revived = tables.db.total_changes() - before
    tables.change[PENDING] += revived
    tables.change[FAILED] -= revived
    return revived


def _spare_keys(tables: Tables, items: Sequence[int]) -> dict[int, bytes]:
    """The keys of these items as the index has them; it reads the whole index."""
    if not items:
        return {}
    found = tables.rows(
        "SELECT id, CAST(key AS BLOB) FROM main.items INDEXED BY sqlite_autoindex_items_1 "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(items),),
    )
    return {item: key for item, key in found if _is_text(key)}


def _is_text(key: bytes) -> bool:
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True


def _written(tables: Tables, before: ItemRow, verdict: Verdict) -> Remedy:
    row = verdict.row
    columns: dict[str, Any] = {
        "status": row.status,
        "attempts": row.attempts,
        "not_before": row.not_before,
        "identity": row.identity,
    }
    error: Stored | None = row.error
    if row.error is None:
        lost = verdict.remedy is Remedy.FAILED
        error = tables.sealing.to_text("error", row.item, row.key.decode(), LOST_ERROR) if lost else None
        columns["error"] = error
    if row.lost:
        columns["payload"] = LOST
    if row.key != before.key:
        columns["key"] = row.key.decode()
    stand = (row.status, row.attempts, row.not_before, error)
    columns["state"] = None if is_proved(row.item, stand, None) else state_of(row.item, *stand)
    return verdict.remedy if _update(tables, row.item, columns) else Remedy.REPAIR


def _update(tables: Tables, item: int, columns: Mapping[str, Any]) -> bool:
    # So set, SQLite mends its indexes where an entry is missing that the damaged row calls for, and does not refuse the row.
    tables.db.execute("PRAGMA writable_schema = ON")
    try:
        assignments = ", ".join(f"{name} = ?" for name in columns)
        tables.db.execute(f"UPDATE items SET {assignments} WHERE id = ?", (*columns.values(), item))  # noqa: S608
    except apsw.ConstraintError:
        return False
    finally:
        tables.db.execute("PRAGMA writable_schema = OFF")
    if columns["status"] != PENDING:
        tables.db.execute("DELETE FROM leases WHERE item = ?", (item,))
    return True
