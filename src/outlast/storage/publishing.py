"""A file that somebody else writes by its name, and that gets its real name when it is whole and durable."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from outlast.storage.disk import Disk, OsDisk

__all__ = ["publishing"]


@contextmanager
def publishing(target: Path, *, disk: Disk | None = None) -> Iterator[Path]:
    """The name of an empty file (0600) beside `target`; when the block ends, what was written to it is durable and called `target`.

    Raises `FileExistsError`, before the block or after it, where `target` is taken. On any error there is nothing at `target`
    that was not there before. What a killed process leaves behind is removed by `outlast.storage.files.sweep`.
    """
    disk = disk or OsDisk()
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    aside = target.parent / f".outlast-{token_hex(8)}.tmp"
    descriptor = disk.create(aside)
    try:
        try:
            yield aside
            disk.fsync(descriptor)
        finally:
            disk.close(descriptor)
        disk.link(aside, target)
    finally:
        with suppress(OSError):
            disk.unlink(aside)
    try:
        disk.sync_directory(target.parent)
    except OSError:
        with suppress(OSError):
            disk.unlink(target)
        raise
