"""The processes of a browser: which they are, whether they live, and how they are ended.

A process is its pid and the moment it started, so that another one which got the same pid is never taken for it. Where there is
no /proc nothing is known of any process, and none is killed.
"""

import os
import shutil
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from outlast.resource.estimator import Resident, estimate
from outlast.resource.proc import Stat, parse_stat, read_file
from outlast.resource.smaps import resident

__all__ = [
    "Process",
    "children",
    "command",
    "end",
    "group",
    "is_alive",
    "leads_group",
    "look",
    "memory",
    "remove_temporary",
    "temporary_directories",
]

PROC = Path("/proc")
MIB = 1_048_576
DEAD = frozenset("ZX")

# What Playwright makes for a browser beneath the directory for temporary files, and nothing else.
TEMPORARY = ("playwright_chromiumdev_profile-", "playwright_firefoxdev_profile-", "playwright_webkitdev_profile-",
             "playwright-artifacts-")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Process:
    """A process for all times: `started` is the clock tick since boot at which it began."""

    pid: int
    started: int


def look(pid: int) -> Process | None:
    """The process that has this pid now; None: none that lives."""
    stat = _stat(pid)
    return None if stat is None or stat.state in DEAD else _process(stat)


def is_alive(process: Process) -> bool:
    return look(process.pid) == process


def leads_group(process: Process) -> bool:
    stat = _stat(process.pid)
    return stat is not None and _process(stat) == process and stat.group == process.pid


def children(process: Process) -> list[Process]:
    """The living children of a process."""
    return [_process(each) for each in _all() if each.parent == process.pid and each.state not in DEAD]


def group(leader: Process) -> list[Process]:
    """The living members of the group that a process leads or led; itself alone when it leads none."""
    first = _stat(leader.pid)
    if first is not None and _process(first) != leader:
        return []  # its number is another's by now, so its group is long gone
    if first is not None and first.group != leader.pid:
        return [leader] if first.state not in DEAD else []
    return [_process(each) for each in _all() if each.group == leader.pid and each.state not in DEAD]


def end(process: Process) -> None:
    """SIGKILL for the process and its group, when it leads or led one that is not ours. One that is gone is left alone."""
    stat = _stat(process.pid)
    with suppress(ProcessLookupError, PermissionError):
        if stat is not None and _process(stat) == process and stat.group == process.pid != os.getpgrp():
            os.killpg(process.pid, signal.SIGKILL)
            return
    for each in group(process):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(each.pid, signal.SIGKILL)


def command(process: Process) -> str:
    """The command line, its words parted by blanks."""
    try:
        return (PROC / str(process.pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def memory(processes: list[Process]) -> float | None:
    """MiB that these processes take together, what they share counted once; None: unknown."""
    found = [each for process in processes if (each := _resident(process.pid)) is not None]
    return estimate(found) / MIB if found else None


def temporary_directories(process: Process) -> list[str]:
    """The directories for temporary files that Playwright made for this browser."""
    try:
        words = (PROC / str(process.pid) / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []
    given = [word.partition("=")[2] for word in words if word.startswith("--user-data-dir=")]
    return [each for each in given if Path(each).name.startswith(TEMPORARY)]


def remove_temporary(directories: Iterable[str]) -> None:
    """Remove the directories that Playwright made for a browser; what does not look like one of them stays."""
    for each in directories:
        if Path(each).name.startswith(TEMPORARY):
            shutil.rmtree(each, ignore_errors=True)


def _resident(pid: int) -> Resident | None:
    with suppress(OSError):
        return resident(pid, str(PROC))
    return None


def _all() -> Iterator[Stat]:
    try:
        names = [each.name for each in PROC.iterdir()]
    except OSError:
        return
    for name in names:
        if name.isdigit() and (stat := _stat(int(name))) is not None:
            yield stat


def _stat(pid: int) -> Stat | None:
    with suppress(OSError):
        return parse_stat(read_file(f"{PROC}/{pid}/stat"))
    return None


def _process(stat: Stat) -> Process:
    return Process(stat.pid, int(stat.start))
