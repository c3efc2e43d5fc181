"""Counts over time, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from outlast.failure.groups import OTHER
from outlast.failure.statistics import BUCKET_SECONDS, NAMES_MAX, Counts, Timeline


def filled(moments, buckets_max=8):
    timeline = Timeline(buckets_max)
    for moment in moments:
        timeline.at(moment).add({"category": "network"})
    return timeline


moments = st.lists(st.floats(0, 10_000_000), max_size=60)


@given(moments)
def test_everything_stays_counted_in_few_buckets(times):
    timeline = filled(times)
    assert timeline.between(None, None).total == len(times)
    assert len(timeline._buckets) <= 8


@given(moments, st.floats(0, 10_000_000), st.floats(0, 10_000_000))
def test_a_range_is_answered_to_the_width_of_a_bucket(times, one, other):
    start, end = sorted((one, other))
    timeline = filled(times)
    width = timeline.width
    found = timeline.between(start, end).total
    assert sum(start <= each <= end for each in times) <= found
    assert found <= sum(start - width <= each <= end + width for each in times)


@given(moments, moments)
def test_two_histories_merged_are_one(one, other):
    merged = filled(one)
    merged.merge(filled(other))
    assert merged.between(None, None).to_dict() == filled(one + other).between(None, None).to_dict()


def test_a_short_history_is_kept_to_the_minute():
    timeline = filled([0, BUCKET_SECONDS, 7 * BUCKET_SECONDS])
    assert timeline.width == BUCKET_SECONDS
    assert filled([0, 10**7], 1).width > BUCKET_SECONDS


def test_names_beyond_the_bound_are_other():
    counts = Counts()
    for number in range(NAMES_MAX + 5):
        counts.add({"signature": f"s{number}"})
    counts.add({"signature": "s0"})
    assert (counts.names["signature"]["s0"], counts.names["signature"][OTHER]) == (2, 5)
    twice = Counts()
    twice.merge(counts)
    twice.merge(counts)
    assert sum(twice.names["signature"].values()) == twice.total == 2 * (NAMES_MAX + 6)


def test_after_widening_every_failure_is_still_found_in_its_own_stretch():
    hour = 3_600
    timeline = filled([number * hour for number in range(64)])
    for number in range(64):
        stretch = timeline.between(number * hour, number * hour)
        assert 1 <= stretch.total <= timeline.width // hour + 1
    assert timeline.between(64 * hour + timeline.width, None).total == 0
