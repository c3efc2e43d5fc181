"""A job of many items under the real guard, on simulated time: workers, retries, hosts that park, probes; plain Python, no asyncio."""

import heapq
import random
from collections import deque
from dataclasses import dataclass, field

from outlast.abort import AbortPolicy, Decision, Guard, State
from outlast.retry.breaker import Admit, Breaker

ATTEMPTS = 3
SECONDS = 2.0
TIME_MAX = 4 * 3_600.0


@dataclass(frozen=True)
class Failed:
    failure_class: str = "unknown"
    signature: str = "ScrapeError"
    incident: str | None = None


@dataclass
class Item:
    number: int
    host: str
    hopeless: bool
    tries: int = 0
    told: bool = False


@dataclass
class Told:
    """What came of a job. `ops_after_onset`: items that were done or given up, and probes, from the onset of the trouble on."""

    aborted: bool = False
    ended_at: float = 0.0
    done: int = 0
    failed: int = 0
    probes: int = 0
    suspensions: list = field(default_factory=list)
    resumes: list = field(default_factory=list)
    first_good_probe_at: float | None = None
    ops_after_onset: int = 0
    verdict: object = None


class Simulation:
    """`world(now, item, rng)` gives None for a good attempt, else how it failed. At the moments `kills` all that is in flight dies."""

    def __init__(
        self,
        seed,
        world,
        *,
        items=10_000,
        workers=10,
        hopeless=0.08,
        hosts=("site",),
        block=False,
        kills=(),
        onset=None,
        policy=None,
        breakers=False,
    ):
        self.rng = random.Random(seed)
        self.world, self.workers, self.onset = world, workers, onset
        order = [hosts[n * len(hosts) // items] if block else self.rng.choice(hosts) for n in range(items)]
        self.waiting = deque(Item(n, host, self.rng.random() < hopeless) for n, host in enumerate(order))
        self.later = []
        self.kills = deque(kills)
        self.guard = Guard(policy or AbortPolicy(name="default", ignored_classes=frozenset({"not_found"})))
        self.breakers = {host: Breaker() for host in hosts} if breakers else {}
        self.events = []
        self.sequence = 0
        self.flying = {}
        self.told = Told()
        self.now = 0.0
        self.wakes_at = 0.0

    def run(self):
        self._fill()
        while self.events and self.now < TIME_MAX:
            self.now, _, kind, what = heapq.heappop(self.events)
            if self.kills and self.kills[0] <= self.now:
                self._kill(self.kills.popleft())
            if kind == "end":
                self._end(what)
            if self.guard.decision(self.now) is Decision.ABORT:
                self.told.aborted = True
                break
            self._fill()
        self.told.ended_at = self.now
        self.told.verdict = self.guard.look(self.now)
        return self.told

    # The dispatch.

    def _fill(self):
        decision = self.guard.decision(self.now)
        if decision is Decision.CONTINUE:
            limit = max(1, int(self.workers * self.guard.concurrency_factor(self.now)))
            while len(self.flying) < limit and (item := self._next()) is not None:
                self._begin(item)
            if len(self.flying) < limit and (self.later or self.waiting):
                self._wake(max(0.1, self.later[0][0] - self.now) if self.later and not self.waiting else 1.0)
            return
        if self.guard.state is State.SUSPENDED and not self.flying:
            self.guard.drained(self.now)
        verdict = self.guard.look(self.now)
        if verdict.decision is Decision.PROBE and not self.flying:
            item = self._next(any_host=True)
            if item is not None:
                self._begin(item, probe=True)
                return
        due = verdict.next_probe_at
        self._wake(0.5 if due is None else max(0.001, due - self.now))

    def _next(self, *, any_host=False):
        while self.later and self.later[0][0] <= self.now + 1e-9:
            self.waiting.appendleft(heapq.heappop(self.later)[2])
        for _ in range(min(len(self.waiting), 50)):
            item = self.waiting.popleft()
            breaker = self.breakers.get(item.host)
            item.lease = breaker.admit(self.now) if breaker else Admit.GO
            if item.lease is not Admit.WAIT or any_host:
                return item
            self.waiting.append(item)
        if any_host and self.later:
            return heapq.heappop(self.later)[2]
        return None

    def _wake(self, delay):
        # One alarm clock: an earlier one in place of a later, and none for one that is set already.
        at = self.now + delay
        if self.wakes_at <= self.now or at < self.wakes_at:
            self.wakes_at = at
            self._push(at, "wake", None)

    def _begin(self, item, *, probe=False):
        key = self.sequence
        self.flying[key] = (item, probe)
        self._push(self.now + SECONDS * self.rng.uniform(0.5, 1.5), "end", key)

    def _push(self, at, kind, what):
        self.sequence += 1
        heapq.heappush(self.events, (at, self.sequence, kind, what))

    # What happens.

    def _end(self, key):
        if key not in self.flying:
            return
        item, probe = self.flying.pop(key)
        self._judge(item, probe, self.world(self.now, item, self.rng) or (Failed() if item.hopeless else None))

    def _kill(self, at):
        incident = f"crash-{at}"
        self.guard.crashed(self.now, incident=incident)
        for key in list(self.flying):
            item, probe = self.flying.pop(key)
            self._judge(item, probe, Failed("browser", "TargetClosedError", incident))

    def _judge(self, item, probe, failed):
        breaker = self.breakers.get(item.host)
        if breaker:
            lease = item.lease is Admit.PROBE
            breaker.succeeded(self.now, probe=lease) if failed is None else breaker.failed(self.now, probe=lease)
        if probe:
            self._probed(item, failed)
        elif failed is None:
            self._done(item)
        else:
            self._failed(item, failed)

    def _probed(self, item, failed):
        was = self.guard.state
        self.told.probes += 1
        self._count()
        words = {} if failed is None else {"failure_class": failed.failure_class, "signature": failed.signature}
        self.guard.probed(self.now, good=failed is None, host=item.host, **words)
        if failed is None:
            self.told.done += 1
            self.told.first_good_probe_at = self.told.first_good_probe_at or self.now
        else:
            self.waiting.append(item)
        self._note(was)

    def _done(self, item):
        was = self.guard.state
        self.told.done += 1
        self._count()
        self.guard.succeeded(self.now, host=item.host)
        self._note(was)

    def _failed(self, item, failed):
        was = self.guard.state
        item.tries += 1
        is_last = item.tries >= ATTEMPTS
        if not item.told or is_last:
            item.told = True
            self.guard.failed(
                self.now,
                host=item.host,
                failure_class=failed.failure_class,
                signature=failed.signature,
                incident=failed.incident,
            )
        is_running = self.guard.state is State.RUNNING
        if is_last and is_running:
            self.told.failed += 1
            self._count()
        else:
            item.tries -= not is_running
            delay = self.rng.uniform(0, 2 ** (item.tries - 1)) if is_running else 0.0
            heapq.heappush(self.later, (self.now + delay, item.number, item))
        self._note(was)

    def _count(self):
        if self.onset is not None and self.now >= self.onset:
            self.told.ops_after_onset += 1

    def _note(self, was):
        state = self.guard.state
        if was is State.RUNNING and state is not State.RUNNING:
            self.told.suspensions.append(self.now)
        if was is not State.RUNNING and state is State.RUNNING:
            self.told.resumes.append(self.now)
