"""Delays and verdicts, for every policy there can be."""

from hypothesis import given
from hypothesis import strategies as st

from outlast.failure import Classification, FailureClass, Fault
from outlast.retry import RetryPolicy
from outlast.retry.backoff import delay_after
from outlast.retry.decide import Again, Exhausted, Hopeless, after_failure
from outlast.retry.jitter import Jitter

SECONDS = st.floats(0, 400)
MAYBE_SECONDS = st.none() | st.floats(0.001, 400)
ROLLS = st.floats(0, 1, exclude_max=True)
ATTEMPTS = st.integers(1, 12) | st.integers(1, 10**9) | st.just(10_000)


@st.composite
def policies(draw):
    base = draw(st.floats(0, 60))
    return RetryPolicy(
        name="p",
        max_attempts=draw(st.integers(1, 100)),
        base_delay=base,
        multiplier=draw(st.floats(1, 10)),
        max_delay=draw(st.floats(base, 1_000)),
        jitter=draw(st.sampled_from(Jitter)),
        jitter_factor=draw(st.floats(0, 1)),
        attempt_timeout=draw(MAYBE_SECONDS),
        max_elapsed=draw(MAYBE_SECONDS),
        retry_after_cap=draw(SECONDS),
    )


classifications = st.builds(
    Classification,
    failure_class=st.sampled_from(FailureClass),
    transient=st.booleans(),
    fault=st.sampled_from(Fault),
    retry_after=st.none() | SECONDS,
    max_attempts=st.none() | st.integers(1, 100),
)


@given(policies(), ATTEMPTS, ROLLS, st.none() | SECONDS)
def test_a_delay_is_never_negative_and_never_beyond_the_bound(policy, attempt, roll, previous):
    assert 0 <= delay_after(policy, attempt, roll, previous=previous) <= policy.max_delay * (1 + 1e-12)


@given(policies(), ATTEMPTS, ROLLS)
def test_jitter_only_shortens_and_at_most_as_far_as_its_form_says(policy, attempt, roll):
    full = delay_after(RetryPolicy(**{**fields(policy), "jitter": Jitter.NONE}), attempt, roll)
    share = {Jitter.NONE: 0.0, Jitter.EQUAL: 0.5, Jitter.FULL: 1.0}.get(policy.jitter)
    if share is not None:
        delay = delay_after(policy, attempt, roll)
        assert full * (1 - share * policy.jitter_factor) * (1 - 1e-9) - 1e-9 <= delay <= full * (1 + 1e-9)


@given(policies(), st.integers(1, 50))
def test_without_jitter_delays_never_shrink(policy, attempt):
    plain = RetryPolicy(**{**fields(policy), "jitter": Jitter.NONE})
    assert delay_after(plain, attempt, 0.0) <= delay_after(plain, attempt + 1, 0.0)


@given(policies(), classifications, ATTEMPTS, SECONDS, ROLLS, st.none() | SECONDS)
def test_a_verdict_keeps_every_promise_of_the_policy(policy, failed, attempt, elapsed, roll, previous):
    verdict = after_failure(policy, failed, attempt=attempt, elapsed=elapsed, roll=roll, previous=previous)
    assert (verdict == Hopeless()) == (not failed.transient)
    asked = failed.retry_after
    if isinstance(verdict, Again):
        assert attempt < policy.max_attempts
        assert failed.max_attempts is None or attempt < failed.max_attempts
        assert policy.max_elapsed is None or elapsed + verdict.delay < policy.max_elapsed
        if asked is not None:
            assert asked <= policy.retry_after_cap
            assert asked <= verdict.delay <= max(policy.max_delay * (1 + 1e-12), asked * 1.1, asked + 5)
    if isinstance(verdict, Exhausted):
        assert (verdict.retry_after is not None) == (verdict.reason == "retry_after_too_long")


@given(policies())
def test_a_policy_comes_back_from_plain_values(policy):
    assert RetryPolicy.from_dict(policy.to_dict()) == policy


def fields(policy):
    return {name: getattr(policy, name) for name in RetryPolicy.__dataclass_fields__}
