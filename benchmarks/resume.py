"""How soon a job with many finished items tries its first new one, from the start of the process."""

import asyncio
import importlib
import os
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import seed as seeded
from benchmarks.fresh import Numbers, measured
from benchmarks.machine import peak_memory_mb, scratch
from benchmarks.table import Row, at_most, row
from outlast import Run

__all__ = ["evict", "first_item", "rows", "seed"]

seed = seeded.seed

FINISHED = 100_000
FINISHED_FULL = 1_000_000
PENDING = 1_000
ROUNDS = 5
SECONDS_MAX = 1.0
NEW = "https://example.org/new/"


def rows(*, full: bool) -> list[Row]:
    done = FINISHED_FULL if full else FINISHED
    with scratch() as directory:
        some, none = str(directory / "some"), str(directory / "none")
        measured("resume", "seed", store=some, done=done, pending=PENDING)
        measured("resume", "seed", store=none, done=done, pending=0)
        warm, cold, source = [], [], []
        for number in range(ROUNDS):
            warm.append(measured("resume", "first_item", store=some, known=0, new="", evicted=False))
            cold.append(measured("resume", "first_item", store=some, known=0, new="", evicted=True))
            source.append(measured("resume", "first_item", store=none, known=done, new=f"{NEW}{number}", evicted=False))
    size = f"{done:,} finished"
    return [
        _row(f"{size}: first pending item", warm, "seconds", bar=True),
        _row("  without imports", warm, "own_seconds"),
        _row("  the ledger not in the page cache", cold, "seconds", bar=True),
        _row("  peak memory", warm, "peak_mb"),
        _row(f"{size}: a new item behind them all in the source", source, "seconds", bar=True),
        _row("  without imports", source, "own_seconds"),
        _row("  peak memory", source, "peak_mb"),
    ]


def first_item(*, store: str, known: int, new: str, evicted: bool, started: float) -> Numbers:
    """Run the job until its first item is tried: the first of all, or `new`, which follows `known` known ones."""
    for name in ("assembly", "checkpoint", "config", "retry"):  # a run loads these when it is opened
        importlib.import_module(f"outlast.{name}")
    if evicted:
        evict(seeded.ledger_path(store))
    return asyncio.run(_first_item(store, known, new, started, time.monotonic()))


def evict(path: Path) -> None:
    """Let the kernel forget the file's content, as after a reboot."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


async def _first_item(store: str, known: int, new: str, started: float, imported: float) -> Numbers:
    tried: list[float] = []

    async def note(item: str) -> Any:
        if not tried and item.startswith(new):
            tried.append(time.monotonic())
            run.stop()
        return {"url": item}

    async with Run(seeded.NAME, store=store) as run:
        await run.process(note, _source(known, new))
    return {"seconds": tried[0] - started, "own_seconds": tried[0] - imported, "peak_mb": peak_memory_mb()}


def _source(known: int, new: str) -> Iterator[str]:
    return chain(map(seeded.key, range(known)), [new] if new else [])


def _row(what: str, found: list[Numbers], number: str, *, bar: bool = False) -> Row:
    unit = "MB" if number.endswith("mb") else "s"
    return row(what, [each[number] for each in found], unit, at_most(SECONDS_MAX) if bar else None)
