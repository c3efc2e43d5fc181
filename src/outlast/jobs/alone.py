"""The items that may kill the process wait here, each to be tried with nobody beside it."""

from collections import deque
from collections.abc import Iterable

from outlast.jobs.athand import Task
from outlast.jobs.gate import Gate, Probe
from outlast.jobs.postponing import put_off
from outlast.jobs.trial import Trials
from outlast.ledger.port import Ledger
from outlast.runtime import Clock

__all__ = ["Alone"]


class Alone:
    """A queue of suspects. While there are any, nobody else is handed out."""

    def __init__(self, trials: Trials, gate: Gate, ledger: Ledger, clock: Clock) -> None:
        self._trials = trials
        self._gate = gate
        self._ledger = ledger
        self._clock = clock
        self._waiting: deque[Task] = deque()
        self._tried: Task | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def is_trying(self) -> bool:
        """Whether one is tried, or nobody knows yet that the process has outlived it."""
        return self._tried is not None

    def add(self, tasks: Iterable[Task]) -> None:
        self._waiting.extend(tasks)

    def is_tried(self, task: Task) -> bool:
        """Whether this is the suspect that is tried now."""
        return task is self._tried

    async def outlived(self) -> None:
        """Nothing is in flight: the process has outlived the one that was."""
        if self._tried is not None:
            await self._trials.end([self._tried.lease.item])
            self._tried = None
            self._waiting.popleft()

    async def next(self) -> Task | None:
        """The next one that may be tried, noted as such before anybody tries it; one whose host waits is put off."""
        if not self._waiting:
            return None
        task = self._waiting[0]
        said = self._gate.admit(task.host, self._clock.monotonic())
        if said is Probe.WAIT:
            self._waiting.popleft()
            await put_off([task], self._gate, self._ledger, self._clock)
            return None
        await self._trials.begin(task)
        self._tried = task._replace(probe=said is Probe.PROBE, given_up=said is Probe.GIVE_UP)
        return self._tried
