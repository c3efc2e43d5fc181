"""The items that were leased and not begun: in their order, and by host where the host keeps them waiting."""

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from outlast.jobs.gate import Gate, Probe
from outlast.jobs.host import PUT_OFF_SECONDS
from outlast.ledger.port import Lease

__all__ = ["AtHand", "Task"]


class Task(NamedTuple):
    """One item handed to a worker. A tuple, as one is made for every item: a frozen dataclass takes three times as long."""

    lease: Lease
    item: object
    host: str
    probe: bool
    given_up: bool = False


class AtHand:
    """Tasks to pick from. What a pick costs grows with the number of hosts that wait, not of items.

    A host that has to wait is asked about again when its time has come, or when something happened to it (`touch`).
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.ready: deque[Task] = deque()
        """Those of which nobody has asked yet whether they may go."""
        self._held: dict[str, deque[Task]] = {}
        self._opens: dict[str, float] = {}
        self._held_count = 0

    def __len__(self) -> int:
        return len(self.ready) + self._held_count

    @property
    def all_held(self) -> bool:
        """Whether there are items at hand, and all of them have to wait."""
        return bool(self._held) and not self.ready

    @property
    def held_hosts(self) -> set[str]:
        return set(self._held)

    def add(self, tasks: Iterable[Task]) -> None:
        self.ready.extend(tasks)

    def touch(self, host: str | None = None) -> None:
        """Something happened to this host, or to any (None): ask again whether its items may go."""
        if host is None:
            self._opens.clear()
        elif self._held:
            self._opens.pop(host, None)

    def pick(self, now: float) -> Task | None:
        """The next item that may be tried now, admitted by the gate; those of hosts that had to wait come first."""
        if self._held and (task := self._pick_held(now)) is not None:
            return task
        ready, held = self.ready, self._held
        while ready:
            task = ready.popleft()
            if held and task.host in held:
                self._hold(task)
                continue
            said = self._gate.admit(task.host, now, retry=task.lease.attempts > 0)
            if said is Probe.GO:
                return task
            if said is not Probe.WAIT:
                return _as_said(task, said)
            self._hold(task)
        return None

    def hold_all(self) -> None:
        """Let all of them wait."""
        while self.ready:
            self._hold(self.ready.popleft())

    def pick_probe(self, now: float, in_turn: Callable[[Iterable[str]], list[str]]) -> Task | None:
        """An item to be tried although its host may be down: of those held the first of the first host that may be asked at all."""
        for host in in_turn(self._held):
            said = self._gate.admit_probe(host, now)
            if said is not Probe.WAIT:
                return _as_said(self._next_of(host), said)
        return None

    def opens_at(self, now: float) -> float:
        """When the first of the hosts that wait may be asked; infinite where only something that happens can change that."""
        return min((self._opening(host, now) for host in self._held), default=math.inf)

    def surplus(self, most: int, hosts_max: int) -> list[Task]:
        """Take out what stands in the way of others: all that a waiting host cannot use soon.

        A host keeps at most `most`, and those beyond the first `hosts_max` keep nothing.
        """
        taken: list[Task] = []
        for place, (host, queue) in enumerate(list(self._held.items())):
            kept = min(most, self._gate.takes(host, PUT_OFF_SECONDS)) if place < hosts_max else 0
            surplus = [queue.pop() for _ in range(len(queue) - kept)]
            taken.extend(reversed(surplus))
            if not queue:
                self._forget(host)
        self._held_count -= len(taken)
        return taken

    def _pick_held(self, now: float) -> Task | None:
        for host, queue in self._held.items():
            if self._opens.get(host, now) > now:
                continue
            said = self._gate.admit(host, now, retry=queue[0].lease.attempts > 0)
            if said is not Probe.WAIT:
                return _as_said(self._next_of(host), said)
            self._opens[host] = self._opening(host, now)
        return None

    def _next_of(self, host: str) -> Task:
        queue = self._held[host]
        task = queue.popleft()
        self._held_count -= 1
        if not queue:
            self._forget(host)
        return task

    def _opening(self, host: str, now: float) -> float:
        wait = self._gate.wait(host, now, retry=self._held[host][0].lease.attempts > 0)
        return now if wait is None else wait.opens_at

    def _hold(self, task: Task) -> None:
        self._held.setdefault(task.host, deque()).append(task)
        self._held_count += 1

    def _forget(self, host: str) -> None:
        del self._held[host]
        self._opens.pop(host, None)


def _as_said(task: Task, said: Probe) -> Task:
    return task._replace(probe=said is Probe.PROBE, given_up=said is Probe.GIVE_UP)
