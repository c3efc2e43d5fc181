"""Measuring through psutil, which knows every platform: where there is no `/proc` of Linux.

Memory is the sum of what each process has resident, so shared memory is counted with every process that has it.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from outlast.resource.cpu import CpuMeter, CpuTimes, Process
from outlast.resource.readings import Value
from outlast.resource.sample import MB, Ask

if TYPE_CHECKING:
    import psutil

__all__ = ["PortableHost", "PortableTree", "created"]


class PortableTree:
    """The processes of the job and of its browsers."""

    def __init__(self, cores: float) -> None:
        import psutil  # noqa: PLC0415 - needed only where /proc is not

        self._psutil = psutil
        self._cores = cores
        self._meter = CpuMeter()

    def __call__(self, ask: Ask) -> Mapping[str, Value]:
        own = self._psutil.Process()
        browsers = {_key(each): each for root in ask.roots for each in self._below(root)}
        everybody = {_key(own): own, **{_key(each): each for each in own.children(recursive=True)}, **browsers}
        times: dict[Process, CpuTimes] = {}
        resident: dict[Process, int] = {}
        zombies = 0
        for key, process in everybody.items():
            with suppress(self._psutil.Error):
                zombies += process.status() == self._psutil.STATUS_ZOMBIE
                resident[key] = process.memory_info().rss
                spent = process.cpu_times()
                children = getattr(spent, "children_user", 0.0) + getattr(spent, "children_system", 0.0)
                times[key] = CpuTimes(spent.user + spent.system, children)
        percent = self._meter.look(times, ask.now, self._cores)
        total = sum(resident.values()) / MB
        return {
            "memory_usage": total,
            "memory_method": "rss",
            "tree_rss_mb": total,
            "process_count": len(everybody),
            "process_rss_mb": resident.get(_key(own), 0) / MB or None,
            "process_threads": own.num_threads(),
            "process_fds": own.num_fds() if hasattr(own, "num_fds") else None,
            "zombie_children": zombies,
            "browser_memory": sum(resident.get(key, 0) for key in browsers) / MB if browsers else None,
            "browser_processes": len(browsers) if ask.roots else None,
            "cores_granted": self._cores,
            "tree_cpu_percent": percent,
            "cpu_usage": None if percent is None else percent / self._cores,
        }

    def _below(self, root: Process) -> "Iterator[psutil.Process]":
        pid, _ = root
        with suppress(self._psutil.Error):
            process = self._psutil.Process(pid)
            if _key(process) == root:
                yield process
                yield from process.children(recursive=True)


class PortableHost:
    """The memory and the load of the machine."""

    def __init__(self) -> None:
        import psutil  # noqa: PLC0415 - needed only where /proc is not

        self._psutil = psutil

    def __call__(self, _: Ask) -> Mapping[str, Value]:
        memory = self._psutil.virtual_memory()
        swap = self._psutil.swap_memory()
        used = memory.total - memory.available
        return {
            "memory_percent": 100 * used / memory.total,
            "memory_available": memory.available / MB,
            "memory_used_mb": used / MB,
            "memory_limit_mb": memory.total / MB,
            "memory_limit_source": "host",
            "swap_percent": 100 * swap.used / swap.total if swap.total else None,
            "load1": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        }


def created(pid: int) -> float | None:
    """When a process began; None: there is none."""
    import psutil  # noqa: PLC0415 - needed only where /proc is not

    with suppress(psutil.Error):
        return float(psutil.Process(pid).create_time())
    return None


def _key(process: "psutil.Process") -> Process:
    return process.pid, process.create_time()
