"""Exact spacing, and no slower than asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.jobs.rate import SLACK, Spacing, spacing_of


def greedy(seconds, calls):
    """When somebody goes who asks at these times, and goes whenever that is allowed."""
    spacing, went = Spacing(seconds), []
    for now in calls:
        if now >= spacing.opens_at:
            spacing.take(now)
            went.append(now)
    return went


@given(st.floats(0.2, 100.0), st.lists(st.floats(0.0, 50.0), min_size=1, max_size=200))
def test_a_slow_rate_is_never_asked_sooner(seconds, pauses):
    now, calls = 0.0, []
    for pause in pauses:
        now += pause
        calls.append(now)
    went = greedy(seconds, calls)
    assert all(later - earlier >= seconds * (1 - 1e-9) for earlier, later in zip(went, went[1:]))


@given(st.floats(0.001, 100.0), st.integers(2, 300), st.randoms())
def test_in_any_time_there_are_as_many_as_the_rate_says_and_the_slack_allows(seconds, count, random):
    now, calls = 0.0, []
    for _ in range(count * 5):
        now += random.random() * seconds
        calls.append(now)
    went = greedy(seconds, calls)
    for place, begin in enumerate(went):
        for end in range(place, len(went)):
            span = went[end] - begin
            assert end - place <= (span + SLACK) / seconds + 1e-6


def test_a_fast_rate_catches_up_with_what_a_busy_loop_missed():
    calls = [n * 0.05 for n in range(2_000) for _ in range(10)]  # asked in bursts, 20 times a second
    assert len(greedy(0.01, calls)) >= 0.99 * 100 / 0.01


def test_thirty_a_minute_is_one_every_two_seconds():
    went = greedy(2.0, [n * 0.01 for n in range(6_000)])
    assert went == [pytest.approx(n * 2.0, abs=0.011) for n in range(30)]


@pytest.mark.parametrize(
    ("host", "seconds"), [("a:80", 1.0), ("a:81", 2.0), ("a", 2.0), ("b:80", 3.0), ("", 3.0), ("[::1]:80", 3.0)]
)
def test_a_host_is_looked_up_with_its_port_without_and_as_any(host, seconds):
    assert spacing_of(host, {"a:80": 1.0, "a": 2.0, "*": 3.0}).seconds == seconds


def test_a_host_that_nobody_speaks_of_has_no_rate():
    assert spacing_of("a", {"b": 1.0}) is None
