"""How much CPU processes have used between two looks at them."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CpuMeter", "CpuTimes", "Process"]

WINDOW_MIN = 0.1

Process = tuple[int, float]
"""A process that no other can be taken for: pid and start time."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """CPU seconds of a process, and of those of its children that it has collected."""

    own: float
    children: float = 0.0


class CpuMeter:
    """The CPU of a set of processes in percent of one core, from one look to the next.

    None for the first look, and the last value again for one that follows at once. What a child used before it ended is found with its
    parent.
    """

    def __init__(self) -> None:
        self._before: Mapping[Process, CpuTimes] | None = None
        self._at = 0.0
        self._percent: float | None = None

    def look(self, times: Mapping[Process, CpuTimes], now: float, cores: float) -> float | None:
        """Count what was used since the last look; `now` is monotonic."""
        window = now - self._at
        if self._before is not None and window < WINDOW_MIN:
            return self._percent
        if self._before is not None:
            used = _used(self._before, times, window)
            self._percent = min(100 * used / window, 100 * cores)
        self._before, self._at = dict(times), now
        return self._percent


def _used(before: Mapping[Process, CpuTimes], now: Mapping[Process, CpuTimes], window: float) -> float:
    own = collected = 0.0
    for process, times in now.items():
        known = before.get(process)
        if known is None:
            # It may have run for long before it came to be looked at.
            own += min(times.own, window)
        else:
            own += max(0.0, times.own - known.own)
            collected += max(0.0, times.children - known.children)
    gone = sum(times.own for process, times in before.items() if process not in now)
    return own + max(0.0, collected - gone)
