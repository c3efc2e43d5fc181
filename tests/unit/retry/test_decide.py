"""Again, no more, or never."""

from dataclasses import replace

import pytest

from outlast.failure import Classification, FailureClass, Fault
from outlast.retry import RetryPolicy
from outlast.retry.decide import Again, Exhausted, Hopeless, after_failure, before_attempt
from outlast.retry.jitter import Jitter


def failed(*, transient=True, retry_after=None, max_attempts=None):
    return Classification(
        failure_class=FailureClass.NETWORK,
        transient=transient,
        fault=Fault.HOST,
        retry_after=retry_after,
        max_attempts=max_attempts,
    )


def verdict(kind, *, attempt=1, elapsed=0.0, roll=0.0, previous=None, **policy):
    wanted = RetryPolicy(name="p", **{"jitter": Jitter.NONE, **policy})
    return after_failure(wanted, kind, attempt=attempt, elapsed=elapsed, roll=roll, previous=previous)


def test_what_may_pass_is_tried_again_after_the_backoff():
    assert verdict(failed()) == Again(1)
    assert verdict(failed(), attempt=3) == Again(4)
    assert verdict(failed(), roll=0.5, jitter=Jitter.FULL) == Again(0.5)
    assert verdict(failed(), roll=1.0, jitter=Jitter.DECORRELATED, previous=2) == Again(6)


def test_what_cannot_pass_is_hopeless_at_whichever_attempt():
    assert verdict(failed(transient=False)) == Hopeless()
    assert verdict(failed(transient=False, retry_after=5), attempt=5) == Hopeless()


def test_who_is_throttled_without_a_word_how_long_waits_from_five_seconds_on():
    throttled = replace(failed(), failure_class=FailureClass.THROTTLED)
    assert [verdict(throttled, attempt=n, base_delay=0.1) for n in (1, 2, 3)] == [Again(5), Again(10), Again(20)]
    assert verdict(throttled, base_delay=8) == Again(8)
    assert verdict(throttled, base_delay=0.1, max_delay=2) == Again(2)
    assert verdict(throttled, base_delay=0.1, roll=0.5, jitter=Jitter.FULL) == Again(2.5)
    assert verdict(replace(throttled, retry_after=7), base_delay=0.1) == Again(7)
    assert verdict(failed(), base_delay=0.1) == Again(0.1)


def test_the_first_call_counts_as_an_attempt():
    assert verdict(failed(), attempt=4) == Again(8)
    assert verdict(failed(), attempt=5) == Exhausted("attempts")
    assert verdict(failed(), max_attempts=1) == Exhausted("attempts")


def test_the_tighter_bound_on_attempts_holds():
    assert verdict(failed(max_attempts=2)) == Again(1)
    assert verdict(failed(max_attempts=2), attempt=2) == Exhausted("attempts")
    assert verdict(failed(max_attempts=9), attempt=5) == Exhausted("attempts")


@pytest.mark.parametrize(
    ("asked", "roll", "delay"),
    [
        (10, 0.0, 10),
        (10, 0.5, 10.5),
        (10, 1.0, 11),
        (200, 1.0, 205),  # the spread is at most 5 s
        (0.5, 1.0, 1),  # the backoff is longer
        (0, 1.0, 1),
    ],
)
def test_a_wish_is_waited_for_in_full_and_not_by_everybody_at_once(asked, roll, delay):
    assert verdict(failed(retry_after=asked), roll=roll) == Again(delay)


def test_a_wish_beyond_the_cap_ends_the_call():
    assert verdict(failed(retry_after=300)) == Again(300)
    assert verdict(failed(retry_after=301.0)) == Exhausted("retry_after_too_long", 301.0)
    assert verdict(failed(retry_after=61.0), retry_after_cap=60) == Exhausted("retry_after_too_long", 61.0)


def test_a_wish_beyond_the_deadline_ends_the_call():
    assert verdict(failed(retry_after=10.0), max_elapsed=10.5) == Again(10)
    assert verdict(failed(retry_after=10.0), max_elapsed=10) == Exhausted("retry_after_too_long", 10.0)
    assert verdict(failed(retry_after=10.0), max_elapsed=15, elapsed=5) == Exhausted("retry_after_too_long", 10.0)


def test_no_attempt_begins_at_or_after_the_deadline():
    assert verdict(failed(), max_elapsed=10, elapsed=8.9) == Again(1)
    assert verdict(failed(), max_elapsed=10, elapsed=9) == Exhausted("deadline")
    assert verdict(failed(retry_after=9.0), max_elapsed=10, elapsed=0.5, roll=1.0) == Again(9.25)
    assert verdict(failed(retry_after=9.5), max_elapsed=10, elapsed=0.5, roll=1.0) == Exhausted(
        "retry_after_too_long", 9.5
    )
    assert verdict(failed(), elapsed=1e9) == Again(1)


@pytest.mark.parametrize("roll", [0.0, 0.5, 1 - 2**-53])
def test_the_little_that_is_waited_beyond_a_wish_never_takes_a_call_to_its_deadline(roll):
    found = before_attempt(RetryPolicy(name="p", max_elapsed=4.25), 4.0, elapsed=0.0, roll=roll)
    assert isinstance(found, Again)
    assert 4.0 <= found.delay < 4.25


def test_attempts_that_are_used_up_are_told_before_a_wish():
    assert verdict(failed(retry_after=9_999), attempt=5) == Exhausted("attempts")


def test_a_verdict_can_be_matched_by_position():
    match verdict(failed(retry_after=301.0)):
        case Exhausted(reason, float(seconds)):
            assert (reason, seconds) == ("retry_after_too_long", 301.0)
        case other:
            raise AssertionError(other)
