"""Files that a forked child must not keep: a lock of `flock` lives as long as any process has its file open.

A child that was forked without `exec` (a process pool, `multiprocessing`) would hold what its parent held, also when that was killed.
"""

import os
from io import FileIO
from weakref import WeakSet

__all__ = ["close_in_children"]

# Python keeps what it is to call in a child for ever, so one call serves all files, and knows them only while they are there.
_OPEN: WeakSet[FileIO] = WeakSet()


def close_in_children(file: FileIO) -> None:
    """Close the file in every child that is forked from now on. It has no buffer, so nothing is written by that."""
    _OPEN.add(file)


def _close() -> None:
    for file in list(_OPEN):
        file.close()


os.register_at_fork(after_in_child=_close)
