"""Memory, open files, shared memory, clocks: what the machine grants a job."""

import os
import resource
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import outlast
from outlast.cli.doctor.check import Check, State
from outlast.cli.phrases import moment, size

__all__ = [
    "clock_check",
    "files_check",
    "memory_check",
    "shm_check",
    "shm_size",
]

MIB = 2**20
MEMORY_WARN_MB = 600
"""A browser with ten pages takes about 450 MiB, and its driver 120."""
FILES_WARN = 1024
SHM = "/dev/shm"  # noqa: S108 - asked about, not used
SHM_WARN = 512 * MIB


def memory_check(metrics: Mapping[str, Any]) -> Check:
    """Which limit applies, and what of it is left; the keys are those of the resource monitor."""
    names = ("memory_limit_mb", "memory_limit_source", "memory_available")
    limit, source, left = (metrics.get(name) for name in names)
    facts = {"limit_mb": limit, "source": source, "available_mb": left}
    if left is None:
        return Check(name="memory", state=State.WARN, says="nobody tells how much there is", facts=facts)
    told = f"{size(int(left * MIB))} left"
    if limit is not None:
        told += f" of {size(int(limit * MIB))} (the limit of the {source})"
    if left >= MEMORY_WARN_MB:
        return Check(name="memory", state=State.OK, says=told, facts=facts)
    do = ("give it more (docker run --memory 2g ...), or fewer pages at once: [browser] concurrency = 1",)
    return Check(name="memory", state=State.WARN, says=f"{told}: little for a browser", do=do, facts=facts)


def files_check(limits: tuple[int, int] | None = None) -> Check:
    """How many files and sockets a process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE) if limits is None else limits
    facts = {"soft": soft, "hard": hard}
    if soft == resource.RLIM_INFINITY or soft >= FILES_WARN:
        told = "no limit" if soft == resource.RLIM_INFINITY else f"{soft} at once"
        return Check(name="open files", state=State.OK, says=told, facts=facts)
    says = f"{soft} at once: every connection is one, and a browser needs hundreds"
    return Check(name="open files", state=State.WARN, says=says, do=("ulimit -n 4096",), facts=facts)


def shm_size() -> int | None:
    """The bytes of /dev/shm; None where there is none."""
    try:
        found = os.statvfs(SHM)
    except OSError:
        return None
    return found.f_blocks * found.f_frsize


def shm_check(bytes_there: int | None) -> Check:
    """Whether a browser that keeps its pages in /dev/shm has room for them."""
    facts = {"bytes": bytes_there}
    if bytes_there is None or bytes_there >= SHM_WARN:
        told = "not used here" if bytes_there is None else size(bytes_there)
        return Check(name=SHM, state=State.OK, says=told, facts=facts)
    says = f"{size(bytes_there)}: pages crash in a browser that was not started with --disable-dev-shm-usage, as Playwright does"
    return Check(name=SHM, state=State.WARN, says=says, do=("docker run --shm-size=1g ...",), facts=facts)


def clock_check(now: datetime, environ: Mapping[str, str], installed: float | None = None) -> Check:
    """Whether the time is one that can be: not before this package was installed."""
    since = Path(outlast.__file__).stat().st_mtime if installed is None else installed
    zone = environ.get("TZ", "")
    facts = {"now": now.isoformat(), "tz": zone or None}
    if now.timestamp() < since:
        says = f"it is said to be {moment(now)}, which is before outlast was installed"
        return Check(name="clock", state=State.BAD, says=says, do=("set the clock (NTP)",), facts=facts)
    if zone and not _is_zone(zone):
        says = f"{moment(now)}; TZ={zone} is no time zone that is known here, so local times are UTC"
        return Check(
            name="clock", state=State.WARN, says=says, do=("apt-get install tzdata, or correct TZ",), facts=facts
        )
    return Check(
        name="clock", state=State.OK, says=f"{moment(now)}, local time zone {zone or 'of the system'}", facts=facts
    )


def _is_zone(name: str) -> bool:
    # ":Area/City" and "EST5EDT" are of POSIX; a rule with digits and a comma needs no file.
    if any(each.isdigit() for each in name):
        return True
    try:
        ZoneInfo(name.removeprefix(":"))
    except (OSError, ValueError, KeyError):
        return False
    return True
