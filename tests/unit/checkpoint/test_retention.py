"""Which checkpoints may go."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.checkpoint.retention import Kept, RetentionPolicy, to_delete
from outlast.errors import ConfigurationError

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def shelf(**rows):
    return [Kept(name, int(name[1:]), intact) for name, intact in rows.items()]


def aged(*hours, size=100):
    """Intact checkpoints, numbered in this order, so many hours old."""
    return [Kept(f"c{n}", n, True, NOW - timedelta(hours=age), size) for n, age in enumerate(hours, 1)]


def left(rows, **policy):
    gone = to_delete(rows, RetentionPolicy(**policy), NOW)
    return [row.sequence for row in rows if row.id not in gone]


@pytest.mark.parametrize(
    ("rows", "count", "gone"),
    [
        ({}, 2, ()),
        ({"c1": True}, 1, ()),
        ({"c1": True, "c2": True}, 2, ()),
        ({"c1": True, "c2": True, "c3": True, "c4": True}, 2, ("c1", "c2")),
        ({"c3": True, "c1": True, "c2": True}, 1, ("c1", "c2")),
        ({"c2": True, "c10": True}, 1, ("c2",)),
        # Damaged ones neither count nor go.
        ({"c1": True, "c2": True, "c3": False}, 2, ()),
        ({"c1": False, "c2": True, "c3": True, "c4": True}, 2, ("c2",)),
        ({"c1": True, "c2": False, "c3": False}, 1, ()),
        ({"c1": False}, 1, ()),
    ],
)
def test_as_many_intact_ones_stay_as_are_to_be_kept(rows, count, gone):
    assert to_delete(shelf(**rows), RetentionPolicy(count=count), NOW) == gone


@pytest.mark.parametrize(
    ("hours", "policy", "expected"),
    [
        # Age: older ones go, the newest does not.
        ((9, 5, 3, 1), {"count": 4, "age": 4 * 3600}, [3, 4]),
        ((9, 8, 7), {"count": 3, "age": 3600}, [3]),
        ((4,), {"count": 1, "age": 1}, [1]),
        ((5, 4), {"count": 2, "age": 4 * 3600}, [2]),
        # The clock was wrong when 2 was made: no newer one goes for its age while 2 stays.
        ((9, -90, 8, 1), {"count": 4, "age": 3600}, [2, 3, 4]),
        # Hourly: beyond the count, the newest of each hour.
        ((5.9, 5.5, 5.1, 2.9, 2.1, 0.2, 0.1), {"count": 1, "hourly": 3}, [3, 5, 7]),
        ((5.9, 5.5, 5.1, 2.9, 2.1, 0.2, 0.1), {"count": 2, "hourly": 2}, [5, 6, 7]),
        ((3.5, 2.5, 1.5, 0.5), {"count": 1, "hourly": 0}, [4]),
        # Hours are counted where there are checkpoints, whatever lies between.
        ((900.5, 500.5, 0.5), {"count": 1, "hourly": 3}, [1, 2, 3]),
        # What is kept by the hour goes for its age as well.
        ((5.5, 2.5, 0.5), {"count": 1, "hourly": 3, "age": 3 * 3600}, [2, 3]),
        # Bytes: the oldest go until the rest fits, at 100 bytes each.
        ((4, 3, 2, 1), {"count": 4, "size": 250}, [3, 4]),
        ((4, 3, 2, 1), {"count": 4, "size": 400}, [1, 2, 3, 4]),
        ((4, 3, 2, 1), {"count": 4, "size": 1}, [4]),
        ((4, 3, 2, 1), {"count": 2, "size": 400}, [3, 4]),
        # Bytes before age, so that what stays is within both.
        ((0.1, 9, 0.1), {"count": 3, "size": 250, "age": 3600}, [3]),
    ],
)
def test_what_is_asked_for_is_what_stays(hours, policy, expected):
    assert left(aged(*hours), **policy) == expected


def test_a_checkpoint_without_a_moment_is_of_no_hour_and_never_too_old():
    rows = [Kept("c1", 1, True), *aged(0, 9)[1:]]
    assert left(rows, count=1, hourly=9) == [2]
    assert left(rows, count=2, age=60) == [1, 2]


@pytest.mark.parametrize("field", ["count", "hourly", "age", "size"])
def test_a_policy_that_makes_no_sense_cannot_be_built(field):
    with pytest.raises(ConfigurationError, match=f"{field} must be at least"):
        RetentionPolicy(**{field: -1})


def test_a_policy_that_keeps_nothing_cannot_be_built():
    with pytest.raises(ConfigurationError, match="at least 1"):
        RetentionPolicy(count=0)


moments = st.none() | st.integers(-500_000, 500_000).map(lambda minutes: NOW - timedelta(minutes=minutes))
policies = st.builds(
    RetentionPolicy,
    count=st.integers(1, 6),
    hourly=st.integers(0, 6),
    age=st.just(0) | st.integers(1, 400_000),
    size=st.just(0) | st.integers(1, 400),
)
shelves = st.lists(st.tuples(st.booleans(), moments, st.integers(0, 100)), max_size=20).map(
    lambda rows: [Kept(str(n), n, *row) for n, row in enumerate(rows)]
)


@given(shelves, policies, st.integers(-(10**6), 10**6))
def test_whatever_the_settings_and_clocks_the_newest_intact_one_stays(rows, policy, drift):
    gone = to_delete(reversed(rows), policy, NOW + timedelta(hours=drift))
    intact = [row for row in rows if row.intact]
    assert gone == tuple(row.id for row in rows if row.id in gone), "oldest first, each once"
    assert set(gone) <= {row.id for row in intact}, "damaged ones do not go"
    assert not intact or intact[-1].id not in gone


@given(shelves, policies)
def test_damaged_ones_change_nothing(rows, policy):
    intact = [row for row in rows if row.intact]
    assert to_delete(rows, policy, NOW) == to_delete(intact, policy, NOW)


@given(shelves, policies)
def test_what_stays_is_within_every_bound(rows, policy):
    gone = set(to_delete(rows, policy, NOW))
    stay = [row for row in rows if row.intact and row.id not in gone]
    assert len(stay) <= policy.count + policy.hourly
    assert not policy.size or len(stay) <= 1 or sum(row.size for row in stay) <= policy.size
    if policy.age and len(stay) > 1 and stay[0].created is not None:
        assert NOW - stay[0].created <= timedelta(seconds=policy.age)


@given(shelves, st.integers(1, 6), st.integers(-(10**6), 10**6))
def test_by_count_alone_no_clock_has_a_say(rows, count, drift):
    intact = [row.id for row in rows if row.intact]
    gone = to_delete(rows, RetentionPolicy(count=count), NOW + timedelta(hours=drift))
    assert gone == tuple(intact[:-count])


@given(shelves, policies, st.integers(1, 10**6))
def test_time_that_passes_takes_the_oldest_first(rows, policy, seconds):
    before = to_delete(rows, policy, NOW)
    after = to_delete(rows, policy, NOW + timedelta(seconds=seconds))
    assert set(before) <= set(after)
    more = [int(each) for each in after if each not in before]
    stay = [row.sequence for row in rows if row.intact and row.id not in after]
    assert not more or max(more) < min(stay)


@given(shelves, policies)
def test_what_has_been_pruned_once_is_pruned(rows, policy):
    gone = to_delete(rows, policy, NOW)
    assert to_delete([row for row in rows if row.id not in gone], policy, NOW) == ()
