"""A ledger's file, and all that can be asked of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from outlast.ledger import changes, connection, given_up, opening, reading
from outlast.ledger.aside import fits_its_rows
from outlast.ledger.check import check, look_in_peace
from outlast.ledger.connection import translated
from outlast.ledger.health import Examined, Finding, Health
from outlast.ledger.image import state_at_rest
from outlast.ledger.port import Counts, ItemStatus, Lease, NewItem, Result, Sizes, StoredFailure, StoredItem
from outlast.ledger.sweep import Sweep
from outlast.ledger.transactions import Read, Request, Transactions, Write
from outlast.storage.disk import Disk

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["LedgerFile", "Read", "Request", "Write"]


class LedgerFile:
    """An open ledger; used by one thread at a time. What changes it is called within a `Write` that goes through `apply`."""

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool,
        keys: "Keyring | None" = None,
        locked: bool = False,
        vfs: str | None = None,
        disk: Disk | None = None,
    ) -> None:
        self._path = path
        self._keys = keys
        self._sweep: Sweep | None = None
        self._alone = vfs is not None
        self._disk = disk
        self._open = partial(
            opening.open_tables, path, read_only=read_only, keys=keys, locked=locked, vfs=vfs, disk=disk
        )
        with translated(path):
            self._begin(state_at_rest(path) if read_only and vfs is None else None)

    @property
    def writable(self) -> bool:
        return self._tables.writable

    def apply(self, batch: Sequence[Request]) -> Sequence[Any]:
        """An outcome for each request: what it gave, or the error it came to."""
        outcomes = self._transactions.apply(batch)
        if not self._was_disturbed():
            return outcomes
        with translated(self._path):
            self._transactions.close()
            self._start_over()
            self._begin(None)
        return self._transactions.apply(batch)

    def add(self, items: Sequence[NewItem]) -> int:
        return changes.add(self._tables, items)

    def lease(self, owner: str, count: int, now: float, expires: float) -> list[Lease]:
        return changes.lease(self._tables, owner, count, now, expires)

    def renew(self, owner: str, expires: float) -> int:
        return changes.renew(self._tables, owner, expires)

    def release(self, owner: str | None) -> int:
        return changes.release(self._tables, owner)

    def retry(self, status: ItemStatus, items: Sequence[int]) -> int:
        return given_up.retry(self._tables, status, items)

    def retry_on(self, status: ItemStatus, after: int) -> tuple[int, int | None]:
        return given_up.retry_on(self._tables, status, after)

    def ignore(self, items: Sequence[int]) -> int:
        return given_up.ignore(self._tables, items)

    def put(self, name: str, value: str) -> None:
        changes.put(self._tables, name, value)

    def rewrap(self) -> bool:
        """Let the first key wrap the data key; whether it did not yet. A plain ledger has nothing to wrap."""
        return self._keys is not None and opening.rewrap(self._tables, self._keys)

    def examine(self, after: int, limit: int) -> Examined:
        """A slice of the look through all rows that begins with `after` = 0; see `outlast.ledger.sweep`."""
        if after == 0 or self._sweep is None:
            self._sweep = Sweep(self._tables, apart=self.writable and not self._alone)
        if self.writable:
            return self._sweep.look_on(limit)
        return look_in_peace(self._tables, self._sweep, limit)

    @property
    def asks(self) -> bool:
        """Whether the next slice waits for `survey`."""
        return self._sweep is not None and self._sweep.asks

    def survey(self) -> None:
        """Ask what takes a look at all rows at once, on a connection of its own: to be called in another thread."""
        sweep = self._sweep
        if sweep is None:
            return
        try:
            db = connection.connect(self._path, read_only=True, vfs=None)
            try:
                sweep.fits = fits_its_rows(replace(self._tables, db=db, writable=False, change=Counter(), found=[]))
            finally:
                db.close()
        except apsw.Error:
            sweep.fits = False  # then the last slice looks for itself, and its error is the one to be told

    def counts(self) -> Counts:
        return reading.counts(self._tables)

    def next_due(self) -> float | None:
        return reading.next_due(self._tables)

    def results(self, after: int, limit: int) -> list[Result]:
        return reading.results(self._tables, after, limit)

    def position(self) -> int:
        return reading.position(self._tables)

    def failures(self, after: int, limit: int, status: ItemStatus) -> list[StoredFailure]:
        return reading.failures(self._tables, after, limit, status)

    def items(self, after: int, limit: int) -> list[StoredItem]:
        return reading.items(self._tables, after, limit)

    def get(self, name: str) -> Any:
        return reading.fact(self._tables, name)

    def damage(self) -> list[Finding]:
        found, self._tables.found = self._tables.found, []
        return found

    def check(self, *, deep: bool) -> Health:
        """What is wrong with the whole ledger; nothing is changed in it."""
        return check(replace(self._tables, writable=False, change=Counter(), found=[]), deep=deep)

    def sizes(self) -> Sizes:
        return connection.sizes(self._tables.db)

    def close(self) -> None:
        with translated(self._path):
            self._transactions.close()

    def _begin(self, at_rest: tuple[int, int, int] | None) -> None:
        """Open the file. One that nobody has open (`at_rest`) is read as it is; once that is not so any more, as one in use."""
        self._at_rest = at_rest
        try:
            self._tables = self._open(at_rest=at_rest is not None)
        except Exception:
            if not self._was_disturbed():
                raise
            self._begin(None)
        else:
            self._transactions = Transactions(self._tables, self._path, self._start_over, self._disk)

    def _was_disturbed(self) -> bool:
        return self._at_rest is not None and state_at_rest(self._path) != self._at_rest

    def _start_over(self) -> None:
        # The sweep has gone on to rows whose mending was taken back.
        self._sweep = None
