"""A damaged ledger put right. What SQLite can still read is mended in its file; else a new one is built from the raw pages.

Nothing is thrown away: the damaged files are copied first. Killed at any moment, the ledger is the old one or the new one, and
repair can be run again. Hold the job's lock meanwhile.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import apsw

from outlast.errors import LedgerCorruptionError, LedgerError, LedgerUnavailableError
from outlast.ledger.changes import release
from outlast.ledger.check import check, structure_of
from outlast.ledger.connection import connect, translated
from outlast.ledger.health import Finding, Health, Remedy
from outlast.ledger.image import index_path, log_path, lost_frames, size_of
from outlast.ledger.opening import open_tables, sealing_of
from outlast.ledger.rebuild import Rebuilt, rebuild
from outlast.ledger.salvage import Salvaged, forget_output, sweep_all
from outlast.ledger.schema import SCHEMA
from outlast.ledger.sealing import Locked
from outlast.ledger.swap import copy_ledger, put_in_place
from outlast.ledger.tables import Tables
from outlast.storage.disk import Disk, OsDisk
from outlast.storage.files import ensure_directory

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["Repaired", "repair"]

_OF_INDEX = re.compile(r"^(row \d+ missing from|wrong # of entries in|non-unique entry in) index")
"""What is wrong with an index alone can be put right in the file."""

# Nothing is said by these of what is in the file.
_UNAVAILABLE = (apsw.CantOpenError, apsw.BusyError, apsw.LockedError, apsw.PermissionsError, apsw.NoMemError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What was wrong with a ledger, and what became of it; after a dry run, what would become of it.

    `structure` says what is wrong with the file, `findings` with its rows: the first `FINDINGS_KEPT_MAX`; `remedies` counts them all.
    `items` and `results` are what the ledger holds. `lost_items` and `lost_results` are how many were not found at all, by the
    ledger's own counts; None when those are gone or out of date. `rebuilt`: it is a new file. `kept_as` is the damaged one's copy.
    """

    structure: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    remedies: Mapping[Remedy, int] = field(default_factory=dict)
    items: int = 0
    results: int = 0
    lost_items: int | None = 0
    lost_results: int | None = 0
    rebuilt: bool = False
    kept_as: Path | None = None

    @property
    def sound(self) -> bool:
        """Nothing was wrong, and nothing was changed."""
        return not self.structure and not self.remedies and not self.rebuilt


def repair(
    path: Path, *, aside: Path, keys: "Keyring | None" = None, dry_run: bool = False, disk: Disk | None = None
) -> Repaired:
    """Put the ledger at `path` right, once its files are copied into the new directory `aside`. A sound one is left alone.

    A dry run changes nothing, and needs no key to a sealed ledger. Raises `LedgerCorruptionError` when nothing in it can be proved,
    `LedgerUnavailableError` when the disk does not do its part; both leave the ledger as it was.
    """
    with translated(path):
        if not path.exists() and not log_path(path).exists():
            raise LedgerUnavailableError(f"there is no ledger at {path}", context={"path": str(path)})
        # Not opened by SQLite while its log is damaged: that would make the log look whole.
        gone = "it is gone, and its log is still there" if size_of(path) == 0 else None
        found = _Found(unreadable=gone) if gone or lost_frames(path) else _diagnosed(path, keys, locked=dry_run)
        if found.health is not None and found.health.sound:
            return Repaired(items=found.health.items, results=found.health.results)
        if dry_run:
            return _foretold(path, keys, found)
        return _put_right(path, aside, keys, found, disk or OsDisk())


@dataclass(frozen=True, slots=True)
class _Found:
    """What SQLite says: the health of what it can open, or in `unreadable` why it cannot. `sealed`: mending takes its key."""

    health: Health | None = None
    sealed: bool = False
    unreadable: str | None = None

    @property
    def structure(self) -> tuple[str, ...]:
        told = (self.unreadable,) if self.unreadable is not None else ()
        return (*told, *(self.health.structure if self.health is not None else ()))


def _diagnosed(path: Path, keys: "Keyring | None", *, locked: bool) -> _Found:
    """Raises `KeyMissingError` where the key is needed, `LedgerError` for a ledger of a later version."""
    try:
        tables = open_tables(path, read_only=True, keys=None, locked=True, vfs=None, disk=None)
    except _UNAVAILABLE:
        raise
    except (LedgerCorruptionError, apsw.Error, UnicodeDecodeError) as error:
        return _Found(unreadable=f"it cannot be opened: {error}")
    except LedgerError:
        if _has_tables_of_ours(path):
            return _Found(unreadable="the number of its version is damaged")
        raise
    try:
        return _examined(tables, path, keys, locked=locked)
    except _UNAVAILABLE:
        raise
    except (apsw.Error, UnicodeDecodeError) as error:
        return _Found(unreadable=f"it cannot be read: {error}")
    finally:
        tables.db.close()


def _examined(tables: Tables, path: Path, keys: "Keyring | None", *, locked: bool) -> _Found:
    sealed = isinstance(tables.sealing, Locked)
    if sealed:
        tables.sealing = sealing_of(tables, path, keys, locked=locked)
    told = structure_of(tables, deep=True)
    if not all(_OF_INDEX.search(line) for line in told):
        return _Found(unreadable="; ".join(told))
    health = check(tables, deep=True)
    if told and any(finding.table == "items" and isinstance(finding.row, int) for finding in health.findings):
        # Where row and index disagree, one of them may have the right key, and only the rest of the rows tells which.
        return _Found(unreadable="; ".join(told))
    return _Found(health, sealed)


def _has_tables_of_ours(path: Path) -> bool:
    """Whether the tables are exactly those of this version, so that it is the version's number that is damaged."""
    sql = "SELECT sql FROM sqlite_schema ORDER BY name"
    db, model = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY), apsw.Connection(":memory:")
    try:
        model.execute(SCHEMA)
        return bool(db.execute(sql).fetchall() == model.execute(sql).fetchall())
    finally:
        db.close()
        model.close()


def _foretold(path: Path, keys: "Keyring | None", found: _Found) -> Repaired:
    """What a repair would come to."""
    health = found.health
    if health is not None and not health.structure:
        remedies = Counter(finding.remedy for finding in health.findings)
        return Repaired(findings=health.findings, remedies=remedies, items=health.items, results=health.results)
    # Beside the ledger, where there is room for a second one: the directory for temporary files is often small, or memory.
    beside = path.parent if os.access(path.parent, os.W_OK) else None
    with TemporaryDirectory(prefix="foretold-", dir=beside) as directory:
        _, rebuilt = rebuild(path, Path(directory), keys, locked=True)
    return _told(rebuilt, found)


def _put_right(path: Path, aside: Path, keys: "Keyring | None", found: _Found, disk: Disk) -> Repaired:
    ensure_directory(aside.parent, disk=disk)
    disk.make_directory(aside)
    with _of_no_use_after_an_error(aside):
        disk.sync_directory(aside.parent)
        kept_as = copy_ledger(path, aside, disk=disk)
    mended = _mended(path, keys if found.sealed else None) if found.health is not None else None
    if mended is not None:
        return replace(mended, structure=found.structure, kept_as=kept_as)
    with _of_no_use_after_an_error(aside):
        built, rebuilt = rebuild(path, aside, keys, locked=False)
    put_in_place(built, path, disk=disk)
    _settle_down(path, disk)
    for rest in (built, index_path(built)):
        rest.unlink(missing_ok=True)
    return replace(_told(rebuilt, found), kept_as=kept_as)


@contextmanager
def _of_no_use_after_an_error(aside: Path) -> Iterator[None]:
    """Remove the copies when nothing was changed."""
    try:
        yield
    except Exception:
        rmtree(aside, ignore_errors=True)
        raise


def _mended(path: Path, keys: "Keyring | None") -> Repaired | None:
    """Mend in the file, in one transaction; None, and nothing changed, when that is not enough."""
    tables = open_tables(path, read_only=False, keys=keys, locked=False, vfs=None, disk=None)
    try:
        tables.db.execute("BEGIN IMMEDIATE")
        done = Salvaged()
        try:
            release(tables, None)
            sweep_all(tables, done)
            sound = Remedy.REPAIR not in done.remedies and not structure_of(tables, deep=True)
        except (apsw.CorruptError, UnicodeDecodeError):
            sound = False
        if not sound:
            tables.db.execute("ROLLBACK")
            return None
        forget_output(tables)
        tables.db.execute("COMMIT")
    finally:
        tables.db.close()
    return Repaired(findings=tuple(done.findings), remedies=done.remedies, items=done.items, results=done.results)


def _settle_down(path: Path, disk: Disk) -> None:
    """Copy the log that is the new ledger into its file, over what is left of the old one."""
    db = connect(path, read_only=False, vfs=None)
    try:
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        db.close()
    disk.sync_directory(path.parent)


def _told(rebuilt: Rebuilt, found: _Found) -> Repaired:
    salvaged = rebuilt.salvaged
    return Repaired(
        structure=(*rebuilt.structure, *found.structure),
        findings=tuple(salvaged.findings),
        remedies=salvaged.remedies,
        items=salvaged.items,
        results=salvaged.results,
        lost_items=rebuilt.lost_items,
        lost_results=rebuilt.lost_results,
        rebuilt=True,
    )
