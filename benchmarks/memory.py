"""How much more memory a job needs when many more items are pending."""

import asyncio
from collections.abc import Iterator
from typing import Any

from benchmarks.fresh import Numbers, interleaved
from benchmarks.machine import memory_mb, peak_memory_mb, scratch
from benchmarks.table import Row, at_most, row
from outlast import Run

__all__ = ["read_then_try", "rows"]

PENDING = (50_000, 300_000)
PENDING_FULL = (100_000, 1_000_000)
ROUNDS = 3
TRIED = 2_000
GROWTH_MB_MAX = 20.0


def rows(*, full: bool) -> list[Row]:
    few, many = PENDING_FULL if full else PENDING
    found = interleaved(
        "memory",
        {"few": ("read_then_try", {"items": few}), "many": ("read_then_try", {"items": many})},
        rounds=1 if full else ROUNDS,
    )

    def values(name: str, number: str) -> list[float]:
        return [each[number] for each in found[name]]

    def growth(number: str) -> list[float]:
        return [after - before for before, after in zip(values("few", number), values("many", number), strict=True)]

    return [
        row(f"{few:,} pending: resident", values("few", "memory_mb"), "MB"),
        row(f"{many:,} pending: resident", values("many", "memory_mb"), "MB"),
        row("growth of resident memory", growth("memory_mb"), "MB", at_most(GROWTH_MB_MAX)),
        row("growth of peak memory", growth("peak_mb"), "MB", at_most(GROWTH_MB_MAX)),
        row("the items themselves, as JSON", [_size(many) - _size(few)], "MB"),
    ]


def read_then_try(*, items: int) -> Numbers:
    """Read `items` into a job whose workers wait meanwhile, then try the first of them."""
    with scratch() as directory:
        return asyncio.run(_read_then_try(str(directory), items))


async def _read_then_try(store: str, items: int) -> Numbers:
    all_read = asyncio.Event()
    numbers: Numbers = {}
    tried = 0

    def source() -> Iterator[str]:
        yield from map(_url, range(items))
        all_read.set()

    async def wait(item: str) -> Any:
        nonlocal tried
        await all_read.wait()
        tried += 1
        if tried == TRIED:
            run.stop()
            numbers.update(memory_mb=memory_mb())
        return {"url": item}

    async with Run("memory", store=store, concurrency=64, timeout=None) as run:
        summary = await run.process(wait, source())
    assert summary.total == items, summary
    assert tried >= TRIED
    return {**numbers, "peak_mb": peak_memory_mb()}


def _url(number: int) -> str:
    return f"https://example.org/catalogue/{number}"


def _size(items: int) -> float:
    return sum(len(_url(number)) + 3 for number in range(items)) / 2**20
