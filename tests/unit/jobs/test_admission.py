"""How many pages memory is enough for."""

from hypothesis import given
from hypothesis import strategies as st

from outlast.jobs.admission import HOLD_SECONDS, PAGE_MB_MIN, Admission, Memory, memory_in


def memory(used, pages, *, limit=2_000.0, browsers=None, age=None):
    return Memory(limit=limit, used=used, browsers=browsers, pages=pages, age=age)


def test_with_memory_to_spare_there_are_as_many_pages_as_asked_for():
    admission = Admission(8)
    assert admission.look(0.0, memory(300.0, 8, browsers=600.0)) == 8


def test_what_is_not_known_changes_nothing():
    admission = Admission(8)
    admission.look(0.0, memory(1_950.0, 8, browsers=900.0))
    before = admission.limit
    assert before < 8
    assert admission.look(1.0, memory(None, 8)) == before
    assert admission.look(2.0, memory(10.0, 8, limit=None)) == before


def test_the_number_falls_at_once_by_as_many_pages_as_would_free_what_is_missing():
    admission = Admission(8)
    admission.look(0.0, memory(300.0, 0, browsers=200.0))
    # A page costs 100; of 1,800 that are to be used 1,950 are.
    assert admission.look(1.0, memory(1_950.0, 8, browsers=1_000.0)) == 6


def test_one_page_is_always_let_through():
    admission = Admission(8)
    assert admission.look(0.0, memory(50_000.0, 8, browsers=40_000.0)) == 1
    assert admission.look(1.0, memory(50_000.0, 1, browsers=40_000.0)) == 1


def test_the_number_rises_by_one_at_a_time_and_not_before_the_hold_is_over():
    admission = Admission(8)
    admission.look(0.0, memory(300.0, 0, browsers=200.0))
    assert admission.look(1.0, memory(1_950.0, 8, browsers=1_000.0)) == 6
    free = memory(900.0, 6, browsers=800.0)
    assert admission.look(2.0, free) == 6
    assert admission.look(1.0 + HOLD_SECONDS, free) == 7
    assert admission.look(2.0 + HOLD_SECONDS, free) == 7
    assert admission.look(1.0 + 2 * HOLD_SECONDS, free) == 8
    assert admission.look(1.0 + 4 * HOLD_SECONDS, free) == 8


def test_room_for_one_page_more_is_not_enough_to_rise():
    admission = Admission(8)
    admission.look(0.0, memory(300.0, 0, browsers=200.0))
    admission.look(1.0, memory(1_950.0, 8, browsers=1_000.0))
    assert admission.look(100.0, memory(1_650.0, 6, browsers=800.0)) == 6


def test_a_page_that_grows_counts_at_once_and_one_that_shrinks_little_by_little():
    admission = Admission(8)
    admission.look(0.0, memory(300.0, 0, browsers=200.0))
    admission.look(1.0, memory(600.0, 4, browsers=600.0))
    assert admission.page_mb == 100.0
    admission.look(2.0, memory(1_000.0, 4, browsers=1_000.0))
    assert admission.page_mb == 200.0
    admission.look(3.0, memory(600.0, 4, browsers=600.0))
    assert admission.page_mb == 180.0


def test_what_a_page_cost_in_a_browser_that_is_gone_is_forgotten():
    admission = Admission(8)
    admission.look(0.0, memory(600.0, 0, browsers=200.0, age=100.0))
    admission.look(1.0, memory(2_100.0, 1, browsers=1_700.0, age=101.0))
    assert (admission.page_mb, admission.limit) == (1_500.0, 1)
    admission.look(2.0, memory(700.0, 1, browsers=300.0, age=0.5))
    assert admission.page_mb == 150.0
    assert [admission.look(now, memory(700.0, 1, browsers=300.0, age=now)) for now in (10.0, 20.0, 30.0)] == [2, 3, 4]


def test_no_browser_is_no_measure_of_a_browser_without_pages():
    admission = Admission(8)
    admission.look(0.0, memory(100.0, 0, browsers=0.0))
    admission.look(1.0, memory(500.0, 1, browsers=400.0))
    assert admission.page_mb == 200.0


def test_on_a_large_machine_gigabytes_are_not_kept_in_reserve():
    admission = Admission(16)
    assert admission.look(0.0, memory(58_000.0, 16, limit=64_000.0, browsers=1_500.0)) == 16


def test_the_jobs_own_limit_counts_where_it_leaves_less():
    metrics = {"memory_limit_mb": 64_000.0, "memory_used_mb": 8_000.0, "memory_usage": 900.0, "browser_memory": 700.0}
    assert memory_in(metrics, 4, 1_000) == memory(900.0, 4, limit=1_000, browsers=700.0)
    assert memory_in(metrics, 4, 100_000) == memory(8_000.0, 4, limit=64_000.0, browsers=700.0)
    assert memory_in(metrics, 4, 0) == memory(8_000.0, 4, limit=64_000.0, browsers=700.0)


def test_a_limit_below_which_nothing_is_known_does_not_hide_the_other():
    metrics = {"memory_limit_mb": 64_000.0, "memory_used_mb": 8_000.0, "memory_usage": None, "browser_memory": None}
    assert memory_in(metrics, 4, 1_000) == memory(8_000.0, 4, limit=64_000.0)
    assert memory_in({}, 4, 1_000).room is None


SAMPLES = st.builds(
    Memory,
    limit=st.none() | st.floats(1, 1e6),
    used=st.none() | st.floats(0, 1e6),
    browsers=st.none() | st.floats(0, 1e6),
    pages=st.integers(0, 100),
)


@given(ceiling=st.integers(1, 64), samples=st.lists(SAMPLES, max_size=30))
def test_whatever_is_measured_there_is_a_page_and_no_more_than_the_ceiling(ceiling, samples):
    admission = Admission(ceiling)
    before = ceiling
    for now, sample in enumerate(samples):
        limit = admission.look(float(now), sample)
        assert 1 <= limit <= ceiling
        assert limit <= before + 1
        assert admission.page_mb >= PAGE_MB_MIN
        before = limit


@given(noise=st.lists(st.floats(-80, 80), min_size=50, max_size=50))
def test_noise_of_less_than_a_page_does_not_make_the_number_swing(noise):
    admission = Admission(16)
    admission.look(0.0, memory(300.0, 0, browsers=200.0))
    admission.look(0.0, memory(1_100.0, 8, browsers=1_000.0))
    changes, pages = 0, 16
    for second, each in enumerate(noise, start=1):
        before = admission.limit
        pages = admission.look(second * HOLD_SECONDS, memory(300.0 + 100.0 * pages + each, pages))
        changes += before != pages
    assert changes <= 5
