"""Items that do nothing, through a durable job: what the job itself costs.

The bar compares a job that reads its source, leases, tries and records with a loop that only records (`peers.bare_loop`).
"""

import asyncio
from pathlib import Path
from typing import Any

from benchmarks.fresh import Numbers, interleaved
from benchmarks.machine import memory_mb, peak_memory_mb, scratch
from benchmarks.stopwatch import Stopwatch
from benchmarks.table import Row, at_least, row
from benchmarks.peers import bare_loop, no_durability, raw_commits
from outlast import Run

__all__ = ["bare_loop", "job", "no_durability", "raw_commits", "rows"]

ITEMS = 100_000
ITEMS_BESIDE = 40_000
ROUNDS = 3
CONCURRENCY = 64
SHARE_OF_BARE_LOOP = 0.4


def rows(*, full: bool) -> list[Row]:
    size = {"items": ITEMS, "concurrency": CONCURRENCY}
    found = interleaved(
        "noop",
        {
            "job": ("job", {**size, "output": False}),
            "output": ("job", {**size, "output": True}),
            "bare": ("bare_loop", size),
            "raw": ("raw_commits", size),
            "nothing": ("no_durability", size),
            "16": ("job", {"items": ITEMS_BESIDE, "concurrency": 16, "output": False}),
            "256": ("job", {"items": ITEMS_BESIDE, "concurrency": 256, "output": False}),
        },
        rounds=2 * ROUNDS - 1 if full else ROUNDS,
    )
    return [*_rates(found), *_shares(found), *_costs(found)]


def job(*, items: int, concurrency: int, output: bool) -> Numbers:
    """A whole run, timed from the opening of its store to the last fsync of its output."""
    with scratch() as directory:
        return asyncio.run(_job(directory, items, concurrency, directory / "items.jsonl" if output else None))


async def _job(directory: Path, items: int, concurrency: int, output: Path | None) -> Numbers:
    memory: dict[int, float] = {}
    tried = 0

    async def noop(item: str) -> Any:
        nonlocal tried
        tried += 1
        if tried == items // 10:
            memory[tried] = memory_mb()
        return {"n": item}

    watch = Stopwatch()
    before = memory_mb()
    with watch:
        async with Run("noop", store=directory, output=output, concurrency=concurrency) as run:
            summary = await run.process(noop, map(str, range(items)))
    assert summary.done == items, summary
    assert output is None or output.read_bytes().count(b"\n") == items
    growth = {"first_mb": memory[items // 10] - before, "growth_mb": memory_mb() - memory[items // 10]}
    return {**watch.per_item(items), **growth, "peak_mb": peak_memory_mb()}


def _rates(found: dict[str, list[Numbers]]) -> list[Row]:
    names = {
        "job": "job, concurrency 64",
        "output": "job with an output file",
        "16": "job, concurrency 16",
        "256": "job, concurrency 256",
        "bare": "(a) bare loop that records leased items",
        "raw": "(b) raw group commits of one INSERT",
        "nothing": "(c) bare asyncio, nothing kept",
    }
    rates = [row(what, [each["rate"] for each in found[name]], "items/s") for name, what in names.items()]
    leasing = row("(a) with the leasing it needs", [each["rate_with_leasing"] for each in found["bare"]], "items/s")
    return [*rates, leasing]


def _shares(found: dict[str, list[Numbers]]) -> list[Row]:
    def share(one: str, other: str, rate: str = "rate") -> list[float]:
        return [mine["rate"] / theirs[rate] for mine, theirs in zip(found[one], found[other], strict=True)]

    return [
        row("job / (a)", share("job", "bare"), "x", at_least(SHARE_OF_BARE_LOOP)),
        row("job with output / (a)", share("output", "bare"), "x"),
        row("job / (a) with leasing", share("job", "bare", "rate_with_leasing"), "x"),
        row("job / (b)", share("job", "raw"), "x"),
        row("job / (c)", share("job", "nothing"), "x"),
    ]


def _costs(found: dict[str, list[Numbers]]) -> list[Row]:
    def each(name: str, number: str) -> list[float]:
        return [numbers[number] for numbers in found[name]]

    threads = [whole - loop for whole, loop in zip(each("job", "cpu_us"), each("job", "loop_cpu_us"), strict=True)]
    spared = [bare / whole for bare, whole in zip(each("bare", "cpu_us"), each("job", "cpu_us"), strict=True)]
    return [
        row("CPU an item, whole process", each("job", "cpu_us"), "us"),
        row("CPU an item, event loop", each("job", "loop_cpu_us"), "us"),
        row("CPU an item, ledger thread", threads, "us"),
        row("CPU an item, (a)", each("bare", "cpu_us"), "us"),
        row("CPU an item, (a) / job: hardly moved by the neighbours", spared, "x"),
        row("peak memory of the process", each("job", "peak_mb"), "MB"),
        row("memory, first tenth of the items", each("job", "first_mb"), "MB"),
        row("memory, growth over the other nine", each("job", "growth_mb"), "MB"),
        row("the same, with output", each("output", "growth_mb"), "MB"),
    ]
