"""Files that are whole or absent, whatever happens while they are written.

Write aside, fsync, close, rename (or link), fsync the directory: the order is the guarantee. An fsync error is never retried on
the same handle, because the kernel may have dropped the pages it could not write.
"""

import errno
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from outlast.storage.disk import Disk, OsDisk

__all__ = ["ensure_directory", "publish_durably", "replace_durably", "sweep", "write_durably"]

_ASIDE = re.compile(r"\.outlast-[0-9a-f]{16}\.tmp")


def write_durably(path: Path, blob: bytes, *, disk: Disk | None = None) -> None:
    """Let `path` hold `blob`, in place of what it held; on return that survives a power cut.

    On `OSError` the temporary file is gone, and `path` holds what it held. Only when the very last step fails (making the new
    name durable) it holds `blob`, which a power cut may then take back.
    """
    disk = disk or OsDisk()
    _write_and_move(path, blob, disk, disk.rename)


def replace_durably(path: Path, blob: bytes, *, disk: Disk | None = None) -> None:
    """Like `write_durably`, for a file that is there and that nobody holds: else `FileNotFoundError` or `BlockingIOError`."""
    disk = disk or OsDisk()
    _write_and_move(path, blob, disk, disk.replace_unheld)


def publish_durably(
    path: Path, blob: bytes, *, disk: Disk | None = None, claim: Callable[[], None] | None = None
) -> None:
    """Like `write_durably`, for a name that is not taken yet: of two writers one gets `FileExistsError`.

    `claim` is called when the name is taken and not yet durable. On any `OSError`, also of `claim`, there is nothing at `path`
    that was not there before.
    """
    disk = disk or OsDisk()
    aside = _write_aside(path.parent, blob, disk)
    try:
        disk.link(aside, path)
    finally:
        _discard(aside, disk)
    try:
        if claim is not None:
            claim()
        disk.sync_directory(path.parent)
    except OSError:
        _discard(path, disk)
        raise


def ensure_directory(path: Path, *, disk: Disk | None = None) -> None:
    """Create `path` and its missing parents, 0700; on return `path` is durable, whoever made it.

    One that exists stays as it is. Its name is synced all the same, since its maker may have been killed before doing so.
    """
    disk = disk or OsDisk()
    if disk.is_directory(path):
        # A directory whose parent may not be read was not made here.
        with suppress(PermissionError):
            disk.sync_directory(path.parent)
        return
    ensure_directory(path.parent, disk=disk)
    with suppress(FileExistsError):
        disk.make_directory(path)
    if not disk.is_directory(path):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    disk.sync_directory(path.parent)


def sweep(directory: Path, *, disk: Disk | None = None) -> None:
    """Remove the temporary files that writers left behind when they were killed."""
    disk = disk or OsDisk()
    for name in disk.names(directory):
        if _ASIDE.fullmatch(name):
            with suppress(OSError):
                disk.unlink_unheld(directory / name)


def _write_and_move(path: Path, blob: bytes, disk: Disk, move: Callable[[Path, Path], None]) -> None:
    aside = _write_aside(path.parent, blob, disk)
    try:
        move(aside, path)
    except OSError:
        _discard(aside, disk)
        raise
    disk.sync_directory(path.parent)


def _write_aside(directory: Path, blob: bytes, disk: Disk) -> Path:
    aside = directory / f".outlast-{secrets.token_hex(8)}.tmp"
    descriptor = disk.create(aside)
    try:
        try:
            _write_all(descriptor, blob, disk)
            disk.fsync(descriptor)
        finally:
            disk.close(descriptor)
    except OSError:
        _discard(aside, disk)
        raise
    return aside


def _write_all(descriptor: int, blob: bytes, disk: Disk) -> None:
    rest = memoryview(blob)
    while rest:
        taken = disk.write(descriptor, rest)
        if taken == 0:
            raise OSError(errno.EIO, "the disk takes no more bytes and gives no reason")
        rest = rest[taken:]


def _discard(path: Path, disk: Disk) -> None:
    # The error that led here is the one to tell.
    with suppress(OSError):
        disk.unlink(path)
