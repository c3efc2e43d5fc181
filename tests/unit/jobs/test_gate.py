"""Whose fault is it, and may it be tried now?"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.jobs.gate import GRACE, HOSTS_MAX, PARK_AFTER, Gate, Probe
from outlast.jobs.host import (
    CAREFUL_AFTER,
    CAREFUL_SECONDS,
    DOUBTFUL_AFTER,
    GIVEN_UP_AFTER,
    PROBE_LEASE,
    PUT_OFF_SECONDS,
    Reason,
)

PARKED_AT = 10


def fails(gate, host, key, now, **more):
    """One try that fails, admitted or not."""
    gate.wait(host, now)
    gate._hosts[host].in_flight += 1
    return gate.failed(host, key, now, **more)


def answers(gate, host, now, **more):
    gate.wait(host, now)
    gate._hosts[host].in_flight += 1
    return gate.answered(host, now, **more)


def parked_gate(host="a", now=100.0, **settings):
    gate = Gate(**settings)
    for number in range(PARKED_AT):
        last = fails(gate, host, f"item {number}", now)
    assert last.parked is not None
    return gate


def test_a_few_failing_items_count_against_themselves():
    gate = Gate()
    assert all(fails(gate, "a", f"item {n}", 1.0).counts for n in range(PARK_AFTER - 1))
    assert gate.parked == 0


def test_from_the_fifth_item_on_failures_are_not_held_against_them_and_the_tenth_parks_the_host():
    gate = Gate()
    verdicts = [fails(gate, "a", f"item {n}", 1.0) for n in range(PARKED_AT)]
    assert [verdict.counts for verdict in verdicts] == [True] * 4 + [False] * 6
    assert [verdict.parked is not None for verdict in verdicts] == [False] * 9 + [True]
    assert (verdicts[-1].parked.host, verdicts[-1].parked.failures, verdicts[-1].parked.next_probe_in) == ("a", 10, 1.0)


def test_one_item_failing_again_and_again_does_not_park_its_host():
    gate = Gate()
    for n in range(50):
        fails(gate, "a", "same", float(n))
    assert gate.parked == 0
    assert gate.admit("a", 60.0) is Probe.GO


def test_five_items_failing_again_and_again_do():
    gate = Gate()
    for n in range(PARK_AFTER * 2):
        fails(gate, "a", f"item {n % PARK_AFTER}", float(n))
    assert gate.parked == 1


def test_with_nobody_answered_an_item_has_a_minute_before_its_failures_count():
    gate = Gate()
    times = (100.0, 105.0, 99.0 + GRACE, 100.0 + GRACE, 165.0)
    assert [fails(gate, "a", "last one", now).counts for now in times] == [True, False, False, True, True]


def test_with_others_answered_every_failure_counts():
    gate = Gate()
    for n in range(5):
        assert fails(gate, "a", "broken", float(n)).counts
        answers(gate, "a", n + 0.5)


def test_a_host_that_answers_one_in_four_is_parked_all_the_same():
    gate = Gate()
    for n in range(40):
        if n % 4 == 3:
            answers(gate, "a", float(n))
        else:
            fails(gate, "a", f"item {n}", float(n))
    assert gate.parked == 1


def test_a_host_that_fails_three_times_in_ten_is_not():
    gate = Gate()
    for n in range(1_000):
        if n % 10 < 3:
            fails(gate, "a", f"item {n}", float(n))
        else:
            answers(gate, "a", float(n))
        assert gate.parked == 0


def test_different_items_in_a_row_park_their_host_and_no_other():
    gate = parked_gate("a")
    assert gate.admit("a", 100.5) is Probe.WAIT
    assert gate.admit("b", 100.5) is Probe.GO
    assert gate.parked_hosts() == ["a"]


def test_what_fails_while_the_host_is_parked_is_not_held_against_the_item():
    gate = parked_gate()
    assert not fails(gate, "a", "another", 101.0).counts


def test_one_probe_at_a_time():
    gate = parked_gate(now=100.0)
    assert gate.admit("a", 101.0) is Probe.PROBE
    assert gate.admit("a", 101.0) is Probe.WAIT


def test_who_is_being_probed_is_not_told_to_be_asked_when_the_lease_of_the_probe_ends():
    gate = parked_gate(now=100.0)
    assert gate.admit("a", 100.5) is Probe.WAIT
    assert [each.seconds for each in gate.waiting(100.5)] == [0.5]
    assert gate.admit("a", 101.0) is Probe.PROBE
    assert gate.admit("a", 101.0) is Probe.WAIT
    assert [each.seconds for each in gate.waiting(101.0)] == [0.0]
    gate.failed("a", "probe", 102.0, probe=True)
    assert [each.seconds for each in gate.waiting(102.0)] == [2.0]


def test_probes_come_at_doubling_intervals_up_to_five_seconds():
    gate = parked_gate(now=0.0)
    now, waits = 0.0, []
    for _ in range(6):
        due = gate.wait("a", now).opens_at
        waits.append(due - now)
        now = due
        assert gate.admit("a", now) is Probe.PROBE
        assert not gate.failed("a", "probe", now, probe=True).counts
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_tries_that_were_under_way_do_not_put_off_the_probe():
    gate = parked_gate(now=0.0)
    for n in range(20):
        fails(gate, "a", f"late {n}", 0.5)
    assert gate.wait("a", 0.5).opens_at == 1.0


def test_a_probe_that_never_comes_back_is_replaced():
    gate = parked_gate(now=0.0)
    assert gate.admit("a", 1.0) is Probe.PROBE
    assert gate.admit("a", 1.0 + PROBE_LEASE - 1) is Probe.WAIT
    assert gate.admit("a", 1.0 + PROBE_LEASE) is Probe.PROBE


def test_a_probe_that_learned_nothing_gives_its_turn_back():
    gate = parked_gate(now=0.0)
    assert gate.admit("a", 1.0) is Probe.PROBE
    gate.released("a", 1.5, probe=True)
    assert gate.admit("a", 1.5) is Probe.PROBE


def test_two_probes_answered_in_a_row_end_the_parking_and_say_how_long_it_was():
    gate = parked_gate(now=100.0)
    assert gate.admit("a", 119.0) is Probe.PROBE
    assert gate.answered("a", 119.5, probe=True) is None
    assert gate.parked == 1
    assert gate.admit("a", 119.5) is Probe.PROBE
    recovered = gate.answered("a", 120.0, probe=True)
    assert (recovered.host, recovered.down_for) == ("a", 20.0)
    assert gate.admit("a", 120.0) is Probe.GO
    assert gate.parked == 0
    assert gate.wait("a", 120.0) is None


def test_silence_is_measured_while_a_host_is_parked_from_its_first_failure_or_the_last_answer():
    gate = parked_gate("a", now=100.0)
    assert gate.silent_for(115.0) == 15.0
    answers(gate, "b", 120.0)
    assert gate.silent_for(121.0) == 1.0
    for _ in range(2):
        gate.admit("a", 130.0)
        gate.answered("a", 130.0, probe=True)
    assert gate.silent_for(5_000.0) == 0.0


def test_silence_is_measured_from_the_first_moment_of_the_clock_too():
    assert parked_gate(now=0.0).silent_for(15.0) == 15.0


def test_a_host_that_asks_to_be_left_alone_is_not_silent_until_then():
    gate = parked_gate("a", now=100.0)
    gate.admit("a", 101.0)
    gate.throttled("a", 101.0, seconds=3_600.0, probe=True)
    assert gate.silent_for(3_701.0) == 0.0
    assert gate.silent_for(3_711.0) == 10.0


def test_of_more_hosts_than_it_remembers_the_oldest_that_is_not_parked_is_forgotten():
    gate = parked_gate("parked", now=0.0)
    for n in range(HOSTS_MAX * 2):
        fails(gate, f"host {n}", "item", 0.0)
    for n in range(PARKED_AT):
        fails(gate, "one more", f"item {n}", 0.0)
    assert set(gate.parked_hosts()) == {"parked", "one more"}
    assert gate.parked == 2
    assert len(gate._hosts) <= HOSTS_MAX


def test_hosts_that_do_not_matter_are_forgotten_first_and_none_whose_items_are_under_way():
    gate = Gate()
    gate.admit("under way", 0.0)
    fails(gate, "failing", "item", 0.0)
    for n in range(HOSTS_MAX * 2):
        gate.admit(f"host {n}", 1.0)
        gate.released(f"host {n}", 1.0)
    assert {"under way", "failing"} <= set(gate._hosts)
    assert len(gate._hosts) <= HOSTS_MAX
    gate.released("under way", 2.0)


@pytest.mark.parametrize("host", ["", "a.example:8080"])
def test_any_name_is_a_host(host):
    assert parked_gate(host).parked_hosts() == [host]


def test_a_host_that_is_doubted_is_asked_again_and_its_items_are_to_blame():
    gate = parked_gate(now=100.0)
    gate.doubt()
    assert gate.parked == 0
    assert gate.admit("a", 101.0) is Probe.GO
    assert all(gate.failed("a", f"item {n}", 102.0).counts for n in range(1))
    assert all(fails(gate, "a", f"item {n}", 102.0).counts for n in range(PARKED_AT * 2))
    answers(gate, "a", 103.0)
    assert all(not verdict.counts for verdict in [fails(gate, "a", f"item {n}", 104.0) for n in range(PARKED_AT)][4:])
    assert gate.parked == 1


def test_a_host_that_is_doubted_is_asked_by_one_at_a_time_and_given_up_after_few():
    gate = parked_gate(now=100.0)
    gate.doubt()
    for n in range(GIVEN_UP_AFTER):
        assert gate.admit("a", 200.0 + n) is Probe.GO
        assert gate.admit("a", 200.0 + n) is Probe.WAIT
        assert gate.failed("a", f"item {n}", 200.0 + n).counts
    assert [gate.admit("a", 205.0) for _ in range(3)] == [Probe.GIVE_UP] * 3
    assert gate.silence_of("a", 205.0) == 105.0
    for _ in range(3):
        gate.released("a", 205.0)
    assert gate.in_flight == 0
    assert answers(gate, "a", 206.0) is None
    assert gate.admit("a", 207.0) is Probe.GO
    assert gate.silence_of("a", 207.0) == 0.0


# Being careful


def test_a_host_that_failed_twice_in_a_row_is_asked_by_one_at_a_time():
    gate = Gate()
    for n in range(CAREFUL_AFTER):
        fails(gate, "a", f"item {n}", 1.0)
    assert gate.admit("a", 1.0) is Probe.GO
    assert gate.wait("a", 1.0).reason is Reason.CAREFUL
    assert gate.admit("a", 1.0) is Probe.WAIT
    gate.answered("a", 1.1)
    assert [gate.admit("a", 1.1) for _ in range(8)] == [Probe.GO] * 8


def test_one_that_does_not_come_back_keeps_the_others_no_longer_than_five_seconds():
    gate = Gate()
    for n in range(CAREFUL_AFTER):
        fails(gate, "a", f"item {n}", 1.0)
    assert gate.admit("a", 1.0) is Probe.GO
    assert gate.wait("a", 1.0).opens_at == 1.0 + CAREFUL_SECONDS
    assert gate.admit("a", 1.0 + CAREFUL_SECONDS) is Probe.GO


def test_a_host_that_failed_five_times_in_a_row_is_asked_once_a_second():
    gate = Gate()
    for _ in range(DOUBTFUL_AFTER):
        fails(gate, "a", "same", 1.0)
    assert gate.admit("a", 1.9) is Probe.WAIT
    assert gate.admit("a", 2.0) is Probe.GO


@pytest.mark.parametrize("concurrency", [4, 8, 16, 64])
def test_an_outage_costs_what_is_in_flight_and_one_more_in_its_first_second(concurrency):
    gate, now, asked = Gate(concurrency=concurrency), 0.0, 0
    under_way = [gate.admit("a", now) for _ in range(concurrency)].count(Probe.GO)
    while now < 1.0:
        for _ in range(under_way):
            asked += 1
            gate.failed("a", f"item {asked}", now)
            under_way -= 1
            under_way += gate.admit("a", now) is not Probe.WAIT
        now += 0.01
        under_way += under_way < concurrency and gate.admit("a", now) is not Probe.WAIT
    assert asked <= concurrency + 1


def test_a_flaky_host_loses_nothing_of_what_may_be_in_flight():
    gate = Gate(concurrency=8)
    for n in range(200):
        (answers if n % 3 else fails)(gate, "a", *([] if n % 3 else [f"item {n}"]), float(n))
    answers(gate, "a", 200.0)
    assert [gate.admit("a", 201.0) for _ in range(8)] == [Probe.GO] * 8


def test_with_few_attempts_that_succeed_retries_go_one_at_a_time_and_first_tries_as_they_like():
    gate = Gate(adaptive=False)
    for n in range(110):
        fails(gate, "a", f"item {n % 2}", float(n))
        answers(gate, "a", float(n))
    assert not gate._hosts["a"].budget.allows
    assert [gate.admit("a", 200.0) for _ in range(4)] == [Probe.GO] * 4
    assert gate.admit("a", 200.0, retry=True) is Probe.WAIT
    for _ in range(4):
        gate.released("a", 200.0)
    assert gate.admit("a", 200.0, retry=True) is Probe.GO


# Being asked to wait, rates, pauses, limits


def test_a_host_that_asks_to_be_left_alone_is_until_then():
    gate = Gate()
    assert gate.admit("a", 10.0) is Probe.GO
    gate.throttled("a", 10.0, seconds=30.0)
    assert gate.wait("a", 39.9) == (Reason.ASKED_TO_WAIT, 40.0)
    assert gate.admit("a", 39.9) is Probe.WAIT
    assert gate.admit("b", 10.0) is Probe.GO
    assert gate.admit("a", 40.0) is Probe.GO


def test_of_two_times_the_later_is_kept():
    gate = Gate()
    for seconds in (30.0, 5.0):
        gate.admit("a", 10.0)
        gate._hosts["a"].in_flight = 1
        gate.throttled("a", 10.0, seconds=seconds)
    assert gate.admit("a", 39.0) is Probe.WAIT


def test_a_probe_that_is_throttled_is_due_again_when_the_host_says():
    gate = parked_gate(now=0.0)
    assert gate.admit("a", 1.0) is Probe.PROBE
    gate.throttled("a", 1.0, seconds=20.0, probe=True)
    assert gate.wait("a", 2.0) == (Reason.ASKED_TO_WAIT, 21.0)
    assert gate.admit("a", 21.0) is Probe.PROBE


def test_a_rate_spaces_every_try_of_its_host():
    gate = Gate(rates={"a": 2.0})
    assert gate.admit("a", 0.0) is Probe.GO
    assert gate.admit("a", 1.99) is Probe.WAIT
    assert gate.wait("a", 1.0) == (Reason.RATE, 2.0)
    assert gate.admit("b", 1.0) is Probe.GO
    assert gate.admit("a", 2.0) is Probe.GO


def test_probes_keep_to_the_rate_too():
    gate = parked_gate(now=0.0, rates={"*": 60.0})
    assert gate.admit("a", 1.0) is Probe.PROBE
    gate.failed("a", "x", 1.0, probe=True)
    assert gate.wait("a", 30.0) == (Reason.RATE, 61.0)


def test_a_paused_host_waits_until_it_is_unpaused():
    gate = Gate()
    gate.admit("known", 0.0)
    gate.pause({"known", "unknown"})
    assert gate.admit("known", 1e9) is Probe.WAIT
    assert gate.admit("unknown", 1e9) is Probe.WAIT
    assert gate.wait("known", 0.0) == (Reason.PAUSED, math.inf)
    gate.pause({"unknown"})
    assert gate.admit("known", 1e9) is Probe.GO
    assert gate.paused == {"unknown"}


def test_throttling_lets_half_as_many_go_at_once():
    gate = Gate(concurrency=8)
    for _ in range(8):
        gate.admit("a", 10.0)
    gate.throttled("a", 10.0, seconds=1.0)
    for _ in range(7):
        gate.answered("a", 10.5)
    assert [gate.admit("a", 11.0) for _ in range(5)] == [Probe.GO] * 4 + [Probe.WAIT]
    assert gate.wait("a", 11.0) == (Reason.BUSY, math.inf)


def test_without_adapting_all_may_go_at_once_all_the_same():
    gate = Gate(concurrency=8, adaptive=False)
    gate.admit("a", 10.0)
    gate.throttled("a", 10.0, seconds=1.0)
    gate.admit("a", 11.0)
    gate.answered("a", 11.0)
    assert [gate.admit("a", 11.0) for _ in range(8)] == [Probe.GO] * 8


def test_who_waits_is_told_with_the_reason_and_for_how_long():
    gate = parked_gate("down", now=100.0, rates={"slow": 60.0})
    gate.pause({"paused"})
    for host in ("slow", "asked", "fine"):
        gate.admit(host, 100.0)
    gate.throttled("asked", 100.0, seconds=30.0)
    for host in ("down", "slow", "asked", "fine", "paused"):
        gate.admit(host, 100.5)
    assert {(each.host, each.reason, each.seconds) for each in gate.waiting(100.5)} == {
        ("paused", "paused", None),
        ("down", "parked", 0.5),
        ("slow", "rate", 59.5),
        ("asked", "asked_to_wait", 29.5),
    }
    assert {each.host: each.per_second for each in gate.waiting(100.5) if each.per_second} == {"slow": 1 / 60}
    assert [each.host for each in gate.waiting(200.0)] == ["paused"]


def test_how_long_an_item_is_put_off_follows_from_what_it_waits_for():
    gate = parked_gate("down", now=100.0, rates={"rated": 10.0})
    gate.pause({"paused"})
    gate.admit("asked", 100.0)
    gate.throttled("asked", 100.0, seconds=3_600.0)
    assert gate.put_off("down", 100.0) == 100.0 + PUT_OFF_SECONDS
    assert gate.put_off("asked", 100.0) == 3_700.0
    assert gate.put_off("paused", 100.0) == 160.0
    assert [gate.put_off("rated", 100.0) for _ in range(4)] == [115.0, 125.0, 135.0, 145.0]
    assert max(gate.put_off("rated", 100.0) for _ in range(1_000)) == 400.0


def test_how_many_items_a_host_can_use_soon():
    gate = parked_gate("down", now=100.0, rates={"rated": 5.0}, concurrency=8)
    gate.admit("rated", 100.0)
    gate.admit("free", 100.0)
    assert (gate.takes("down", 15.0), gate.takes("rated", 15.0), gate.takes("free", 15.0)) == (1, 3, 16)
    assert gate.takes("unknown", 15.0) == 1


HOSTS = ("a", "b")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "answered", "failed", "throttled", "released", "pause", "unpause", "doubt"]),
        st.sampled_from(HOSTS),
        st.floats(0.0, 20.0),
    ),
    max_size=120,
)


@given(STEPS)
def test_whatever_happens_each_item_is_counted_once_and_one_probe_is_out_at_most(steps):
    gate, now, out = Gate(concurrency=4, rates={"b": 0.5}), 0.0, []
    for step, host, seconds in steps:
        now += seconds
        mine = next((each for each in out if each[0] == host), None)
        if step == "admit":
            said = gate.admit(host, now)
            if said is not Probe.WAIT:
                out.append((host, said is Probe.PROBE, now))
        elif step in {"pause", "unpause"}:
            gate.pause({host} if step == "pause" else ())
        elif step == "doubt":
            gate.doubt()
        elif mine is not None:
            out.remove(mine)
            probe = mine[1]
            match step:
                case "answered":
                    gate.answered(host, now, probe=probe, seconds=seconds)
                case "failed":
                    gate.failed(host, f"item {len(out)}", now, probe=probe)
                case "throttled":
                    gate.throttled(host, now, seconds=seconds, probe=probe)
                case "released":
                    gate.released(host, now, probe=probe)
        assert gate.in_flight == len(out)
        assert (
            sum(1 for name, probe, at in out if probe and name == host and now - at < PROBE_LEASE) <= 1
            or not gate.parked
        )
        assert gate.parked == len([each for each in gate._hosts.values() if each.parked])
    for host, probe, _ in out:
        gate.released(host, now, probe=probe)
    gate.pause(())
    # Nothing that happened can keep a host for ever.
    assert all(gate.admit(host, now + 10_000.0) is not Probe.WAIT for host in HOSTS)


# Rates that are ordered


def opens(gate, host, now=0.0):
    wait = gate.wait(host, now)
    return None if wait is None else (wait.reason, wait.opens_at)


def test_an_ordered_rate_is_in_force_at_once_for_hosts_that_are_known_and_those_to_come():
    gate = Gate(rates={"a": 2.0, "*": 1.0})
    assert gate.admit("a", 0.0) is Probe.GO
    gate.order_rates({"a": 10.0, "b": None})
    assert opens(gate, "a") == ("rate", 10.0)
    assert [gate.admit("b", 0.0) for _ in range(3)] == [Probe.GO] * 3
    assert gate.admit("c", 0.0) is Probe.GO
    assert opens(gate, "c") == ("rate", 1.0)
    gate.order_rates({"*": None})
    assert opens(gate, "c") is None
    assert opens(gate, "a") == ("rate", 2.0)  # what the job says of a host by its name stays
    gate.order_rates({})
    assert opens(gate, "c") == ("rate", 1.0)


def test_the_same_rate_once_more_changes_nothing():
    gate = Gate()
    gate.order_rates({"a": 0.05})
    assert [gate.admit("a", 0.0) for _ in range(4)] == [Probe.GO, Probe.GO, Probe.GO, Probe.WAIT]
    gate.order_rates({"a": 0.05})
    assert gate.admit("a", 0.0) is Probe.WAIT


def test_a_rate_of_a_host_that_was_not_asked_yet_lets_the_first_go_at_once():
    gate = Gate()
    gate.promise("a", 0.0, 0.0)
    gate.order_rates({"a": 60.0})
    assert gate.admit("a", 1.0) is Probe.GO
    assert opens(gate, "a", 1.0) == ("rate", 61.0)
