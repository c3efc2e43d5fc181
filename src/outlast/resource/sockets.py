"""How many TCP connections some processes have, by the tables of the kernel and the files the processes have open."""

import os
import pathlib
from collections.abc import Iterable
from contextlib import suppress

from outlast.resource.proc import PROC

__all__ = ["connections", "parse_tcp"]

LISTEN = b"0A"
TIME_WAIT = b"06"


def connections(pids: Iterable[int], proc: str = PROC) -> int:
    """The connections of these processes, each counted once; those that only listen, or are over, are none."""
    inodes: set[bytes] = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError), pathlib.Path(f"{proc}/self/net/{table}").open("rb") as file:
            inodes |= parse_tcp(file.read())
    return len(inodes & {inode for pid in pids for inode in _sockets(pid, proc)})


def parse_tcp(table: bytes) -> set[bytes]:
    """The inodes of the connections in `/proc/net/tcp`."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {row[9] for row in rows if len(row) > 9 and row[3] not in {LISTEN, TIME_WAIT} and row[9] != b"0"}


def _sockets(pid: int, proc: str) -> Iterable[bytes]:
    directory = f"{proc}/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208 - a path for each of a thousand files is dear
            with suppress(OSError):
                target = os.readlink(f"{directory}/{name}")  # noqa: PTH115 - the same
                if target.startswith("socket:["):
                    yield target[8:-1].encode()
