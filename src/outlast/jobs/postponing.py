"""Items that stand in the way of others are put off: back into the ledger, at no cost to them."""

import asyncio
from collections.abc import Sequence

from outlast.errors import StaleLeaseError
from outlast.jobs.athand import Task
from outlast.jobs.gate import Gate
from outlast.ledger.port import ItemStatus, Ledger, Record
from outlast.runtime import Clock

__all__ = ["put_off"]


async def put_off(tasks: Sequence[Task], gate: Gate, ledger: Ledger, clock: Clock) -> None:
    """Give the leases back until each item's host may be able to use it."""
    now, wall = clock.monotonic(), clock.now().timestamp()
    records = [_deferred(task, wall + gate.put_off(task.host, now) - now) for task in tasks]
    for outcome in await asyncio.gather(*map(ledger.record, records), return_exceptions=True):
        # A lease may have run out while the machine slept; then the item is in the queue again as it is.
        if isinstance(outcome, BaseException) and not isinstance(outcome, StaleLeaseError):
            raise outcome


def _deferred(task: Task, until: float) -> Record:
    lease = task.lease
    return Record(lease=lease, status=ItemStatus.DEFERRED, attempts=lease.attempts, not_before=until)
