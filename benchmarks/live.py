"""The live view: what drawing it costs beside a job, on a terminal that takes every line.

The job's items wait as pages do; a seventh fails, on 40 hosts, for 8 reasons. The bar is for the drawing alone; the job with and
without the view differ by less than its own rounds do.
"""

import asyncio
import os
import pty
import termios
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.fresh import Numbers, interleaved
from benchmarks.machine import scratch
from benchmarks.stopwatch import Stopwatch
from benchmarks.table import Row, at_most, row
from outlast import Run
from outlast.cli.screen.happened import Happenings
from outlast.cli.hosts import HostWatch
from outlast.cli.screen.live import REDRAW_SECONDS, LiveScreen, live_screen
from outlast.cli.screen.screens import Screen, SilentScreen
from outlast.cli.screen.view import View
from outlast.cli.screen.watcher import Stops, Watcher
from outlast.runtime import Runtime

__all__ = ["job", "rows"]

ITEMS = 12_000
CONCURRENCY = 64
ITEM_SECONDS = 0.05
HOSTS = 40
REASONS = 8
SIZE = (30, 110)
ROUNDS = 3
READ_BYTES = 65_536


class Timed:
    """A screen, with the CPU that showing takes of the event loop's thread."""

    every = REDRAW_SECONDS

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.cpu_seconds = 0.0
        self.shown = 0
        self.say, self.tell = screen.say, screen.tell

    def show(self, view: View, /) -> None:
        began = time.thread_time()
        self._screen.show(view)
        self.cpu_seconds += time.thread_time() - began
        self.shown += 1


def rows(*, full: bool) -> list[Row]:
    size = {"items": 2 * ITEMS if full else ITEMS}
    found = interleaved(
        "live", {"live": ("job", {**size, "drawn": True}), "off": ("job", {**size, "drawn": False})}, rounds=ROUNDS
    )

    def each(name: str, number: str) -> list[float]:
        return [numbers[number] for numbers in found[name]]

    shares = [whole / bare for whole, bare in zip(each("live", "cpu_us"), each("off", "cpu_us"), strict=True)]
    return [
        row("drawing, of one core", each("live", "percent"), "%", at_most(1.0)),
        row("draws a second", each("live", "draws"), "/s", at_most(4.0)),
        row("CPU of a draw", each("live", "draw_ms"), "ms"),
        row("written to the terminal", each("live", "kib"), "KiB/s"),
        row("job with the view", each("live", "rate"), "items/s"),
        row("job without it", each("off", "rate"), "items/s"),
        row("CPU an item, with / without", shares, "x"),
    ]


def job(*, items: int, drawn: bool) -> Numbers:
    """A whole run beside its view, or beside one that shows nothing."""
    os.environ.update(LINES=str(SIZE[0]), COLUMNS=str(SIZE[1]), TERM="xterm")
    if not drawn:
        return _measured(items, Timed(SilentScreen()), [0])
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, SIZE)
    read = [0]
    reader = threading.Thread(target=_drain, args=(ours, read), daemon=True)
    reader.start()
    with open(theirs, "w", encoding="utf-8") as terminal, live_screen("shop", color=True, stream=terminal) as screen:  # noqa: PTH123 - a descriptor
        assert isinstance(screen, LiveScreen)
        return _measured(items, Timed(screen), read)


def _measured(items: int, screen: Timed, read: list[int]) -> Numbers:
    watch = Stopwatch()
    with scratch() as directory:
        asyncio.run(_job(directory, items, screen, watch))
    return {
        **watch.per_item(items),
        "percent": 100 * screen.cpu_seconds / watch.seconds,
        "draws": screen.shown / watch.seconds,
        "draw_ms": 1000 * screen.cpu_seconds / max(1, screen.shown),
        "kib": read[0] / 1024 / watch.seconds,
    }


async def _job(directory: Path, items: int, screen: Timed, watch: Stopwatch) -> None:
    async def scrape(item: str) -> Any:
        await asyncio.sleep(ITEM_SECONDS)
        number = int(item.rpartition("/")[2])
        if number % 7 == 0:
            raise ValueError(f"selector {'.price' * (number % REASONS)!r} not found on page {number}")
        return {"url": item}

    runtime, hosts, happenings = Runtime(), HostWatch(), Happenings()
    runtime.bus.subscribe(hosts, hosts.types)
    runtime.bus.subscribe(happenings, happenings.types)
    watcher = Watcher(
        screen, runtime, Stops(), hosts=hosts, happenings=happenings, concurrency=CONCURRENCY, quiet=False
    )
    urls = (f"https://shop-{number % HOSTS}.example/{number}" for number in range(items))
    with watch:
        async with Run("live", store=directory, concurrency=CONCURRENCY, runtime=runtime) as run:
            async with watcher.beside(run, runtime.clock.monotonic()):
                await run.process(scrape, urls)


def _drain(descriptor: int, read: list[int]) -> None:
    """A terminal that takes what it is given."""
    try:
        while chunk := os.read(descriptor, READ_BYTES):
            read[0] += len(chunk)
    except OSError:
        return
