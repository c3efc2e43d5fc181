"""What is wanted of a browser: deadlines, when it is renewed, and how often it may be restarted."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import partial

from outlast.errors import ConfigurationError
from outlast.failure.checks import Check, number, or_none, whole

__all__ = ["BrowserPolicy", "Deadlines"]

SECONDS_MAX = 366 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long each call to a browser may take, in seconds; none of them has a timeout of its own in Playwright.

    `drain` is how long a restart waits for the pages in use, `drain_critical` the same when memory is about to run out.
    """

    launch: float = 30.0
    new_context: float = 10.0
    new_page: float = 10.0
    goto: float = 10.0
    close_page: float = 2.0
    close_context: float = 3.0
    close_browser: float = 5.0
    stop: float = 5.0
    die: float = 5.0
    snapshot: float = 3.0
    save: float = 10.0
    probe: float = 2.0
    verify: float = 10.0
    drain: float = 30.0
    drain_critical: float = 5.0

    def __post_init__(self) -> None:
        _refuse("deadlines.", {each.name: _SECONDS for each in fields(self)}, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserPolicy:
    """How a browser is kept going. Times are seconds, memory is MiB; None: never for this reason.

    `restarts_max` restarts are allowed within `restart_window`; a planned renewal is none of them. A context is renewed after
    `context_pages` pages or `context_age`, the browser after `browser_pages`, `browser_age` or above `browser_memory`, the driver
    after `driver_age` or above `driver_memory`; `jitter` spreads each of these, 0.1 by up to 10 % either way.
    """

    deadlines: Deadlines = field(default_factory=Deadlines)
    restart_enabled: bool = True
    restarts_max: int = 3
    restart_window: float = 600.0
    launch_attempts: int = 3
    context_pages: int | None = 100
    context_age: float | None = 1_800.0
    browser_pages: int | None = 1_000
    browser_age: float | None = 7_200.0
    browser_memory: float | None = None
    driver_age: float | None = 43_200.0
    driver_memory: float | None = 600.0
    jitter: float = 0.1
    health_interval: float = 10.0
    idle_before_probe: float = 5.0
    slow_factor: float = 5.0
    snapshot_interval: float = 60.0
    popups_max: int = 10
    reaper: bool = True
    subreaper: bool = False

    def __post_init__(self) -> None:
        _refuse("", _CHECKS, self)


def _refuse(place: str, checks: Mapping[str, Check], values: object) -> None:
    told = [f"{place}{name}: {wrong}" for name, check in checks.items() if (wrong := check(getattr(values, name)))]
    if told:
        raise ConfigurationError("the browser policy is not valid: " + "; ".join(told), context={"complaints": told})


_SECONDS: Check = partial(number, 0.001, SECONDS_MAX)
_CHECKS: Mapping[str, Check] = {
    "restarts_max": partial(whole, 0, 1_000),
    "restart_window": _SECONDS,
    "launch_attempts": partial(whole, 1, 20),
    "context_pages": partial(or_none, partial(whole, 1, 1_000_000)),
    "context_age": partial(or_none, _SECONDS),
    "browser_pages": partial(or_none, partial(whole, 1, 1_000_000)),
    "browser_age": partial(or_none, _SECONDS),
    "browser_memory": partial(or_none, partial(number, 1, 1e9)),
    "driver_age": partial(or_none, _SECONDS),
    "driver_memory": partial(or_none, partial(number, 1, 1e9)),
    "jitter": partial(number, 0, 0.9),
    "health_interval": _SECONDS,
    "idle_before_probe": _SECONDS,
    "slow_factor": partial(number, 1.1, 1_000),
    "snapshot_interval": _SECONDS,
    "popups_max": partial(whole, 0, 1_000),
}
