"""A connection to a ledger's file: how it is opened, and what SQLite's errors mean here."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
from typing_extensions import override

from outlast.errors import LedgerCorruptionError, LedgerUnavailableError, ValidationError
from outlast.ledger.image import refuse_damaged_log
from outlast.ledger.port import Sizes
from outlast.ledger.rows import fact_checksum, identity_of, result_checksum, state_of
from outlast.storage.disk import Disk, OsDisk

__all__ = [
    "LOG_BYTES_KEPT",
    "LOG_PAGES_MAX",
    "connect",
    "copy_log",
    "cut_log",
    "explained",
    "sizes",
    "sqlite_version",
    "translated",
]

LOG_PAGES_MAX = 4_000
"""After so many pages the log is copied into the ledger."""

LOG_BYTES_KEPT = 32 * 1024 * 1024
"""A log that has grown beyond this (a long reader, one huge commit) is cut to it once it is copied."""

CACHE_KIB = 16_000
_LOG_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
BUSY_MILLISECONDS = 10_000


class _Connection(apsw.Connection):
    """One that tells which file it has open, whatever another thread is doing with it."""

    file: str | None = None

    @override
    def close(self, force: bool = False) -> None:
        super().close(force)
        self.file = None


def connect(
    path: Path, *, read_only: bool, vfs: str | None, disk: Disk | None = None, at_rest: bool = False
) -> apsw.Connection:
    """Commits through it are durable when they return. With a `vfs` nobody else can use the file meanwhile.

    `at_rest`: read without a log and without locks, so that nothing is written beside it; whoever asks makes sure that nobody
    writes it meanwhile (`state_at_rest`).

    Raises `LedgerCorruptionError` where the log is damaged: whoever opens the ledger makes that log look whole, also by reading it.
    """
    if vfs is None and not _is_open_here(path):
        refuse_damaged_log(path)
    if not read_only and (vfs is None or disk is not None):
        _create(path, disk or OsDisk())
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    if at_rest:
        db = _Connection(f"{path.absolute().as_uri()}?immutable=1", flags=flags | apsw.SQLITE_OPEN_URI)
    else:
        db = _Connection(str(path), flags=flags, vfs=vfs)
        db.file = os.path.realpath(path) if vfs is None else None
    try:
        _set_up(db, read_only=read_only, vfs=vfs)
    except BaseException:
        db.close()
        raise
    return db


def _is_open_here(path: Path) -> bool:
    # Then its log was judged before. And to open and close the files once more would take from SQLite the locks it has on them:
    # those belong to the process, and closing any descriptor of a file gives them up.
    real = os.path.realpath(path)
    return any(isinstance(each, _Connection) and each.file == real for each in apsw.connections())


def _create(path: Path, disk: Disk) -> None:
    """Make sure that there is a file, for its owner alone, whose name survives a power cut."""
    with suppress(FileExistsError):
        disk.close(disk.create(path))
    try:
        # Also where there was one: whoever made it may have been killed before this step.
        disk.sync_directory(path.parent)
    except OSError:
        # What this step has lost a second one does not bring back: the next attempt begins with a new file.
        with suppress(OSError):
            if not disk.stat(path).size:
                disk.unlink(path)
        raise


def _set_up(db: apsw.Connection, *, read_only: bool, vfs: str | None) -> None:
    db.set_busy_timeout(BUSY_MILLISECONDS)
    if vfs is not None:
        # A VFS in Python has no shared memory; alone, SQLite keeps the log's index in its own. Said before the file is read.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    checksums: tuple[Callable[..., Any], ...] = (identity_of, state_of, result_checksum, fact_checksum)
    for checksum in checksums:
        db.create_scalar_function(checksum.__name__, checksum, deterministic=True)
    if not read_only:
        _begin_log(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_KEPT}")
        # The log is copied by `copy_log`, because SQLite's own way to do so after a commit keeps its errors to itself.
        db.execute("PRAGMA wal_autocheckpoint = 0")


def _begin_log(db: apsw.Connection) -> None:
    # An unread answer hides that SQLite stayed in another mode, where a commit is not durable when it returns.
    mode = db.pragma("journal_mode", "wal")
    if mode != "wal":
        raise apsw.CantOpenError(f"its log could not be begun: SQLite stays in the mode {mode!r}")


def copy_log(db: apsw.Connection) -> None:
    """Copy into the ledger what the log holds, as far as no reader needs the older state. Waits for nobody."""
    # A full disk is no harm: the log stays as it is and is copied later.
    with suppress(apsw.FullError, apsw.BusyError, apsw.LockedError):
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


def cut_log(db: apsw.Connection, disk: Disk) -> None:
    """Take from the log whatever follows the last commit. To be called after an I/O error, when that was rolled back.

    After a failed sync the system may show bytes that the disk does not hold. Whoever opened the ledger then would find the
    transaction that failed, build on it, and lose it again with the power.
    """
    with suppress(apsw.Error, OSError):
        pages, _ = db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        end = _LOG_HEADER_BYTES + pages * (_FRAME_HEADER_BYTES + db.pragma("page_size")) if pages > 0 else 0
        log = Path(db.filename_wal)
        if disk.stat(log).size > end:
            disk.truncate(log, end)


def sqlite_version() -> str:
    """The version of SQLite itself, which apsw brings with it."""
    return apsw.sqlite_lib_version()


def sizes(db: apsw.Connection) -> Sizes:
    """What the ledger takes on the disk."""
    page = db.pragma("page_size")
    log = Path(db.filename_wal)
    return Sizes(
        ledger=page * db.pragma("page_count"),
        log=log.stat().st_size if log.exists() else 0,
        free=page * db.pragma("freelist_count"),
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system raise into errors of ours."""
    try:
        yield
    except Exception as error:
        ours = explained(error, path)
        if ours is error:
            raise
        raise ours from error


def explained(error: Exception, path: Path) -> Exception:
    """The error of ours that says what this one means for the ledger at `path`; itself where it needs no words."""
    context = {"path": str(path)}
    ours: Exception = error
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError)):
        ours = LedgerCorruptionError(f"the ledger {path} is damaged ({error})", context=context)
    elif isinstance(error, apsw.TooBigError):
        ours = ValidationError(f"a text is too large for the ledger {path}: {error}", context=context)
    elif isinstance(error, (apsw.Error, OSError)):
        ours = LedgerUnavailableError(f"the ledger {path} cannot be used: {_reason(error, path)}", context=context)
    if ours is not error:
        ours.__cause__ = error
    return ours


def _reason(error: Exception, path: Path) -> str:
    # A log that a kill has left is read through an index beside it, which is made anew for that.
    if getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_SHMSIZE:
        return f"the disk is full, and to read the log takes room for its index ({error})"
    if isinstance(error, (apsw.CantOpenError, apsw.ReadOnlyError)) and not os.access(path.parent, os.W_OK):
        return f"{path.parent} cannot be written, and to read the log takes an index beside it ({error})"
    return str(error)
