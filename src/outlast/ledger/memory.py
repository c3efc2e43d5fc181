"""The ledger in memory: for tests, and for jobs that need not survive their process."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from outlast.errors import StaleLeaseError
from outlast.ledger.health import Examined, Finding
from outlast.ledger.port import (
    Counts,
    ItemStatus,
    Lease,
    NewItem,
    Record,
    Result,
    StoredFailure,
    StoredItem,
    refuse_unless_retried,
)
from outlast.storage.strictjson import decode, encode

__all__ = ["MemoryLedger"]


@dataclass(slots=True)
class _Row:
    item: int
    key: str
    payload: str | None
    status: ItemStatus = ItemStatus.PENDING
    attempts: int = 0
    not_before: float | None = None
    error: str | None = None
    owner: str | None = None
    expires: float = 0.0
    token: int = 0


class MemoryLedger:
    """A `Ledger` that lives and dies with its process. What it costs is linear in the number of items that are not done: keep jobs small."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._known: dict[str, _Row] = {}
        self._of_status: dict[ItemStatus, dict[int, _Row]] = {status: {} for status in ItemStatus}
        self._results: list[Result] = []
        self._facts: dict[str, bytes] = {}
        self._token = 0

    async def add(self, items: Sequence[NewItem], /) -> int:
        before = len(self._rows)
        for item in items:
            if item.key not in self._known:
                row = _Row(len(self._rows) + 1, item.key, item.payload)
                self._known[item.key] = self._of_status[row.status][row.item] = row
                self._rows.append(row)
        return len(self._rows) - before

    async def lease(self, owner: str, count: int, now: float, expires: float, /) -> list[Lease]:
        self._make_pending(now, count)
        leased: list[Lease] = []
        for item in nsmallest(count, self._of_status[ItemStatus.PENDING]):
            row = self._rows[item - 1]
            self._token += 1
            self._move(row, ItemStatus.LEASED)
            row.owner, row.expires, row.token = owner, expires, self._token
            leased.append(Lease(item, row.key, row.payload, row.attempts, self._token))
        return leased

    async def record(self, record: Record, /) -> None:
        row = self._rows[record.lease.item - 1]
        if row.status is not ItemStatus.LEASED or row.token != record.lease.token:
            raise StaleLeaseError(context={"key": row.key, "token": record.lease.token})
        self._move(row, record.status)
        row.attempts, row.error = record.attempts, record.error
        row.not_before, row.owner = record.not_before, None
        if record.status is ItemStatus.DONE:
            self._results.append(Result(len(self._results) + 1, row.key, record.shape, record.lines))
        await self.add(record.children)

    async def renew(self, owner: str, expires: float, /) -> int:
        held = self._held(owner)
        for row in held:
            row.expires = expires
        return len(held)

    async def release(self, owner: str | None = None, /) -> int:
        held = self._held(owner)
        for row in held:
            self._move(row, ItemStatus.PENDING)
            row.owner = None
        return len(held)

    async def retry(self, status: ItemStatus = ItemStatus.FAILED, items: Sequence[int] | None = None, /) -> int:
        refuse_unless_retried(status)
        chosen = self._of(status, range(1, len(self._rows) + 1) if items is None else items)
        for row in chosen:
            self._move(row, ItemStatus.PENDING)
            row.attempts, row.not_before, row.error = 0, None, None
        return len(chosen)

    async def ignore(self, items: Sequence[int], /) -> int:
        chosen = self._of(ItemStatus.FAILED, items)
        for row in chosen:
            self._move(row, ItemStatus.IGNORED)
        return len(chosen)

    async def counts(self) -> Counts:
        return Counts(**{status.value: len(rows) for status, rows in self._of_status.items()})

    async def next_due(self) -> float | None:
        deferred = self._of_status[ItemStatus.DEFERRED].values()
        return min((row.not_before for row in deferred if row.not_before is not None), default=None)

    async def results(self, after: int, limit: int, /) -> list[Result]:
        return self._results[after : after + limit]

    async def position(self) -> int:
        return len(self._results)

    async def failures(self, after: int, limit: int, status: ItemStatus = ItemStatus.FAILED, /) -> list[StoredFailure]:
        wanted = nsmallest(limit, (item for item in self._of_status[status] if item > after))
        rows = [self._rows[item - 1] for item in wanted]
        return [StoredFailure(row.item, row.key, row.attempts, row.error or "", row.payload) for row in rows]

    async def items(self, after: int, limit: int, /) -> list[StoredItem]:
        return [
            StoredItem(row.item, row.key, row.payload, _unleased(row.status), row.attempts, row.not_before, row.error)
            for row in self._rows[after : after + limit]
        ]

    async def get(self, name: str, /) -> Any:
        stored = self._facts.get(name)
        return None if stored is None else decode(stored)

    async def put(self, name: str, value: Any, /) -> None:
        self._facts[name] = encode(value)

    async def examine(self, _after: int, _limit: int, /) -> Examined:
        """Memory does not rot in a way that anybody here could see."""
        return Examined(None)

    async def damage(self) -> list[Finding]:
        return []

    async def close(self) -> None:
        """Nothing is held open; the items stay readable."""

    def _of(self, status: ItemStatus, items: Iterable[int]) -> list[_Row]:
        rows = [self._rows[item - 1] for item in sorted(set(items)) if 0 < item <= len(self._rows)]
        return [row for row in rows if row.status is status]

    def _held(self, owner: str | None) -> list[_Row]:
        return [row for row in self._of_status[ItemStatus.LEASED].values() if owner in {None, row.owner}]

    def _make_pending(self, now: float, count: int) -> None:
        expired = [row for row in self._of_status[ItemStatus.LEASED].values() if row.expires <= now]
        deferred = self._of_status[ItemStatus.DEFERRED].values()
        due = [(row.not_before, row.item) for row in deferred if row.not_before is not None and row.not_before <= now]
        for row in [*expired, *(self._rows[item - 1] for _, item in nsmallest(count, due))]:
            self._move(row, ItemStatus.PENDING)
            row.owner, row.not_before = None, None

    def _move(self, row: _Row, status: ItemStatus) -> None:
        del self._of_status[row.status][row.item]
        row.status = status
        self._of_status[status][row.item] = row


def _unleased(status: ItemStatus) -> ItemStatus:
    return ItemStatus.PENDING if status is ItemStatus.LEASED else status
