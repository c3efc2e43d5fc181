"""A ledger's file copied as it is, and put in the place of another in one step.

The new ledger takes the place of the old one as a log: it was built in a log of its own that holds every page, and SQLite reads
what the log holds in place of what the file does. So a single rename replaces file and log at once, and there is no moment in
which one of them is old and the other new. Opening copies the log into the file.
"""

import errno
from contextlib import suppress
from pathlib import Path

from outlast.ledger.image import RawFile, index_path, log_path, size_of
from outlast.storage.disk import Disk, OsDisk

__all__ = ["copy_ledger", "put_in_place"]

COPY_BYTES = 1024 * 1024


def copy_ledger(path: Path, directory: Path, *, disk: Disk | None = None) -> Path | None:
    """Copy a ledger and its log into `directory`, byte for byte and durable; where the ledger is now.

    None when there is neither. Nobody may write them meanwhile. What the disk cannot read is left as zeroes in the copy.
    """
    disk = disk or OsDisk()
    sources = [source for source in (path, log_path(path)) if source.exists()]
    for source in sources:
        _copy(source, directory / source.name, disk)
    disk.sync_directory(directory)
    return directory / path.name if sources else None


def put_in_place(built: Path, path: Path, *, disk: Disk | None = None) -> None:
    """Let the ledger that was built at `built`, all of it in its log, be the one at `path`."""
    disk = disk or OsDisk()
    # A log beside an empty file, or none, is thrown away by SQLite.
    if size_of(path) == 0:
        disk.rename(built, path)
        disk.sync_directory(path.parent)
    # The index of the old log is none of the new one. SQLite makes it anew.
    with suppress(FileNotFoundError):
        disk.unlink(index_path(path))
    disk.rename(log_path(built), log_path(path))
    disk.sync_directory(path.parent)


def _copy(source: Path, target: Path, disk: Disk) -> None:
    original = RawFile(source)
    try:
        copy = disk.create(target)
        try:
            for offset in range(0, original.size, COPY_BYTES):
                _write(memoryview(original.read(offset, COPY_BYTES)), copy, disk)
            disk.fsync(copy)
        finally:
            disk.close(copy)
    finally:
        original.close()


def _write(rest: memoryview, descriptor: int, disk: Disk) -> None:
    while rest:
        taken = disk.write(descriptor, rest)
        if taken == 0:
            raise OSError(errno.EIO, "the disk takes no more bytes and gives no reason")
        rest = rest[taken:]
