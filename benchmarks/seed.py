"""Jobs as an earlier run left them: so many items done, so many pending."""

import asyncio
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.fresh import Numbers
from outlast import Run
from outlast.jobs.store import job_directory
from outlast.ledger.port import ItemStatus, Lease, NewItem, Record, Shape
from outlast.ledger.sqlfile import LedgerFile, Request, Write

__all__ = ["NAME", "key", "ledger_path", "seed"]

NAME = "bench"
AT_ONCE = 5_000
FAR_AWAY = 4e9


def key(number: int) -> str:
    return f"https://example.org/catalogue/{number}"


def ledger_path(store: str) -> Path:
    return job_directory(Path(store), NAME).ledger


def seed(*, store: str, done: int, pending: int) -> Numbers:
    """Write the ledger in large transactions, then open and close the job once, so that all that a run leaves is there."""
    path = ledger_path(store)
    path.parent.mkdir(parents=True)
    file = LedgerFile(path, read_only=False)
    numbers = iter(range(done + pending))
    while batch := [NewItem(key(number)) for number in islice(numbers, AT_ONCE)]:
        file.apply([Write(partial(file.add, batch))])
    recorded = 0
    while recorded < done:
        count = min(AT_ONCE, done - recorded)
        [leases] = file.apply([Write(partial(file.lease, "seed", count, 0.0, FAR_AWAY))])
        refused = [each for each in file.apply(list(map(_done, leases))) if each is not None]
        assert len(leases) == count and not refused
        recorded += count
    file.close()
    asyncio.run(_open_once(store))
    return {}


def _done(lease: Lease) -> Request:
    line = f'{{"url":"{lease.key}","title":"A page"}}\n'
    return Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=Shape.ONE, lines=line)


async def _open_once(store: str) -> None:
    async with Run(NAME, store=store) as run:
        run.state["seeded"] = True
