"""Which leased item goes to which worker, and when there is nothing left to do.

Leases are taken ahead of the workers, so that a worker rarely waits for one; an item that was leased but not begun was not
fetched, so a crash repeats no more than the workers had in hand.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from outlast.errors import StaleLeaseError
from outlast.jobs.gate import Gate, Probe
from outlast.jobs.items import host_of, item_of
from outlast.jobs.outcome import Ending
from outlast.ledger.port import Counts, ItemStatus, Lease, Ledger, Record
from outlast.runtime import Runtime

__all__ = ["LEASE_SECONDS", "Dispatch", "Task"]

LEASE_SECONDS = 600.0
AHEAD_MIN = 32
# Half of it is asked for while the other half is worked on, so that the lease joins a commit that is due anyway.
AHEAD_PER_WORKER = 4
# While one host is parked, its items are put off, a batch at a time, to find those of other hosts behind them. The pause
# between batches bounds what that costs; the time they are put off bounds how many can be looked past.
LOOK_PAST_EVERY = 0.05
PUT_OFF_SECONDS = 15.0
# When patience is at its end and no more than this share of what is done is left to do, the run ends with those failed, not
# aborted: otherwise a few broken pages of a site that is up would abort every run to come.
TAIL_SHARE = 0.1
IDLE_SECONDS_MIN = 0.001
IDLE_SECONDS_MAX = 300.0


class Task(NamedTuple):
    """One item handed to a worker. A tuple, as one is made for every item: a frozen dataclass takes three times as long."""

    lease: Lease
    item: object
    host: str
    probe: bool


class Dispatch:
    """Hands out items until nothing is left, the run is stopped, or no host has answered for `patience` seconds.

    `last_look` is called once, when nothing seems to be left: items may be pending again when it returns.
    """

    def __init__(
        self,
        ledger: Ledger,
        gate: Gate,
        runtime: Runtime,
        *,
        owner: str,
        concurrency: int,
        patience: float,
        last_look: Callable[[], Awaitable[object]],
    ) -> None:
        self._ledger = ledger
        self._gate = gate
        self._clock = runtime.clock
        self._owner = owner
        self._ahead = max(AHEAD_MIN, AHEAD_PER_WORKER * concurrency)
        self._patience = patience
        self._last_look: Callable[[], Awaitable[object]] | None = last_look
        self._ready: deque[Task] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._wanted = asyncio.Event()
        self._source_read = False
        self._hosts: set[str] = set()
        self._looked_past = 0.0
        self.ending: Ending | None = None

    def take(self) -> Task | None:
        """The next item that may be tried now, if one is at hand."""
        task = self._pick()
        if task is not None and len(self._ready) < self._ahead // 2:
            self._wanted.set()
        return task

    async def next(self) -> Task | None:
        """Wait for an item; None when there will be none."""
        told = False
        while self.ending is None:
            task = self.take()
            if task is not None:
                return task
            waiter = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            if not told:
                # What changed before anybody was idle told nobody. Once a call: a parked host's items are not for asking again.
                self._wanted.set()
                told = True
            await waiter
        return None

    def changed(self) -> None:
        """Items were added, put off or finished, or a host changed its state."""
        if self._idle:
            self._wanted.set()

    def notice(self, hosts: Iterable[str]) -> None:
        """These hosts have items in this job; all that matters is whether it is one or several."""
        if len(self._hosts) < 2:
            self._hosts.update(hosts)

    def source_read(self) -> None:
        """Every item of the source is in the ledger."""
        self._source_read = True
        self._wanted.set()

    def end(self, ending: Ending) -> None:
        """Hand out nothing more. The first reason given is the one that stays."""
        if self.ending is None:
            self.ending = ending
        self._wanted.set()
        self._wake(len(self._idle))

    async def supply(self) -> None:
        """Keep items at hand until the run ends."""
        while self.ending is None:
            self._wanted.clear()
            leased = await self._refill()
            self._wake(len(self._ready))
            if len(self._ready) >= self._ahead // 2 and not self._gate.parked:
                await self._wanted.wait()
            elif not leased or self._gate.parked:
                await self._rest()

    async def _refill(self) -> int:
        if self._gate.parked:
            await self._look_past()
        room = self._ahead - len(self._ready)
        if room <= 0:
            return 0
        now = self._clock.now().timestamp()
        leases = await self._ledger.lease(self._owner, room, now, now + LEASE_SECONDS)
        items = [item_of(lease) for lease in leases]
        tasks = [Task(lease, item, host_of(item), probe=False) for lease, item in zip(leases, items, strict=True)]
        self.notice(task.host for task in tasks)
        self._ready.extend(tasks)
        return len(tasks)

    async def _look_past(self) -> None:
        """Where all at hand waits for parked hosts, put most of it off, to see what stands behind it in the queue."""
        now = self._clock.monotonic()
        parked = set(self._gate.parked_hosts())
        stuck = len(self._ready) >= self._ahead // 2 and all(task.host in parked for task in self._ready)
        if not stuck or len(self._hosts) < 2 or now - self._looked_past < LOOK_PAST_EVERY:
            return
        self._looked_past = now
        kept, put_off = deque[Task](), list[Task]()
        for task in self._ready:
            (kept if task.host in parked else put_off).append(task)
            parked.discard(task.host)  # one item stays at hand for the host's next probe
        self._ready = kept
        until = self._clock.now().timestamp() + PUT_OFF_SECONDS
        records = (self._ledger.record(_put_off(task.lease, until)) for task in put_off)
        for outcome in await asyncio.gather(*records, return_exceptions=True):
            # A lease may have run out while the machine slept; then the item is in the queue again as it is.
            if isinstance(outcome, BaseException) and not isinstance(outcome, StaleLeaseError):
                raise outcome

    async def _rest(self) -> None:
        """Nothing could be leased: find out whether that is the end, or wait for what may change it."""
        # Looked at before the count: what the source's last batch adds while this waits must not be missed.
        source_read = self._source_read
        counts = await self._ledger.counts()
        if source_read and not counts.waiting:
            await self._close()
            return
        if self._gate.parked and self._out_of_patience(counts):
            self.end(Ending.OUT_OF_PATIENCE)
            return
        try:
            async with asyncio.timeout(await self._idle_seconds()):
                await self._wanted.wait()
        except TimeoutError:
            return

    async def _close(self) -> None:
        """Nothing is left: look for damage first, and then, once more, for items."""
        if self._last_look is None:
            self.end(Ending.NOTHING_LEFT)
        else:
            await self._last_look()
            self._last_look = None

    def _out_of_patience(self, counts: Counts) -> bool:
        if self._gate.silent_for(self._clock.monotonic()) < self._patience:
            return False
        if counts.waiting > TAIL_SHARE * counts.done:
            return True
        # So few are left of so many that these may well be the broken ones: from now on their failures count.
        self._gate.doubt()
        return False

    async def _idle_seconds(self) -> float:
        """How long nothing can happen by itself.

        Until an item is due for which there is room, or a probe for which a worker and an item are at hand.
        """
        stuck = self._gate.parked and len(self._hosts) > 1 and len(self._ready) >= self._ahead // 2
        waits = [LOOK_PAST_EVERY if stuck else IDLE_SECONDS_MAX]
        if len(self._ready) < self._ahead and (due := await self._ledger.next_due()) is not None:
            waits.append(due - self._clock.now().timestamp())
        if self._idle:
            now = self._clock.monotonic()
            waits.extend(self._gate.opens(host) - now for host in {task.host for task in self._ready})
        return max(min(waits), IDLE_SECONDS_MIN)

    def _pick(self) -> Task | None:
        ready = self._ready
        if not self._gate.parked:
            return ready.popleft() if ready else None
        now = self._clock.monotonic()
        for _ in range(len(ready)):
            task = ready.popleft()
            match self._gate.admit(task.host, now):
                case Probe.GO:
                    return task
                case Probe.PROBE:
                    return task._replace(probe=True)
                case Probe.WAIT:
                    ready.append(task)
        return None

    def _wake(self, count: int) -> None:
        for _ in range(min(count, len(self._idle))):
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)


def _put_off(lease: Lease, until: float) -> Record:
    return Record(lease=lease, status=ItemStatus.DEFERRED, attempts=lease.attempts, not_before=until)
