"""Files that are whole or absent, whatever happens while they are written.

Write aside, fsync, close, rename (or link), fsync the directory: the order is the guarantee. An fsync error is never retried on
the same handle, because the kernel may have dropped the pages it could not write.
"""

import errno
import fcntl
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Protocol

__all__ = ["Disk", "OsDisk", "ensure_directory", "publish_durably", "sweep", "write_durably"]

_ASIDE = re.compile(r"\.outlast-[0-9a-f]{16}\.tmp")


class Disk(Protocol):
    """The steps by which a file gets onto a disk; each raises `OSError`. A test gives its own to fail at any of them."""

    def create(self, path: Path, /) -> int:
        """Open a new file for writing, 0600, and lock it for as long as it is open; `FileExistsError` where there is one."""
        ...

    def write(self, descriptor: int, blob: memoryview, /) -> int:
        """Write some of `blob`; the number of bytes taken."""
        ...

    def fsync(self, descriptor: int, /) -> None: ...

    def close(self, descriptor: int, /) -> None: ...

    def rename(self, source: Path, target: Path, /) -> None: ...

    def link(self, source: Path, target: Path, /) -> None:
        """Give the file a second name; `FileExistsError` where the name is taken."""
        ...

    def unlink(self, path: Path, /) -> None: ...

    def sync_directory(self, path: Path, /) -> None:
        """Make the names in a directory durable."""
        ...


class OsDisk:
    """The operating system's files."""

    def create(self, path: Path, /) -> int:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        # The lock tells `sweep` that the writer lives. Without locks (some network disks) nothing is swept.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor

    def write(self, descriptor: int, blob: memoryview, /) -> int:
        return os.write(descriptor, blob)

    def fsync(self, descriptor: int, /) -> None:
        os.fsync(descriptor)

    def close(self, descriptor: int, /) -> None:
        os.close(descriptor)

    def rename(self, source: Path, target: Path, /) -> None:
        source.replace(target)

    def link(self, source: Path, target: Path, /) -> None:
        target.hardlink_to(source)

    def unlink(self, path: Path, /) -> None:
        path.unlink()

    def sync_directory(self, path: Path, /) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_durably(path: Path, blob: bytes, *, disk: Disk | None = None) -> None:
    """Let `path` hold `blob`, in place of what it held; on return that survives a power cut.

    On `OSError` the temporary file is gone, and `path` holds what it held. Only when the very last step fails (making the new
    name durable) it holds `blob`, which a power cut may then take back.
    """
    disk = disk or OsDisk()
    aside = _write_aside(path.parent, blob, disk)
    try:
        disk.rename(aside, path)
    except OSError:
        _discard(aside, disk)
        raise
    disk.sync_directory(path.parent)


def publish_durably(path: Path, blob: bytes, *, disk: Disk | None = None) -> None:
    """Like `write_durably`, for a name that is not taken yet: of two writers one gets `FileExistsError`.

    On any `OSError` there is nothing at `path` that was not there before.
    """
    disk = disk or OsDisk()
    aside = _write_aside(path.parent, blob, disk)
    try:
        disk.link(aside, path)
    finally:
        _discard(aside, disk)
    try:
        disk.sync_directory(path.parent)
    except OSError:
        _discard(path, disk)
        raise


def ensure_directory(path: Path, *, disk: Disk | None = None) -> None:
    """Create `path` and its missing parents, 0700 and durable; one that exists stays as it is."""
    if path.is_dir():
        return
    ensure_directory(path.parent, disk=disk)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    (disk or OsDisk()).sync_directory(path.parent)


def sweep(directory: Path, *, disk: Disk | None = None) -> None:
    """Remove the temporary files that writers left behind when they were killed."""
    disk = disk or OsDisk()
    for path in directory.iterdir():
        if _ASIDE.fullmatch(path.name):
            with suppress(OSError):
                _remove_if_abandoned(path, disk)


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


def _remove_if_abandoned(path: Path, disk: Disk) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        disk.unlink(path)
    finally:
        os.close(descriptor)
