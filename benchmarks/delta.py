"""What recording 100 items writes to the disk, in small and large ledgers: the cost should follow the change, not the job.

Two ways to look at it. The ledger alone: how much its write-ahead log gains by 100 records. A whole run that adds and does 100
items, checkpoint at the end and closing of the ledger included: `write_bytes` of `/proc/self/io`, so whole pages.
"""

import asyncio
from typing import Any

from benchmarks import seed as seeded
from benchmarks.fresh import Numbers, measured
from benchmarks.machine import bytes_written, scratch
from benchmarks.table import Row, at_most, row
from outlast import Run
from outlast.ledger import SqliteLedger
from outlast.ledger.port import ItemStatus, Lease, Record, Shape

__all__ = ["log_growth", "rows", "seed", "whole_run"]

seed = seeded.seed

SIZES = (10_000, 100_000)
SIZES_FULL = (10_000, 100_000, 1_000_000)
ROUNDS = 5
CHANGE = 100
RATIO_MAX = 1.15
FAR_AWAY = 4e9


def rows(*, full: bool) -> list[Row]:
    sizes = SIZES_FULL if full else SIZES
    logs, runs = [], []
    for size in sizes:
        with scratch() as directory:
            store = str(directory / "store")
            measured("delta", "seed", store=store, done=size, pending=CHANGE * ROUNDS)
            found = [measured("delta", "log_growth", store=store) for _ in range(ROUNDS)]
            logs.append([each["log_kb"] for each in found])
            found = [measured("delta", "whole_run", store=store, first=size * 10 + n * CHANGE) for n in range(ROUNDS)]
            runs.append([each["written_kb"] for each in found])
    return [*_table("write-ahead log", sizes, logs), *_table("whole run", sizes, runs)]


def log_growth(*, store: str) -> Numbers:
    """Record 100 pending items, and see how much the log grew. It is empty before: the last to close a ledger empties it."""
    return asyncio.run(_log_growth(store))


def whole_run(*, store: str, first: int) -> Numbers:
    """Add and do 100 new items in a run of its own."""
    return asyncio.run(_whole_run(store, first))


async def _log_growth(store: str) -> Numbers:
    path = seeded.ledger_path(store)
    ledger = await SqliteLedger.open(path)
    leases = await ledger.lease("bench", CHANGE, 0.0, FAR_AWAY)
    log = path.with_name(f"{path.name}-wal")
    before = log.stat().st_size
    await asyncio.gather(*(ledger.record(_done(lease)) for lease in leases))
    grown = log.stat().st_size - before
    assert len(leases) == CHANGE
    await ledger.close()
    return {"log_kb": grown / 1024}


async def _whole_run(store: str, first: int) -> Numbers:
    async def page(item: str) -> Any:
        return {"url": item, "title": "A page"}

    before = bytes_written()
    async with Run(seeded.NAME, store=store, concurrency=CHANGE) as run:
        done = (await run.process(page, map(seeded.key, range(first, first + CHANGE)))).done
    assert done >= CHANGE
    return {"written_kb": (bytes_written() - before) / 1024}


def _done(lease: Lease) -> Record:
    line = f'{{"url":"{lease.key}","title":"A page"}}\n'
    return Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=Shape.ONE, lines=line)


def _table(what: str, sizes: tuple[int, ...], found: list[list[float]]) -> list[Row]:
    written = [
        row(f"{what}, {CHANGE} records at {size:,}", values, "KiB") for size, values in zip(sizes, found, strict=True)
    ]
    ratios = [
        row(
            f"{what}, {size:,} / {sizes[0]:,}",
            [mine / base for mine, base in zip(values, found[0], strict=True)],
            "x",
            at_most(RATIO_MAX),
        )
        for size, values in zip(sizes[1:], found[1:], strict=True)
    ]
    return [*written, *ratios]
