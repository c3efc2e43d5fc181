"""How long to wait after a failed attempt."""

import pytest

from outlast.errors import RetryConfigurationError
from outlast.retry import RetryPolicy
from outlast.retry.backoff import delay_after
from outlast.retry.jitter import Jitter


def policy(**fields):
    return RetryPolicy(name="p", **fields)


def delays(wanted, roll=0.0, count=5):
    return [delay_after(wanted, attempt, roll) for attempt in range(1, count + 1)]


def test_without_jitter_the_delays_are_exact():
    assert delays(policy(jitter=Jitter.NONE)) == [1, 2, 4, 8, 16]
    assert delays(policy(jitter=Jitter.NONE, base_delay=2, multiplier=3, max_delay=50)) == [2, 6, 18, 50, 50]
    assert delays(policy(jitter=Jitter.NONE, multiplier=1)) == [1, 1, 1, 1, 1]
    assert delays(policy(jitter=Jitter.NONE, base_delay=0, max_delay=0)) == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("jitter", "factor", "roll", "expected"),
    [
        ("full", 1, 0.0, 0),
        ("full", 1, 0.5, 4),
        ("full", 1, 1.0, 8),
        ("full", 0.5, 0.0, 4),
        ("full", 0.5, 1.0, 8),
        ("full", 0, 0.3, 8),
        ("equal", 1, 0.0, 4),
        ("equal", 1, 0.5, 6),
        ("equal", 1, 1.0, 8),
        ("equal", 0.5, 0.0, 6),
        ("none", 1, 0.0, 8),
    ],
)
def test_the_fourth_delay_is_spread_as_its_jitter_says(jitter, factor, roll, expected):
    assert delay_after(policy(jitter=Jitter(jitter), jitter_factor=factor), 4, roll) == expected


@pytest.mark.parametrize(
    ("previous", "roll", "expected"),
    [(None, 0.0, 1), (None, 1.0, 3), (4, 0.0, 1), (4, 0.5, 6.5), (4, 1.0, 12), (0.1, 1.0, 3), (5_000, 1.0, 300)],
)
def test_decorrelated_jitter_looks_at_the_delay_before(previous, roll, expected):
    assert delay_after(policy(jitter=Jitter.DECORRELATED), 4, roll, previous=previous) == expected


def test_decorrelated_jitter_with_no_factor_is_the_plain_delay():
    assert delay_after(policy(jitter=Jitter.DECORRELATED, jitter_factor=0), 4, 0.9, previous=50) == 8


@pytest.mark.parametrize("attempt", [1_025, 10_000, 10**9, 10**400])
def test_it_never_overflows(attempt):
    assert delay_after(policy(jitter=Jitter.NONE), attempt, 0.5) == 300
    assert delay_after(policy(jitter=Jitter.NONE, multiplier=10, base_delay=0), attempt, 0.5) == 0


@pytest.mark.parametrize("attempt", [0, -1, True, 1.0, "1", None])
def test_attempts_are_counted_from_one(attempt):
    with pytest.raises(RetryConfigurationError, match="counted from 1"):
        delay_after(policy(), attempt, 0.5)
