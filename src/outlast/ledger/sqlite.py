"""The ledger in one SQLite file, as the port wants it: every request joins the next group commit."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.ledger.given_up import SLICE
from outlast.ledger.groupcommit import GroupCommit
from outlast.ledger.health import Examined, Finding, Health
from outlast.ledger.port import (
    Counts,
    ItemStatus,
    Lease,
    NewItem,
    Record,
    Result,
    Sizes,
    StoredFailure,
    StoredItem,
    refuse_unless_retried,
)
from outlast.ledger.sqlfile import LedgerFile, Read, Request, Write
from outlast.storage.disk import Disk
from outlast.storage.strictjson import encode

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["SqliteLedger"]


class SqliteLedger:
    """A `Ledger` in one file. Open it with `SqliteLedger.open` on a running event loop.

    I/O trouble (a full disk, a read-only directory) is `LedgerUnavailableError` and takes nothing back that was recorded;
    damage is `LedgerCorruptionError`. After an error of the disk itself every request is refused, until the ledger is opened anew.
    """

    def __init__(self, file: "LedgerFile") -> None:
        self._file = file
        self._commits: GroupCommit[Request] = GroupCommit(file.apply, "outlast-ledger")

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        read_only: bool = False,
        keys: "Keyring | None" = None,
        locked: bool = False,
        vfs: str | None = None,
        disk: Disk | None = None,
    ) -> "SqliteLedger":
        """Open the ledger at `path`; without `read_only` it is created where there is none, and migrated where it is older.

        With `keys` it is a sealed one, without a plain one. `locked` opens a sealed one without its key: its counts, its job and
        its health can be asked, the rest is `KeyMissingError`. `vfs` is the apsw VFS and `disk` the disk to be used in place of
        the system's.

        Raises `KeyMissingError` when a sealed ledger's key is not at hand, and `LedgerError` for a plain ledger with `keys` and
        for one of a later version.
        """
        opened = partial(LedgerFile, path, read_only=read_only, keys=keys, locked=locked, vfs=vfs, disk=disk)
        opening = asyncio.get_running_loop().run_in_executor(None, opened)
        try:
            return cls(await asyncio.shield(opening))
        except asyncio.CancelledError:
            opening.add_done_callback(_close)
            raise

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

    async def retry(self, status: ItemStatus = ItemStatus.FAILED, items: Sequence[int] | None = None, /) -> int:
        refuse_unless_retried(status)
        if items is not None:
            return await self._in_slices(partial(self._file.retry, status), items)
        again = 0
        after: int | None = 0
        while after is not None:
            changed, after = await self._commits.submit(Write(partial(self._file.retry_on, status, after)))
            again += changed
        return again

    async def ignore(self, items: Sequence[int], /) -> int:
        return await self._in_slices(self._file.ignore, items)

    def counts(self) -> Awaitable[Counts]:
        return self._commits.submit(Read(self._file.counts))

    def next_due(self) -> Awaitable[float | None]:
        return self._commits.submit(Read(self._file.next_due))

    def results(self, after: int, limit: int, /) -> Awaitable[list[Result]]:
        return self._commits.submit(Read(partial(self._file.results, after, limit)))

    def position(self) -> Awaitable[int]:
        return self._commits.submit(Read(self._file.position))

    def failures(
        self, after: int, limit: int, status: ItemStatus = ItemStatus.FAILED, /
    ) -> Awaitable[list[StoredFailure]]:
        return self._commits.submit(Read(partial(self._file.failures, after, limit, status)))

    def items(self, after: int, limit: int, /) -> Awaitable[list[StoredItem]]:
        return self._commits.submit(Read(partial(self._file.items, after, limit)))

    def get(self, name: str, /) -> Awaitable[Any]:
        return self._commits.submit(Read(partial(self._file.get, name)))

    def put(self, name: str, value: Any, /) -> Awaitable[None]:
        return self._commits.submit(Write(partial(self._file.put, name, encode(value).decode())))

    async def examine(self, after: int, limit: int, /) -> Examined:
        if self._file.asks and after:
            await asyncio.to_thread(self._file.survey)
        look = partial(self._file.examine, after, limit)
        examined: Examined = await self._commits.submit(Write(look) if self._file.writable else Read(look))
        return examined

    def damage(self) -> Awaitable[list[Finding]]:
        return self._commits.submit(Read(self._file.damage))

    def check(self, *, deep: bool = False) -> Awaitable[Health]:
        """What is wrong with the whole ledger; nothing is changed in it, and nothing else is done meanwhile.

        `deep` also holds each index against its table.
        """
        return self._commits.submit(Read(partial(self._file.check, deep=deep)))

    def rewrap(self) -> Awaitable[bool]:
        """Let the first of the keys wrap the data key, so that the others can be dropped; whether it did not yet."""
        return self._commits.submit(Write(self._file.rewrap))

    def sizes(self) -> Awaitable[Sizes]:
        """What the ledger takes on the disk."""
        return self._commits.submit(Read(self._file.sizes))

    async def close(self) -> None:
        """Commit what is waiting and close the file; it may be called again."""
        await self._commits.close(self._file.close)

    async def _in_slices(self, change: Callable[[Sequence[int]], int], items: Sequence[int]) -> int:
        # Between two of them whoever waits is let in.
        slices = [items[start : start + SLICE] for start in range(0, len(items), SLICE)]
        return sum([await self._commits.submit(Write(partial(change, each))) for each in slices])


def _close(opening: "asyncio.Future[LedgerFile]") -> None:
    """Nobody is there any more to whom the opened file could be given."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
