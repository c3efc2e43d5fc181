"""Reading `/proc` of Linux: processes, and which of them are ours. The formats are those of proc(5)."""

import os
import pathlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from outlast.resource.cpu import CpuTimes, Process

__all__ = ["Members", "ProcessTree", "Stat", "parse_stat", "read_file", "start_time"]

PROC = "/proc"
READ_MAX = 1 << 16
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100

# What a process that ends under one's eyes, or one that is hidden, answers with.
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True)
class Stat:
    """One line of `/proc/PID/stat`. `start` is in clock ticks since the machine began; with the pid it names one process for ever."""

    pid: int
    state: str
    parent: int
    group: int
    times: CpuTimes
    threads: int
    start: float

    @property
    def process(self) -> Process:
        return self.pid, self.start


@dataclass(frozen=True, slots=True)
class Members:
    """The processes of the job; those of the browsers are among all."""

    all: tuple[Stat, ...]
    browsers: frozenset[Process]


def start_time(pid: int, proc: str = PROC) -> float | None:
    """When a process began, in the measure of this platform: with the pid it names one process for ever. None: there is none."""
    if pathlib.Path(f"{proc}/self").is_dir():
        with suppress(*_GONE):
            return parse_stat(read_file(f"{proc}/{pid}/stat")).start
        return None
    from outlast.resource.portable import created  # noqa: PLC0415 - only where there is no /proc

    return created(pid)


def read_file(path: str) -> bytes:
    """A small file of the kernel's."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, READ_MAX)
    finally:
        os.close(descriptor)


def parse_stat(line: bytes) -> Stat:
    """The name stands in brackets and may hold anything, brackets too."""
    pid = int(line[: line.index(b"(")])
    rest = line[line.rindex(b")") + 2 :].split()
    ticks = [int(field) for field in rest[11:15]]
    return Stat(
        pid=pid,
        state=rest[0].decode(),
        parent=int(rest[1]),
        group=int(rest[2]),
        times=CpuTimes((ticks[0] + ticks[1]) / TICKS, (ticks[2] + ticks[3]) / TICKS),
        threads=int(rest[17]),
        start=float(rest[19]),
    )


class ProcessTree:
    """Knows which processes are the job's: its own, everything it started, its browsers.

    Each look lists the pids and reads only those that are new or ours. Who was ours stays it when its parent ends.
    """

    def __init__(self, proc: str = PROC, own: int | None = None) -> None:
        self._proc = proc
        self._own = os.getpid() if own is None else own
        self._known: dict[int, tuple[int, Stat | None]] = {}
        self._ours: frozenset[Process] = frozenset()
        self._browsers: frozenset[Process] = frozenset()

    def look(self, roots: Iterable[Process]) -> Members:
        """The members now, freshly read. `roots` are the main processes of the browsers."""
        self._list()
        there = {pid: stat for pid, (_, stat) in self._known.items() if stat is not None}
        children: dict[int, list[Stat]] = {}
        for stat in there.values():
            children.setdefault(stat.parent, []).append(stat)
        wanted = set(roots)
        mains = {pid for pid, start in wanted if pid in there and there[pid].start == start}
        of_browsers = {stat.process for stat in there.values() if stat.pid in mains or stat.group in mains}
        alive = {stat.process: stat for stat in there.values()}
        browsers = _descend(children, (self._browsers | of_browsers) & alive.keys())
        first = {alive_own.process for alive_own in (there.get(self._own),) if alive_own is not None}
        ours = _descend(children, ((self._ours | first) & alive.keys()) | browsers)
        fresh = tuple(self._fresh(ours))
        self._ours = frozenset(stat.process for stat in fresh)
        self._browsers = frozenset(browsers) & self._ours
        return Members(fresh, self._browsers)

    def _list(self) -> None:
        found: dict[int, tuple[int, Stat | None]] = {}
        with os.scandir(self._proc) as entries:
            for entry in entries:
                if entry.name.isdigit():
                    pid = int(entry.name)
                    known = self._known.get(pid)
                    # A pid that was given to another process has another inode.
                    inode = entry.inode()
                    is_known = known is not None and known[0] == inode
                    found[pid] = known if is_known and known is not None else (inode, self._read(pid))
        self._known = found

    def _fresh(self, members: Iterable[Process]) -> Iterator[Stat]:
        for pid, start in members:
            stat = self._read(pid)
            self._known[pid] = self._known[pid][0], stat
            if stat is not None and stat.start == start:
                yield stat

    def _read(self, pid: int) -> Stat | None:
        with suppress(*_GONE):
            return parse_stat(read_file(f"{self._proc}/{pid}/stat"))
        return None


def _descend(children: dict[int, list[Stat]], first: Iterable[Process]) -> set[Process]:
    found = set(first)
    waiting = list(found)
    while waiting:
        pid, start = waiting.pop()
        for child in children.get(pid, ()):
            # Younger than a process that has its parent's number now, it would be somebody else's child.
            if child.start >= start and child.process not in found:
                found.add(child.process)
                waiting.append(child.process)
    return found
