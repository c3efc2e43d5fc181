"""Which leased item goes to which worker, and when there is nothing left to do.

Leases are taken ahead of the workers, so that a worker rarely waits for one; an item that was leased but not begun was not
fetched, so a crash repeats no more than the workers had in hand.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from outlast.jobs.alone import Alone
from outlast.jobs.athand import AtHand, Task
from outlast.jobs.gate import Gate
from outlast.jobs.items import host_of, item_of
from outlast.jobs.leftovers import Leftovers
from outlast.jobs.outcome import Ending
from outlast.jobs.passing import LOOK_PAST_EVERY, Passing
from outlast.jobs.patience import Patience
from outlast.jobs.suspension import LOOK_EVERY, Suspension
from outlast.jobs.throttle import Throttle
from outlast.jobs.trial import Trials
from outlast.ledger.port import Ledger
from outlast.runtime import Runtime

__all__ = ["LEASE_SECONDS", "Dispatch"]

LEASE_SECONDS = 600.0
AHEAD_MIN = 32
# Half of it is asked for while the other half is worked on, so that the lease joins a commit that is due anyway.
AHEAD_PER_WORKER = 4
IDLE_SECONDS_MIN = 0.001
IDLE_SECONDS_MAX = 300.0


class Dispatch:
    """Hands out items until nothing is left, the run is stopped, or going on is pointless.

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
        suspension: Suspension,
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
        self._last_look: Callable[[], Awaitable[object]] | None = last_look
        self._suspension = suspension
        self._throttle = throttle
        throttle.wakes(self.changed)
        suspension.wakes(self.changed)
        self._at_hand = AtHand(gate)
        self._patience = Patience(gate, self._at_hand, suspension, ledger, runtime.clock)
        self.beat = self._patience.beat
        """To go on beside `supply`."""
        self._leftovers = Leftovers(gate, ledger, runtime.clock)
        self._passing = Passing(gate, self._at_hand, suspension, ledger, runtime.clock, ahead=self._ahead)
        self._alone = Alone(trials, gate, ledger, runtime.clock)
        self._out = 0
        self._idle: deque[asyncio.Future[Task | None]] = deque()
        self._wanted = asyncio.Event()
        self.has_read_all = False
        """Whether every item of the source is in the ledger."""
        self._hosts: set[str] = set()
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
        self._suspension.settled(task)
        if self._idle or self._alone.is_tried(task):
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
        self.has_read_all = True
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
            if self._suspension.suspended:
                self._suspension.look(self._clock.monotonic(), drained=not self._out)
            if self._alone and not self._out:
                await self._try_alone()
            self._serve()
            if leased and (self._idle or len(self._at_hand) < self._enough):
                continue
            if self._idle or self._suspension.suspended or len(self._at_hand) < self._enough:
                await self._rest()
            else:
                await self._wanted.wait()

    async def _refill(self) -> int:
        looked_past = self._is_stuck and await self._passing.look()
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
        self._alone.add(alone)
        return len(tasks)

    async def _try_alone(self) -> None:
        """Nothing is out: hand out one suspect, with nobody beside it."""
        await self._alone.outlived()
        if not self._idle or not self._lets_one or (task := await self._alone.next()) is None:
            return
        if self._suspension.suspended:
            self._suspension.probing(task, self._clock.monotonic())
        self._hand_out(task)

    @property
    def _is_stuck(self) -> bool:
        """Whether workers are idle, and there may be work for them behind what is at hand."""
        return bool(self._idle) and not self._is_throttled and len(self._hosts) > 1 and self._passing.is_wanted

    @property
    def _lets_one(self) -> bool:
        """Whether one item may go, with nobody beside it."""
        wanted = not self._suspension.suspended or self._suspension.wants_probe(self._clock.monotonic())
        return wanted and not self._throttle.is_shut

    @property
    def _is_throttled(self) -> bool:
        limit = self._throttle.limit
        return limit is not None and self._out >= limit

    async def _rest(self) -> None:
        """Nothing can be handed out now: find out whether that is the end, or wait for what may change it."""
        # Looked at before the count: what the source's last batch adds while this waits must not be missed.
        source_read = self.has_read_all
        idle = not self._out and not len(self._at_hand)
        if source_read and idle and not (await self._ledger.counts()).waiting:
            await self._close()
            return
        if await self._patience.is_spent(has_read_all=source_read):
            self.end(Ending.ABORTED)
            return
        if source_read and self._may_be_paused and await self._leftovers.are_paused() and self._may_be_paused:
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

    @property
    def _may_be_paused(self) -> bool:
        is_idle = not self._out and not self._throttle.is_shut
        return is_idle and bool(self._gate.paused) and self._at_hand.held_hosts <= self._gate.paused

    async def _idle_seconds(self) -> float:
        """How long nothing can happen by itself: until an item is due for which there is room, or a host may be asked."""
        waits = [LOOK_PAST_EVERY if self._is_stuck else IDLE_SECONDS_MAX]
        has_room = len(self._at_hand) < self._enough and not self._alone
        if has_room and (due := await self._ledger.next_due()) is not None:
            waits.append(due - self._clock.now().timestamp())
        now = self._clock.monotonic()
        if self._throttle.is_shut:
            return max(min(waits), IDLE_SECONDS_MIN)
        if self._suspension.suspended:
            is_asked = bool(self._idle) and (self._may_probe or not self._out)
            waits.append(self._suspension.idle_seconds(now) if is_asked else LOOK_EVERY)
        elif self._idle and not self._alone and not self._is_throttled:
            waits.append(self._at_hand.opens_at(now) - now)
        if self._gate.parked:
            waits.append(self._patience.seconds_left(now))
        if self.has_read_all and self._may_be_paused:
            waits.append(self._leftovers.looks_at - now)
        return max(min(waits), IDLE_SECONDS_MIN)

    def _pick(self) -> Task | None:
        if self._suspension.suspended:
            return self._pick_probe()
        return None if self._alone or self._is_throttled else self._at_hand.pick(self._clock.monotonic())

    @property
    def _may_probe(self) -> bool:
        """Whether an item may be tried to find out whether anything works; suspects are, each with nobody beside it."""
        waits = bool(self._alone) and (not self._out or self._alone.is_trying)
        return not waits and not self._throttle.is_shut

    def _pick_probe(self) -> Task | None:
        now, suspension = self._clock.monotonic(), self._suspension
        self._at_hand.hold_all()
        if not self._may_probe or not suspension.wants_probe(now):
            return None
        task = self._at_hand.pick_probe(now, suspension.turns.in_order)
        if task is None:
            suspension.unserved(now)
        else:
            suspension.probing(task, now)
        return task

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
