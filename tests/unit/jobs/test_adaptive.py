"""As many in flight as a host takes, within bounds."""

from hypothesis import given
from hypothesis import strategies as st

from outlast.jobs.adaptive import DRIFT, HOLD_SECONDS, LIMIT_MIN, QUICK_SECONDS, SLOWER, WINDOW, Adaptive


def window(adaptive, now, seconds):
    for _ in range(WINDOW):
        adaptive.answered(now, seconds)


def test_it_begins_at_the_ceiling():
    assert (Adaptive(16).limit, Adaptive(16).at_ceiling) == (16, True)


def test_throttling_halves_once_for_all_that_was_in_flight():
    adaptive = Adaptive(16)
    for _ in range(16):
        adaptive.throttled(100.0)
    assert adaptive.limit == 8
    adaptive.throttled(100.0 + HOLD_SECONDS)
    assert adaptive.limit == 4


def test_it_never_falls_below_one():
    adaptive = Adaptive(16)
    for n in range(100):
        adaptive.throttled(100.0 * n)
    assert adaptive.limit == LIMIT_MIN


def test_a_round_of_answers_gives_one_more_back_but_not_at_once():
    adaptive = Adaptive(16)
    adaptive.throttled(100.0)
    for _ in range(8):
        adaptive.answered(100.0 + HOLD_SECONDS / 2, None)
    assert adaptive.limit == 8
    for _ in range(9):
        adaptive.answered(200.0, None)
    assert adaptive.limit == 9
    for _ in range(200):
        adaptive.answered(200.0, None)
    assert (adaptive.limit, adaptive.at_ceiling) == (16, True)


def test_answers_that_take_three_times_as_long_lower_it():
    adaptive = Adaptive(16)
    window(adaptive, 100.0, 0.2)
    window(adaptive, 101.0, 0.2 * SLOWER)
    assert adaptive.limit == 16
    window(adaptive, 102.0, 0.2 * SLOWER * DRIFT + 0.01)
    assert adaptive.limit == 11


def test_quick_answers_may_be_three_times_as_slow():
    adaptive = Adaptive(16)
    window(adaptive, 100.0, 0.001)
    window(adaptive, 101.0, QUICK_SECONDS * SLOWER)
    assert adaptive.limit == 16


def test_a_host_that_gets_quicker_with_fewer_is_lowered_further_and_recovers():
    adaptive = Adaptive(16)
    window(adaptive, 100.0, 0.1)
    window(adaptive, 110.0, 3.0)
    window(adaptive, 120.0, 1.5)
    assert adaptive.limit < 11
    for n in range(100):
        window(adaptive, 130.0 + n, 0.1)
    assert adaptive.limit == 16


def test_a_host_that_is_as_slow_with_fewer_is_slow_for_a_reason_of_its_own():
    adaptive = Adaptive(16)
    window(adaptive, 100.0, 0.1)
    for n in range(100):
        window(adaptive, 110.0 + n, 2.0)
    assert adaptive.limit == 16


def test_a_host_that_was_slow_from_the_beginning_is_not_lowered():
    adaptive = Adaptive(16)
    for n in range(100):
        window(adaptive, 100.0 + n, 5.0)
    assert adaptive.limit == 16


def test_times_that_say_nothing_are_not_looked_at():
    adaptive = Adaptive(16)
    window(adaptive, 100.0, 0.1)
    for _ in range(WINDOW * 3):
        adaptive.answered(200.0, None)
    assert adaptive.limit == 16


@given(
    st.integers(1, 64),
    st.lists(st.tuples(st.booleans(), st.floats(0, 10), st.floats(0, 60) | st.none()), max_size=300),
)
def test_whatever_happens_it_stays_within_its_bounds(ceiling, steps):
    adaptive, now = Adaptive(ceiling), 0.0
    for throttled, pause, seconds in steps:
        now += pause
        before = adaptive.limit
        changed = adaptive.throttled(now) if throttled else adaptive.answered(now, seconds)
        assert LIMIT_MIN <= adaptive.limit <= ceiling
        assert adaptive.at_ceiling == (adaptive.limit == ceiling)
        assert throttled or changed or adaptive.limit == before
