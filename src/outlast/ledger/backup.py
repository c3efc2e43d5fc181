"""A copy of a ledger as it is at one moment, made while a job goes on writing to it."""

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
        try:
            with publishing(target, disk=disk) as aside:
                _copy(source, aside)
                health = _checked(source, aside)
                size = aside.stat().st_size
        except FileExistsError as error:
            message = f"{target} exists: name a file that does not"
            raise LedgerUnavailableError(message, context={"path": str(target)}) from error
    return BackedUp(health.items, health.results, size)


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
            with copy.backup("main", original, "main") as pages:
                pages.step(-1)
            # One file, without a log beside it.
            copy.pragma("journal_mode", "delete")
        finally:
            copy.close()
    finally:
        original.close()


def _checked(source: Path, aside: Path) -> Health:
    tables = open_tables(aside, read_only=True, keys=None, locked=True, vfs=None, disk=None)
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
