"""The gauges of Linux: the processes of the job by `/proc`, the machine and the control group around them."""

import os
import resource
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from outlast.resource.cgroup import ControlGroup
from outlast.resource.cpu import CpuMeter, Process
from outlast.resource.estimator import Calibration, Exact, Proportional, Resident, is_due
from outlast.resource.proc import PROC, Members, ProcessTree, read_file
from outlast.resource.psi import parse_pressure
from outlast.resource.readings import Value
from outlast.resource.sample import MB, Ask
from outlast.resource.smaps import proportional, resident
from outlast.resource.sockets import connections

__all__ = ["LinuxHost", "LinuxTree", "cores_of"]

CONNECTIONS_EVERY = 10.0
DENIED_FOR = 600.0

_GONE = (FileNotFoundError, ProcessLookupError)
_Family = Mapping[Process, Resident]


def cores_of(group: ControlGroup) -> float:
    """The cores this process may use: by affinity, and by the quota of its control group."""
    allowed = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    return min(allowed, group.cores() or allowed)


class LinuxTree:
    """The processes of the job: their memory, CPU, files and connections. `exactly` measures one of them, and may be refused."""

    def __init__(
        self,
        group: ControlGroup,
        proc: str = PROC,
        *,
        exactly: Callable[[int], Proportional | None] = proportional,
    ) -> None:
        self._tree = ProcessTree(proc)
        self._group = group
        self._proc = proc
        self._exactly = exactly
        self._meter = CpuMeter()
        # Apart from one another: what a process of ours is off by says nothing of those of a browser.
        self._others = Calibration()
        self._browsers = Calibration()
        self._exact: Exact | None = None
        self._not_before = float("-inf")
        self._connections: int | None = None
        self._connections_at = float("-inf")

    def __call__(self, ask: Ask) -> Mapping[str, Value]:
        members = self._tree.look(ask.roots)
        cores = cores_of(self._group)
        percent = self._meter.look({stat.process: stat.times for stat in members.all}, ask.now, cores)
        return {
            **self._memory(members, ask),
            **self._own(members),
            "network_connections": self._connected(members, ask),
            "process_count": len(members.all),
            "zombie_children": sum(stat.state == "Z" for stat in members.all),
            "browser_processes": len(members.browsers) if ask.roots or members.browsers else None,
            "cores_granted": cores,
            "tree_cpu_percent": percent,
            "cpu_usage": None if percent is None else percent / cores,
        }

    def _memory(self, members: Members, ask: Ask) -> Mapping[str, Value]:
        parts = {stat.process: part for stat in members.all if (part := _resident(stat.pid, self._proc)) is not None}
        of_browsers = {process: parts[process] for process in members.browsers if process in parts}
        others = {process: part for process, part in parts.items() if process not in of_browsers}
        is_exact = self._is_due(ask, others, of_browsers) and self._measured(others, of_browsers, ask.now)
        own = next((parts.get(stat.process) for stat in members.all if stat.pid == os.getpid()), None)
        return {
            "memory_usage": self._size(others, of_browsers) / MB,
            "memory_method": "pss" if is_exact else "estimate",
            "memory_pss_age": None if self._exact is None else ask.now - self._exact.at,
            "tree_rss_mb": sum(part.total for part in parts.values()) / MB,
            "process_rss_mb": None if own is None else own.total / MB,
            "browser_memory": self._browsers.applied(of_browsers.values()) / MB if of_browsers else None,
        }

    def _size(self, others: _Family, of_browsers: _Family) -> float:
        return self._others.applied(others.values()) + self._browsers.applied(of_browsers.values())

    def _is_due(self, ask: Ask, others: _Family, of_browsers: _Family) -> bool:
        if ask.exactly or ask.now < self._not_before:
            return ask.now >= self._not_before
        limit = None if ask.limit is None else ask.limit * MB
        count, size = len(others) + len(of_browsers), self._size(others, of_browsers)
        return is_due(ask.now, self._exact, processes=count, size=size, limit=limit)

    def _measured(self, others: _Family, of_browsers: _Family, now: float) -> bool:
        members = (*others, *of_browsers)
        try:
            exact = {process: found for process in members if (found := self._proportional(process)) is not None}
        except PermissionError:
            # Asking again will be answered the same: the estimate has to do.
            self._not_before = now + DENIED_FOR
            return False
        self._others.learn(exact, others)
        self._browsers.learn(exact, of_browsers)
        self._exact = Exact(now, len(members))
        return True

    def _proportional(self, process: Process) -> Proportional | None:
        with suppress(*_GONE):
            return self._exactly(process[0])
        return None

    def _own(self, members: Members) -> Mapping[str, Value]:
        own = next((stat for stat in members.all if stat.pid == os.getpid()), None)
        return {
            "process_threads": None if own is None else own.threads,
            "process_fds": len(os.listdir(f"{self._proc}/self/fd")) - 1,  # noqa: PTH208 - names alone; less that of the listing
            "process_fd_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        }

    def _connected(self, members: Members, ask: Ask) -> int | None:
        # Every file of every process is looked at, so not every time.
        if ask.exactly or ask.now - self._connections_at >= CONNECTIONS_EVERY:
            self._connections = connections((stat.pid for stat in members.all), self._proc)
            self._connections_at = ask.now
        return self._connections


class LinuxHost:
    """The memory, the pressure on it, and the load of the machine and the control group."""

    def __init__(self, group: ControlGroup, root: Path = Path("/")) -> None:
        self._group = group
        self._proc = root / "proc"
        self._kills = group.oom_kills()

    def __call__(self, _: Ask) -> Mapping[str, Value]:
        kills = self._group.oom_kills()
        text = self._group.pressure()
        if text is None:
            with suppress(OSError):
                text = (self._proc / "pressure/memory").read_text()
        pressure = parse_pressure(text or "")
        return {
            **self._memory(),
            "cgroup_oom_kills": None if kills is None or self._kills is None else kills - self._kills,
            "psi_memory_some_avg10": pressure.get("some"),
            "psi_memory_full_avg10": pressure.get("full"),
            "load1": float((self._proc / "loadavg").read_text().split()[0]),
        }

    def _memory(self) -> Mapping[str, Value]:
        table = _table(read_file(str(self._proc / "meminfo")))
        limit, free = table[b"MemTotal"], table[b"MemAvailable"]
        used, source, left = limit - free, "host", free
        bound = self._group.memory()
        if bound is not None and bound.limit < limit:
            limit, used, source = bound.limit, bound.used, "cgroup"
            left = max(0, min(free, limit - used))
        swap = table.get(b"SwapTotal", 0)
        return {
            "memory_percent": 100 * used / limit,
            "memory_available": left / MB,
            "memory_used_mb": used / MB,
            "memory_limit_mb": limit / MB,
            "memory_limit_source": source,
            "swap_percent": 100 * (swap - table.get(b"SwapFree", 0)) / swap if swap else None,
        }


def _resident(pid: int, proc: str) -> Resident | None:
    with suppress(*_GONE):
        return resident(pid, proc)
    return None


def _table(meminfo: bytes) -> dict[bytes, int]:
    """`/proc/meminfo` in bytes."""
    rows: Iterable[list[bytes]] = (line.split() for line in meminfo.splitlines())
    return {row[0].rstrip(b":"): int(row[1]) * 1024 for row in rows if len(row) >= 2}
