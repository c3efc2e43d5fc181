"""Which leased item goes to which worker, and when there is nothing left to do.

Leases are taken ahead of the workers, so that a worker rarely waits for one; an item that was leased but not begun was not
fetched, so a crash repeats no more than the workers had in hand.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from outlast.jobs.athand import AtHand, Task
from outlast.jobs.gate import Gate, Probe
from outlast.jobs.items import host_of, item_of
from outlast.jobs.leftovers import only_of
from outlast.jobs.outcome import Ending
from outlast.jobs.postponing import put_off
from outlast.jobs.throttle import Throttle
from outlast.jobs.trial import Trials
from outlast.ledger.port import Ledger
from outlast.runtime import Runtime

__all__ = ["LEASE_SECONDS", "Dispatch"]

LEASE_SECONDS = 600.0
AHEAD_MIN = 32
# Half of it is asked for while the other half is worked on, so that the lease joins a commit that is due anyway.
AHEAD_PER_WORKER = 4
# When workers are idle because all at hand waits for its hosts, what those cannot use soon is put off, a batch at a time, to find
# items of other hosts behind it. The pause between batches bounds what that costs; `HELD_HOSTS_MAX`, what is kept at hand.
LOOK_PAST_EVERY = 0.05
HELD_HOSTS_MAX = 1_000
# When patience is at its end and no more than this share of what is done is left to do, the run ends with those failed, not
# aborted: otherwise a few broken pages of a site that is up would abort every run to come.
TAIL_SHARE = 0.1
IDLE_SECONDS_MIN = 0.001
IDLE_SECONDS_MAX = 300.0
# Whether all that is left waits for paused hosts takes a look at all of it.
ONLY_PAUSED_EVERY = 5.0


class Dispatch:
    """Hands out items until nothing is left, the run is stopped, or no host has answered for `patience` seconds.

    Every task handed out is to be `settled`. `last_look` is called once, when nothing seems to be left: items may be pending
    again when it returns.
    """

    def __init__(  # noqa: PLR0913 - the parts of a dispatch
        self,
        ledger: Ledger,
        gate: Gate,
        trials: Trials,
        runtime: Runtime,
        *,
        owner: str,
        concurrency: int,
        patience: float,
        throttle: Throttle,
        last_look: Callable[[], Awaitable[object]],
    ) -> None:
        self._ledger = ledger
        self._gate = gate
        self._trials = trials
        self._clock = runtime.clock
        self._owner = owner
        self._ahead = max(AHEAD_MIN, AHEAD_PER_WORKER * concurrency)
        self._enough = self._ahead // 2
        self._patience = patience
        self._last_look: Callable[[], Awaitable[object]] | None = last_look
        self._throttle = throttle
        throttle.wakes(self.changed)
        self._at_hand = AtHand(gate)
        self._alone: deque[Task] = deque()
        self._alone_now: Task | None = None
        self._out = 0
        self._idle: deque[asyncio.Future[Task | None]] = deque()
        self._wanted = asyncio.Event()
        self._source_read = False
        self._hosts: set[str] = set()
        self._looked_past = -math.inf
        self._look_for_paused_at = -math.inf
        self.ending: Ending | None = None

    def take(self) -> Task | None:
        """The next item that may be tried now, if one is at hand."""
        task = self._pick()
        if task is not None:
            self._out += 1
            if len(self._at_hand.ready) < self._enough and len(self._at_hand) < self._enough:
                self._wanted.set()
        return task

    async def next(self) -> Task | None:
        """Wait for an item; None when there will be none."""
        if self.ending is not None:
            return None
        if (task := self.take()) is not None:
            return task
        waiter: asyncio.Future[Task | None] = asyncio.get_running_loop().create_future()
        self._idle.append(waiter)
        # What changed before anybody was idle told nobody.
        self._wanted.set()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (task := waiter.result()) is not None:
                self._give_back(task)
            raise

    def settled(self, task: Task) -> None:
        """What became of this task is durable, or is not going to be."""
        self._out -= 1
        self._at_hand.touch(task.host)
        if self._idle or task is self._alone_now:
            self._wanted.set()

    def changed(self) -> None:
        """Items were added or put off, or hosts changed their state."""
        self._at_hand.touch()
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
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)

    async def supply(self) -> None:
        """Keep items at hand until the run ends."""
        while self.ending is None:
            self._wanted.clear()
            leased = await self._refill()
            if self._alone and not self._out:
                await self._try_alone()
            self._serve()
            if leased and (self._idle or len(self._at_hand) < self._enough):
                continue
            if self._idle or len(self._at_hand) < self._enough:
                await self._rest()
            else:
                await self._wanted.wait()

    async def _refill(self) -> int:
        looked_past = await self._look_past()
        if self._alone or (len(self._at_hand) >= self._enough and not looked_past):
            return 0
        room = max(self._ahead - len(self._at_hand), self._enough)
        now = self._clock.now().timestamp()
        leases = await self._ledger.lease(self._owner, room, now, now + LEASE_SECONDS)
        items = [item_of(lease) for lease in leases]
        tasks = [Task(lease, item, host_of(item), probe=False) for lease, item in zip(leases, items, strict=True)]
        self.notice(task.host for task in tasks)
        usual, alone = await self._trials.sorted_out(tasks)
        self._at_hand.add(usual)
        self._alone.extend(alone)
        return len(tasks)

    async def _try_alone(self) -> None:
        """Nothing is out: hand out one suspect, with nobody beside it, and note that first."""
        if self._alone_now is not None:
            await self._trials.end([self._alone_now.lease.item])
            self._alone_now = None
            self._alone.popleft()
        if not self._alone or not self._idle or self._throttle.limit == 0:
            return
        task = self._alone[0]
        said = self._gate.admit(task.host, self._clock.monotonic())
        if said is Probe.WAIT:
            self._alone.popleft()
            await put_off([task], self._gate, self._ledger, self._clock)
            return
        await self._trials.begin(task)
        self._alone_now = task._replace(probe=said is Probe.PROBE, given_up=said is Probe.GIVE_UP)
        self._hand_out(self._alone_now)

    async def _look_past(self) -> bool:
        """Where all at hand waits for its hosts, put most of it off, to see what stands behind it in the queue."""
        now = self._clock.monotonic()
        if not self._is_stuck or now - self._looked_past < LOOK_PAST_EVERY:
            return False
        self._looked_past = now
        surplus = self._at_hand.surplus(self._ahead // 4, HELD_HOSTS_MAX)
        await put_off(surplus, self._gate, self._ledger, self._clock)
        return True

    @property
    def _is_stuck(self) -> bool:
        at_hand = self._at_hand
        waits = bool(self._idle) and not self._is_throttled
        return waits and len(self._hosts) > 1 and len(at_hand) >= self._enough and at_hand.all_held

    @property
    def _is_throttled(self) -> bool:
        limit = self._throttle.limit
        return limit is not None and self._out >= limit

    async def _rest(self) -> None:
        """Nothing can be handed out now: find out whether that is the end, or wait for what may change it."""
        # Looked at before the count: what the source's last batch adds while this waits must not be missed.
        source_read = self._source_read
        idle = not self._out and not len(self._at_hand)
        if source_read and idle and not (await self._ledger.counts()).waiting:
            await self._close()
            return
        if await self._out_of_patience():
            self.end(Ending.OUT_OF_PATIENCE)
            return
        if source_read and await self._only_paused_left():
            self.end(Ending.PAUSED)
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

    async def _out_of_patience(self) -> bool:
        if not self._gate.parked or self._gate.silent_for(self._clock.monotonic()) < self._patience:
            return False
        counts = await self._ledger.counts()
        if counts.waiting > TAIL_SHARE * counts.done:
            return True
        # So few are left of so many that these may well be the broken ones: from now on their failures count.
        self._gate.doubt()
        self.changed()
        return False

    async def _only_paused_left(self) -> bool:
        now = self._clock.monotonic()
        if not self._may_be_paused or now < self._look_for_paused_at:
            return False
        found = await only_of(self._gate.paused, self._ledger)
        took = self._clock.monotonic() - now
        self._look_for_paused_at = now + max(ONLY_PAUSED_EVERY, 20 * took)
        return found and self._may_be_paused

    @property
    def _may_be_paused(self) -> bool:
        return not self._out and bool(self._gate.paused) and self._at_hand.held_hosts <= self._gate.paused

    async def _idle_seconds(self) -> float:
        """How long nothing can happen by itself: until an item is due for which there is room, or a host may be asked."""
        waits = [LOOK_PAST_EVERY if self._is_stuck else IDLE_SECONDS_MAX]
        has_room = len(self._at_hand) < self._enough and not self._alone
        if has_room and (due := await self._ledger.next_due()) is not None:
            waits.append(due - self._clock.now().timestamp())
        now = self._clock.monotonic()
        if self._idle and not self._alone and not self._is_throttled:
            waits.append(self._at_hand.opens_at(now) - now)
        if self._gate.parked:
            waits.append(self._patience - self._gate.silent_for(now))
        if self._may_be_paused:
            waits.append(self._look_for_paused_at - now)
        return max(min(waits), IDLE_SECONDS_MIN)

    def _pick(self) -> Task | None:
        return None if self._alone or self._is_throttled else self._at_hand.pick(self._clock.monotonic())

    def _serve(self) -> None:
        """Hand tasks to those who wait for one."""
        while self._idle and self.ending is None and (task := self._pick()) is not None:
            self._hand_out(task)

    def _hand_out(self, task: Task) -> None:
        self._out += 1
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(task)
                return
        self._give_back(task)

    def _give_back(self, task: Task) -> None:
        """Nobody took it after all: the run ends, or its worker has; the lease goes back with the run's others."""
        self._out -= 1
        self._gate.released(task.host, self._clock.monotonic(), probe=task.probe)
