"""The judge of a job, for every order of events there can be."""

import math

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from outlast.abort import AbortPolicy, Decision, Guard, Kind, State
from outlast.abort.evidence import Evidence, threshold_at
from outlast.abort.hosts import Hosts
from outlast.abort.patterns import SIGNATURES_MAX, Patterns
from outlast.abort.window import Window

POLICY = AbortPolicy(name="default", ignored_classes=frozenset({"not_found"}), patience=120, patience_blocked=30)
CLASSES = st.sampled_from(["network", "blocked", "unknown", "not_found", "browser"])
HOSTS = st.sampled_from(["", "a", "b", "c", "d"])


class GuardMachine(RuleBasedStateMachine):
    """Whatever is told to a guard, in whatever order: it stays within its bounds, and looking changes nothing."""

    def __init__(self):
        super().__init__()
        self.now = 1_000.0
        self.guard = Guard(POLICY)
        self.was = State.RUNNING

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 5.0, 60.0, 400.0]))
    def wait(self, seconds):
        self.now += seconds

    @rule(host=HOSTS, kind=CLASSES, n=st.integers(1, 30), incident=st.sampled_from([None, None, "i1", "i2"]))
    def fail(self, host, kind, n, incident):
        for _ in range(n):
            self.guard.failed(self.now, host=host, failure_class=kind, signature=kind, incident=incident)

    @rule(host=HOSTS, n=st.integers(1, 300))
    def succeed(self, host, n):
        self.guard.succeeded(self.now, host=host, n=n)

    @rule(incident=st.sampled_from([None, "i1", "i3"]))
    def crash(self, incident):
        self.guard.crashed(self.now, incident=incident)

    @rule(kind=CLASSES, ago=st.sampled_from([0.0, 10.0, 200.0]))
    def be_silent(self, kind, ago):
        self.guard.silent(self.now, self.now - ago, failure_class=kind)

    @rule()
    def drain(self):
        self.guard.drained(self.now)

    @rule(good=st.booleans(), kind=CLASSES, host=HOSTS)
    def probe(self, good, kind, host):
        self.guard.probed(self.now, good=good, failure_class=kind, host=host)

    @rule()
    def settle(self):
        self.guard.settle(self.now)

    @invariant()
    def the_evidence_is_within_its_bounds(self):
        verdict = self.guard.look(self.now)
        assert 0 <= verdict.evidence <= verdict.threshold + 1e-9
        assert verdict.failure_rate is None or 0 <= verdict.failure_rate <= 1
        assert verdict.window.failures <= verdict.window.operations <= verdict.window.size

    @invariant()
    def looking_changes_nothing(self):
        first = self.guard.look(self.now)
        self.guard.look(self.now + 1_000)
        self.guard.decision(self.now + 1_000)
        assert self.guard.look(self.now) == first
        assert first.decision is self.guard.decision(self.now)

    @invariant()
    def an_abort_is_the_end(self):
        if self.was is State.ABORTED:
            assert self.guard.state is State.ABORTED
        self.was = self.guard.state

    @invariant()
    def a_decision_fits_its_state(self):
        verdict = self.guard.look(self.now)
        running = verdict.decision is Decision.CONTINUE
        assert running == (verdict.state is State.RUNNING)
        assert running == (verdict.since is None)
        assert bool(verdict.reasons) != running
        if verdict.decision is Decision.PROBE:
            assert verdict.next_probe_at <= self.now

    @invariant()
    def the_concurrency_is_between_half_and_whole(self):
        assert 0.5 <= self.guard.concurrency_factor(self.now) <= 1.0

    @invariant()
    def nothing_is_condemned_before_its_patience_is_spent(self):
        verdict = self.guard.look(self.now)
        if verdict.decision is Decision.ABORT:
            assert self.now >= verdict.gives_up_at or verdict.state is self.was


TestGuard = GuardMachine.TestCase


@given(st.lists(st.booleans(), max_size=400))
def test_the_evidence_is_the_reflected_walk_of_the_textbook(outcomes):
    evidence, value, threshold = Evidence(0.01, 0.3, 0.7), 0.0, None
    for k, failed in enumerate(outcomes, 1):
        if failed:
            threshold = threshold_at(k, 0.01) if value == 0 else threshold
            value = min(threshold, value + math.log(0.7 / 0.3))
            evidence.failed()
        else:
            value = max(0.0, value - math.log(0.7 / 0.3))
            evidence.operations += 1
            evidence.weaken()
        assert math.isclose(evidence.value, value, abs_tol=1e-9)
        assert evidence.is_enough == (threshold is not None and value >= threshold)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 1.0, 4.0])), max_size=200), st.integers(1, 12))
def test_a_window_is_the_last_of_a_list(steps, size):
    window, seen, now = Window(size, 10.0), [], 0.0
    for failed, seconds in steps:
        now += seconds
        window.add(now, failed)
        seen = [each for each in [*seen, (now, failed)][-size:] if each[0] >= now - 10.0]
        assert (window.count, window.failures) == (len(seen), sum(failed for _, failed in seen))


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans(), st.integers(1, 3)), max_size=300))
def test_the_total_of_the_hosts_is_the_sum_of_what_each_has(steps):
    hosts = Hosts(0.85, 0.85)
    for host, failed, n in steps:
        if failed:
            hosts.failed(host, 15.0)
        else:
            hosts.succeeded(host, n)
        assert math.isclose(hosts.total, sum(hosts._evidence.values()), abs_tol=1e-6)
        assert all(0 <= each <= 5.0 + 1e-9 for each in hosts._evidence.values())
        assert set(hosts.troubled) == {host for host, each in hosts._evidence.items() if each >= 1.7}


@given(st.lists(st.integers(0, 1_000), max_size=600))
def test_the_signatures_are_bounded(numbers):
    patterns = Patterns()
    for n, number in enumerate(numbers, 1):
        patterns.failed(float(n), n, f"signature {number}", "unknown", "")
    assert len(patterns) <= SIGNATURES_MAX + 1


def test_a_storm_of_failures_that_all_differ_is_found_as_other():
    patterns = Patterns()
    found = [patterns.failed(float(n), n, f"signature {n}", "unknown", "") for n in range(1, 600)]
    assert [each.signature for each in found if each] == ["other"]


@given(st.integers(0, 7), st.integers(2, 60))
def test_a_surge_is_told_once_until_it_is_over(before, length):
    patterns, n, told = Patterns(), before, []
    for _ in range(2):
        for _ in range(length):
            n += 1
            told += filter(None, [patterns.failed(float(n), n, "x", "unknown", "h")])
        n += 200
    assert len(told) == (2 if length >= 8 else 0)


@given(st.sampled_from([Kind.STRICT, Kind.WINDOWED]), st.integers(0, 200), st.integers(0, 100))
def test_below_the_least_number_of_operations_nothing_is_aborted(kind, least, failures):
    guard = Guard(AbortPolicy(name="x", kind=kind, min_operations=least))
    for n in range(min(failures, least - 1)):
        guard.failed(float(n))
        guard.crashed(float(n))
        if guard.look(float(n)).operations >= least:
            return
        assert guard.decision(float(n)) is Decision.CONTINUE
