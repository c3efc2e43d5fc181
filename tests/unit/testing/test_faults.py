"""Which path meets which fault, and when the site is down."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.testing.faults import Availability, Fault, Faults, Outage

PATHS = [f"/page/{number}" for number in range(5_000)]
EVERY_KIND = Faults(unavailable=0.1, reset=0.05, hang=0.02, retry_after=0.03)


def test_the_same_seed_gives_the_same_faults():
    assert [EVERY_KIND.first_try(path) for path in PATHS] == [EVERY_KIND.first_try(path) for path in PATHS]


def test_the_faults_of_a_seed_are_the_same_on_every_machine():
    faults = Faults(unavailable=0.25, reset=0.25, hang=0.25, retry_after=0.25, seed=7)
    assert [faults.first_try(f"/{letter}") for letter in "abcdef"] == [
        Fault.RESET,
        Fault.RETRY_AFTER,
        Fault.RETRY_AFTER,
        Fault.HANG,
        Fault.HANG,
        Fault.UNAVAILABLE,
    ]


def test_another_seed_gives_other_faults():
    other = Faults(unavailable=0.1, reset=0.05, hang=0.02, retry_after=0.03, seed=1)
    assert [EVERY_KIND.first_try(path) for path in PATHS] != [other.first_try(path) for path in PATHS]


@pytest.mark.parametrize(("fault", "share"), list(zip(Fault, (0.1, 0.05, 0.02, 0.03), strict=True)))
def test_each_fault_has_its_share_of_the_paths(fault, share):
    hit = sum(EVERY_KIND.first_try(path) is fault for path in PATHS)
    assert abs(hit / len(PATHS) - share) < 4 * math.sqrt(share / len(PATHS))


@pytest.mark.parametrize("fault", Fault)
def test_a_share_of_one_is_every_path(fault):
    faults = Faults(**{**dict.fromkeys(Fault, 0.0), fault: 1.0})
    assert {faults.first_try(path) for path in PATHS} == {fault}


def test_without_shares_no_path_fails():
    faults = Faults(unavailable=0, reset=0, hang=0)
    assert {faults.first_try(path) for path in PATHS} == {None}


def test_come_back_later_is_said_in_both_ways():
    statuses = [EVERY_KIND.retry_after_status(path) for path in PATHS]
    assert 0.4 < statuses.count(429) / len(PATHS) < 0.6
    assert set(statuses) == {429, 503}


@pytest.mark.parametrize(
    "wrong",
    [
        {"unavailable": -0.1},
        {"reset": math.nan},
        {"latency": -1.0},
        {"hang_seconds": math.inf},
        {"unavailable": 0.6, "reset": 0.5},
    ],
)
def test_impossible_faults_cannot_be_built(wrong):
    with pytest.raises(ValueError, match="|".join(wrong)):
        Faults(**wrong)


@pytest.mark.parametrize("wrong", [(-1, 1.0), (1, -1.0), (1, 1.0, "asleep")])
def test_impossible_outages_cannot_be_built(wrong):
    with pytest.raises(ValueError, match=r"0 or more|no mode"):
        Outage(*wrong)


def test_an_outage_begins_after_its_number_of_answers():
    site = Availability([Outage(after_requests=2, seconds=10)])
    assert site.mode_at(0) is None
    site.count_answer(0)
    assert site.mode_at(1) is None
    site.count_answer(1)
    assert site.mode_at(1) == "503"


def test_an_outage_lasts_its_seconds_from_the_answer_that_began_it():
    site = Availability([Outage(after_requests=1, seconds=10, mode="hang")])
    site.count_answer(100.0)
    assert site.mode_at(109.9) == "hang"
    assert site.mode_at(110.0) is None
    assert site.mode_at(111.0) is None


def test_outages_come_in_the_order_of_their_numbers():
    site = Availability([Outage(3, 5, "refuse"), Outage(1, 5)])
    site.count_answer(0)
    assert site.mode_at(0) == "503"
    site.count_answer(6)
    assert site.mode_at(6) is None
    site.count_answer(7)
    assert site.mode_at(7) == "refuse"


def test_an_outage_by_hand_lasts_until_it_is_ended_by_hand():
    site = Availability()
    site.fail("refuse")
    assert site.mode_at(1e9) == "refuse"
    site.restore()
    assert site.mode_at(1e9) is None


def test_a_restored_site_does_not_fall_back_into_the_outage():
    site = Availability([Outage(0, 10)])
    assert site.mode_at(0) == "503"
    site.restore()
    assert site.mode_at(1) is None


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="503, refuse, hang"):
        Availability().fail("asleep")


@given(st.text(max_size=50), st.integers())
def test_every_path_and_seed_has_an_answer(path, seed):
    faults = Faults(unavailable=0.25, reset=0.25, hang=0.25, retry_after=0.25, seed=seed)
    assert faults.first_try(path) in Fault
