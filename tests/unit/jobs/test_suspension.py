"""What counts as evidence, who may go while a job is suspended, and when it is over."""

import math

import pytest

from outlast.abort import Guard, shipped_policies
from outlast.failure.model import NATURE, Classification, FailureClass
from outlast.jobs.athand import AtHand, Task
from outlast.jobs.gate import Gate, Probe
from outlast.jobs.suspension import FAILING_MAX, Suspension
from outlast.jobs.throttle import Throttle
from outlast.ledger.port import Lease

PATIENCE = 900.0


def kind(name):
    transient, fault = NATURE[FailureClass(name)]
    return Classification(failure_class=FailureClass(name), transient=transient, fault=fault)


def task(item, host="a"):
    return Task(Lease(item, f"http://{host}/{item}", None, 0, 1), "item", host, probe=False)


class Job:
    """A suspension, its guard, and a way to tell them much in few words."""

    def __init__(self, policy="default"):
        [chosen] = [each for each in shipped_policies() if each.id == policy]
        self.guard = Guard(chosen)
        self.throttle = Throttle()
        self.woken = 0
        self.suspension = Suspension(self.guard, self.throttle, concurrency=8, patience=PATIENCE)
        self.suspension.wakes(self._wake)
        self.item = 0

    def _wake(self):
        self.woken += 1

    def fail(self, now, *, times=1, item=None, name="programming", began=None, incident=None, hosts=5):
        for _ in range(times):
            self.item += 1
            given = task(self.item if item is None else item, f"h{self.item % hosts}")
            started = now if began is None else began
            self.suspension.failed(given, now, kind(name), signature="S", began=started, incident=incident)

    def suspended(self, now=1.0):
        self.fail(now, times=40)
        assert self.suspension.suspended
        self.suspension.look(now, drained=True)
        return self

    def probe(self, now, *, good, item=10_000):
        given = task(item)
        assert self.suspension.wants_probe(now)
        self.suspension.probing(given, now)
        if good:
            self.suspension.succeeded(given, now)
        else:
            assert self.suspension.probe_failed(given, now, kind("programming"), "S")
        self.suspension.settled(given)

    @property
    def operations(self):
        self.suspension.successes(0.0)
        return self.guard.look(0.0).operations


# Evidence


def test_of_an_item_its_first_failure_counts_and_its_last_and_none_between():
    job = Job()
    for _ in range(5):
        job.fail(1.0, item=7)
    assert job.operations == 1
    job.suspension.gave_up(task(7), 2.0, kind("programming"), signature="S", first=False)
    assert job.operations == 2
    job.fail(3.0, item=7)  # retried by hand: it begins anew
    assert job.operations == 3


def test_an_item_that_is_given_up_with_its_first_failure_counts_once():
    job = Job()
    job.fail(1.0, item=7)
    job.suspension.gave_up(task(7), 1.0, kind("programming"), signature="S", first=True)
    assert job.operations == 1


def test_an_item_that_is_done_after_all_may_fail_again_and_counts():
    job = Job()
    job.fail(1.0, item=7)
    job.suspension.succeeded(task(7), 2.0)
    job.fail(3.0, item=7)
    assert job.operations == 3


def test_what_is_remembered_of_failing_items_is_bounded():
    job = Job(policy="never")
    job.fail(1.0, times=FAILING_MAX + 50)
    assert len(job.suspension._failing) == FAILING_MAX


def test_successes_reach_the_guard_before_the_next_failure_is_weighed():
    job = Job()
    for n in range(1_000):
        job.suspension.succeeded(task(50_000 + n), 1.0)
    job.fail(2.0, times=12)
    assert job.guard.look(2.0).operations == 1_012
    assert not job.suspension.suspended
    assert job.suspension.successes(3.0) == {"a": 1_000}
    assert job.suspension.successes(3.0) == {}


def test_a_success_makes_up_for_what_failed_before_it_and_for_nothing_that_fails_after_it():
    job = Job()
    job.fail(1.0, times=5)
    for n in range(10):
        job.suspension.succeeded(task(50_000 + n), 2.0)
    job.fail(3.0)
    assert job.guard.look(3.0).evidence == pytest.approx(math.log(0.7 / 0.3))


def test_a_browser_that_dies_with_ten_items_in_hand_is_one_failure():
    job = Job()
    job.fail(10.0, times=10, name="browser", began=9.0)
    assert job.operations == 1
    job.fail(20.0, times=10, name="browser", began=19.0)
    assert (job.operations, job.suspension.suspended) == (2, False)
    job.fail(30.0, times=10, name="browser", began=29.0)
    assert (job.operations, job.suspension.suspended) == (3, True)  # three in a row, and nothing done between


def test_an_incident_that_is_named_counts_once_whenever_its_items_began():
    job = Job()
    job.fail(10.0, times=3, name="browser", began=9.0, incident="one")
    job.fail(12.0, times=3, name="browser", began=11.0, incident="one")
    job.fail(12.0, times=3, name="network", incident="two")
    assert job.operations == 2


# While it is suspended


def test_nobody_goes_but_one_probe_at_a_time_and_only_when_nothing_is_in_flight():
    job = Job()
    job.fail(1.0, times=40)
    suspension = job.suspension
    assert suspension.suspended
    assert not suspension.wants_probe(1_000.0)  # what was in flight has not ended
    suspension.look(1.5, drained=True)
    assert not suspension.wants_probe(1.5)
    assert suspension.wants_probe(2.0)
    suspension.probing(task(1), 2.0)
    assert not suspension.wants_probe(3.0)
    assert suspension.idle_seconds(3.0) <= 5.0


def test_what_hangs_is_waited_for_for_five_seconds_and_then_is_probed_beside():
    job = Job()
    job.fail(1.0, times=40)
    suspension = job.suspension
    for now, wants in ((1.0, False), (5.9, False), (6.0, True)):
        suspension.look(now)
        assert suspension.wants_probe(now) is wants
        assert suspension.idle_seconds(now) == pytest.approx(max(0.0, min(5.0, 6.0 - now)))


def test_a_probe_that_hangs_keeps_the_next_one_back_for_five_seconds_and_ends_the_patience_when_it_hangs_for_a_minute():
    job = Job().suspended()
    hanging, suspension, ends = task(50_000), job.suspension, job.guard.gives_up_at
    suspension.probing(hanging, 2.0)
    assert not suspension.wants_probe(6.9)
    assert suspension.idle_seconds(6.0) == pytest.approx(1.0)
    assert suspension.wants_probe(7.0)
    suspension.probing(task(50_001), 7.0)
    suspension.settled(task(50_001))
    assert suspension.is_probe(hanging)
    suspension.look(61.9)
    assert not suspension.is_spent(ends, None)
    suspension.look(ends)
    assert suspension.is_spent(ends, None)


def test_what_hung_through_the_trouble_says_nothing_of_how_it_is_when_it_is_over():
    job = Job()
    job.fail(1.0, times=40)
    job.suspension.look(6.0)
    hanging = task(9_999)
    job.suspension.probing(hanging, 6.0)
    for number in range(3):
        job.probe(11.0, good=True, item=20_000 + number)
    assert not job.suspension.suspended
    operations = job.operations
    job.fail(12.0, times=60, began=10.9)
    assert not job.suspension.probe_failed(hanging, 12.0, kind("programming"), "S")
    assert (job.operations, job.suspension.suspended) == (operations, False)
    job.fail(13.0, times=60, began=12.0)
    assert job.suspension.suspended


def test_three_good_probes_of_five_let_the_job_go_on_with_half_the_concurrency_which_grows_back():
    job = Job().suspended()
    for good in (True, False, True):
        job.probe(3.0, good=good)
        assert job.suspension.suspended
    job.probe(3.0, good=True)
    assert (job.suspension.suspended, job.woken, job.throttle.limit) == (False, 1, 4)
    for n in range(50):
        job.suspension.succeeded(task(20_000 + n), 4.0)
    assert job.throttle.limit is None


def test_a_probe_that_was_cut_off_says_nothing_and_the_next_may_go():
    job = Job().suspended()
    job.suspension.probing(task(1), 2.0)
    job.suspension.settled(task(1))
    job.suspension.look(2.0, drained=True)
    assert job.suspension.wants_probe(2.0)


def test_what_was_in_flight_when_it_was_suspended_is_no_probe():
    job = Job()
    job.fail(1.0, times=40)
    assert not job.suspension.probe_failed(task(1), 1.0, kind("programming"), "S")
    job.suspension.look(1.0, drained=True)
    job.suspension.probing(task(1), 2.0)
    assert not job.suspension.probe_failed(task(2), 2.0, kind("programming"), "S")


def test_probes_go_to_the_hosts_in_turn_and_in_an_outage_to_one_that_answers_first():
    job = Job()
    job.fail(1.0, times=40, name="network")
    suspension = job.suspension
    suspension.look(1.0, drained=True)
    for host in ("h1", "h2"):
        suspension.probing(task(1, host), 2.0)
        suspension.probe_failed(task(1, host), 2.0, kind("network"), "S")
    assert suspension.turns.in_order(["h1", "h2", "h3"]) == ["h3", "h1", "h2"]
    suspension.probing(task(1, "h2"), 8.0)
    suspension.succeeded(task(1, "h2"), 9.0)
    assert suspension.turns.in_order(["h1", "h2", "h3"]) == ["h2", "h3", "h1"]


def test_probes_are_counted_from_suspicion_to_suspicion():
    job = Job().suspended()
    turns = job.suspension.turns
    assert (turns.probes, turns.good_probes) == (0, 0)
    for good in (True, False, True):
        job.probe(3.0, good=good)
    assert (turns.probes, turns.good_probes) == (3, 2)
    turns.begin(9.0)
    assert (turns.probes, turns.good_probes) == (0, 0)


def test_other_hosts_are_wanted_when_all_have_had_their_turn_until_none_is_found_any_more():
    job = Job()
    job.fail(1.0, times=40)
    suspension = job.suspension
    suspension.look(1.0, drained=True)
    assert not suspension.wants_others(["h1", "h2"], 2.0)
    suspension.probing(task(1, "h2"), 9.0)
    assert suspension.wants_others(["h2"], 9.0)
    assert not suspension.wants_others(["h2", "h3"], 9.0)
    assert suspension.wants_others(["h2"], 23.9)
    assert not suspension.wants_others(["h2"], 24.0)


def test_when_all_hosts_are_parked_and_no_others_are_found_the_suspicion_is_left_to_the_gate():
    job = Job()
    job.fail(1.0, times=40, name="network")
    suspension = job.suspension
    suspension.look(1.0, drained=True)
    suspension.probing(task(1, "h1"), 2.0)
    assert not suspension.may_be_left(["h1"], 2.0)
    suspension.probe_failed(task(1, "h1"), 2.0, kind("network"), "S")
    assert not suspension.may_be_left(["h1"], 3.0)
    assert not suspension.may_be_left([f"h{n}" for n in range(46)], 20.0)  # to ask them all every 5 s would be too much
    assert suspension.may_be_left(["h1"], 20.0)
    suspension.leave()
    assert (suspension.suspended, suspension.is_silence, job.woken) == (False, True, 1)
    suspension.look(21.0)
    assert not suspension.suspended
    suspension.succeeded(task(2), 22.0)
    assert suspension.verdict(22.0) is None


def test_a_probe_without_an_item_is_tried_again_soon():
    job = Job().suspended()
    assert not job.suspension.wants_others(["h1"], 2.0)
    job.suspension.unserved(2.0)
    assert job.suspension.wants_others(["h1"], 2.0)
    assert job.suspension.idle_seconds(2.0) == 1.0


# Whether it is over


def test_it_is_over_when_probes_still_fail_at_the_end_of_the_patience():
    job = Job().suspended(now=1.0)
    now = 2.0
    while not job.suspension.is_spent(now, None):
        assert now < 200
        if job.suspension.wants_probe(now):
            job.probe(now, good=False, item=int(now * 10) + 10_000)
        now += 0.5
    assert 185 <= now <= 195


def test_silence_is_over_when_somebody_answers():
    job = Job()
    job.suspension.silent(20.0, 15.0, list)
    assert (job.suspension.is_silence, job.suspension.suspended) == (True, False)
    assert "no host answers" in job.suspension.verdict(20.0).reason
    job.suspension.succeeded(task(1), 21.0)
    assert not job.suspension.is_silence
    assert job.suspension.verdict(21.0) is None
    job.suspension.silent(40.0, 15.0, list)
    job.fail(41.0)  # somebody who is not parked was asked
    assert job.suspension.verdict(41.0) is None


def test_the_cause_of_a_silence_is_that_of_the_hosts_that_are_down_and_not_what_the_others_said_last():
    job = Job()
    for item in range(6):
        job.suspension.failed(task(item, "dead"), 1.0, kind("network"), signature="refused", began=0.0)
    job.suspension.failed(task(99, "well"), 2.0, kind("server_error"), signature="503", began=1.0)
    job.suspension.silent(20.0, 15.0, lambda: ["dead"])
    verdict = job.suspension.verdict(20.0)
    assert (verdict.dominant_class, verdict.dominant_signature) == ("network", "refused")
    assert verdict.reason.startswith("no host answers (refused); ")


@pytest.mark.parametrize(("silent", "over"), [(None, False), (0.0, False), (899.0, False), (900.0, True)])
def test_nobody_may_answer_for_as_long_as_the_patience(silent, over):
    assert Job().suspension.is_spent(1_000.0, silent) is over


def test_once_dismissed_the_whole_concurrency_is_allowed_again():
    job = Job().suspended()
    for _ in range(3):
        job.probe(3.0, good=True)
    assert job.throttle.limit == 4
    job.suspension.dismiss(7)
    assert job.throttle.limit is None


def test_once_dismissed_nothing_is_suspected_any_more():
    job = Job().suspended()
    job.suspension.dismiss(7)
    assert (job.suspension.suspended, job.woken) == (False, 1)
    job.fail(3.0, times=100)
    job.suspension.succeeded(task(1), 3.0)
    job.suspension.silent(9_000.0, 100.0, list)
    job.suspension.look(9_000.0, drained=True)
    assert not job.suspension.suspended
    assert job.suspension.verdict(9_000.0) is None


# Probes and the gate


def test_a_probe_goes_to_a_host_that_is_parked_and_to_none_that_must_not_be_asked():
    gate = Gate(rates={"slow": 60.0})
    for n in range(10):
        gate.admit("down", float(n))
        gate.failed("down", f"k{n}", float(n))
    assert gate.is_parked("down")
    assert gate.admit("down", 9.5) is Probe.WAIT
    assert gate.admit_probe("down", 9.5) is Probe.PROBE
    gate.failed("down", "k", 9.6, probe=True)
    gate.pause({"paused"})
    gate.promise("asked", 100.0, 9.0)
    gate.admit("slow", 9.0)
    assert [gate.admit_probe(host, 10.0) for host in ("paused", "asked", "slow")] == [Probe.WAIT] * 3
    assert gate.admit_probe("well", 10.0) is Probe.GO


def test_the_items_at_hand_are_probed_host_by_host_and_keep_their_order():
    at_hand = AtHand(Gate())
    at_hand.add([task(1, "a"), task(2, "b"), task(3, "a")])
    at_hand.hold_all()
    picked = at_hand.pick_probe(1.0, lambda hosts: sorted(hosts, reverse=True))
    assert (picked.lease.item, len(at_hand)) == (2, 2)
    assert [at_hand.pick(2.0).lease.item for _ in range(2)] == [1, 3]
    assert at_hand.pick_probe(3.0, list) is None
