"""A copy of a ledger as it is at one moment, made while a job goes on writing to it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from outlast.errors import LedgerCorruptionError, LedgerUnavailableError
from outlast.ledger.check import check
from outlast.ledger.connection import connect, translated
from outlast.ledger.health import Health
from outlast.ledger.image import state_at_rest
from outlast.ledger.opening import open_tables
from outlast.storage.disk import Disk
from outlast.storage.publishing import publishing

__all__ = ["BackedUp", "backup"]


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds, all of it checked; `size` in bytes."""

    items: int
    results: int
    size: int


def backup(source: Path, target: Path, *, disk: Disk | None = None) -> BackedUp:
    """Copy the ledger at `source` to `target`, a name that is not taken; on return the copy is checked row by row, and durable.

    The job that writes it is not stopped, and what it commits meanwhile is not in the copy. A sealed ledger stays sealed, and
    its key is not needed. Raises `LedgerCorruptionError` when the ledger is damaged, `LedgerUnavailableError` when it cannot be
    read or the copy not be written; then there is nothing at `target` that was not there before.
    """
    with translated(source):
        if not source.exists():
            raise LedgerUnavailableError(f"there is no ledger at {source}", context={"path": str(source)})
        with _said_of(target), publishing(target, disk=disk) as aside:
            _copy(source, aside)
            health = _checked(source, aside)
            size = aside.stat().st_size
    return BackedUp(health.items, health.results, size)


@contextmanager
def _said_of(target: Path) -> Iterator[None]:
    """What keeps the copy from being written is said of the copy, and not of the ledger."""
    try:
        yield
    except FileExistsError as error:
        message = f"{target} exists: name a file that does not"
        raise LedgerUnavailableError(message, context={"path": str(target)}) from error
    except (OSError, _UnwrittenError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"{target} cannot be written: {reason}"
        raise LedgerUnavailableError(message, context={"path": str(target)}) from error


class _UnwrittenError(Exception):
    """SQLite could not write the copy."""


def _copy(source: Path, aside: Path) -> None:
    at_rest = state_at_rest(source)
    _copy_pages(source, aside, at_rest=at_rest is not None)
    if at_rest is not None and state_at_rest(source) != at_rest:
        # A job was begun meanwhile, and may have written between two pages.
        aside.write_bytes(b"")
        _copy_pages(source, aside, at_rest=False)


def _copy_pages(source: Path, aside: Path, *, at_rest: bool) -> None:
    original = connect(source, read_only=True, vfs=None, at_rest=at_rest)
    try:
        copy = apsw.Connection(str(aside))
        try:
            copy.execute("PRAGMA synchronous = OFF")  # it is synced as a whole
            # All pages in one step: the reader is there for as short as can be, and the log may be cut again.
            _all_pages(original, copy)
            # One file, without a log beside it.
            copy.pragma("journal_mode", "delete")
        finally:
            copy.close()
    finally:
        original.close()


def _all_pages(original: apsw.Connection, copy: apsw.Connection) -> None:
    pages = copy.backup("main", original, "main")
    try:
        pages.step(-1)
    except (apsw.FullError, apsw.IOError) as error:
        with suppress(apsw.Error):
            pages.close(force=True)
        # SQLite has no text for an error of a copy but "not an error".
        raise _UnwrittenError("the disk is full" if isinstance(error, apsw.FullError) else "disk I/O error") from error
    pages.finish()


def _checked(source: Path, aside: Path) -> Health:
    try:
        tables = open_tables(aside, read_only=True, keys=None, locked=True, vfs=None, disk=None)
    except LedgerCorruptionError as error:
        # The copy is as the ledger is, and it is the ledger that has to be looked at.
        message = error.message.replace(str(aside), str(source))
        raise LedgerCorruptionError(message, context={"path": str(source)}) from error
    try:
        health = check(tables, deep=True)
    finally:
        tables.db.close()
    if not health.sound:
        found = [*health.structure, *(f"{each.table} row {each.row}: {each.problem}" for each in health.findings)]
        raise LedgerCorruptionError(
            f"the ledger {source} is damaged, and so would be its backup ({found[0]}); nothing was written",
            context={"path": str(source), "damaged": health.damaged},
        )
    return health
