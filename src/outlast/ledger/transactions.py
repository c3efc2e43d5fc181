"""How a batch of requests becomes one transaction, and what its errors mean for the batch and for all that follow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from outlast.errors import LedgerUnavailableError, ResilienceException
from outlast.ledger import changes
from outlast.ledger.connection import LOG_PAGES_MAX, copy_log, cut_log, explained
from outlast.ledger.port import Record
from outlast.ledger.tables import Tables
from outlast.storage.disk import Disk, OsDisk

__all__ = ["Read", "Request", "Transactions", "Write"]

_OF_ONE = (
    ResilienceException,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    apsw.TooBigError,
    apsw.ConstraintError,
    apsw.MismatchError,
)
"""Errors of one request of a batch; anything else is trouble of the file, which the whole batch has."""


@dataclass(frozen=True, slots=True)
class Read:
    """A question; it is answered before the batch's changes, from what is already durable."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Write:
    """A change; `call` makes it within the batch's transaction, and may be called again when that is taken back."""

    call: Callable[[], Any]


Request = Record | Read | Write


class Transactions:
    """Commits on one connection, used by one thread at a time; `taken_back` is called when what `Write`s did was undone.

    An I/O error while committing breaks it for good: the system may have forgotten what it could not write, so a later commit
    would claim what nobody can know. A full disk does not; that transaction is taken back, and the next may fit.
    """

    def __init__(self, tables: Tables, path: Path, taken_back: Callable[[], None], disk: Disk | None = None) -> None:
        self._tables = tables
        self._db = tables.db
        self._path = path
        self._disk = disk or OsDisk()
        self._taken_back = taken_back
        self._broken: str | None = None
        self._log_pages = 0
        self._db.set_wal_hook(self._note_log)

    def apply(self, batch: Sequence[Request]) -> Sequence[Any]:
        """An outcome for each request: what it gave, or the error it came to."""
        if self._broken is not None:
            raise LedgerUnavailableError(
                f"the ledger {self._path} cannot be used since an earlier error: {self._broken}; open it again",
                context={"path": str(self._path)},
            )
        outcomes: list[Any] = [None] * len(batch)
        records: list[int] = []
        writes: list[int] = []
        for place, request in enumerate(batch):
            if isinstance(request, Record):
                records.append(place)
            elif isinstance(request, Write):
                writes.append(place)
            else:
                outcomes[place] = self._answer(request)
        if records or writes:
            self._commit(batch, records, writes, outcomes)
        return outcomes

    def _answer(self, request: Read) -> Any:
        try:
            return request.call()
        except Exception as error:  # noqa: BLE001 - it goes to the one who asked
            return explained(error, self._path)

    def _commit(self, batch: Sequence[Any], records: list[int], writes: list[int], outcomes: list[Any]) -> None:
        places = records + writes
        try:
            try:
                self._transact(partial(self._do_together, batch, records, writes, outcomes))
            except _OF_ONE:
                self._transact(partial(self._do_one_by_one, batch, places, outcomes))
        except Exception as error:  # noqa: BLE001 - it goes to all who asked
            ours = explained(error, self._path)
            for place in places:
                outcomes[place] = ours
        else:
            self._copy_log()

    def _transact(self, work: Callable[[], None]) -> None:
        tables = self._tables
        found = len(tables.found)
        try:
            # `with` on an apsw connection is a savepoint; a plain transaction is what lets a reader go on while this waits.
            self._db.execute("BEGIN IMMEDIATE")
            work()
            self._db.executemany(
                "UPDATE counts SET n = n + ? WHERE status = ?",
                [(change, status) for status, change in tables.change.items() if change],
            )
            self._db.execute("COMMIT")
        except BaseException as error:
            self._taken_back()
            del tables.found[found:]
            # SHMSIZE: no room for the index of the log, before anything was written. That is a full disk.
            if isinstance(error, apsw.IOError) and getattr(error, "extendedresult", None) != apsw.SQLITE_IOERR_SHMSIZE:
                self._broken = str(error)
            self._roll_back()
            if self._broken is not None:
                cut_log(self._db, self._disk)
            raise
        finally:
            tables.change.clear()

    def _roll_back(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except apsw.Error as error:
            self._broken = self._broken or str(error)

    def _do_together(self, batch: Sequence[Any], records: list[int], writes: list[int], outcomes: list[Any]) -> None:
        if records:
            for place, stale in zip(
                records, changes.record(self._tables, [batch[place] for place in records]), strict=True
            ):
                outcomes[place] = stale
        for place in writes:
            outcomes[place] = batch[place].call()

    def _do_one_by_one(self, batch: Sequence[Any], places: Sequence[int], outcomes: list[Any]) -> None:
        tables = self._tables
        for place in places:
            request, change, found = batch[place], tables.change.copy(), len(tables.found)
            self._db.execute("SAVEPOINT one")
            try:
                alone = isinstance(request, Record)
                outcomes[place] = changes.record(tables, [request])[0] if alone else request.call()
            except _OF_ONE as error:
                self._db.execute("ROLLBACK TO one")
                self._taken_back()
                tables.change = change
                del tables.found[found:]
                outcomes[place] = explained(error, self._path)
            self._db.execute("RELEASE one")

    def _note_log(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _copy_log(self) -> None:
        if self._log_pages < LOG_PAGES_MAX:
            return
        try:
            copy_log(self._db)
        except apsw.Error as error:
            # What was just committed is durable in the log, and stays there.
            self._broken = str(error)

    def close(self) -> None:
        """Let go of the file. After an I/O error the log is left to whoever opens it next."""
        if self._broken is not None:
            self._db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        # The connection knows of us by its hook; without that, nothing keeps either of us alive.
        self._db.set_wal_hook(None)
        self._db.close()
