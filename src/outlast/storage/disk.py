"""The disk as a port: every step that is done with files, so that a simulated disk can stand in for the real one.

A file that a reader holds is neither removed nor replaced by those who ask first (`unlink_unheld`, `replace_unheld`).
"""

import errno
import fcntl
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Disk", "FileStat", "OsDisk"]

LOCK_TRIES_MAX = 100


@dataclass(frozen=True, slots=True)
class FileStat:
    """What is known of a file without reading it: `size` in bytes, `modified_ns` since 1970."""

    size: int
    modified_ns: int


class Disk(Protocol):
    """Every step that is done with files; each raises `OSError`. A test gives its own to fail at any of them."""

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

    def truncate(self, path: Path, size: int, /) -> None:
        """Cut a file to its first `size` bytes."""
        ...

    def sync_directory(self, path: Path, /) -> None:
        """Make the names in a directory durable."""
        ...

    def read(self, path: Path, size: int | None, /) -> bytes:
        """The first `size` bytes of a file, all of them with None; a link at `path` is not followed."""
        ...

    def names(self, path: Path, /) -> list[str]:
        """The names in a directory; `FileNotFoundError` or `NotADirectoryError` where there is none."""
        ...

    def stat(self, path: Path, /) -> FileStat:
        """`FileNotFoundError` for all that is not a regular file, links among it."""
        ...

    def make_directory(self, path: Path, /) -> None:
        """Make a directory, 0700; `FileExistsError` where there is anything of this name."""
        ...

    def is_directory(self, path: Path, /) -> bool: ...

    def hold(self, path: Path, /) -> int:
        """Open a file for reading, locked against `unlink_unheld` and `replace_unheld` for as long as it is open."""
        ...

    def is_held(self, path: Path, /) -> bool:
        """Whether somebody holds or writes the file now."""
        ...

    def unlink_unheld(self, path: Path, /) -> None:
        """Remove a file that nobody holds or writes; `BlockingIOError` when somebody does."""
        ...

    def replace_unheld(self, source: Path, target: Path, /) -> None:
        """Rename onto a file that is there and nobody holds: else `FileNotFoundError` or `BlockingIOError`."""
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

    def truncate(self, path: Path, size: int, /) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.ftruncate(descriptor, size)
        finally:
            os.close(descriptor)

    def sync_directory(self, path: Path, /) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, path: Path, size: int | None, /) -> bytes:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            return file.read() if size is None else file.read(size)

    def names(self, path: Path, /) -> list[str]:
        return [each.name for each in path.iterdir()]

    def stat(self, path: Path, /) -> FileStat:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a file", str(path))
        return FileStat(found.st_size, found.st_mtime_ns)

    def make_directory(self, path: Path, /) -> None:
        path.mkdir(mode=0o700)

    def is_directory(self, path: Path, /) -> bool:
        return path.is_dir()

    def hold(self, path: Path, /) -> int:
        # Those who remove or replace a file lock it for a moment: that is waited for.
        return _locked(path, fcntl.LOCK_SH)

    def is_held(self, path: Path, /) -> bool:
        try:
            os.close(_locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            return True
        return False

    def unlink_unheld(self, path: Path, /) -> None:
        descriptor = _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            path.unlink()
        finally:
            os.close(descriptor)

    def replace_unheld(self, source: Path, target: Path, /) -> None:
        descriptor = _locked(target, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            source.replace(target)
        finally:
            os.close(descriptor)


def _locked(path: Path, how: int) -> int:
    # Between opening and locking another process may have removed the file, or put another in its place.
    for _ in range(LOCK_TRIES_MAX):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, how)
            if os.path.samestat(os.fstat(descriptor), path.lstat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise OSError(errno.EBUSY, f"replaced by others {LOCK_TRIES_MAX} times in a row", str(path))
