"""The judge of one job: what it suspects, how it is proven, what it forgets."""

from dataclasses import replace

import pytest

from outlast.abort import AbortPolicy, Decision, Guard, Kind, State
from outlast.abort.guard import RECOVERY_SECONDS, RECOVERY_SUCCESSES
from outlast.abort.states import TRANSITIONS, Turn

STRICT = AbortPolicy(name="strict", kind=Kind.STRICT)


def windowed(**settings):
    return AbortPolicy(name="windowed", kind=Kind.WINDOWED, **settings)


def test_a_job_that_works_goes_on(driven):
    job = driven()
    job.work(500)
    assert job.verdict.decision is Decision.CONTINUE
    assert (job.verdict.reason, job.verdict.reasons) == ("nothing is suspected", ())
    assert (job.verdict.failure_rate, job.verdict.operations, job.verdict.evidence) == (0.0, 500, 0.0)


def test_a_job_that_stops_working_is_suspended_within_some_twenty_failures(driven):
    job = driven()
    job.work(100)
    assert job.fail_until_suspected(failure_class="network", signature="ConnectError") == 17
    verdict = job.verdict
    assert (verdict.decision, verdict.state) == (Decision.SUSPEND, State.SUSPENDED)
    assert verdict.reason == "17 of the last 17 operations failed (ConnectError); waiting for what is in flight"
    assert (verdict.dominant_signature, verdict.dominant_class) == ("ConnectError", "network")
    assert verdict.hosts == ("site",)
    assert verdict.since == job.now


def test_a_job_that_fails_from_the_start_is_not_suspected_before_it_has_been_seen_enough(driven):
    assert driven().fail_until_suspected() == 20
    assert driven(min_operations=45).fail_until_suspected() == 45
    assert driven(AbortPolicy(name="early", min_operations=8)).fail_until_suspected() == 8


def test_what_fails_now_and_then_is_never_suspected(driven):
    job = driven()
    for _ in range(2_000):
        job.work(3)
        job.fail(1)
    assert job.decision is Decision.CONTINUE


def test_an_excursion_ends_with_as_many_successes_as_there_were_failures(driven):
    job = driven()
    job.work(1)
    job.fail(1)
    first = job.verdict.threshold
    job.work(1)
    assert job.verdict.evidence == 0
    job.fail(1)
    # The threshold is that of the operation with which the new one began.
    assert job.verdict.threshold > first


def test_a_probe_is_due_after_1_2_4_5_and_5_seconds_after_each_other(driven):
    job = driven()
    job.fail_until_suspected()
    began = job.now
    sent = job.probe_until(began + 40, takes=0.0)
    assert [round(at - began) for at in sent[:7]] == [1, 3, 7, 12, 17, 22, 27]


def test_nothing_is_probed_before_what_is_in_flight_has_ended(driven):
    job = driven()
    job.fail_until_suspected()
    job.now += 30
    assert job.decision is Decision.SUSPEND
    assert job.verdict.next_probe_at is None
    job.guard.drained(job.now)
    assert job.decision is Decision.PROBE
    assert job.verdict.state is State.PROBING


def test_a_good_probe_is_followed_by_more_at_once_and_three_of_five_resume(driven):
    job = driven()
    job.fail_until_suspected()
    job.guard.drained(job.now)
    job.now += 1
    for good in (True, False, True, False):
        assert job.decision is Decision.PROBE
        job.guard.probed(job.now, good=good)
    assert job.decision is Decision.PROBE
    job.guard.probed(job.now, good=True)
    assert job.decision is Decision.CONTINUE
    assert job.verdict.evidence == 0
    assert job.verdict.since is None


def test_three_bad_ones_in_a_series_are_no_proof_and_the_waiting_goes_on(driven):
    job = driven()
    job.fail_until_suspected()
    job.guard.drained(job.now)
    job.now += 1
    for good in (True, True, False, False, False):
        assert job.decision is Decision.PROBE
        job.guard.probed(job.now, good=good)
    assert job.decision is Decision.SUSPEND
    assert job.verdict.next_probe_at == job.now + 2


@pytest.mark.parametrize(
    ("kind", "patience"),
    [("unknown", 185), ("blocked", 185), ("programming", 185), ("browser", 185), ("network", 900), ("timeout", 900)]
    + [("server_error", 900), ("throttled", 900), ("proxy", 900), ("store_unavailable", 900)],
)
def test_it_gives_up_when_the_patience_for_such_a_cause_is_spent(kind, patience, driven):
    job = driven()
    job.fail_until_suspected(failure_class=kind)
    began = job.now
    assert job.verdict.gives_up_at == began + patience
    job.probe_until(began + 2_000, failure_class=kind)
    assert job.verdict.should_abort
    assert patience <= job.now - began <= patience + 6
    assert job.verdict.reason.endswith(f"no recovery in {job.now - began:.0f} s")


@pytest.mark.parametrize(("outages", "patience"), [(8, 185), (16, 900)])
def test_the_patience_is_an_outages_where_most_failures_are(outages, patience, driven):
    job = driven()
    for n in range(20):
        job.fail(1, failure_class="network" if n < outages else "programming")
    assert job.verdict.gives_up_at == job.now + patience


def test_the_cause_is_that_of_the_trouble_not_of_the_noise_before(driven):
    job = driven()
    for _ in range(100):
        job.work(12)
        job.fail(1, failure_class="programming", signature="ValueError")
    job.work(5)
    job.fail_until_suspected(failure_class="network", signature="ConnectError")
    assert (job.verdict.dominant_signature, job.verdict.dominant_class) == ("ConnectError", "network")
    assert job.verdict.gives_up_at == job.now + 900


def test_silence_has_the_patience_of_its_own_cause(driven):
    job = driven()
    job.fail(5, failure_class="programming", signature="ValueError")
    job.fail(3, failure_class="network", signature="ConnectError")
    job.guard.silent(job.now, job.now, failure_class="network")
    assert (job.verdict.dominant_signature, job.verdict.dominant_class) == ("ConnectError", "network")
    assert job.verdict.gives_up_at == job.now + 900


def test_a_job_s_patience_is_that_for_an_outage_and_bounds_that_for_all_else(driven):
    assert AbortPolicy(name="default").waiting(7_200.0) == AbortPolicy(name="default", patience=7_200.0)
    policy = AbortPolicy(name="default").waiting(6.0)
    assert (policy.patience, policy.patience_blocked) == (6.0, 6.0)
    job = driven(policy)
    job.fail_until_suspected(failure_class="network")
    began = job.now
    job.probe_until(began + 100, failure_class="network")
    assert job.verdict.should_abort
    assert job.now - began <= 6 + 5


def test_the_clock_alone_proves_nothing(driven):
    # The machine slept for an hour: what failed before says nothing about now.
    job = driven()
    job.fail_until_suspected()
    job.guard.drained(job.now)
    job.now += 3_600
    assert job.decision is Decision.PROBE
    job.guard.probed(job.now, good=False)
    assert job.decision is Decision.ABORT


def test_an_abort_is_final_once_something_was_told_after_it(driven):
    job = driven()
    job.fail_until_suspected()
    job.probe_until(job.now + 1_000)
    job.guard.settle(job.now)
    job.work(100)
    job.guard.probed(job.now, good=True)
    assert job.guard.state is State.ABORTED
    assert job.verdict.should_abort


def test_settling_what_is_not_suspected_changes_nothing(driven):
    job = driven()
    job.fail(1)
    job.work(30)
    job.guard.settle(job.now + 10_000)
    assert job.decision is Decision.CONTINUE


def test_looking_changes_nothing(driven):
    job = driven()
    for step in (lambda: job.fail_until_suspected(), lambda: job.guard.drained(job.now), lambda: job.probe_until(500)):
        step()
        first = job.verdict
        for later in (0, 1, 3_000):
            job.guard.look(job.now + later)
            job.guard.decision(job.now + later)
        assert job.verdict == first


def test_what_was_in_flight_and_succeeds_ends_the_suspicion(driven):
    job = driven()
    job.work(100)
    job.fail_until_suspected()
    job.work(30)
    assert job.decision is Decision.CONTINUE
    assert job.guard.concurrency_factor(job.now) == 1.0


def test_who_neither_pauses_nor_probes_is_told_to_abort_when_the_patience_is_spent(driven):
    job = driven()
    job.fail_until_suspected()
    began = job.now
    while job.decision is Decision.SUSPEND:
        job.fail(1, every=1.0)
    assert job.verdict.should_abort
    assert job.now - began == pytest.approx(185, abs=1)


def test_half_the_concurrency_after_a_resume_grows_back_with_successes_or_time(driven):
    job = driven()
    job.fail_until_suspected()
    job.probe_until(job.now + 10, good=True)
    resumed = job.now
    assert job.guard.concurrency_factor(resumed) == 0.5
    job.work(RECOVERY_SUCCESSES // 2)
    assert job.guard.concurrency_factor(job.now) == 0.75
    assert job.guard.concurrency_factor(resumed + RECOVERY_SECONDS + 1) == 1.0
    job.work(RECOVERY_SUCCESSES)
    assert job.guard.concurrency_factor(job.now) == 1.0


def test_a_relapse_goes_on_with_the_patience_that_is_left(driven):
    job = driven()
    job.fail_until_suspected()
    began = job.now
    job.probe_until(began + 100)
    job.probe_until(began + 120, good=True)
    waited = job.now - began
    job.fail_until_suspected()
    assert job.verdict.since == began
    assert job.verdict.gives_up_at == pytest.approx(job.now + 185 - waited)


def test_after_a_recovery_that_was_believed_the_patience_is_whole_again(driven):
    job = driven()
    job.fail_until_suspected()
    job.probe_until(job.now + 100)
    job.probe_until(job.now + 20, good=True)
    job.work(RECOVERY_SUCCESSES)
    job.fail_until_suspected()
    assert job.verdict.gives_up_at == job.now + 185


def test_what_happens_long_after_a_resume_is_no_relapse(driven):
    job = driven()
    job.fail_until_suspected()
    job.probe_until(job.now + 100)
    job.probe_until(job.now + 20, good=True)
    job.now += 181
    job.fail_until_suspected()
    assert job.verdict.since == job.now


def test_of_an_incident_the_first_failure_counts(driven):
    job = driven()
    job.work(10)
    job.fail(100, incident="crash-1")
    assert job.verdict.operations == 11
    assert job.decision is Decision.CONTINUE


def test_answers_about_the_item_count_neither_way(driven):
    job = driven()
    job.fail(500, failure_class="not_found")
    assert (job.decision, job.verdict.operations) == (Decision.CONTINUE, 0)
    job.fail_until_suspected()
    job.guard.drained(job.now)
    job.now += 1
    job.guard.probed(job.now, good=False, failure_class="not_found")
    assert job.verdict.next_probe_at == job.now + 1
    assert driven(STRICT).fail_until_suspected(failure_class="not_found") == 20


# Hosts


def test_one_host_of_many_does_not_suspend_the_job(driven):
    job = driven()
    for n in range(10):
        job.work(20, host=f"host{n}")
    job.fail(300, host="host3")
    assert job.decision is Decision.CONTINUE
    assert job.verdict.evidence <= job.verdict.threshold / 3


def test_many_hosts_suspend_it_and_are_named_the_worst_first(driven):
    job = driven()
    hosts = [f"host{n}" for n in range(6)]
    for host in hosts:
        job.work(20, host=host)
    for n in range(60):
        if job.decision is not Decision.CONTINUE:
            break
        job.fail(1, host=hosts[n % 4])
    assert job.decision is Decision.SUSPEND
    assert set(job.verdict.hosts) == set(hosts[:4])
    assert job.verdict.hosts_seen == 6


def test_two_hosts_are_judged_by_their_total(driven):
    job = driven()
    job.work(100, host="one")
    job.work(1, host="two")
    assert job.fail_until_suspected(host="one") == 17


def test_two_hosts_of_three_do_not_suspend_the_job_and_all_three_do(driven):
    job = driven()
    for host in "abc":
        job.work(10, host=host)
    for _ in range(50):
        job.fail(1, host="a")
        job.fail(1, host="b")
    assert job.decision is Decision.CONTINUE
    for _ in range(10):
        job.fail(1, host="c")
    assert job.decision is Decision.SUSPEND


def test_what_hosts_were_guilty_of_before_is_not_held_against_the_job(driven):
    # Each host's last two pages were broken; then one host goes down.
    job = driven()
    hosts = [f"host{n}" for n in range(10)]
    for host in hosts:
        job.work(20, host=host)
        job.fail(2, host=host)
    job.work(5, host="host9")
    job.fail(200, host="host9")
    assert job.decision is Decision.CONTINUE


def test_half_of_the_hosts_must_be_in_trouble(driven):
    job = driven()
    for n in range(8):
        job.work(10, host=f"host{n}")
    for _ in range(100):
        for n in range(3):
            job.fail(1, host=f"host{n}")
    assert job.decision is Decision.CONTINUE


# Crashes


def test_three_crashes_with_no_item_completed_between_are_suspect(driven):
    job = driven()
    job.work(100)
    for n in range(3):
        assert job.decision is Decision.CONTINUE
        job.now += 60
        job.guard.crashed(job.now, incident=f"crash-{n}")
    assert job.verdict.reason.startswith("3 crashes in a row within 300 s, and no item completed between (browser)")


def test_a_completed_item_breaks_the_row_but_ten_crashes_in_ten_minutes_are_too_many(driven):
    job = driven()
    for n in range(10):
        assert job.decision is Decision.CONTINUE
        job.now += 50
        job.work(10, every=0.1)
        job.guard.crashed(job.now, incident=f"crash-{n}")
    assert job.verdict.reason.startswith("10 crashes within 600 s")


def test_crashes_that_are_far_apart_are_no_loop(driven):
    job = driven()
    for _ in range(20):
        job.now += 151
        job.guard.crashed(job.now)
        job.work(5)
    assert job.decision is Decision.CONTINUE


def test_a_crash_and_what_dies_of_it_count_once(driven):
    job = driven()
    job.fail(4, failure_class="browser", incident="crash")
    job.guard.crashed(job.now, incident="crash")
    job.fail(4, failure_class="browser", incident="crash")
    assert job.verdict.operations == 1


def test_crashes_abort_where_there_is_no_second_stage(driven):
    job = driven(STRICT)
    job.work(100)
    for _ in range(3):
        job.guard.crashed(job.now)
    assert job.verdict.should_abort


# Silence


def test_silence_is_suspect_without_any_statistics_and_its_patience_began_when_it_began(driven):
    job = driven()
    job.work(3)
    since = job.now
    job.now += 10
    job.guard.silent(job.now, since, failure_class="network")
    assert job.verdict.reason == "no host answers (network); waiting for what is in flight"
    assert (job.verdict.since, job.verdict.gives_up_at) == (since, since + 900)
    job.now = since + 899
    job.guard.silent(job.now, since, failure_class="network")
    assert job.decision is Decision.SUSPEND
    job.now = since + 900
    job.guard.silent(job.now, since, failure_class="network")
    assert job.decision is Decision.ABORT


def test_whoever_answers_ends_the_silence(driven):
    job = driven()
    job.guard.silent(job.now, job.now, failure_class="network")
    job.work(1)
    assert job.decision is Decision.CONTINUE


# Other policies


def test_a_strict_policy_aborts_what_the_other_would_suspect(driven):
    job = driven(STRICT)
    job.work(100)
    assert job.fail_until_suspected() == 17
    assert job.verdict.should_abort
    assert job.verdict.reason == "17 of the last 17 operations failed (unknown); that is enough for this policy"
    assert job.verdict.reasons == (
        "17 of the last 17 operations failed",
        "most of it: unknown",
        "that is enough for this policy",
    )


def test_a_window_aborts_at_its_share_of_failures(driven):
    job = driven(windowed(window_size=50, failure_rate_threshold=0.5, min_operations=20))
    job.work(100)
    job.fail(24)
    assert job.decision is Decision.CONTINUE
    job.fail(1)
    assert job.verdict.should_abort
    assert job.verdict.reason.startswith("25 of the last 50 operations failed")
    assert job.verdict.false_alarm_bound is None


def test_a_window_knows_no_hosts(driven):
    job = driven(windowed(window_size=50))
    for n in range(10):
        job.work(20, host=f"host{n}")
    job.fail(24, host="host3")
    assert job.decision is Decision.CONTINUE
    job.fail(1, host="host3")
    assert job.verdict.should_abort


def test_a_window_forgets_what_is_older_than_it_is_long(driven):
    job = driven(windowed(window_size=50, window_duration=10, min_operations=20))
    job.fail(19)
    job.now += 11
    job.work(19)
    job.fail(1)
    assert job.verdict.window == (20, 1, 50)
    assert job.decision is Decision.CONTINUE


def test_never_is_never(driven):
    job = driven(AbortPolicy(name="never", kind=Kind.NEVER))
    job.fail(1_000)
    job.guard.silent(job.now, 0.0, failure_class="network")
    for _ in range(20):
        job.guard.crashed(job.now)
    assert (job.decision, job.verdict.reason) == (Decision.CONTINUE, "the policy never aborts")


def test_switched_off_it_counts_and_says_so(driven):
    job = driven(enabled=False)
    job.fail(1_000)
    assert job.decision is Decision.CONTINUE
    assert job.verdict.failure_rate == 1.0
    assert "enabled = false" in job.verdict.reason


def test_the_verdict_as_a_dictionary_is_plain_data(driven):
    job = driven()
    job.fail_until_suspected()
    told = job.verdict.to_dict()
    assert type(told["decision"]) is str
    assert type(told["state"]) is str
    published = {"should_abort", "decision", "reason", "reasons", "failure_rate", "operations", "window"}
    published |= {"dominant_signature", "hosts", "evidence", "threshold", "policy_id"}
    assert published <= set(told)


def test_a_guard_does_not_grow(driven):
    import tracemalloc

    guard = Guard(replace(AbortPolicy(name="default"), min_operations=1_000_000))
    job = driven()
    job.guard = guard

    def storm(start):
        for n in range(start, start + 3_000):
            guard.failed(n * 0.1, host=f"host{n}", signature=f"signature {n}", incident=f"incident {n}")
            guard.succeeded(n * 0.1, host=f"other{n}")

    storm(0)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    storm(3_000)
    storm(6_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    # What is kept is as much as before; the strings themselves are new, and counted for the first time.
    assert grown < 1_500_000


# The table


def test_every_state_can_be_reached_and_an_abort_is_the_end():
    assert {to for _, to in TRANSITIONS.items()} | {State.RUNNING} == set(State)
    assert not [key for key in TRANSITIONS if key[0] is State.ABORTED]
    assert {turn for _, turn in TRANSITIONS} == set(Turn)


def test_what_was_in_flight_condemns_no_job_that_nobody_has_probed(driven):
    job = driven()
    job.fail_until_suspected()
    job.guard.drained(job.now)
    job.now += 1_000
    job.guard.failed(job.now)
    assert job.decision is Decision.PROBE
    job.guard.probed(job.now, good=False)
    assert job.decision is Decision.ABORT


def test_a_probe_that_nobody_answers_is_as_good_as_a_bad_one(driven):
    job = driven()
    job.fail_until_suspected()
    job.guard.drained(job.now)
    job.now += 1_000
    job.guard.silent(job.now, job.now, failure_class="timeout")
    assert job.decision is Decision.ABORT
