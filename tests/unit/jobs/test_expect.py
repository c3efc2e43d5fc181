"""What is not as expected, and what chance could explain."""

import random
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.config import Allowance
from outlast.jobs.expect import (
    RECORDS_MIN,
    WINDOW,
    Expectations,
    Former,
    Window,
    at_the_end,
    is_barren,
    stalled,
    while_it_works,
)
from outlast.jobs.yields import Yield
from outlast.ledger.port import Counts

DONE = Counts(done=1_000)


def wanted(**expectations):
    return Expectations(**{"max_failed": Allowance(items=9), **expectations})


def told(unmet):
    return [str(each) for each in unmet]


def former(records):
    return Former(run="01J", at="2026-11-23T02:35:12+00:00", records=records)


def test_nothing_is_expected_of_a_job_that_expects_nothing():
    assert at_the_end(wanted(), DONE, Yield(), former(5)) == []
    assert while_it_works(wanted(), DONE, Yield()) == []
    assert stalled(wanted(), 1e9, 0) is None


def test_each_that_is_not_met_at_the_end_has_its_numbers():
    expectations = wanted(
        max_failed=Allowance(items=1), min_items=500, fields={"price": 0.98, "title": 1.0}, compared_with_last=0.2
    )
    found = Yield(1_000, 399, 0, {"price": 390, "title": 399})
    assert told(at_the_end(expectations, Counts(done=998, failed=2), found, former(500))) == [
        "max_failed: 2 of 1000 items failed (0.2%), allowed: 1",
        "min_items: 399 records, expected at least 500",
        "fields.price: it is in 390 of 399 records (97.7%), expected in 98%",
        "compared_with_last: 399 records, 20% fewer than the 500 of 2026-11-23T02:35:12+00:00, allowed: 20%",
    ]


@pytest.mark.parametrize(
    ("expectations", "found"),
    [
        ({"min_items": 500}, Yield(1, 500)),
        ({"fields": {"price": 0.98}}, Yield(1, 50, 0, {"price": 49})),
        ({"fields": {"price": 0.07}}, Yield(1, 100, 0, {"price": 7})),
        ({"fields": {"price": 1.0}}, Yield(1, 3, 0, {"price": 3})),
        ({"fields": {"price": 1.0}}, Yield(0, 0, 0, {"price": 0})),
        ({"compared_with_last": 0.2}, Yield(1, 400)),
        ({"compared_with_last": 0.0}, Yield(1, 500)),
        ({"max_failed": Allowance(items=5)}, Yield(1, 1)),
    ],
)
def test_what_is_just_met_is_met(expectations, found):
    assert at_the_end(wanted(**expectations), Counts(done=9, failed=5), found, former(500)) == []


def test_without_a_run_before_there_is_nothing_to_compare_with():
    assert at_the_end(wanted(compared_with_last=0.2), DONE, Yield(1, 1), None) == []


def test_a_share_that_is_less_by_a_hair_is_not_said_to_be_what_was_expected():
    found = Yield(1, 100_000, 0, {"price": 97_999})
    assert told(at_the_end(wanted(fields={"price": 0.98}), DONE, found, None)) == [
        "fields.price: it is in 97999 of 100000 records (97.9%), expected in 98%"
    ]


@pytest.mark.parametrize(("found", "barren"), [(Yield(3, 0), True), (Yield(3, 1), False), (Yield(0, 0), False)])
def test_a_job_whose_items_gave_nothing_is_barren_unless_that_is_meant(found, barren):
    assert is_barren(wanted(), found) is barren
    assert not is_barren(wanted(results=False), found)


def test_while_there_is_more_to_come_only_what_chance_cannot_explain_is_told():
    expectations = wanted(fields={"price": 0.9})
    few = Yield(RECORDS_MIN - 1, RECORDS_MIN - 1, 0, {"price": 0})
    assert while_it_works(expectations, DONE, few) == []
    assert while_it_works(expectations, DONE, Yield(100, 100, 0, {"price": 82})) == []
    assert len(while_it_works(expectations, DONE, Yield(100, 100, 0, {"price": 80}))) == 1
    # Of what is to be in each there is no chance.
    always = wanted(fields={"price": 1.0})
    assert len(while_it_works(always, DONE, Yield(100, 100, 0, {"price": 99}))) == 1


def test_too_many_failures_are_told_while_the_job_works():
    expectations = wanted(max_failed=Allowance(items=2))
    assert told(while_it_works(expectations, Counts(done=1, failed=3, pending=996), Yield())) == [
        "max_failed: 3 of 1000 items failed (0.3%), allowed: 2"
    ]


@pytest.mark.parametrize(("failed", "told"), [(5, 0), (7, 0), (13, 0), (14, 1)])
def test_a_share_that_chance_may_explain_is_not_told_while_there_may_be_items_to_come(failed, told):
    counts = Counts(done=500 - failed, failed=failed)
    expectations = wanted(max_failed=Allowance(share=Fraction(1, 100)))
    assert len(while_it_works(expectations, counts, Yield())) == told
    assert len(at_the_end(expectations, counts, Yield(1, 1, 1), None)) == (failed > 5)


def test_a_job_stalls_after_so_much_work_without_a_record():
    expectations = wanted(items_increase_every=600.0)
    assert stalled(expectations, 599.9, 7) is None
    unmet = stalled(expectations, 600.0, 7)
    assert unmet.lasting
    assert str(unmet) == (
        "items_increase_every: no new record in 600 s of work, after 7 in this run; expected one every 600 s"
    )


def dropped(window, *gave):
    return [unmet for unmet in map(window.add, gave) if unmet is not None]


def test_a_drop_is_told_with_what_was_before_and_after():
    window = Window(0.5, Yield())
    assert dropped(window, *[2] * WINDOW * 3) == []
    [unmet] = dropped(window, *[0, 1] * (WINDOW // 2))
    assert unmet.lasting
    assert str(unmet) == (
        "yield_drop: the last 200 items gave 0.50 records each, the 600 before them 2.00: 75% fewer, allowed: 50%"
    )


def test_a_drop_within_what_is_allowed_is_none():
    assert dropped(Window(0.5, Yield()), *[2] * WINDOW * 3, *[1] * WINDOW) == []


def test_the_mean_is_that_of_the_job_and_not_of_the_run():
    before = Yield(5_000, 10_000, 20_000)
    assert len(dropped(Window(0.5, before), *[0] * WINDOW)) == 1
    assert dropped(Window(0.5, Yield()), *[0] * WINDOW * 3) == []
    assert dropped(Window(None, before), *[0] * WINDOW) == []


def test_what_chance_explains_is_no_drop():
    # One item in twenty gives a record: a window without any is rare, and among thousands of windows it is not.
    chance = random.Random(1)
    gave = [int(chance.random() < 0.05) for _ in range(500_000)]
    assert dropped(Window(0.5, Yield()), *gave) == []


@given(
    st.floats(0, 1),
    st.integers(1, 10**6).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))),
)
def test_a_share_is_met_exactly_when_enough_records_have_the_field(share, has_of):
    has, of = has_of
    found = at_the_end(wanted(fields={"f": share}), DONE, Yield(of, of, of, {"f": has}), None)
    assert bool(found) == (has < share * of - 1e-9 * of)
    if has >= ceil(share * of):
        assert not found


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1))
def test_more_records_than_last_time_are_never_too_few(before, more, share):
    assert not at_the_end(wanted(compared_with_last=share), DONE, Yield(1, before + more), former(before))


@given(st.lists(st.integers(0, 3), max_size=3 * WINDOW), st.floats(0, 1))
def test_a_job_that_gives_the_same_or_more_has_no_drop(gave, drop):
    assert dropped(Window(drop, Yield()), *sorted(gave)) == []


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_said_while_it_works_is_said_at_the_end_if_nothing_is_added(has, of):
    expectations = wanted(fields={"f": 0.9})
    found = Yield(of, of, of, {"f": min(has, of)})
    early, late = while_it_works(expectations, DONE, found), at_the_end(expectations, DONE, found, None)
    assert {each.name for each in early} <= {each.name for each in late}
