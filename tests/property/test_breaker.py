"""The breaker and the budget of a host, for every order of events there can be."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outlast.retry.breaker import EVIDENCE_MAX, Admit, Breaker, BreakerState
from outlast.retry.budget import Budget

LEASE = 60.0


class BreakerMachine(RuleBasedStateMachine):
    """Callers that are admitted and report back, or never do; time that passes."""

    def __init__(self):
        super().__init__()
        self.breaker = Breaker(lease=LEASE)
        self.now = 1_000.0
        self.plain = 0
        self.probe_since = None

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.5, 1.0, 5.0, 61.0, 700.0]))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def ask(self):
        leased = self.probe_since is not None and self.now < self.probe_since + LEASE
        was, due = self.breaker.state, self.breaker.opens_at
        said = self.breaker.admit(self.now)
        assert (said is Admit.GO) == (was is BreakerState.CLOSED)
        assert (said is Admit.WAIT) == (was is not BreakerState.CLOSED and self.now < due)
        self.plain += said is Admit.GO
        if said is Admit.PROBE:
            assert not leased, "a second probe while the lease of the first runs"
            self.probe_since = self.now

    @precondition(lambda self: self.plain)
    @rule(ending=st.sampled_from(["succeeded", "failed", "released"]))
    def report(self, ending):
        self.plain -= 1
        was, due = self.breaker.state, self.breaker.opens_at
        getattr(self.breaker, ending)(self.now)
        if was is not BreakerState.CLOSED:
            assert (self.breaker.state, self.breaker.opens_at) == (was, due), "who was under way says nothing new"

    @precondition(lambda self: self.probe_since is not None and self.now < self.probe_since + LEASE)
    @rule(ending=st.sampled_from(["succeeded", "failed", "released"]))
    def probe_reports(self, ending):
        since = self.breaker.down_since
        said = getattr(self.breaker, ending)(self.now, probe=True)
        self.probe_since = None
        if ending == "succeeded":
            assert (said is not None) == (self.breaker.state is BreakerState.CLOSED)
            assert said is None or said == self.now - since
        if ending != "failed":
            assert self.breaker.opens_at <= self.now, "the next may go at once"
        else:
            assert 1 <= self.breaker.opens_at - self.now <= (30 if self.now - since >= 600 else 5)

    @invariant()
    def is_consistent(self):
        breaker = self.breaker
        assert 0 <= breaker.evidence <= EVIDENCE_MAX
        closed = breaker.state is BreakerState.CLOSED
        assert closed == (breaker.opens_at == 0)
        assert closed or breaker.down_since is not None
        assert breaker.opens_at <= self.now + LEASE, "nobody waits longer than a lease"
        assert not closed or breaker.in_a_row < 10
        assert not closed or bool(breaker.evidence) == (breaker.down_since is not None)


TestBreaker = BreakerMachine.TestCase


@given(st.lists(st.booleans(), max_size=400), st.integers(1, 200))
def test_a_budget_is_what_was_earned_less_what_was_spent_within_its_bounds(outcomes, size):
    budget, expected = Budget(size), float(size)
    for good in outcomes:
        if good:
            budget.succeeded()
            expected = min(size, expected + 0.5)
        else:
            budget.failed()
            expected = max(0.0, expected - 1)
        assert budget.tokens == expected
        assert budget.allows == (expected > size / 2)


@given(st.lists(st.booleans(), min_size=30, max_size=400))
def test_retries_are_refused_only_when_a_third_has_failed(outcomes):
    budget, failed = Budget(), 0
    for count, good in enumerate(outcomes, 1):
        failed += not good
        budget.succeeded() if good else budget.failed()
        # What it started with is worth fifty failures.
        assert budget.allows or failed > max(49, count / 3)
