"""When does a job stop for want of room, because nothing else helps? Late, and only for what it can be blamed for, or dies of.

Memory: the job holds more than the critical bound of a rule for `MEMORY_SECONDS`, in which the monitor has cleaned up and restarted
the browser; a share of the machine's memory counts only where at least half of what is used is the job's own. Disk: less
is free than is wanted for `DISK_SECONDS`. CPU and age stop nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

__all__ = ["DISK_SECONDS", "MEMORY_SECONDS", "OWN_SHARE", "Bound", "Strain"]

MEMORY_SECONDS = 60.0
DISK_SECONDS = 15.0
OWN_SHARE = 0.5

_FEWER_PAGES = "have fewer pages open at once ([browser] concurrency)"
_FEWER_ITEMS = "have fewer items in flight (--concurrency)"
_OF_MEMORY = frozenset({"memory_usage", "memory_percent"})
_OF_DISK = frozenset({"disk_free"})


class Bound(Protocol):
    """A rule of the monitor, as far as it matters here."""

    @property
    def name(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def limit(self) -> float: ...
    @property
    def critical(self) -> float | None: ...


class Strain:
    """Watches some bounds, of a job with `pages` or without. All times are monotonic seconds, given by the caller."""

    def __init__(self, bounds: Iterable[Bound], *, pages: bool = True, memory_seconds: float = MEMORY_SECONDS) -> None:
        kept = _OF_MEMORY | _OF_DISK
        self._bounds = tuple(each for each in bounds if each.metric in kept)
        self._advice = _FEWER_PAGES if pages else _FEWER_ITEMS
        self._memory_seconds = memory_seconds
        self._since: dict[str, float] = {}

    def look(self, now: float, metrics: Mapping[str, Any]) -> str | None:
        """Take one sample into account. The sentence that says why the job cannot go on; None: it can.

        What is not known leaves everything as it was.
        """
        for bound in self._bounds:
            value = metrics.get(bound.metric)
            if value is None:
                continue
            if not _is_beyond(bound, value, metrics):
                self._since.pop(bound.name, None)
                continue
            lasted = now - self._since.setdefault(bound.name, now)
            if lasted >= (DISK_SECONDS if bound.metric in _OF_DISK else self._memory_seconds):
                return _told(bound, value, metrics, lasted, self._advice)
        return None


def _is_beyond(bound: Bound, value: float, metrics: Mapping[str, Any]) -> bool:
    if bound.metric in _OF_DISK:
        return value <= bound.limit
    if value < (bound.limit if bound.critical is None else bound.critical):
        return False
    used, own = metrics.get("memory_used_mb"), metrics.get("memory_usage")
    return bound.metric == "memory_usage" or used is None or own is None or own >= OWN_SHARE * used


def _told(bound: Bound, value: float, metrics: Mapping[str, Any], lasted: float, advice: str) -> str:
    if bound.metric in _OF_DISK:
        return (
            f"Only {value:.0f} MB are free on the disk of the job, which wants at least {bound.limit:g} ({bound.name}). "
            "Free some of it, or keep the job elsewhere (--store)."
        )
    unit, held = "MB", f"The job holds {value:.0f} MB"
    if bound.metric == "memory_percent":
        own, limit = metrics.get("memory_usage"), metrics.get("memory_limit_mb")
        of = "" if limit is None else f" of {limit:.0f} MB"
        held = f"{value:.0f} % of the memory{of} is used"
        held += "" if own is None else f", {own:.0f} MB of it by the job"
        unit = "%"
    # The limit is what somebody has written; what the time is counted from is a little above it.
    most = "" if bound.critical is None else f", and has been above {bound.critical:g} {unit}"
    return (
        f"{held}: that is more than {bound.limit:g} {unit} ({bound.name}){most} for {lasted:.0f} s, and nothing has helped. "
        f"Give it more memory, or {advice}."
    )
