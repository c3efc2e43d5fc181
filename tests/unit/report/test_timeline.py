"""The pictures over time, from samples to steps."""

import pytest

from outlast.report.chronicle import Chronicle
from outlast.report.timeline import STEPS_MAX, step_for, timeline


def drawn(*entries):
    return timeline(Chronicle.of(entries).in_order)


@pytest.mark.parametrize(
    ("seconds", "step"), [(0, 1), (59, 1), (60, 5), (1_799, 5), (1_800, 60), (36_000, 60), (36_001, 120), (33_120, 60)]
)
def test_a_step_is_as_long_as_it_has_to_be(seconds, step):
    assert step_for(seconds) == step


def test_a_job_of_many_years_has_no_more_steps_than_others():
    assert 10 * 365 * 86_400 / step_for(10 * 365 * 86_400) <= STEPS_MAX


def test_work_between_two_samples_was_even(started, sample):
    line = drawn(started(0), sample(0), sample(3_600, 600, 60, 120))
    assert line.step == 60
    assert line.finished[:60] == (10,) * 60
    assert line.given_up_rate[:60] == (1,) * 60
    assert line.retried[59] == 2


def test_no_item_is_lost_on_the_way_into_the_picture(started, sample):
    line = drawn(started(0), sample(7), sample(100, 13, 1), sample(4_001, 977, 31, 5), sample(5_000, 1_001, 31, 7))
    assert sum(filter(None, line.finished)) == pytest.approx(1_001, abs=0.5)
    assert sum(filter(None, line.given_up)) == pytest.approx(31, abs=0.5)
    assert sum(filter(None, line.retried)) == pytest.approx(7, abs=0.5)


def test_while_no_run_is_at_work_nothing_is_known_which_is_not_none(started, sample):
    first = [started(0), sample(0), sample(600, 100, total=500)]
    second = [started(3_000, run="R2", resumed=True), sample(3_000, run="R2"), sample(3_600, 0, run="R2")]
    line = drawn(*first, *second)
    assert line.finished[20] is None
    assert line.finished_rate[20] is None
    assert line.memory[20] is None
    assert line.finished[55] == 0
    [(start, end)] = line.down
    assert end - start == 2_400


def test_a_run_whose_beginning_is_not_in_the_log_does_not_burst_with_what_it_had_done_before(sample):
    line = drawn(sample(0, 100_000), sample(3_600, 100_060))
    assert max(filter(None, line.finished)) == 1


def test_the_last_moment_of_a_run_is_no_minute(started, sample):
    line = drawn(started(0), sample(0), sample(3_600, 3_600), sample(3_600.5, 3_610))
    assert line.finished_rate[60] == pytest.approx(60 * 10 / 15)


@pytest.mark.parametrize("lasted", [0.3, 0])
def test_a_run_of_a_moment_does_not_dwarf_the_others(started, sample, lasted):
    first = [started(0), sample(0), sample(90, 900)]
    second = [started(100, run="R2", resumed=True), sample(100 + lasted, 150, run="R2")]
    assert drawn(*first, *second).finished_rate[20] == pytest.approx(60 * 150 / 5)


def test_a_job_of_a_moment_has_the_pace_that_it_had(started, sample):
    assert drawn(started(0), sample(0.5, 10)).finished_rate == (pytest.approx(60 * 10 / 0.5),)


def test_memory_is_the_most_of_a_step_and_holds_until_it_is_measured_again(started, sample):
    points = [(0, 100), (10, 900), (50, 200), (200, 300), (3_000, 400)]
    line = drawn(started(0), *(sample(second, memory_bytes=amount) for second, amount in points))
    assert line.memory[:5] == (900, 900, 900, 300, 300)
    assert line.memory[-1] == 400


def test_progress_between_two_samples_was_even(started, sample):
    line = drawn(started(0), sample(0, total=40), sample(240, 40, total=80), sample(3_600, 40, total=80))
    assert line.done[:6] == (0, 10, 20, 30, 40, 40)
    assert line.total[:5] == (40, 50, 60, 70, 80)


def test_the_end_of_a_run_says_where_the_job_stood_then(started, sample, ended):
    line = drawn(started(0), sample(0, total=10), ended(4_000, done=8, failed=1, deferred=3), sample(4_000, 8, 1))
    assert (line.done[-1], line.total[-1]) == (9, 12)


def test_without_samples_there_is_no_picture(started):
    assert drawn(started(0)).is_empty
    assert drawn().is_empty


def test_a_clock_that_was_set_back_breaks_nothing(started, sample):
    line = drawn(started(1_000), sample(1_000), sample(4_000, 50), sample(500, 60), sample(5_000, 70))
    assert all(each is None or each >= 0 for each in line.finished_rate)


def test_a_run_that_was_killed_before_its_second_sample_knew_no_fewer_items_than_it_had_finished(
    started, sample, entry
):
    alive = entry("retry_attempted", 4, {"attempt": 1}, key="k")
    again = started(9, run="R2", resumed=True, done=81, failed=6, pending=153)
    line = drawn(started(0), sample(0, total=0), alive, again, sample(9, run="R2", total=240))
    assert (line.done[4], line.total[4]) == (87, 240)
    assert all(done <= known for done, known in zip(line.done, line.total, strict=True) if done is not None)
