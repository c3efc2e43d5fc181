"""Is going on pointless? What came of every item is told to the guard of the job; while it suspects, nobody but probes may go.

Of an item counts its first failure in this run and its last, the one with which it is given up, and none between; a success always
counts. What a parked host has to answer for counts no longer: the gate keeps it from the others already.

While the job is suspended nothing new is handed out. When what was in flight has ended, or `DRAIN_SECONDS` are over, one item at a
time probes, the hosts in turn; where the trouble looks like an outage, a host that has just answered is asked again. A probe that fails costs its item nothing.
"""

import math
from collections.abc import Callable, Collection

from outlast.abort.guard import Guard
from outlast.abort.probing import PROBE_EVERY_MAX
from outlast.abort.recent import OUTAGES
from outlast.abort.states import Decision
from outlast.abort.verdict import Verdict
from outlast.failure.model import Classification, FailureClass, Fault
from outlast.jobs.athand import Task
from outlast.jobs.faults import Crashes, Faults
from outlast.jobs.probes import Probes
from outlast.jobs.pulse import Pulse
from outlast.jobs.regrets import Regrets
from outlast.jobs.throttle import Throttle
from outlast.jobs.turns import Turns

__all__ = ["FAILING_MAX", "LOOK_EVERY", "RECOVERY", "Suspension"]

FAILING_MAX = 10_000
"""Items that have failed in this run and are not done: of more, the first are forgotten, and may count once more."""

LOOK_EVERY = 5.0
"""While the job is suspended, the guard is looked at as often as this at least."""

DRAIN_SECONDS = 5.0
"""What is in flight when the job is suspended, and takes longer than that, is not waited for: it may hang."""

RECOVERY = "recovery"
SILENCE_TOLD = 10.0
"""Who does not answer for less may only be slow."""


class Suspension:
    """Stands between what comes of the items and who hands them out. All times are monotonic seconds, given by the caller.

    `patience` is for how long nobody may answer; with `aborts=False` the run ends for none of this, as the guard never suspects.
    """

    def __init__(
        self, guard: Guard, throttle: Throttle, *, concurrency: int, patience: float, aborts: bool = True
    ) -> None:
        self._guard: Guard | None = guard
        self.regrets = Regrets()
        self._throttle = throttle
        self._concurrency = concurrency
        self._patience = patience
        self.aborts = aborts
        self.suspended = False
        """Whether nobody but a probe may go."""
        self.is_silence = False
        """Whether nobody answers: every host is parked, and probed for itself."""
        self.let_go: int | None = None
        """How many items were left when they were let go, whatever becomes of them; None: they were not."""
        self._faults = Faults()
        self._cause = self._faults.cause(())
        self._recovering = False
        self._well: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._failing: dict[int, None] = {}
        self._crashes = Crashes()
        self._probes = Probes()
        self._suspended_at = self._went_on_at = -math.inf
        self.turns = Turns()
        """The order in which the hosts are probed."""
        self._wake: Callable[[], None] = lambda: None
        self.pulse = Pulse(lambda: throttle.is_shut)
        """What stands still does not wait."""
        self.pulse.tells(lambda seconds, _: guard.stood_still(seconds))

    def wakes(self, wake: Callable[[], None]) -> None:
        """Call this, and nothing that was to be called before, when the job was suspended and goes on."""
        self._wake = wake

    # What came of the items

    def succeeded(self, task: Task, now: float) -> None:
        """The item is done."""
        guard = self._guard
        if guard is None:
            return
        if self._failing:
            self._failing.pop(task.lease.item, None)
        if task in self._probes:
            self._probed(task, now, good=True)
            return
        host, well = task.host, self._well
        well[host] = well.get(host, 0) + 1
        if self._recovering or self.suspended or self.is_silence:
            self.is_silence = False
            self.look(now)

    def successes(self, now: float) -> dict[str, int]:
        """How many items each host was good for since this was last asked."""
        self._tell_successes(now)
        told, self._told = self._told, {}
        return told

    def failed(
        self, task: Task, now: float, kind: Classification, *, signature: str, began: float, incident: str | None = None
    ) -> bool:
        """The item failed in an attempt that began then; whether that was its first failure in this run."""
        failing, item = self._failing, task.lease.item
        if kind.fault in {Fault.HOST, Fault.PROXY}:
            self._faults.note(task.host, kind.failure_class.value, signature)
        if self._guard is None or item in failing:
            return False
        if len(failing) >= FAILING_MAX:
            del failing[next(iter(failing))]
        failing[item] = None
        # What hung through the trouble says nothing of how it is now.
        if began >= self._went_on_at:
            self._count(self._guard, task, now, kind, signature=signature, began=began, incident=incident)
        return True

    def gave_up(self, task: Task, now: float, kind: Classification, *, signature: str, first: bool) -> None:
        """The item is given up; `first`: with its first failure in this run, which counted already."""
        if self._guard is None:
            return
        self._failing.pop(task.lease.item, None)
        if not first:
            self._count(self._guard, task, now, kind, signature=signature, began=now, incident=None)
        self.regrets.gave_up(task.lease.item, self._guard.evidence_began)

    def is_probe(self, task: Task) -> bool:
        """Whether this item is tried to find out whether anything works."""
        return task in self._probes

    def probe_failed(self, task: Task, now: float, kind: Classification, signature: str) -> bool:
        """Whether the item that failed was a probe; then its failure is no more than that."""
        if is_probe := self.is_probe(task):
            self._probed(task, now, good=False, failure_class=kind.failure_class.value, signature=signature)
        return is_probe

    def settled(self, task: Task) -> None:
        """Nothing more will come of this item: a probe that has said nothing was cut off."""
        self._probes.over(task)

    # Who may go

    def look(self, now: float, *, drained: bool = False) -> None:
        """See what the guard thinks. `drained`: nothing is in flight."""
        guard = self._guard
        if guard is None:
            return
        self.pulse.feel(now)
        self._tell_successes(now)
        if self.suspended and (drained or now >= self._suspended_at + DRAIN_SECONDS) and not self._probes:
            guard.drained(now)
        if self.suspended and self._probes.are_unanswered(now):
            guard.silent(now, now, failure_class=FailureClass.TIMEOUT)
        was_suspended = self.suspended
        # While nobody answers, each host is parked, and probed for itself.
        self.suspended = guard.decision(now) is not Decision.CONTINUE and not self.is_silence
        if self.suspended and not was_suspended:
            self._suspended_at = now
            self.turns.begin(now)
        due = guard.look(now).next_probe_at if self.suspended else None
        self._probes.due = math.inf if due is None else due
        if was_suspended and not self.suspended:
            self._go_on(guard, now)
        elif self._recovering:
            self._widen(guard, now)

    def verdict(self, now: float) -> Verdict | None:
        """What there is to say of a job that is suspended, or that nobody answers; None: nothing."""
        if self._guard is None or not (self.suspended or self.is_silence):
            return None
        self.pulse.feel(now)
        return self._guard.look(now)

    def wants_probe(self, now: float) -> bool:
        """Whether an item is to be tried now, to find out whether anything works."""
        return now >= self._probes.opens_at()

    def wants_others(self, hosts: Collection[str], now: float) -> bool:
        """Whether there should be items of other hosts than these to probe with."""
        return self._probes.lacks_item or self.turns.wants_others(hosts, now)

    def probing(self, task: Task, now: float) -> None:
        self._probes.asked(task, now)
        self.turns.asked(task.host, now)

    def unserved(self, now: float) -> None:
        """A probe is due, and there is no item that may be tried."""
        self._probes.unserved(now)

    def may_be_left(self, hosts: Collection[str], now: float) -> bool:
        """Whether these are all the hosts there are, as far as anybody knows, and nobody probes one now."""
        few = len(hosts) <= PROBE_EVERY_MAX * (self._concurrency + 1)
        return self.suspended and not self._probes and few and not self.wants_others(hosts, now)

    def leave(self) -> None:
        """All hosts are parked, and probed each for itself: that finds out sooner who is back, and lets them go on alone."""
        assert self._guard is not None, "who is suspended is guarded"
        self._guard.hush()
        self.suspended, self.is_silence = False, True
        self._wake()

    def idle_seconds(self, now: float) -> float:
        """How long a suspended job may rest."""
        opens_at = self._probes.opens_at()
        return min(LOOK_EVERY, (opens_at if opens_at < math.inf else self._suspended_at + DRAIN_SECONDS) - now)

    # Whether it is over

    def is_spent(self, now: float, silent: float | None) -> bool:
        """Whether the patience is spent. `silent`: for how long nobody has answered; None: no host is parked."""
        is_over = self.suspended and self._guard is not None and self._guard.decision(now) is Decision.ABORT
        return is_over or (silent is not None and silent >= self._patience)

    def patience_left(self, silent: float) -> float:
        """For how long nobody may still answer; when that is spent, when it is to be asked again."""
        return self._patience - silent if silent < self._patience else LOOK_EVERY

    def silent(self, now: float, seconds: float, down: Callable[[], Collection[str]]) -> None:
        """Nobody has answered for so long; `down` gives the hosts that are to blame for it."""
        if self._guard is not None and not self.suspended and seconds >= min(SILENCE_TOLD, self._patience):
            self._tell_successes(now)
            if not self.is_silence:
                self._cause = self._faults.cause(down())
            self._guard.silent(now, now - seconds, failure_class=self._cause[0], signature=self._cause[1])
            self.is_silence = True

    def dismiss(self, left: int) -> None:
        """Let the items go, whatever becomes of them: nobody suspects anything any more."""
        self._guard = None
        self._throttle.bound(RECOVERY, None)
        self._probes.forget()
        self.suspended = self.is_silence = self._recovering = False
        self.let_go = left
        self._failing.clear()
        self._wake()

    def _count(
        self,
        guard: Guard,
        task: Task,
        now: float,
        kind: Classification,
        *,
        signature: str,
        began: float,
        incident: str | None,
    ) -> None:
        self.pulse.feel(now)
        self._tell_successes(now)
        if self.is_silence:
            self.is_silence = False  # somebody who is not parked was asked
            guard.succeeded(now, host=task.host, n=0)
        if kind.fault is not Fault.BROWSER:
            told = {"host": task.host, "failure_class": kind.failure_class.value, "signature": signature}
            guard.failed(now, incident=incident, **told)
        elif self._crashes.is_new(now, began, incident):
            guard.crashed(now, incident=incident)
        self.look(now)

    def _tell_successes(self, now: float) -> None:
        """Tell the guard what succeeded since it was told last: what comes between two failures it takes all the same at once."""
        guard, told = self._guard, self._told
        if not self._well or guard is None:
            return
        for host, count in self._well.items():
            guard.succeeded(now, host=host, n=count)
            told[host] = told.get(host, 0) + count
        self._well = {}

    def _probed(
        self, task: Task, now: float, *, good: bool, failure_class: str = "unknown", signature: str = ""
    ) -> None:
        guard, host = self._guard, task.host
        assert guard is not None, "who probes is guarded"
        self.pulse.feel(now)
        self._probes.over(task)
        self.turns.answered(good=good)
        if good and guard.look(now).dominant_class in OUTAGES:
            # Of a host that answers again there is work to be done; those that do not will be parked.
            self.turns.favour(host)
        guard.probed(now, good=good, host=host, failure_class=failure_class, signature=signature)
        self.look(now)

    def _go_on(self, guard: Guard, now: float) -> None:
        self._went_on_at = now
        self._probes.forget()
        self._widen(guard, now)
        self._wake()

    def _widen(self, guard: Guard, now: float) -> None:
        factor = guard.concurrency_factor(now)
        self._recovering = factor < 1
        self._throttle.bound(RECOVERY, max(1, math.ceil(factor * self._concurrency)) if self._recovering else None)
