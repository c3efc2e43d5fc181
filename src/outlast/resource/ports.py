"""What the monitor needs from others: which processes are browsers, and who can give memory back."""

from collections.abc import Iterable
from typing import Protocol

__all__ = ["BrowserTree", "Cleaner"]


class BrowserTree(Protocol):
    """Tells which processes belong to browsers. Both are asked on the event loop and answer at once."""

    @property
    def uptime(self) -> float | None:
        """Seconds that the oldest running browser has been up; None without one."""
        ...

    def roots(self) -> Iterable[tuple[int, float]]:
        """The main processes of the browsers: pid, and start time as `outlast.resource.proc.start_time(pid)` gives it.

        Their process groups and descendants count as theirs.
        """
        ...


class Cleaner(Protocol):
    """Gives resources back when it is asked to."""

    @property
    def name(self) -> str: ...

    async def clean(self, level: int, /) -> None:
        """Level 1: what nobody notices (garbage of idle pages). Level 2: what costs a little (idle contexts, caches)."""
        ...
