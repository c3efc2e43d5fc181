"""A site that wants to be asked less often, and notes who does not listen."""

import pytest

from outlast.testing.throttle import CROSSING_SECONDS, Throttle, Turnstile


def test_so_many_a_second_are_let_in():
    turnstile = Turnstile(Throttle(3, 2))
    assert [turnstile.lets_in(10.0 + n / 2) for n in range(20)] == [True] * 20
    assert (turnstile.throttled, turnstile.too_early) == (0, 0)


def test_one_more_is_told_to_come_back_and_so_is_everybody_until_then():
    turnstile = Turnstile(Throttle(3, 2))
    assert [turnstile.lets_in(10.0 + n / 10) for n in range(5)] == [True] * 3 + [False] * 2
    assert turnstile.lets_in(12.29) is False
    assert turnstile.lets_in(12.3) is True
    assert turnstile.throttled == 3


def test_who_could_not_have_known_is_not_to_blame():
    turnstile = Turnstile(Throttle(1, 2))
    for now in (10.0, 10.0, 10.0 + CROSSING_SECONDS):
        turnstile.lets_in(now)
    assert turnstile.too_early == 0
    turnstile.lets_in(10.1 + CROSSING_SECONDS)
    assert turnstile.too_early == 1


@pytest.mark.parametrize("arguments", [(0, 1), (1, 0)])
def test_a_throttle_that_lets_nobody_in_is_refused(arguments):
    with pytest.raises(ValueError, match="at least one"):
        Throttle(*arguments)
