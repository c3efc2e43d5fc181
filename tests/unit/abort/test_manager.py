"""The contract's abort manager: what it hears, what it says, what it announces."""

import asyncio
import json

import pytest

from outlast import ResilienceConfiguration
from outlast.abort import AbortManager, AbortPolicy, Notifier
from outlast.assembly import Resilience
from outlast.config import AbortConfiguration, JobConfiguration
from outlast.contracts import IAbortManager
from outlast.errors import AbortConfigurationError, AbortPolicyNotFoundError, ValidationError

REFUSED = {"error_type": "ConnectError", "message": "refused", "host": "site"}


async def fail(manager, n, event=REFUSED, job="job"):
    for _ in range(n):
        await manager.record_failure(job, event)


def of_type(events, kind):
    return [each for each in events if each.event_type == kind]


async def test_it_is_usable_alone_with_only_its_section():
    async with AbortManager(AbortConfiguration()) as manager:
        assert isinstance(manager, IAbortManager)
        assert not (await manager.evaluate_abort_conditions("job", "default"))["should_abort"]


async def test_the_verdict_has_the_published_keys_and_is_plain_data(manager):
    abort = manager()
    await abort.record_success("job", 100)
    await fail(abort, 40)
    verdict = await abort.evaluate_abort_conditions("job", "default")
    assert verdict["decision"] == "suspend"
    assert not verdict["should_abort"]
    assert "ConnectError" in verdict["dominant_signature"]
    assert verdict["hosts"] == ["site"]
    assert json.loads(json.dumps(verdict)) == verdict


async def test_strict_aborts_and_it_is_announced_once(manager, events):
    abort = manager()
    await fail(abort, 40)
    for _ in range(3):
        assert (await abort.evaluate_abort_conditions("job", "strict"))["should_abort"]
    [triggered] = of_type(events, "abort_triggered")
    assert triggered.data["policy_id"] == "strict"
    assert triggered.data["operations"] == 40
    assert triggered.data["reason"].startswith("20 of the last 20 operations failed")


async def test_a_job_that_was_to_be_aborted_stays_so_until_it_is_forgotten(manager):
    abort = manager()
    await fail(abort, 40)
    assert (await abort.evaluate_abort_conditions("job", "strict"))["should_abort"]
    await abort.record_success("job", 10_000)
    assert (await abort.evaluate_abort_conditions("job", "strict"))["should_abort"]
    abort.forget("job")
    assert not (await abort.evaluate_abort_conditions("job", "strict"))["should_abort"]


async def test_an_abort_that_was_said_is_not_taken_back_by_what_succeeds_later(manager, clock):
    abort = manager()
    await fail(abort, 40, {**REFUSED, "failure_class": "blocked"})
    began = clock.seconds
    for second in (100, 182):
        clock.seconds = began + second
        await abort.record_probe("job", good=False, failure_event={**REFUSED, "failure_class": "blocked"})
    clock.seconds = began + 185
    assert (await abort.evaluate_abort_conditions("job", "default"))["should_abort"]
    for _ in range(5):
        await abort.record_probe("job", good=True)
    await abort.record_success("job", 100)
    assert (await abort.evaluate_abort_conditions("job", "default"))["should_abort"]


async def test_evaluations_are_announced_on_change_and_once_in_an_interval(manager, events, clock):
    abort = manager(AbortConfiguration(evaluation_interval=10))
    for second in range(25):
        clock.seconds = 1_000.0 + second
        await abort.evaluate_abort_conditions("job", "default")
    assert len(of_type(events, "abort_evaluated")) == 3
    await fail(abort, 40)
    await abort.evaluate_abort_conditions("job", "default")
    await abort.evaluate_abort_conditions("job", "default")
    told = [each.data["decision"] for each in of_type(events, "abort_evaluated")]
    assert told == ["continue"] * 3 + ["suspend"]


async def test_below_the_configured_number_of_operations_nothing_is_aborted(manager):
    abort = manager(AbortConfiguration(min_operations_before_eval=60))
    await fail(abort, 59)
    assert not (await abort.evaluate_abort_conditions("job", "strict"))["should_abort"]
    await fail(abort, 1)
    assert (await abort.evaluate_abort_conditions("job", "strict"))["should_abort"]


async def test_switched_off_it_never_aborts_and_says_so(manager):
    abort = manager(AbortConfiguration(enabled=False))
    await fail(abort, 200)
    verdict = await abort.evaluate_abort_conditions("job", "strict")
    assert not verdict["should_abort"]
    assert verdict["reason"] == "aborting is switched off (abort.enabled = false)"


async def test_an_unknown_policy_is_an_error_that_names_those_there_are(manager):
    with pytest.raises(AbortPolicyNotFoundError, match="there are conservative, default, development"):
        await manager().evaluate_abort_conditions("job", "nope")


async def test_the_default_policy_is_the_configured_one(manager):
    abort = manager(AbortConfiguration(default_policy="strict"))
    await fail(abort, 30)
    verdict = await abort.evaluate_abort_conditions("job", "default")
    assert verdict["policy_id"] == "strict"
    assert verdict["should_abort"]


async def test_policies_of_ones_own_come_from_the_configuration_and_from_code(manager):
    section = {"name": "quick", "failure_rate_threshold": 0.5, "window_size": 10, "min_operations": 5}
    abort = manager(AbortConfiguration(min_operations_before_eval=0, policy=[section]))
    assert abort.policy("quick").window_size == 10
    assert await abort.create_abort_policy({**section, "name": "slow", "id": "s", "window_size": 40}) == "s"
    await fail(abort, 6)
    assert (await abort.evaluate_abort_conditions("job", "quick"))["should_abort"]
    assert not (await abort.evaluate_abort_conditions("other", "s"))["should_abort"]
    with pytest.raises(AbortConfigurationError, match="window_sise"):
        await abort.create_abort_policy({"name": "bad", "window_sise": 3})


def test_a_policy_of_the_configuration_that_makes_no_sense_is_refused(manager):
    section = {"name": "odd", "kind": "strict", "window_size": 10}
    with pytest.raises(AbortConfigurationError, match="window_size: has no effect"):
        manager(AbortConfiguration(policy=[section]))


async def test_a_policy_that_is_asked_for_later_has_heard_of_what_was_before(manager):
    abort = manager()
    await abort.record_success("job", 5_000)
    await fail(abort, 30)
    first = await abort.evaluate_abort_conditions("job", "default")
    later = await abort.evaluate_abort_conditions("job", "strict")
    assert first["evidence"] == later["evidence"]
    assert first["operations"] == later["operations"] == 5_030


async def test_a_policy_that_was_replaced_judges_anew(manager):
    abort = manager(AbortConfiguration(min_operations_before_eval=0))
    await abort.create_abort_policy({"name": "mine", "kind": "strict", "min_operations": 1_000})
    await fail(abort, 50)
    assert not (await abort.evaluate_abort_conditions("job", "mine"))["should_abort"]
    await abort.create_abort_policy({"name": "mine", "kind": "strict", "min_operations": 10})
    assert (await abort.evaluate_abort_conditions("job", "mine"))["should_abort"]


async def test_many_policies_for_one_job_are_bounded_and_patterns_are_still_told(manager, events):
    abort = manager()
    for n in range(30):
        await abort.create_abort_policy({"name": f"p{n}", "min_operations": n})
        await abort.evaluate_abort_conditions("job", f"p{n}")
    await fail(abort, 10)
    assert len(of_type(events, "failure_pattern_detected")) == 1


async def test_jobs_are_judged_apart_and_the_oldest_is_forgotten(manager):
    abort = manager()
    await fail(abort, 40, job="first")
    for n in range(1_000):
        await abort.record_success(f"job {n}")
    assert (await abort.get_failure_analysis("first"))["total_failures"] == 0
    assert (await abort.get_failure_analysis("job 999"))["successes"] == 1


@pytest.mark.parametrize("severity", ["info", "warning", "error", "critical", "low", "medium", "high"])
async def test_both_vocabularies_of_severity_are_kept_in_the_contracts_words(severity, manager):
    abort = manager()
    await abort.record_failure("job", {**REFUSED, "severity": severity})
    [told] = (await abort.get_failure_analysis("job"))["failures_by_severity"]
    assert told == {"low": "info", "medium": "warning", "high": "error"}.get(severity, severity)


async def test_an_exception_is_read_and_a_cancellation_raised_as_it_came(manager):
    abort = manager()
    await abort.record_failure("job", {"error": ConnectionResetError(104, "reset"), "url": "https://shop.example/x"})
    assert (await abort.get_failure_analysis("job"))["failures_by_host"] == {"shop.example": 1}
    with pytest.raises(asyncio.CancelledError):
        await abort.record_failure("job", {"error": asyncio.CancelledError()})
    assert (await abort.get_failure_analysis("job"))["total_failures"] == 1


@pytest.mark.parametrize("event", [{}, {"severity": "dire", "message": "x"}, [], {"message": "x", "attempt": 0}])
async def test_what_is_no_failure_event_is_refused(event, manager):
    with pytest.raises(ValidationError):
        await manager().record_failure("job", event)


@pytest.mark.parametrize("job_id", ["", None, 7, "x" * 513])
async def test_what_is_no_id_of_a_job_is_refused(job_id, manager):
    abort = manager()
    for call in (
        lambda: abort.record_failure(job_id, REFUSED),
        lambda: abort.record_success(job_id),
        lambda: abort.evaluate_abort_conditions(job_id, "default"),
        lambda: abort.execute_abort_actions(job_id, "why"),
        lambda: abort.get_failure_analysis(job_id),
    ):
        with pytest.raises(ValidationError, match="job_id"):
            await call()


@pytest.mark.parametrize("n", [0, -1, True, 1.5, "1"])
async def test_a_number_of_successes_is_a_whole_number_above_nothing(n, manager):
    with pytest.raises(ValidationError, match="n: must be"):
        await manager().record_success("job", n)


@pytest.mark.parametrize("window", [0, -5, True, "60", float("nan")])
async def test_a_time_window_is_a_number_of_seconds(window, manager):
    with pytest.raises(ValidationError, match="time_window"):
        await manager().get_failure_analysis("job", window)


async def test_a_success_is_counted_at_the_host_of_its_key(manager):
    abort = manager()
    await abort.record_success("job", key="https://shop.example/1")
    await abort.record_success("job", key="item 7")
    await abort.record_success("job", key="http://[broken")
    await abort.record_success("job", host="api.example")
    analysis = await abort.get_failure_analysis("job")
    assert set(analysis["healthy_hosts"]) == {"shop.example", "api.example"}
    assert analysis["successes"] == 4


async def test_a_browser_that_crashes_is_a_crash(manager):
    abort = manager(AbortConfiguration(min_operations_before_eval=0))
    for told in ({"error_type": "BrowserCrash", "failure_class": "browser"}, {"message": "gone", "crashed": True}):
        for n in range(3):
            await abort.record_failure(str(told), {**told, "incident_id": f"i{n}"})
        assert (await abort.evaluate_abort_conditions(str(told), "default"))["decision"] == "suspend"


async def test_a_crash_counts_once_for_its_incident_whether_its_pages_or_it_came_first(manager):
    abort = manager(AbortConfiguration(min_operations_before_eval=0))
    page = {"error_type": "TargetClosedError", "failure_class": "browser"}
    for n in range(3):
        assert (await abort.evaluate_abort_conditions("job", "default"))["decision"] == "continue"
        await fail(abort, 5, {**page, "incident_id": f"i{n}"})
        await fail(abort, 4, {**page, "incident_id": f"i{n}", "crashed": True})
    verdict = await abort.evaluate_abort_conditions("job", "default")
    assert verdict["reason"].startswith("3 crashes in a row")
    assert verdict["operations"] == 3


async def test_probes_resume_a_suspended_job(manager, clock):
    abort = manager()
    await fail(abort, 40)
    assert (await abort.evaluate_abort_conditions("job", "default"))["decision"] == "suspend"
    clock.seconds += 2
    await abort.record_probe("job", good=False, failure_event=REFUSED)
    await abort.record_probe("job", good=False)
    for _ in range(3):
        await abort.record_probe("job", good=True, host="site")
    assert (await abort.evaluate_abort_conditions("job", "default"))["decision"] == "continue"
    assert (await abort.get_failure_analysis("job"))["total_failures"] == 42


async def test_failures_of_one_incident_count_once_and_the_others_are_told(manager):
    abort = manager()
    await fail(abort, 10, {**REFUSED, "incident_id": "crash"})
    analysis = await abort.get_failure_analysis("job")
    assert analysis["total_failures"] == 1
    assert analysis["incidents"] == {"count": 1, "further_failures": 9}


async def test_a_surge_is_announced_once_with_everything_that_is_known_of_it(manager, events, clock):
    abort = manager()
    for n in range(60):
        clock.seconds += 1
        await abort.record_failure(
            "job", {"error_type": "ParseError", "message": f"no price on {n}", "host": f"h{n % 3}"}
        )
    [event] = of_type(events, "failure_pattern_detected")
    told = event.data
    assert "ParseError" in told["signature"]
    assert (told["failures"], told["operations"], told["share"]) == (8, 8, 1.0)
    assert told["hosts"] == ["h0", "h1", "h2"]
    assert (told["first_seen"], told["last_seen"]) == ("2026-01-01T00:16:41+00:00", "2026-01-01T00:16:48+00:00")
    assert told["example"] == "reported.ParseError: no price on 4"


async def test_a_policy_that_hears_of_what_was_before_announces_no_old_surge(manager, events, clock):
    abort = manager()
    for n in range(900):
        clock.seconds += 1
        await abort.record_failure("job", REFUSED)
        await abort.record_success("job", host=f"h{n % 7}")
    await abort.evaluate_abort_conditions("job", "conservative")
    assert len(of_type(events, "failure_pattern_detected")) == 1


async def test_a_guard_that_is_driven_directly_is_the_one_that_is_asked(manager, clock, events):
    abort = manager()
    policy = abort.policy().waiting(6)
    guard = abort.guard("job", policy)
    for _ in range(40):
        guard.failed(clock.monotonic(), failure_class="network", signature="ConnectError")
    assert abort.evaluated("job", policy).decision == "suspend"
    assert [each.data["decision"] for each in of_type(events, "abort_evaluated")] == ["suspend"]
    assert len(of_type(events, "failure_pattern_detected")) == 1


async def test_all_are_joined_to_one_bus_and_the_handler_tells_it_of_failures():
    async with Resilience(JobConfiguration()) as resilience:
        for n in range(30):
            await resilience.failures.handle_failure({**REFUSED, "job_id": "job", "key": str(n)}, {})
        assert (await resilience.abort.get_failure_analysis("job"))["total_failures"] == 30
        verdict = await resilience.abort.evaluate_abort_conditions("job", "default")
        assert verdict["decision"] == "suspend"
    async with Resilience(ResilienceConfiguration()) as resilience:
        assert isinstance(resilience.abort, AbortManager)
    assert not Notifier(JobConfiguration().notify)


async def test_a_policy_is_frozen():
    with pytest.raises(AttributeError):
        AbortPolicy(name="x").patience = 3
