"""What stands still does not wait: a beat that is late tells by how much, once."""

import pytest

from outlast.jobs.gate import Gate
from outlast.jobs.pulse import Pulse


@pytest.fixture
def told():
    return []


@pytest.fixture
def pulse(told):
    pulse = Pulse()
    pulse.tells(lambda seconds, now: told.append((seconds, now)))
    return pulse


def test_without_a_beat_nothing_is_told(pulse, told):
    pulse.feel(1_000.0)
    assert told == []


def test_beats_that_come_in_time_or_a_little_late_tell_nothing(pulse, told):
    for now in (10.0, 11.0, 12.9, 14.9):
        pulse.beat(now)
    assert told == []


def test_what_it_is_late_by_is_told_once_by_whoever_comes_first(pulse, told):
    pulse.beat(10.0)
    pulse.feel(17.0)
    pulse.feel(17.1)
    pulse.beat(17.2)
    assert told == [(6.0, 17.0)]


def test_all_of_the_time_in_which_somebody_lets_everything_wait_is_told(told):
    paused = False
    pulse = Pulse(lambda: paused)
    pulse.tells(lambda seconds, now: told.append((seconds, now)))
    pulse.feel(5.0)
    pulse.beat(10.0)
    pulse.beat(11.0)
    paused = True
    pulse.beat(12.0)
    pulse.feel(12.25)
    pulse.feel(12.25)
    paused = False
    pulse.beat(13.25)
    pulse.beat(14.25)
    assert told == [(1.0, 12.0), (0.25, 12.25)]


def test_time_in_which_everything_stood_still_is_no_silence_of_the_gate_s():
    gate = Gate()
    for n in range(10):
        gate.admit("h", float(n))
        gate.failed("h", str(n), float(n))
    assert (gate.parked, gate.silent_for(20.0)) == (1, 20.0)
    gate.stood_still(6.0, 20.0)
    assert gate.silent_for(21.0) == 15.0
    gate.stood_still(600.0, 22.0)
    assert gate.silent_for(22.0) == 0.0


def test_a_host_that_is_surely_down_is_parked_at_once_and_the_parked_are_asked_one_after_the_other():
    gate = Gate()
    for host in ("a", "b", "c", "d", "e"):
        gate.admit_probe(host, 1.0)
        failed = gate.failed(host, host, 1.0, sure=True)
        assert failed.parked is not None
    assert gate.are_parked(["a", "e"])
    assert not gate.are_parked(["a", "f"])
    gate.spread_probes(100.0, 5.0)
    assert [gate.wait(host, 100.0) and gate.wait(host, 100.0).opens_at for host in "abcde"] == [
        None,
        101,
        102,
        103,
        104,
    ]


def test_others_may_answer_while_they_are_asked_or_will_be_but_not_when_something_speaks_against_them():
    gate = Gate()
    gate.admit("slow", 1.0)
    assert gate.may_others_answer([])
    gate.answered("slow", 2.0)
    assert not gate.may_others_answer([])
    assert gate.may_others_answer(["slow"])
    for n in range(2):
        gate.admit("slow", 3.0)
        gate.failed("slow", str(n), 3.0)
    assert not gate.may_others_answer(["slow"])
    assert not gate.may_others_answer(["never met"])
