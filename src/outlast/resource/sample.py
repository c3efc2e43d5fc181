"""One measurement: what is asked of it, what came of it, and what measures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from outlast.resource.cpu import Process
from outlast.resource.readings import Readings, Value

__all__ = ["MB", "Ask", "Gauge", "Probe", "Sample"]

MB = 1 << 20

Probe = Callable[[], float | None]
"""A measurement of the user's own; it is called in a thread of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the event loop tells the thread that measures. `exactly`: what is estimated is measured this time.

    `limit` is the lowest limit in force for `memory_usage`, in MB; `failed` is what could not be found out on the loop.
    """

    now: float
    timestamp: str
    roots: tuple[Process, ...] = ()
    uptime: float | None = None
    lag: float | None = None
    limit: float | None = None
    exactly: bool = False
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """Every metric, and which gauges failed with which error."""

    readings: Readings
    failed: Mapping[str, str] = field(default_factory=dict)
    is_blind: bool = False
    """Nothing at all could be read."""


Gauge = Callable[[Ask], Mapping[str, Value]]
"""Reads some of the metrics; it may keep what it needs for the next time."""
