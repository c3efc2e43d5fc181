"""A ledger looked through, a slice at a time: its facts and results, then its items, at last what is kept about them.

The results tell which items are done. That is remembered, a byte an item, until the items come; so each row is read once.
Between slices the job goes on: results that came meanwhile are read before each slice of items, in the same transaction.
"""

import json
from collections.abc import Sequence
from typing import Any

from outlast.ledger.aside import look_at_facts, look_at_the_rest
from outlast.ledger.health import Examined, Finding, Remedy
from outlast.ledger.marks import Marks
from outlast.ledger.mending import mend, opens, take_out_results
from outlast.ledger.rows import LOST, ItemRow, ResultRow, identity_of, is_proved, result_checksum
from outlast.ledger.schema import DONE, FAILED, NOBODY
from outlast.ledger.tables import UNREADABLE, Tables

__all__ = ["Sweep"]


ROW_BYTES_MIN = 32
"""An item takes at least as much of the file, with its index; ids follow each other, so none is beyond the file's size by that."""


class Sweep:
    """One look through the whole ledger; what it finds is mended where the file is open for writing.

    `deep` also looks up every key in its index, which takes as long again. `apart`: what has to be asked of all rows at once is
    answered elsewhere; `asks` then says that the last slice waits for that, and `fits` takes the answer.
    """

    def __init__(self, tables: Tables, *, deep: bool = False, apart: bool = False) -> None:
        self._tables = tables
        self._deep = deep
        self._apart = apart
        self.asks = False
        self.fits: bool | None = None
        self._proved = Marks()
        self._position = 0
        self._item = 0
        self._begun = False
        self._index_fits = True
        self._items_fit = True
        self._unclaimed = 0
        self.items = 0
        self.results = 0
        self.facts = 0

    def look_on(self, limit: int) -> Examined:
        """Look at about `limit` more rows, fewer where they are large, within one transaction. `next` tells how many rows were looked at, plus one."""
        findings: list[Finding] = []
        if not self._begun:
            self._begun = True
            self.facts, findings = look_at_facts(self._tables)
        slice_ = (self._position, limit)
        results, large = self._tables.slice_of_results("WHERE position > ? ORDER BY position LIMIT ?", slice_)
        findings += self._look_at_results(results)
        if large or len(results) == limit:
            return self._examined(findings)
        # All results are known: what has none is not done.
        items, large = self._next_items(limit)
        findings += self._look_at_items(items)
        if large or len(items) == limit:
            return self._examined(findings)
        self.asks = self._apart and self.fits is None
        if self.asks:
            return self._examined(findings)
        findings += look_at_the_rest(
            self._tables,
            index_fits=self._index_fits,
            items_fit=self._items_fit,
            all_claimed=self._unclaimed == 0,
            fits=self.fits is True,
        )
        return Examined(None, tuple(findings))

    def _examined(self, findings: Sequence[Finding]) -> Examined:
        return Examined(self.items + self.results + 1, tuple(findings))

    def _look_at_results(self, rows: Sequence[tuple[Any, ...]]) -> list[Finding]:
        if not rows:
            return []
        self._position = rows[-1][0]
        self.results += len(rows)
        damaged = self._damaged_results(rows)
        findings = [
            Finding("results", row.position, self._key(row.item), problem, Remedy.REMOVED) for row, problem in damaged
        ]
        if self._tables.writable:
            take_out_results(self._tables, [row.position for row, _ in damaged])
        return findings

    def _damaged_results(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[ResultRow, str]]:
        [(newest,)] = self._tables.rows("SELECT ifnull(max(id), 0) FROM items")
        proved = self._proved
        proved.reach(min(newest + 1, self._rows_max()))
        seals = self._tables.sealing.seals
        damaged = []
        taken = []
        for row in rows:
            _, item, shape, lines, checksum = row
            if checksum != result_checksum(item, shape, lines):
                damaged.append((ResultRow._make(row), "its checksum does not fit"))
            elif item == NOBODY:
                continue
            elif item > newest:
                self._unclaimed += 1
            elif item in proved:
                damaged.append((ResultRow._make(row), "its item has a result already"))
            elif seals and not self._opens(item, lines):
                damaged.append((ResultRow._make(row), "it does not open"))
            else:
                proved.add(item)
                taken.append(item)
        self._unclaimed += len(taken) - self._passed_by(taken)
        return damaged

    def _passed_by(self, items: Sequence[int]) -> int:
        """How many of the items are there, and will not be looked at any more: they were recorded after their slice."""
        late = [item for item in items if item <= self._item]
        sql = "SELECT count(*) FROM items WHERE id IN (SELECT value FROM json_each(?))"
        return int(self._tables.rows(sql, (json.dumps(late),))[0][0]) if late else 0

    def _rows_max(self) -> int:
        db = self._tables.db
        pages: int = db.pragma("page_count") * db.pragma("page_size")
        return pages // ROW_BYTES_MIN

    def _opens(self, item: int, lines: bytes) -> bool:
        keys = self._tables.rows("SELECT CAST(key AS BLOB) FROM items WHERE id = ?", (item,))
        if not keys:
            return True  # nobody can tell; that its item is gone is said of it
        try:
            self._tables.sealing.text("result", item, keys[0][0], lines)
        except UNREADABLE:
            return False
        return True

    def _key(self, item: int) -> str | None:
        rows = [row for row in self._tables.items("WHERE items.id = ?", (item,)) if row.is_itself]
        return self._tables.name(rows[0].key, rows[0].payload) if rows else None

    def _next_items(self, limit: int) -> tuple[list[tuple[Any, ...]], bool]:
        # What is leased is in somebody's hands, and changed when it comes back.
        free = "AND items.id NOT IN (SELECT item FROM leases)" if self._tables.writable else ""
        return self._tables.slice_of_items(f"WHERE items.id > ? {free} ORDER BY items.id LIMIT ?", (self._item, limit))

    def _look_at_items(self, rows: Sequence[tuple[Any, ...]]) -> list[Finding]:
        if not rows:
            return []
        bounds = (self._item, rows[-1][0])
        self._item = rows[-1][0]
        self.items += len(rows)
        suspects = self._suspects(rows)
        findings = mend(self._tables, suspects, {row.item for row in suspects if row.item in self._proved})
        if self._deep and self._index_fits:
            self._index_fits = not self._tables.rows(
                "SELECT 1 FROM main.items AS item WHERE id > ? AND id <= ? AND id IS NOT (SELECT id "
                "FROM main.items AS twin INDEXED BY sqlite_autoindex_items_1 WHERE twin.key = item.key) LIMIT 1",
                bounds,
            )
        self._items_fit = self._items_fit and not findings
        return findings

    def _suspects(self, rows: Sequence[tuple[Any, ...]]) -> list[ItemRow]:
        tables, proved, seals = self._tables, self._proved, self._tables.sealing.seals
        suspects = []
        for row in rows:
            item, key, payload, status, attempts, not_before, error, identity, state = row
            finished = item in proved
            self._unclaimed -= finished
            if (
                identity != identity_of(key, payload)
                or not is_proved(item, (status, attempts, not_before, error), state)
                or (status == DONE) != finished
                or (payload == LOST and status not in {DONE, FAILED})
                or (seals and opens(tables, ItemRow._make(row)) is False)
            ):
                suspects.append(ItemRow._make(row))
        return suspects
