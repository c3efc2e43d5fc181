"""What a job is compared with: the same durability without the job, and no durability at all."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import apsw

from benchmarks.fresh import Numbers
from benchmarks.machine import scratch
from benchmarks.stopwatch import Stopwatch
from outlast.ledger import SqliteLedger
from outlast.ledger.groupcommit import GroupCommit
from outlast.ledger.port import ItemStatus, Lease, NewItem, Record, Shape

__all__ = ["bare_loop", "no_durability", "raw_commits"]

LEASED_AHEAD = 256
ADDED_AT_ONCE = 500
FAR_AWAY = 4e9


def bare_loop(*, items: int, concurrency: int) -> Numbers:
    """Workers that do nothing but take an item leased before and await `ledger.record`: the ledger's own speed."""
    with scratch() as directory:
        return asyncio.run(_bare_loop(directory, items, concurrency))


def raw_commits(*, items: int, concurrency: int) -> Numbers:
    """Workers that await one INSERT each, in group commits on one thread: what this disk and apsw can do at most."""
    with scratch() as directory:
        return asyncio.run(_raw_commits(directory, items, concurrency))


def no_durability(*, items: int, concurrency: int) -> Numbers:
    """Workers that give the loop one turn an item and keep nothing."""
    return asyncio.run(_no_durability(items, concurrency))


async def _bare_loop(directory: Path, items: int, concurrency: int) -> Numbers:
    ledger = await SqliteLedger.open(directory / "ledger.db")
    for first in range(0, items, ADDED_AT_ONCE):
        await ledger.add([NewItem(str(number)) for number in range(first, min(first + ADDED_AT_ONCE, items))])
    recording, leasing = Stopwatch(), 0.0
    # Leased in portions, as a job does it, because every commit looks at all leases that are held; the clock stands meanwhile.
    while True:
        before = time.perf_counter()
        leases = deque(await ledger.lease("bench", LEASED_AHEAD, 0.0, FAR_AWAY))
        leasing += time.perf_counter() - before
        if not leases:
            break
        with recording:
            await asyncio.gather(*(_record(ledger, leases) for _ in range(concurrency)))
    assert (await ledger.counts()).done == items
    await ledger.close()
    return {**recording.per_item(items), "rate_with_leasing": items / (recording.seconds + leasing)}


async def _record(ledger: SqliteLedger, leases: deque[Lease]) -> None:
    while leases:
        lease = leases.popleft()
        line = f'{{"n":"{lease.key}"}}\n'
        await ledger.record(Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=Shape.ONE, lines=line))


async def _raw_commits(directory: Path, items: int, concurrency: int) -> Numbers:
    db = apsw.Connection(str(directory / "raw.db"))
    for setting in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 4000"):
        db.execute(f"PRAGMA {setting}")
    db.execute("CREATE TABLE results (position INTEGER PRIMARY KEY, item INTEGER NOT NULL, lines TEXT NOT NULL)")

    def apply(batch: Sequence[tuple[int, str]]) -> Sequence[None]:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO results (item, lines) VALUES (?, ?)", batch)
        db.execute("COMMIT")
        return [None] * len(batch)

    commits: GroupCommit[tuple[int, str]] = GroupCommit(apply, "bench-raw")
    numbers = iter(range(items))

    async def work() -> None:
        for number in numbers:
            await commits.submit((number, f'{{"n":"{number}"}}\n'))

    watch = Stopwatch()
    with watch:
        await asyncio.gather(*(work() for _ in range(concurrency)))
    assert db.execute("SELECT count(*) FROM results").fetchall() == [(items,)]
    await commits.close(db.close)
    return watch.per_item(items)


async def _no_durability(items: int, concurrency: int) -> Numbers:
    numbers = iter(range(items))

    async def work() -> None:
        for _ in numbers:
            await asyncio.sleep(0)

    watch = Stopwatch()
    with watch:
        await asyncio.gather(*(work() for _ in range(concurrency)))
    return watch.per_item(items)
