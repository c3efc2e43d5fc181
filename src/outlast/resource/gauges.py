"""What measures on this machine."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from outlast.resource.bounded import Bounded
from outlast.resource.cgroup import ControlGroup
from outlast.resource.portable import PortableHost, PortableTree
from outlast.resource.readings import Value
from outlast.resource.sample import MB, Ask
from outlast.resource.sampler import Sampler

__all__ = ["Disk", "sampler_of"]


class Disk:
    """The file system of the storage path, of temporary files, and of shared memory."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage

    def __call__(self, _: Ask) -> Mapping[str, Value]:
        place = self._storage.absolute()
        there = next(each for each in (place, *place.parents) if each.exists())
        usage = shutil.disk_usage(there)
        reach = usage.used + usage.free
        return {
            "disk_usage": usage.used / MB,
            "disk_free": usage.free / MB,
            "disk_percent": 100 * usage.used / reach if reach else None,
            "inodes_free": _inodes_free(there),
            "tmp_free_mb": _free(Path(tempfile.gettempdir())),
            "shm_free_mb": _free(Path("/dev/shm")),  # noqa: S108 - it is only measured
        }


def sampler_of(storage: Path, proc: Path = Path("/proc")) -> Sampler:
    """The gauges for this platform: those of Linux where there is its `/proc`, else psutil's."""
    disk = Bounded(Disk(storage))
    if not (proc / "self/stat").exists():
        return Sampler({"processes": PortableTree(float(os.cpu_count() or 1)), "memory": PortableHost(), "disk": disk})
    from outlast.resource.linux import LinuxHost, LinuxTree  # noqa: PLC0415 - it imports what only Unix has

    group = ControlGroup()
    return Sampler({"processes": LinuxTree(group), "memory": LinuxHost(group), "disk": disk})


def _free(path: Path) -> float | None:
    return shutil.disk_usage(path).free / MB if path.is_dir() else None


def _inodes_free(path: Path) -> int | None:
    if not hasattr(os, "statvfs"):
        return None
    found = os.statvfs(path)
    return found.f_favail if found.f_files else None  # some file systems count none
