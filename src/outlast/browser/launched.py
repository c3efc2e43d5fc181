"""What a launcher gives: a browser, and what it takes to end its driver."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Launched", "Launcher"]


@dataclass(frozen=True, slots=True)
class Launched:
    """A browser that has just been launched.

    `browser` is anything with Playwright's async Browser API. `stop` ends the driver behind it, after the browser was closed;
    without it there is no driver to end. `driver_pid` is the driver's process: with it, the driver's death is noticed and its
    browser is found. `marker` is a text in the browser's command line, by which it is told from others. `directories` were made
    for this browser alone, and are removed when it has ended. `kill` ends the browser by force, where there is no `driver_pid` by which
    its process could be found.
    """

    browser: Any
    stop: Callable[[], Awaitable[None]] | None = None
    driver_pid: int | None = None
    marker: str = ""
    directories: tuple[str, ...] = ()
    kill: Callable[[], None] | None = None


Launcher = Callable[[], Awaitable[Launched]]
"""Launches a browser. It may keep its driver for the next launch, until `stop` of what it gave was called."""
