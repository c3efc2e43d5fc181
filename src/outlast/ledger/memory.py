"""The ledger in memory: for tests, and for jobs that need not survive their process."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    """A `Ledger` that lives and dies with its process. Everything is linear in the number of items: keep jobs small."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._known: dict[str, _Row] = {}
        self._results: list[Result] = []
        self._facts: dict[str, bytes] = {}
        self._token = 0

    async def add(self, items: Sequence[NewItem], /) -> int:
        before = len(self._rows)
        for item in items:
            if item.key not in self._known:
                row = _Row(item.key, item.payload)
                self._known[item.key] = row
                self._rows.append(row)
        return len(self._rows) - before

    async def lease(self, owner: str, count: int, now: float, expires: float, /) -> list[Lease]:
        self._make_pending(now, count)
        leased: list[Lease] = []
        for item, row in enumerate(self._rows, start=1):
            if len(leased) == count:
                break
            if row.status is ItemStatus.PENDING:
                self._token += 1
                row.status, row.owner, row.expires, row.token = ItemStatus.LEASED, owner, expires, self._token
                leased.append(Lease(item, row.key, row.payload, row.attempts, self._token))
        return leased

    async def record(self, record: Record, /) -> None:
        row = self._rows[record.lease.item - 1]
        if row.status is not ItemStatus.LEASED or row.token != record.lease.token:
            raise StaleLeaseError(context={"key": row.key, "token": record.lease.token})
        row.status, row.attempts, row.error = record.status, record.attempts, record.error
        row.not_before, row.owner = record.not_before, None
        if record.status is ItemStatus.DONE:
            self._results.append(Result(len(self._results) + 1, row.key, record.shape, record.lines))
        await self.add(record.children)

    async def renew(self, owner: str, expires: float, /) -> int:
        held = [row for row in self._rows if row.status is ItemStatus.LEASED and row.owner == owner]
        for row in held:
            row.expires = expires
        return len(held)

    async def release(self, owner: str | None = None, /) -> int:
        held = [row for row in self._rows if row.status is ItemStatus.LEASED and owner in {None, row.owner}]
        for row in held:
            row.status, row.owner = ItemStatus.PENDING, None
        return len(held)

    async def retry(self, status: ItemStatus = ItemStatus.FAILED, items: Sequence[int] | None = None, /) -> int:
        refuse_unless_retried(status)
        chosen = self._of(status, range(1, len(self._rows) + 1) if items is None else items)
        for row in chosen:
            row.status, row.attempts, row.not_before, row.error = ItemStatus.PENDING, 0, None, None
        return len(chosen)

    async def ignore(self, items: Sequence[int], /) -> int:
        chosen = self._of(ItemStatus.FAILED, items)
        for row in chosen:
            row.status = ItemStatus.IGNORED
        return len(chosen)

    async def counts(self) -> Counts:
        statuses = [row.status for row in self._rows]
        return Counts(**{status.value: statuses.count(status) for status in ItemStatus})

    async def next_due(self) -> float | None:
        return min(
            (row.not_before for row in self._rows if row.status is ItemStatus.DEFERRED and row.not_before is not None),
            default=None,
        )

    async def results(self, after: int, limit: int, /) -> list[Result]:
        return self._results[after : after + limit]

    async def position(self) -> int:
        return len(self._results)

    async def failures(self, after: int, limit: int, status: ItemStatus = ItemStatus.FAILED, /) -> list[StoredFailure]:
        failed = [
            StoredFailure(item, row.key, row.attempts, row.error or "", row.payload)
            for item, row in enumerate(self._rows, start=1)
            if row.status is status and item > after
        ]
        return failed[:limit]

    async def items(self, after: int, limit: int, /) -> list[StoredItem]:
        rows = list(enumerate(self._rows, start=1))[after : after + limit]
        return [
            StoredItem(item, row.key, row.payload, _unleased(row.status), row.attempts, row.not_before, row.error)
            for item, row in rows
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

    def _make_pending(self, now: float, count: int) -> None:
        expired = [row for row in self._rows if row.status is ItemStatus.LEASED and row.expires <= now]
        due = [
            (row.not_before, item, row)
            for item, row in enumerate(self._rows)
            if row.status is ItemStatus.DEFERRED and row.not_before is not None and row.not_before <= now
        ]
        for row in [*expired, *(row for *_, row in sorted(due)[:count])]:
            row.status, row.owner, row.not_before = ItemStatus.PENDING, None, None


def _unleased(status: ItemStatus) -> ItemStatus:
    return ItemStatus.PENDING if status is ItemStatus.LEASED else status
