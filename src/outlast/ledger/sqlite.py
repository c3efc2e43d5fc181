"""The ledger in one SQLite file, as the port wants it: every request joins the next group commit."""

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from outlast.ledger.groupcommit import GroupCommit
from outlast.ledger.port import Counts, ItemStatus, Lease, NewItem, Record, Result, StoredFailure
from outlast.ledger.sqlfile import LedgerFile, Read, Request, Write
from outlast.storage.strictjson import encode

__all__ = ["SqliteLedger"]


class SqliteLedger:
    """A `Ledger` in one file. Open it with `SqliteLedger.open` on a running event loop.

    I/O trouble (a full disk, a read-only directory) is `LedgerUnavailableError` and takes nothing back that was recorded;
    damage is `LedgerCorruptionError`.
    """

    def __init__(self, file: "LedgerFile") -> None:
        self._file = file
        self._commits: GroupCommit[Request] = GroupCommit(file.apply, "outlast-ledger")

    @classmethod
    async def open(cls, path: Path, *, read_only: bool = False) -> "SqliteLedger":
        """Open the ledger at `path`; without `read_only` it is created where there is none."""
        return cls(await asyncio.to_thread(LedgerFile, path, read_only=read_only))

    def add(self, items: Sequence[NewItem], /) -> Awaitable[int]:
        return self._commits.submit(Write(partial(self._file.add, items)))

    def lease(self, owner: str, count: int, now: float, expires: float, /) -> Awaitable[list[Lease]]:
        return self._commits.submit(Write(partial(self._file.lease, owner, count, now, expires)))

    def record(self, record: Record, /) -> Awaitable[None]:
        return self._commits.submit(record)

    def renew(self, owner: str, expires: float, /) -> Awaitable[int]:
        return self._commits.submit(Write(partial(self._file.renew, owner, expires)))

    def release(self, owner: str | None = None, /) -> Awaitable[int]:
        return self._commits.submit(Write(partial(self._file.release, owner)))

    def retry(self, status: ItemStatus = ItemStatus.FAILED, /) -> Awaitable[int]:
        return self._commits.submit(Write(partial(self._file.retry, status)))

    def counts(self) -> Awaitable[Counts]:
        return self._commits.submit(Read(self._file.counts))

    def next_due(self) -> Awaitable[float | None]:
        return self._commits.submit(Read(self._file.next_due))

    def results(self, after: int, limit: int, /) -> Awaitable[list[Result]]:
        return self._commits.submit(Read(partial(self._file.results, after, limit)))

    def position(self) -> Awaitable[int]:
        return self._commits.submit(Read(self._file.position))

    def failures(self, after: int, limit: int, /) -> Awaitable[list[StoredFailure]]:
        return self._commits.submit(Read(partial(self._file.failures, after, limit)))

    def get(self, name: str, /) -> Awaitable[Any]:
        return self._commits.submit(Read(partial(self._file.get, name)))

    def put(self, name: str, value: Any, /) -> Awaitable[None]:
        return self._commits.submit(Write(partial(self._file.put, name, encode(value).decode())))

    async def close(self) -> None:
        """Commit what is waiting and close the file; it may be called again."""
        await self._commits.close(self._file.close)
