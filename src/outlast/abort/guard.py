"""The judge of one job: suspicion by statistics, proof by probes; the synchronous core, which neither waits nor asks for the time.

Whoever runs the job tells it what happened and asks `decision` (one look at a state, for every item) or `look` (with the reasons). All
times are monotonic seconds that the caller gives. An operation costs the same whether it is the first or the millionth.
"""

from collections.abc import Callable

from outlast.abort import reasons
from outlast.abort.observed import Observed
from outlast.abort.patterns import Pattern
from outlast.abort.policy import AbortPolicy
from outlast.abort.probing import PROBE_EVERY_MAX, Probing
from outlast.abort.states import TRANSITIONS, Decision, State, Turn
from outlast.abort.verdict import Share, Verdict
from outlast.abort.words import Kind

__all__ = ["RECOVERY_SECONDS", "RECOVERY_SUCCESSES", "Guard"]

RECOVERY_SUCCESSES = 50
"""After so many successes a recovery is believed, and the whole concurrency is allowed again."""

RECOVERY_SECONDS = 60.0
"""After so long the whole concurrency is allowed again, whatever succeeded."""

RELAPSE_SECONDS = 180.0
"""Suspicion within so long after a resume, and before it is believed, goes on with the patience that is left."""

CLEARING_SUCCESSES = 20
"""So many successes in a row, with no evidence left, end a suspicion where nobody probes."""

HOSTS_TOLD_MAX = 20

_BOUNDED = frozenset({Kind.TWO_STAGE, Kind.STRICT})
_WAITING = frozenset({State.SUSPENDED, State.PROBING})


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
        calm = reasons.CALM if self._judges else reasons.NEVER if enabled else reasons.SWITCHED_OFF
        self._calm: reasons.Why = (calm, ())
        self._bound = policy.false_alarm_bound if policy.kind in _BOUNDED else None
        self._min_operations = max(min_operations, policy.min_operations)
        self._seen = Observed(policy, on_pattern)
        self._probing = Probing()
        self._is_silence = False
        self._why = ""
        self._suspected_at = self._waiting_since = self._waited = 0.0
        self._first_since: float | None = None
        self._resumed_at: float | None = None
        self._condemned_at: float | None = None
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
        seen = self._seen
        if incident is not None and seen.is_known(incident):
            return
        if not seen.failed(now, host, failure_class, signature):
            return
        if self.state is not State.RUNNING:
            self.settle(now)
        elif self._judges and self._is_suspect():
            self._suspect(now, seen.told())

    def succeeded(self, now: float, *, host: str = "", n: int = 1) -> None:
        """So many operations succeeded."""
        self._seen.succeeded(now, host, n)
        if self.state is not State.RUNNING:
            self._clear_if_well()
        elif self._resumed_at is not None:
            self._since_resume += n
            if self._since_resume >= RECOVERY_SUCCESSES:
                self._resumed_at = None

    def crashed(self, now: float, *, incident: str | None = None) -> None:
        """A browser or a worker process died; the failures of the same `incident` are counted with it."""
        rule = self._seen.crashed(now, incident)
        if self.state is not State.RUNNING:
            self.settle(now)
        elif self._judges and (rule is not None or self._is_suspect()):
            self._suspect(now, rule or self._seen.told())

    def silent(self, now: float, since: float, *, failure_class: str, signature: str = "") -> None:
        """Nobody answers any more, the caller knows, and that since `since`, for this cause; to be told again while it is so."""
        if not self._judges:
            return
        self._seen.failed_at = now
        if self.state is not State.RUNNING:
            self._probing.failed += 1
            self.settle(now)
            return
        self._seen.recent.keep_only(failure_class, signature)
        self._begin(now, since, "no host answers")
        self._is_silence = True

    def drained(self, now: float) -> None:
        """Nothing is in flight any more, or that is not waited for: probes may be sent."""
        if self.state is State.SUSPENDED:
            self._turn(Turn.DRAINED)
            self._probing.begin(now, self._suspected_at)

    def probed(
        self, now: float, *, good: bool, host: str = "", failure_class: str = "unknown", signature: str = ""
    ) -> None:
        """A probe was answered. An answer of an ignored class is neither good nor bad: the next probe is due soon."""
        if self.state is State.SUSPENDED:
            self.drained(now)
        if self.state is not State.PROBING and good:
            self.succeeded(now, host=host)  # nobody waits for it any more: it is an operation like others
        elif self.state is not State.PROBING:
            self.failed(now, host=host, failure_class=failure_class, signature=signature)
        elif good:
            self._seen.answered(now)
            if self._probing.probed(now, good=True):
                self._recover(now)
        elif failure_class in self.policy.ignored_classes:
            self._probing.postpone(now)
        else:
            self._seen.weigh(now, None, failure_class, signature)
            self._probing.probed(now, good=False)
            self.settle(now)

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
        if decision is Decision.CONTINUE:
            return self._verdict(decision, self._calm, None, None, ())
        recent = self._seen.recent
        signature, kind = recent.dominant_signature, recent.dominant_class
        due = self._probing.next_at if self.state is State.PROBING else None
        waited = (now if self._condemned_at is None else self._condemned_at) - self._waiting_since
        due_in = None if due is None else due - now
        told = reasons.of_suspicion(self._why, decision, signature or kind, waited, due_in)
        hosts = tuple(self._seen.hosts.troubled[:HOSTS_TOLD_MAX])
        verdict = self._verdict(decision, told, signature, kind, hosts)
        return verdict._replace(since=self.since, next_probe_at=due, gives_up_at=self.gives_up_at)

    def hush(self) -> None:
        """It is known that the hosts are silent, each for itself: nobody probes for the job any more, and the first success ends it."""
        self._is_silence = self.state in _WAITING

    def stood_still(self, seconds: float) -> None:
        """So much of the time that has passed was not waited: whoever runs the job could not do anything."""
        if self.state in _WAITING:
            self._waiting_since += seconds

    def settle(self, now: float) -> None:
        """Make an abort that is due final: what succeeds later does not change it."""
        if self.state in _WAITING and self._is_spent(now):
            self._condemn(now)

    def concurrency_factor(self, now: float) -> float:
        """The share of the concurrency that may be used: a half after a resume, all again after 50 successes or 60 seconds."""
        if self._resumed_at is None or now - self._resumed_at >= RECOVERY_SECONDS:
            return 1.0
        return 0.5 + 0.5 * self._since_resume / RECOVERY_SUCCESSES

    @property
    def gives_up_at(self) -> float:
        """When the patience is spent, which an outage has more of than a wall."""
        patience = self.policy.patience if self._seen.recent.is_outage else self.policy.patience_blocked
        return self._waiting_since + patience

    @property
    def evidence_began(self) -> int | None:
        """The operation with which the evidence began that there is; None: there is none."""
        return self._seen.evidence.began if self._seen.evidence.value else None

    # How it is decided.

    def _is_suspect(self) -> bool:
        seen = self._seen
        if seen.evidence.operations < self._min_operations:
            return False
        if self.policy.kind is Kind.WINDOWED:
            return seen.is_full_of_failures(self._min_operations)
        return seen.is_against_the_job()

    def _suspect(self, now: float, why: str) -> None:
        """By statistics or by crashes. What has no second stage is aborted."""
        if self.policy.kind is Kind.TWO_STAGE:
            self._begin(now, now, why)
        elif self._seen.evidence.operations >= self._min_operations:
            self.since, self._why, self._waiting_since = now, why, now
            self._condemn(now)

    def _begin(self, now: float, since: float, why: str) -> None:
        is_relapse = self._resumed_at is not None and now - self._resumed_at < RELAPSE_SECONDS
        waited = self._waited if is_relapse else 0.0
        self.since = self._first_since if is_relapse else since
        self._first_since, self._waited, self._waiting_since = self.since, waited, since - waited
        self._suspected_at, self._resumed_at = now, None
        self._probing, self._why, self._is_silence = Probing(), why, False
        self._turn(Turn.SUSPECTED)

    def _clear_if_well(self) -> None:
        """What was in flight, or goes on all the same, succeeds: there was nothing to suspect."""
        if self.state is State.ABORTED:
            return
        if self._is_silence or (self._seen.in_a_row >= CLEARING_SUCCESSES and not self._seen.evidence.value):
            self._seen.forget()
            self.since = None
            self._turn(Turn.CLEARED)

    def _recover(self, now: float) -> None:
        self._waited, self._resumed_at, self._since_resume = now - self._waiting_since, now, 0
        self._seen.window.clear()
        self._seen.forget()
        self.since = None
        self._turn(Turn.RECOVERED)

    def _is_spent(self, now: float) -> bool:
        """Whether the patience is over, and it is not only the clock that says so: something failed that late, and a probe where one may go."""
        seen, end = self._seen, self.gives_up_at
        is_proven = self.state is not State.PROBING or self._probing.failed > 0
        is_known = is_proven and seen.evidence.operations >= self._min_operations
        return (is_known or self._is_silence) and now >= end and seen.failed_at >= end - 2 * PROBE_EVERY_MAX

    def _condemn(self, now: float) -> None:
        self._condemned_at = now
        self._turn(Turn.CONDEMNED)

    def _verdict(
        self,
        decision: Decision,
        told: reasons.Why,
        signature: str | None,
        kind: str | None,
        hosts: tuple[str, ...],
    ) -> Verdict:
        seen = self._seen
        window, evidence, met = seen.window, seen.evidence, seen.hosts
        count, failures = window.count, window.failures
        return Verdict(
            decision,
            State.ABORTED if decision is Decision.ABORT else self.state,
            *told,
            failures / count if count else None,
            evidence.operations,
            Share(count, failures, window.size),
            signature,
            kind,
            hosts,
            met.seen,
            evidence.value if met.are_few else min(evidence.value, met.total),
            evidence.threshold,
            self.policy.id,
            None,
            None,
            None,
            self._bound,
        )

    def _turn(self, turn: Turn) -> None:
        self.state = TRANSITIONS[self.state, turn]
