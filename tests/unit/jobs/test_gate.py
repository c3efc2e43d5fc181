"""Whose fault is it, and may it be tried now?"""

import pytest

from outlast.jobs.gate import HOSTS_MAX, PARK_AFTER, PROBE_EVERY_MAX, PROBE_LEASE, Gate, Probe


def parked_gate(host="a", now=100.0):
    gate = Gate()
    for number in range(PARK_AFTER):
        last = gate.failed(host, f"item {number}", now)
    assert last.parked is not None
    return gate


def test_a_few_failing_items_count_against_themselves():
    gate = Gate()
    assert all(gate.failed("a", f"item {n}", 1.0).counts for n in range(PARK_AFTER - 1))
    assert gate.parked == 0


def test_one_item_failing_again_and_again_does_not_park_its_host():
    gate = Gate()
    for n in range(50):
        gate.failed("a", "same", float(n))
    assert gate.admit("a", 60.0) is Probe.GO


def test_with_nobody_answered_an_item_has_a_minute_before_its_failures_count():
    gate = Gate()
    counted = [gate.failed("a", "last one", now).counts for now in (100.0, 105.0, 159.0, 160.0, 165.0)]
    assert counted == [True, False, False, True, True]


def test_with_others_answered_every_failure_counts():
    gate = Gate()
    for n in range(5):
        assert gate.failed("a", "broken", float(n)).counts
        gate.answered("a", n + 0.5)


def test_an_answer_between_the_failures_starts_the_count_anew():
    gate = Gate()
    for n in range(PARK_AFTER * 3):
        assert gate.failed("a", f"item {n}", float(n)).counts
        if n % (PARK_AFTER - 1) == 0:
            gate.answered("a", float(n))


def test_different_items_in_a_row_park_their_host_and_no_other():
    gate = parked_gate("a")
    assert gate.admit("a", 100.5) is Probe.WAIT
    assert gate.admit("b", 100.5) is Probe.GO
    assert gate.parked_hosts() == ["a"]


def test_what_fails_while_the_host_is_parked_is_not_held_against_the_item():
    gate = parked_gate()
    assert not gate.failed("a", "another", 101.0).counts


def test_one_probe_at_a_time():
    gate = parked_gate(now=100.0)
    assert gate.admit("a", 101.0) is Probe.PROBE
    assert gate.admit("a", 101.0) is Probe.WAIT


def test_probes_come_at_doubling_intervals_up_to_the_bound():
    gate = parked_gate(now=0.0)
    now, waits = 0.0, []
    for _ in range(6):
        due = gate.opens("a")
        waits.append(due - now)
        now = due
        assert gate.admit("a", now) is Probe.PROBE
        gate.failed("a", "probe", now, probe=True)
    assert waits == [1.0, 2.0, 4.0, PROBE_EVERY_MAX, PROBE_EVERY_MAX, PROBE_EVERY_MAX]


def test_tries_that_were_under_way_do_not_put_off_the_probe():
    gate = parked_gate(now=0.0)
    for n in range(20):
        gate.failed("a", f"late {n}", 0.5)
    assert gate.opens("a") == 1.0


def test_a_probe_that_never_comes_back_is_replaced():
    gate = parked_gate(now=0.0)
    assert gate.admit("a", 1.0) is Probe.PROBE
    assert gate.admit("a", 1.0 + PROBE_LEASE - 1) is Probe.WAIT
    assert gate.admit("a", 1.0 + PROBE_LEASE) is Probe.PROBE


def test_an_answer_ends_the_parking_and_says_how_long_it_was():
    gate = parked_gate(now=100.0)
    recovered = gate.answered("a", 120.0)
    assert (recovered.host, recovered.down_for) == ("a", 20.0)
    assert gate.admit("a", 120.0) is Probe.GO
    assert gate.parked == 0
    assert gate.opens("a") == 0.0
    assert gate.answered("a", 121.0) is None


def test_silence_is_measured_while_a_host_is_parked_from_its_first_failure_or_the_last_answer():
    gate = parked_gate("a", now=100.0)
    assert gate.silent_for(115.0) == 15.0
    gate.answered("b", 120.0)
    assert gate.silent_for(121.0) == 1.0
    gate.answered("a", 130.0)
    assert gate.silent_for(5_000.0) == 0.0


def test_of_more_hosts_than_it_remembers_the_oldest_that_is_not_parked_is_forgotten():
    gate = parked_gate("parked", now=0.0)
    for n in range(HOSTS_MAX * 2):
        gate.failed(f"host {n}", "item", 0.0)
    for n in range(PARK_AFTER):
        gate.failed("one more", f"item {n}", 0.0)
    assert set(gate.parked_hosts()) == {"parked", "one more"}
    assert gate.parked == 2


@pytest.mark.parametrize("host", ["", "a.example:8080"])
def test_any_name_is_a_host(host):
    assert parked_gate(host).parked_hosts() == [host]


def test_a_host_that_is_doubted_is_asked_again_and_its_items_are_to_blame():
    gate = parked_gate(now=100.0)
    gate.doubt()
    assert gate.parked == 0
    assert gate.admit("a", 101.0) is Probe.GO
    assert all(gate.failed("a", f"item {n}", 102.0).counts for n in range(PARK_AFTER * 2))
    gate.answered("a", 103.0)
    assert parked_gate("a").parked == 1
