"""When a host is not worth asking, and how it is found out that it is back."""

import random
from itertools import product

import pytest

from outlast.retry.breaker import TRANSITIONS, Admit, Breaker, BreakerState, Turn

OPEN, CLOSED, HALF_OPEN = BreakerState.OPEN, BreakerState.CLOSED, BreakerState.HALF_OPEN


def opened(at=0.0, **options):
    """A breaker that has just opened."""
    breaker = Breaker(**options)
    assert [breaker.failed(at) for _ in range(10)] == [False] * 9 + [True]
    return breaker


def probed(breaker, now, *, good):
    assert breaker.admit(now) is Admit.PROBE
    return breaker.succeeded(now, probe=True) if good else breaker.failed(now, probe=True)


def test_a_fresh_one_lets_everybody_through():
    breaker = Breaker()
    assert [breaker.admit(now) for now in (0.0, 0.0, 1.0)] == [Admit.GO] * 3
    assert (breaker.state, breaker.opens_at, breaker.down_since, breaker.in_a_row) == (CLOSED, 0.0, None, 0)


def test_ten_failures_in_a_row_open_it():
    breaker = opened(at=3.0)
    assert (breaker.state, breaker.in_a_row, breaker.down_since) == (OPEN, 10, 3.0)
    assert breaker.opens_at == 4.0
    assert breaker.admit(3.9) is Admit.WAIT


def test_a_success_takes_back_as_much_as_a_failure_added():
    breaker = Breaker()
    for now in range(50):
        assert not breaker.failed(now)
        assert breaker.succeeded(now) is None
    assert breaker.state is CLOSED
    assert breaker.evidence == pytest.approx(0)


def test_successes_cannot_be_saved_up():
    breaker = Breaker()
    for now in range(1_000):
        breaker.succeeded(now)
    assert breaker.evidence == 0
    for _ in range(9):
        breaker.failed(1_000)
    assert breaker.failed(1_000)


def test_failures_with_successes_between_open_it_too():
    breaker = Breaker()
    for now in range(1_000):
        if breaker.failed(now) or breaker.failed(now) or breaker.failed(now):
            break
        breaker.succeeded(now)
    assert breaker.state is OPEN
    assert now < 6
    assert breaker.in_a_row < 4


@pytest.mark.parametrize(("failing", "opens"), [(0.3, False), (0.8, True)])
def test_it_opens_on_a_host_that_mostly_fails_and_not_on_one_that_mostly_works(failing, opens):
    chance, count = random.Random(7), 0
    for _ in range(100):
        breaker = Breaker()
        outcomes = [chance.random() < failing for _ in range(200)]
        count += any(breaker.failed(0.0) if failed else breaker.succeeded(0.0) for failed in outcomes)
    assert count > 95 if opens else count < 5


def test_the_time_down_counts_from_the_first_of_the_failures_that_opened_it():
    breaker = Breaker()
    breaker.failed(1.0)
    breaker.succeeded(2.0)
    assert breaker.down_since is None
    for now in range(10, 20):
        breaker.failed(now)
    assert breaker.down_since == 10
    assert probed(breaker, 30.0, good=True) is None
    assert probed(breaker, 31.0, good=True) == 21


def test_one_probe_at_a_time_is_let_through():
    breaker = opened()
    asked = [breaker.admit(1.0) for _ in range(50)]
    assert asked == [Admit.PROBE] + [Admit.WAIT] * 49
    assert breaker.state is HALF_OPEN


def test_a_probe_that_fails_doubles_the_wait_up_to_five_seconds():
    breaker, waits = opened(), []
    for _ in range(6):
        now = breaker.opens_at
        assert probed(breaker, now, good=False) is False
        waits.append(breaker.opens_at - now)
    assert waits == [2, 4, 5, 5, 5, 5]
    assert breaker.state is OPEN


def test_after_ten_minutes_the_probes_are_half_a_minute_apart():
    breaker = opened()
    while breaker.opens_at < 600:
        probed(breaker, breaker.opens_at, good=False)
    now = breaker.opens_at
    probed(breaker, now, good=False)
    assert breaker.opens_at == now + 30


def test_a_good_probe_is_followed_by_another_at_once_and_two_close_it():
    breaker = opened()
    assert probed(breaker, 1.0, good=True) is None
    assert (breaker.state, breaker.opens_at) == (HALF_OPEN, 1.0)
    assert breaker.admit(1.0) is Admit.PROBE
    assert breaker.admit(1.0) is Admit.WAIT
    assert breaker.succeeded(1.5, probe=True) == 1.5
    assert breaker.admit(1.5) is Admit.GO
    assert (breaker.evidence, breaker.in_a_row, breaker.down_since, breaker.opens_at) == (0, 0, None, 0.0)


def test_the_two_good_probes_are_in_a_row():
    breaker = opened()
    probed(breaker, 1.0, good=True)
    probed(breaker, 1.0, good=False)
    assert breaker.state is OPEN
    assert probed(breaker, breaker.opens_at, good=True) is None
    assert probed(breaker, breaker.opens_at, good=True) is not None


def test_all_is_forgotten_when_it_closes():
    breaker = opened()
    for _ in range(4):
        probed(breaker, breaker.opens_at, good=False)
    for _ in range(2):
        probed(breaker, breaker.opens_at, good=True)
    assert [breaker.failed(100.0) for _ in range(10)] == [False] * 9 + [True]
    assert breaker.opens_at == 101.0


def test_a_lease_that_is_given_back_is_there_for_the_next():
    breaker = opened()
    assert breaker.admit(1.0) is Admit.PROBE
    breaker.released(1.5, probe=True)
    assert (breaker.state, breaker.opens_at) == (OPEN, 1.5)
    assert breaker.admit(1.5) is Admit.PROBE


def test_what_was_learned_of_nobody_leaves_no_trace():
    breaker = Breaker()
    for _ in range(100):
        breaker.released(1.0)
    assert (breaker.state, breaker.evidence, breaker.in_a_row) == (CLOSED, 0, 0)
    breaker = opened()
    breaker.released(0.5)
    assert breaker.opens_at == 1.0


@pytest.mark.parametrize("lease", [60.0, 5.0])
def test_a_probe_that_never_comes_back_stops_the_others_no_longer_than_its_lease(lease):
    breaker = opened(lease=lease)
    breaker.admit(1.0)
    assert breaker.opens_at == 1 + lease
    assert breaker.admit(0.9 + lease) is Admit.WAIT
    assert breaker.admit(1 + lease) is Admit.PROBE
    assert breaker.admit(1 + lease) is Admit.WAIT


def test_those_who_were_under_way_when_it_opened_say_nothing_new():
    breaker = opened()
    assert breaker.failed(0.5) is False
    assert breaker.succeeded(0.5) is None
    assert (breaker.state, breaker.opens_at, breaker.in_a_row) == (OPEN, 1.0, 10)
    breaker.admit(1.0)
    for _ in range(3):
        assert breaker.failed(1.1) is False
        assert breaker.succeeded(1.1) is None
        breaker.released(1.1)
    assert (breaker.state, breaker.opens_at) == (HALF_OPEN, 61.0)


def test_a_probe_that_comes_back_after_all_does_no_harm():
    breaker = opened()
    breaker.admit(1.0)
    probed(breaker, 61.0, good=False)
    waits_until = breaker.opens_at
    breaker.succeeded(61.5, probe=True)
    breaker.failed(61.5, probe=True)
    breaker.released(61.5, probe=True)
    assert (breaker.state, breaker.opens_at) == (OPEN, waits_until)


def test_every_transition_can_happen_and_no_other_does():
    seen = set()
    for choices in product(range(4), repeat=6):
        breaker, now, probe = opened(), 1.0, False
        for choice in choices:
            before = breaker.state
            if choice == 0:
                probe = breaker.admit(now) is Admit.PROBE or probe
            elif choice == 1:
                breaker.succeeded(now, probe=probe)
            elif choice == 2:
                breaker.failed(now, probe=probe)
            else:
                breaker.released(now, probe=probe)
            probe = probe and choice == 0
            now = max(now, breaker.opens_at if breaker.opens_at < now + 30 else now)
            seen.add((before, breaker.state))
    allowed = {(before, after) for (before, _), after in TRANSITIONS.items()} | {
        (state, state) for state in BreakerState
    }
    assert seen <= allowed
    assert {(before, after) for (before, _), after in TRANSITIONS.items() if before is not after} - seen == {
        (CLOSED, OPEN)
    }
    assert set(Turn) == {turn for _, turn in TRANSITIONS}
