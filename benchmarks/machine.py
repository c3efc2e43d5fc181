"""The machine under the numbers: its memory counters, its disk, its description."""

import os
import platform
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

__all__ = ["bytes_written", "cpu_of_children", "description", "memory_mb", "peak_memory_mb", "scratch"]

ROOT = Path(__file__).parents[1]
FSYNCS = 40


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty directory on the disk that the working tree is on, or in `OUTLAST_BENCH_DIR`: `/tmp` is often not a disk."""
    parent = Path(os.environ.get("OUTLAST_BENCH_DIR", ROOT / "build" / "bench"))
    parent.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def memory_mb() -> float:
    """Resident memory of this process now."""
    return _status("VmRSS")


def peak_memory_mb() -> float:
    """The most memory that this process ever had resident."""
    return _status("VmHWM")


def bytes_written() -> int:
    """What this process has given to the disk so far, in whole pages (`write_bytes`; what is overwritten in the cache counts once)."""
    for line in Path("/proc/self/io").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "write_bytes":
            return int(value)
    raise RuntimeError("/proc/self/io has no write_bytes")


def cpu_of_children() -> float:
    """Seconds of CPU of the processes that this one started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # os.times() counts in hundredths of a second
    return used.ru_utime + used.ru_stime


def description() -> str:
    """The machine in one line, with what an fsync costs on the disk that is measured."""
    with scratch() as path:
        kind, cost = _file_system(path), _fsync_ms(path)
    load = os.getloadavg()[0]
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {kind}, fsync {cost:.2f} ms, load {load:.1f}"
    )


def _status(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(path: Path) -> str:
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    over = [(place, kind) for place, kind in mounts if path.is_relative_to(place)]
    return max(over, key=lambda each: len(each[0]))[1]


def _fsync_ms(directory: Path) -> float:
    costs = []
    with (directory / "fsync").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(b"x" * 4096)
            before = time.perf_counter()
            os.fsync(file.fileno())
            costs.append(time.perf_counter() - before)
    return median(costs) * 1000
