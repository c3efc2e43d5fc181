"""The limits of the control group, version 1, 2 or both: they bind before those of the machine do.

Every ancestor may have limits too, so all are looked at, from the group of this process up to where the hierarchy is mounted.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ControlGroup", "Hierarchy", "MemoryBound", "parse_hierarchies"]

# "No limit" of version 1 is the largest number of whole pages.
NONE_FROM = 1 << 60


@dataclass(frozen=True, slots=True)
class MemoryBound:
    """A limit and what counts against it, in bytes; memory that the kernel would give back at once does not count."""

    limit: int
    used: int


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One hierarchy of groups: where it is mounted, and where in it this process stands."""

    version: int
    controllers: frozenset[str]
    mounted: Path
    group: Path

    def groups(self) -> Iterator[Path]:
        """The directory of this process, then its ancestors."""
        yield self.group
        for above in self.group.parents:
            if not above.is_relative_to(self.mounted):
                return
            yield above


def parse_hierarchies(mountinfo: str, own: str, root: Path = Path("/")) -> list[Hierarchy]:
    """The hierarchies, of `/proc/self/mountinfo` and `/proc/self/cgroup`; paths are taken to be below `root`."""
    paths = {}
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        for each in controllers.split(","):
            paths[each] = path
    return [found for line in mountinfo.splitlines() if (found := _hierarchy(line, paths, root)) is not None]


class ControlGroup:
    """The control group of this process. `root` is where the file system begins, so that one made up for a test will do."""

    def __init__(self, root: Path = Path("/")) -> None:
        found: list[Hierarchy] = []
        # Where control groups are shown in another way, they are as good as none.
        with suppress(OSError, ValueError, IndexError):
            own = root / "proc/self"
            found = parse_hierarchies((own / "mountinfo").read_text(), (own / "cgroup").read_text(), root)
        self._memory = next((each for each in found if each.version == 1 and "memory" in each.controllers), None)
        self._cpu = next((each for each in found if each.version == 1 and "cpu" in each.controllers), None)
        unified = next((each for each in found if each.version == 2), None)
        self._unified = unified
        self._memory = self._memory or unified
        self._cpu = self._cpu or unified

    def memory(self) -> MemoryBound | None:
        """The bound with the least room left, of this group and its ancestors; None where there is no limit."""
        hierarchy = self._memory
        if hierarchy is None:
            return None
        bound_of = _bound_v1 if hierarchy.version == 1 else _bound_v2
        bounds = [bound for group in hierarchy.groups() if (bound := bound_of(group)) is not None]
        return min(bounds, key=lambda bound: bound.limit - bound.used, default=None)

    def cores(self) -> float | None:
        """The cores that the quota grants, the tightest of this group and its ancestors; None where there is none."""
        hierarchy = self._cpu
        if hierarchy is None:
            return None
        quota_of = _quota_v1 if hierarchy.version == 1 else _quota_v2
        return min((quota for group in hierarchy.groups() if (quota := quota_of(group)) is not None), default=None)

    def oom_kills(self) -> int | None:
        """How many processes of this group the kernel has killed for want of memory; None where it does not count."""
        if self._memory is None:
            return None
        name = "memory.oom_control" if self._memory.version == 1 else "memory.events"
        return _keyed(self._memory.group / name, "oom_kill")

    def pressure(self) -> str | None:
        """The pressure of this group on its memory, as the kernel writes it."""
        return None if self._unified is None else _text(self._unified.group / "memory.pressure")


def _hierarchy(line: str, paths: dict[str, str], root: Path) -> Hierarchy | None:
    # mountinfo: ... root mount-point options [optional fields] - type source super-options
    before, _, after = line.partition(" - ")
    kind, *_, options = after.split(" ")
    if kind not in {"cgroup", "cgroup2"}:
        return None
    mount_root, mount_point = (_unescaped(field) for field in before.split(" ")[3:5])
    controllers = frozenset(options.split(",")) & paths.keys() if kind == "cgroup" else frozenset({""})
    path = next((paths[each] for each in sorted(controllers) if each in paths), None)
    if path is None:
        return None
    mounted = root / mount_point.lstrip("/")
    group = _below(mounted, mount_root, path)
    return Hierarchy(1 if kind == "cgroup" else 2, controllers, mounted, group)


def _below(mounted: Path, mount_root: str, path: str) -> Path:
    # A container sees only its part of the hierarchy, and may be told a path that leads outside of it.
    inside = path.removeprefix(mount_root.rstrip("/")) if path.startswith(mount_root) else path
    group = mounted / inside.lstrip("/")
    return group if ".." not in group.parts and group.is_dir() else mounted


def _bound_v1(group: Path) -> MemoryBound | None:
    limit, used = _number(group / "memory.limit_in_bytes"), _number(group / "memory.usage_in_bytes")
    if limit is None or used is None or limit >= NONE_FROM:
        return None
    return MemoryBound(limit, max(0, used - (_keyed(group / "memory.stat", "total_inactive_file") or 0)))


def _bound_v2(group: Path) -> MemoryBound | None:
    # Above `high` a group is slowed down until it crawls: for a job that is the end of the road too.
    limits = [found for name in ("memory.max", "memory.high") if (found := _number(group / name)) is not None]
    used = _number(group / "memory.current")
    if not limits or used is None:
        return None
    return MemoryBound(min(limits), max(0, used - (_keyed(group / "memory.stat", "inactive_file") or 0)))


def _quota_v1(group: Path) -> float | None:
    quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    return quota / period if quota is not None and period and quota > 0 else None


def _quota_v2(group: Path) -> float | None:
    words = (_text(group / "cpu.max") or "").split()
    if len(words) != 2 or words[0] == "max":
        return None
    return int(words[0]) / int(words[1])


def _text(path: Path) -> str | None:
    with suppress(OSError):
        return path.read_text()
    return None


def _number(path: Path) -> int | None:
    text = (_text(path) or "").strip()
    return int(text) if text.lstrip("-").isdigit() else None  # "max" is none


def _keyed(path: Path, key: str) -> int | None:
    for line in (_text(path) or "").splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return None


def _unescaped(field: str) -> str:
    return field.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
