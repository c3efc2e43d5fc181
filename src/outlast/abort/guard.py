"""The judge of one job: suspicion by statistics, proof by probes; the synchronous core, which neither waits nor asks for the time.

Whoever runs the job tells it what happened and asks `decision` (one look at a state, for every item) or `look` (with the reasons). All
times are monotonic seconds that the caller gives. An operation costs the same whether it is the first or the millionth.
"""

from collections import OrderedDict
from collections.abc import Callable

from outlast.abort import reasons
from outlast.abort.crashes import Crashes
from outlast.abort.evidence import Evidence
from outlast.abort.hosts import HOSTS_FEW, Hosts
from outlast.abort.patterns import Pattern, Patterns
from outlast.abort.policy import AbortPolicy
from outlast.abort.probing import PROBE_EVERY_MAX, Probing
from outlast.abort.recent import Recent
from outlast.abort.states import TRANSITIONS, Decision, State, Turn
from outlast.abort.verdict import Share, Verdict
from outlast.abort.window import Window
from outlast.abort.words import Kind
from outlast.failure.model import FailureClass

__all__ = ["RECOVERY_SECONDS", "RECOVERY_SUCCESSES", "Guard"]

RECOVERY_SUCCESSES = 50
"""After so many successes a recovery is believed, and the whole concurrency is allowed again."""

RECOVERY_SECONDS = 60.0
"""After so long the whole concurrency is allowed again, whatever succeeded."""

RELAPSE_SECONDS = 180.0
"""Suspicion within so long after a resume, and before it is believed, goes on with the patience that is left."""

CLEARING_SUCCESSES = 20
"""So many successes in a row, with no evidence left, end a suspicion where nobody probes."""

INCIDENTS_MAX = 1_024
HOSTS_TOLD_MAX = 20
RATE_WINDOW = 100

_BROWSER = FailureClass.BROWSER.value


class Guard:
    """One job under one policy.

    `min_operations`: below so many operations it never aborts, in addition to the policy's own number; silence has no such bound.
    `enabled=False`: it counts, and goes on whatever happens. `on_pattern` is called with each surge of a kind of failure.
    """

    def __init__(
        self,
        policy: AbortPolicy,
        *,
        min_operations: int = 0,
        enabled: bool = True,
        on_pattern: Callable[[Pattern], None] | None = None,
    ) -> None:
        self.policy = policy
        self.enabled = enabled
        self.state = State.RUNNING
        self.since: float | None = None
        """When the trouble began that is being waited out; None while running."""
        self._judges = enabled and policy.kind is not Kind.NEVER
        self._min_operations = max(min_operations, policy.min_operations)
        self._on_pattern = on_pattern
        self._evidence = Evidence(policy.false_alarm_bound, policy.rate_healthy, policy.rate_failing)
        self._hosts = Hosts(self._evidence.up, self._evidence.down)
        is_windowed = policy.kind is Kind.WINDOWED
        self._window = Window(
            policy.window_size if is_windowed else RATE_WINDOW, policy.window_duration if is_windowed else None
        )
        self._crashes = Crashes(
            in_a_row=policy.consecutive_crashes,
            row_window=policy.crash_window,
            many=policy.crashes_max,
            many_window=policy.crashes_window,
        )
        self._patterns = Patterns()
        self._recent = Recent()
        self._probing = Probing()
        self._incidents: OrderedDict[str, None] = OrderedDict()
        self._ignored = 0
        self._in_a_row = 0
        self._failed_at = 0.0
        self._is_silence = False
        self._why = ""
        self._suspected_at = self._waiting_since = self._waited = 0.0
        self._first_since: float | None = None
        self._resumed_at: float | None = None
        self._since_resume = 0

    # What happened.

    def failed(
        self,
        now: float,
        *,
        host: str = "",
        failure_class: str = "unknown",
        signature: str = "",
        incident: str | None = None,
    ) -> None:
        """An operation failed. Of one `incident` the first counts; a class that the policy ignores counts as a pattern only."""
        if incident is not None and self._is_known(incident):
            return
        if failure_class in self.policy.ignored_classes:
            self._ignored += 1
            self._look_for_patterns(now, host, failure_class, signature)
            return
        self._count_failure(now, host, failure_class, signature)
        self._look_for_patterns(now, host, failure_class, signature)
        if self.state is State.RUNNING:
            if self._judges and self._is_suspect():
                self._suspect(now, self._statistics())
        else:
            self._give_up_if_spent(now)

    def succeeded(self, now: float, *, host: str = "", n: int = 1) -> None:
        """So many operations succeeded."""
        self._evidence.succeeded(n)
        self._hosts.succeeded(host, n)
        self._crashes.completed()
        for _ in range(min(n, self._window.size)):
            self._window.add(now, False)
        self._in_a_row += n
        if self.state is not State.RUNNING:
            self._clear_if_well()
        elif self._resumed_at is not None:
            self._since_resume += n
            if self._since_resume >= RECOVERY_SUCCESSES:
                self._resumed_at = None

    def crashed(self, now: float, *, incident: str | None = None) -> None:
        """A browser or a worker process died; the failures of the same `incident` are counted with it."""
        rule = self._crashes.crashed(now)
        if incident is None or not self._is_known(incident):
            self._count_failure(now, "", _BROWSER, "")
        if self.state is not State.RUNNING:
            self._give_up_if_spent(now)
        elif rule is not None and self._judges:
            self._suspect(now, rule)

    def silent(self, now: float, since: float, *, failure_class: str) -> None:
        """Nobody answers any more, the caller knows, and that since `since`; to be told again while it is so."""
        if not self._judges:
            return
        self._failed_at = now
        if self.state is not State.RUNNING:
            self._give_up_if_spent(now)
            return
        self._recent.add(failure_class, "")
        self._begin(now, since, "no host answers")
        self._is_silence = True

    def drained(self, now: float) -> None:
        """Nothing is in flight any more: probes may be sent."""
        if self.state is State.SUSPENDED:
            self._turn(Turn.DRAINED)
            self._probing.begin(now, self._suspected_at)

    def probed(
        self, now: float, *, good: bool, host: str = "", failure_class: str = "unknown", signature: str = ""
    ) -> None:
        """A probe was answered. An answer of an ignored class is neither good nor bad: the next probe is due soon."""
        if self.state is State.SUSPENDED:
            self.drained(now)
        if self.state is not State.PROBING:
            self._late(now, good=good, host=host, failure_class=failure_class, signature=signature)
        elif good:
            self._evidence.operations += 1
            self._window.add(now, False)
            if self._probing.probed(now, good=True):
                self._recover(now)
        elif failure_class in self.policy.ignored_classes:
            self._probing.postpone(now)
        else:
            self._count_failure(now, host, failure_class, signature)
            self._probing.probed(now, good=False)
            self._give_up_if_spent(now)

    # What follows.

    def decision(self, now: float) -> Decision:
        """What is to be done now. Nothing is changed by asking."""
        state = self.state
        if state is State.RUNNING:
            return Decision.CONTINUE
        if state is State.ABORTED or self._is_spent(now):
            return Decision.ABORT
        due = self._probing.next_at
        is_due = state is State.PROBING and due is not None and due <= now
        return Decision.PROBE if is_due else Decision.SUSPEND

    def look(self, now: float) -> Verdict:
        """The decision, and the numbers that it rests on. Nothing is changed by looking."""
        decision = self.decision(now)
        evidence, hosts, window = self._evidence, self._hosts, self._window
        seen = hosts.seen
        is_calm = decision is Decision.CONTINUE
        dominant = (None, None) if is_calm else (self._recent.dominant_signature, self._recent.dominant_class)
        due = self._probing.next_at if self.state is State.PROBING else None
        told = () if is_calm and self._judges else self._reasons(now, decision, dominant[0] or dominant[1], due)
        return Verdict(
            decision,
            State.ABORTED if decision is Decision.ABORT else self.state,
            told[0] if told else "",
            told,
            window.rate,
            evidence.operations,
            Share(window.count, window.failures, window.size),
            dominant[0],
            dominant[1],
            () if is_calm else tuple(hosts.troubled[:HOSTS_TOLD_MAX]),
            seen,
            evidence.value if seen <= HOSTS_FEW else min(evidence.value, hosts.total),
            evidence.threshold,
            self.policy.id,
            self.since,
            due,
            None if is_calm else self.gives_up_at,
            self.policy.false_alarm_bound if self.policy.kind in _BOUNDED else None,
        )

    def concurrency_factor(self, now: float) -> float:
        """The share of the concurrency that may be used: a half after a resume, all again after 50 successes or 60 seconds."""
        if self._resumed_at is None or now - self._resumed_at >= RECOVERY_SECONDS:
            return 1.0
        return 0.5 + 0.5 * self._since_resume / RECOVERY_SUCCESSES

    @property
    def gives_up_at(self) -> float:
        """When the patience is spent, which an outage has more of than a wall."""
        patience = self.policy.patience if self._recent.is_outage else self.policy.patience_blocked
        return self._waiting_since + patience

    # How it is decided.

    def _is_suspect(self) -> bool:
        operations = self._evidence.operations
        if operations < self._min_operations:
            return False
        if self.policy.kind is Kind.WINDOWED:
            window = self._window
            is_full = window.count >= min(window.size, max(1, self._min_operations))
            return is_full and window.failures >= self.policy.failure_rate_threshold * window.count
        return self._evidence.is_enough and self._hosts.is_everywhere(self._evidence.threshold)

    def _suspect(self, now: float, why: str) -> None:
        """By statistics or by crashes. What has no second stage is aborted."""
        if self.policy.kind is Kind.TWO_STAGE:
            self._begin(now, now, why)
        elif self._evidence.operations >= self._min_operations:
            self.since, self._why = now, why
            self._turn(Turn.CONDEMNED)

    def _begin(self, now: float, since: float, why: str) -> None:
        is_relapse = self._resumed_at is not None and now - self._resumed_at < RELAPSE_SECONDS
        waited = self._waited if is_relapse else 0.0
        self.since = self._first_since if is_relapse else since
        self._first_since, self._waited, self._waiting_since = self.since, waited, since - waited
        self._suspected_at, self._resumed_at = now, None
        self._probing, self._in_a_row, self._why, self._is_silence = Probing(), 0, why, False
        self._turn(Turn.SUSPECTED)

    def _clear_if_well(self) -> None:
        """What was in flight, or goes on all the same, succeeds: there was nothing to suspect."""
        if self._is_silence or (self._in_a_row >= CLEARING_SUCCESSES and not self._evidence.value):
            self._forget()
            self._turn(Turn.CLEARED)

    def _recover(self, now: float) -> None:
        self._waited, self._resumed_at, self._since_resume = now - self._waiting_since, now, 0
        self._window.clear()
        self._forget()
        self._turn(Turn.RECOVERED)

    def _forget(self) -> None:
        self._evidence.reset()
        self._hosts.reset()
        self._crashes.reset()
        self._recent.clear()
        self.since = None

    def _is_spent(self, now: float) -> bool:
        """Whether the patience is over, and something failed so late that it is not only the clock that says so."""
        if self._evidence.operations < self._min_operations and not self._is_silence:
            return False
        end = self.gives_up_at
        return now >= end and self._failed_at >= end - 2 * PROBE_EVERY_MAX

    def _give_up_if_spent(self, now: float) -> None:
        if self.state is not State.ABORTED and self._is_spent(now):
            self._turn(Turn.CONDEMNED)

    def _reasons(self, now: float, decision: Decision, cause: str | None, due: float | None) -> tuple[str, ...]:
        if not self._judges:
            return (reasons.SWITCHED_OFF if not self.enabled else reasons.NEVER,)
        waited = now - self._waiting_since
        return reasons.of_suspicion(self._why, decision, cause, waited, None if due is None else due - now)

    # How it is counted.

    def _count_failure(self, now: float, host: str, failure_class: str, signature: str) -> None:
        self._evidence.failed()
        self._hosts.failed(host, self._evidence.threshold)
        self._window.add(now, True)
        self._recent.add(failure_class, signature)
        self._in_a_row, self._failed_at = 0, now

    def _look_for_patterns(self, now: float, host: str, failure_class: str, signature: str) -> None:
        operation = self._evidence.operations + self._ignored
        found = self._patterns.failed(now, operation, signature or failure_class, failure_class, host)
        if found is not None and self._on_pattern is not None:
            self._on_pattern(found)

    def _late(self, now: float, *, good: bool, host: str, failure_class: str, signature: str) -> None:
        """A probe that is answered when nobody waits for it is an operation like others."""
        if good:
            self.succeeded(now, host=host)
        else:
            self.failed(now, host=host, failure_class=failure_class, signature=signature)

    def _is_known(self, incident: str) -> bool:
        if incident in self._incidents:
            return True
        self._incidents[incident] = None
        if len(self._incidents) > INCIDENTS_MAX:
            self._incidents.popitem(last=False)
        return False

    def _statistics(self) -> str:
        window = self._window
        return f"{window.failures} of the last {window.count} operations failed"

    def _turn(self, turn: Turn) -> None:
        self.state = TRANSITIONS[self.state, turn]


_BOUNDED = frozenset({Kind.TWO_STAGE, Kind.STRICT})
