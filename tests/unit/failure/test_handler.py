"""The failure handler: one action for each failure, done through what it was given, counted in bounded memory."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

import outlast
from outlast.config import CheckpointConfiguration, ResilienceConfiguration, RetryConfiguration
from outlast.contracts import IFailureHandler
from outlast.errors import ValidationError
from outlast.failure import FailureHandler, FailureRule
from outlast.failure.bookkeeping import INCIDENTS_MAX, JOBS_MAX, OPEN_MAX
from outlast.failure.registered import CALLBACKS_MAX
from outlast.retry import RetryManager

BROWSER = {"error_type": "TargetClosedError", "message": "gone", "job_id": "j"}
LOST = {"error": ConnectionResetError("reset"), "job_id": "j"}


def answered(status, **fields):
    error = RuntimeError(f"answered {status}")
    error.status = status
    vars(error).update(fields)
    return {"error": error, "job_id": "j"}


async def test_it_works_alone_and_then_every_action_is_a_recommendation():
    async with FailureHandler() as handler:
        assert isinstance(handler, IFailureHandler)
        told = await handler.handle_failure({"error": TimeoutError("slow")}, {})
    assert set(told) == {
        "failure_id", "action_taken", "reason", "delay", "recovery_actions", "resolved", "classification", "signature",
        "category", "severity", "incident_id", "counted", "handler_errors",
    }  # fmt: skip
    assert (told["action_taken"], told["resolved"], told["recovery_actions"]) == ("retry", False, [])
    assert told["reason"] == "the failure is timeout, which may pass"
    assert 0 <= told["delay"] <= 1
    assert told["classification"] == {
        "class": "timeout", "transient": True, "fault": "host", "status": None, "retry_after": None, "max_attempts": None,
        "remedy": None, "rule": None,
    }  # fmt: skip
    assert (told["category"], told["severity"], told["signature"]) == (
        "network",
        "warning",
        "builtins.TimeoutError slow",
    )
    assert json.loads(json.dumps(told)) == told


ACTIONS = [
    ({"error": TimeoutError()}, "retry"),
    (answered(503), "retry"),
    (answered(429), "defer"),
    (answered(503, retry_after=7), "defer"),
    (answered(404), "skip"),
    (answered(400), "skip"),
    (answered(403), "rotate"),
    (answered(401), "rotate"),
    (BROWSER, "restart_browser"),
    ({"error": MemoryError()}, "pause"),
    ({"error": OSError(28, "full")}, "pause"),
    ({"message": "database is locked"}, "pause"),
    ({"error": KeyError("price")}, "skip"),
    ({"error": RuntimeError("odd")}, "retry"),
    ({"error": RuntimeError("odd"), "attempt": 2}, "skip"),
    ({"error": TimeoutError(), "attempt": 2}, "retry"),
    ({"error": TimeoutError(), "attempt": 5, "max_attempts": 5}, "skip"),
    (answered(403) | {"attempt": 3, "max_attempts": 3}, "skip"),
    ({"error": TimeoutError(), "severity": "critical"}, "abort"),
]


@pytest.mark.parametrize(("event", "action"), ACTIONS, ids=range(len(ACTIONS)))
async def test_each_failure_has_one_action(build, event, action):
    told = await build().handle_failure(event, {})
    assert (told["action_taken"], told["resolved"]) == (action, False)


@pytest.mark.parametrize(
    ("event", "delay"),
    [
        ({"error": TimeoutError()}, 0.5),
        ({"error": TimeoutError(), "attempt": 4}, 4.0),
        ({"error": TimeoutError(), "attempt": 2_000}, 150.0),
        (answered(429), 0.5),
        (answered(429, retry_after=90), 90.0),
        (answered(404), None),
    ],
)
async def test_the_delay_is_that_of_the_attempt_or_what_the_server_asked_for(build, event, delay):
    assert (await build(roll=0.5).handle_failure(event, {}))["delay"] == delay


class TestRetry:
    @pytest.fixture
    def retry(self, bus, clock):
        return RetryManager(RetryConfiguration(jitter_enabled=False), events=bus, clock=clock)

    async def test_the_delay_is_that_of_the_policy(self, build, retry):
        told = await build(retry=retry).handle_failure(LOST, {"attempt": 3, "retry_policy_id": "conservative"})
        assert (told["delay"], told["resolved"]) == (18.0, False)

    async def test_a_policy_that_does_not_exist_is_said_so(self, build, retry):
        with pytest.raises(outlast.RetryPolicyNotFoundError):
            await build(retry=retry).handle_failure(LOST, {"retry_policy_id": "exponentiel"})

    async def test_what_can_be_called_again_is(self, build, retry, clock):
        calls = []

        async def operation():
            calls.append(clock.seconds)
            if len(calls) < 3:
                raise ConnectionResetError
            return False

        told = await build(retry=retry).handle_failure(LOST, {"operation": operation})
        assert (told["action_taken"], told["resolved"], told["result"]) == ("retry", True, False)
        assert calls == [1.0, 2.0, 4.0]
        assert told["recovery_actions"] == [{"action": "retry", "done": True, "detail": ""}]

    async def test_a_handler_may_have_it_called_again_at_once(self, build, retry, clock):
        handler = build(retry=retry)
        await handler.register_failure_handler("network", lambda event, context: {"action": "retry", "delay": 0})
        told = await handler.handle_failure(LOST, {"operation": lambda: "page"})
        assert (told["result"], clock.sleeps) == ("page", [])

    async def test_what_goes_on_failing_is_not_resolved(self, build, retry):
        def operation():
            raise ConnectionResetError("again")

        told = await build(retry=retry).handle_failure(LOST, {"operation": operation})
        assert (told["action_taken"], told["resolved"]) == ("retry", False)
        assert told["recovery_actions"][0]["done"] is False
        assert "MaxRetriesExceededError" in told["recovery_actions"][0]["detail"]
        assert "result" not in told

    async def test_without_a_retry_part_nothing_is_called(self, build):
        told = await build().handle_failure(LOST, {"operation": lambda: 1 / 0})
        assert told["recovery_actions"] == []


class TestBrowser:
    async def test_it_is_restarted_after_what_would_be_lost_is_kept(self, build, part, log):
        browser = part(on_browser_restart_required=True, get_browser_state={"cookies": []})
        checkpoints = part(create_checkpoint="c1")
        context = {"state": {"page": 3}, "session_id": "s1"}
        told = await build(browser=browser, checkpoints=checkpoints).handle_failure(BROWSER, context)
        assert [name for name, *_ in log] == ["get_browser_state", "create_checkpoint", "on_browser_restart_required"]
        assert log[1][1:] == ("j", {"page": 3, "browser_state": {"cookies": []}})
        assert (told["action_taken"], told["resolved"], told["checkpoint_id"]) == ("restart_browser", True, "c1")
        assert [step["action"] for step in told["recovery_actions"]] == [
            "read_browser_state",
            "checkpoint",
            "restart_browser",
        ]

    async def test_crashes_that_are_told_while_it_restarts_need_no_other(self, build, log):
        class Slow:
            async def on_browser_restart_required(self, reason, context):
                log.append("restart")
                await asyncio.sleep(5)
                return True

        handler = build(browser=Slow())
        told = await asyncio.gather(*(handler.handle_failure(BROWSER, {}) for _ in range(10)))
        assert log == ["restart"]
        assert all(each["resolved"] for each in told)

    @pytest.mark.parametrize("answer", [False, RuntimeError("no display")])
    async def test_a_restart_that_was_refused_or_failed_is_not_resolved(self, build, part, answer):
        told = await build(browser=part(on_browser_restart_required=answer)).handle_failure(BROWSER, {})
        assert (told["resolved"], told["recovery_actions"][-1]["done"]) == (False, False)

    async def test_a_checkpoint_that_fails_is_told_and_the_dead_browser_restarted_all_the_same(self, build, part):
        parts = {
            "browser": part(on_browser_restart_required=True),
            "checkpoints": part(create_checkpoint=OSError("full")),
        }
        told = await build(**parts).handle_failure(BROWSER, {"state": {"page": 3}})
        assert [(step["action"], step["done"]) for step in told["recovery_actions"]] == [
            ("checkpoint", False),
            ("restart_browser", True),
        ]
        assert told["resolved"]

    async def test_without_a_browser_nothing_is_kept_or_restarted(self, build, part, log):
        told = await build(checkpoints=part(create_checkpoint="c")).handle_failure(BROWSER, {"state": {}})
        assert (told["resolved"], log) == (False, [])


class TestRotation:
    async def test_a_remedy_that_was_given_is_applied(self, build):
        done = []
        remedies = {"refresh_session": lambda: done.append("session"), "rotate_proxy": lambda: done.append("proxy")}
        handler = build(remedies=remedies)
        told = await handler.handle_failure(answered(401), {})
        assert (told["action_taken"], told["resolved"]) == ("rotate", True)
        assert told["recovery_actions"] == [{"action": "refresh_session", "done": True, "detail": ""}]
        await handler.handle_failure(answered(403), {})
        assert done == ["session", "proxy"]

    @pytest.mark.parametrize("outcome", [True, False, RuntimeError("no login")])
    async def test_failures_that_come_while_it_is_applied_share_it(self, build, outcome):
        begun = []

        async def refresh():
            begun.append(1)
            await asyncio.sleep(5)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        handler = build(remedies={"refresh_session": refresh})
        told = await asyncio.gather(*(handler.handle_failure(answered(401), {"key": str(n)}) for n in range(10)))
        assert len(begun) == 1
        assert {each["resolved"] for each in told} == {outcome is True}
        assert (await handler.get_failure_statistics())["total_failures"] == 10
        await handler.handle_failure(answered(401), {})
        assert len(begun) == 2

    async def test_when_the_one_who_applies_it_is_cancelled_the_next_does(self, build):
        begun = []

        async def refresh():
            begun.append(1)
            await asyncio.sleep(5)

        handler = build(remedies={"refresh_session": refresh})
        tasks = [asyncio.create_task(handler.handle_failure(answered(401), {})) for _ in range(3)]
        await asyncio.sleep(1)
        tasks[0].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(done[0], asyncio.CancelledError)
        assert [each["resolved"] for each in done[1:]] == [True, True]
        assert len(begun) == 2

    async def test_one_that_refuses_or_fails_has_mended_nothing(self, build):
        async def refuses():
            return False

        for remedy in (refuses, lambda: 1 / 0):
            told = await build(remedies={"rotate_proxy": remedy}).handle_failure(answered(403), {})
            assert not told["resolved"]

    async def test_a_handler_that_says_rotate_means_what_the_class_needs(self, build):
        done = []
        handler = build(remedies={"refresh_session": lambda: done.append("session")})
        await handler.register_failure_handler("auth_expired", lambda event, context: {"action": "rotate"})
        assert (await handler.handle_failure(answered(401), {}))["resolved"]
        assert done == ["session"]

    @pytest.mark.parametrize("remedies", [{"restart_browser": print}, {"pray": print}, {"rotate_proxy": 3}])
    def test_what_is_no_remedy_of_ours_is_refused(self, build, remedies):
        with pytest.raises(ValidationError, match="remedies: "):
            build(remedies=remedies)


class TestAbort:
    async def test_it_hears_of_every_failure_and_has_the_say(self, build, part, log, clock):
        abort = part(
            record_failure=None,
            evaluate_abort_conditions={"should_abort": True, "reason": "everything fails"},
            execute_abort_actions=True,
        )
        told = await build(abort=abort).handle_failure(LOST | {"host": "x", "key": "k"}, {"abort_policy_id": "strict"})
        assert (told["action_taken"], told["reason"], told["resolved"]) == ("abort", "everything fails", True)
        assert [name for name, *_ in log] == ["record_failure", "evaluate_abort_conditions", "execute_abort_actions"]
        assert log[0][1] == "j"
        assert {key: log[0][2][key] for key in ("severity", "category", "failure_class", "host", "key", "timestamp")} == {
            "severity": "warning", "category": "network", "failure_class": "network", "host": "x", "key": "k",
            "timestamp": clock.now(),
        }  # fmt: skip
        assert log[1][1:] == ("j", "strict")
        assert log[2][1:] == ("j", "everything fails")

    async def test_a_registered_handler_comes_before_it(self, build, part, log):
        handler = build(abort=part(record_failure=None, evaluate_abort_conditions={"should_abort": True}))
        await handler.register_failure_handler("network", lambda event, context: {"action": "skip"})
        assert (await handler.handle_failure(LOST, {}))["action_taken"] == "skip"
        assert log == []

    async def test_without_a_job_there_is_nothing_to_abort(self, build, part, log):
        handler = build(abort=part(record_failure=None))
        assert (await handler.handle_failure({"error": OSError()}, {}))["action_taken"] == "retry"
        assert log == []

    async def test_a_critical_report_without_an_abort_part_is_a_recommendation(self, build, part, log):
        handler = build(checkpoints=part(create_checkpoint="c"))
        told = await handler.handle_failure(LOST | {"severity": "critical"}, {"state": {"a": 1}})
        assert (told["action_taken"], told["resolved"], told["checkpoint_id"]) == ("abort", False, "c")

    async def test_while_it_says_go_on_the_failure_is_handled_as_ever(self, build, part):
        abort = part(record_failure=None, evaluate_abort_conditions={"should_abort": False})
        assert (await build(abort=abort).handle_failure(LOST, {}))["action_taken"] == "retry"

    async def test_one_that_cannot_say_stops_nothing(self, build, part):
        abort = part(record_failure=OSError(), evaluate_abort_conditions=OSError())
        assert (await build(abort=abort).handle_failure(LOST, {}))["action_taken"] == "retry"

    async def test_the_state_is_kept_first(self, build, part, log):
        parts = {"abort": part(execute_abort_actions=False), "checkpoints": part(create_checkpoint="c")}
        handler = build(**parts)
        await handler.register_failure_handler("Exception", lambda event, context: {"action": "abort"})
        told = await handler.handle_failure(LOST, {"state": {"a": 1}})
        assert [name for name, *_ in log] == ["create_checkpoint", "execute_abort_actions"]
        assert not told["resolved"]


async def test_a_state_that_is_no_mapping_or_a_browser_that_tells_none_is_not_kept(build, part, log):
    parts = {
        "checkpoints": part(create_checkpoint="c"),
        "browser": part(on_browser_restart_required=True, get_browser_state=OSError()),
    }
    told = await build(**parts).handle_failure(BROWSER, {"state": [1], "session_id": "s"})
    assert [name for name, *_ in log] == ["get_browser_state", "on_browser_restart_required"]
    assert "checkpoint_id" not in told


async def test_a_pause_keeps_the_state_and_tells_how_the_machine_is(build, part):
    parts = {"checkpoints": part(create_checkpoint="c"), "resources": part(get_current_metrics={"disk_free": 0})}
    told = await build(**parts).handle_failure({"error": OSError(28, "full"), "job_id": "j"}, {"state": {"a": 1}})
    assert (told["action_taken"], told["metrics"], told["checkpoint_id"]) == ("pause", {"disk_free": 0}, "c")
    assert not told["resolved"]


class TestRegistered:
    @pytest.fixture
    def asked(self):
        return []

    def answering(self, asked, name, answer=None):
        async def handler(event, context):
            asked.append(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return handler

    async def test_the_most_specific_is_asked_first(self, build, asked):
        handler = build()
        names = [
            "Exception",
            "network",
            "external",
            "OSError",
            "ConnectionError",
            "builtins.ConnectionResetError",
            "KeyError",
        ]
        for name in names:
            await handler.register_failure_handler(name, self.answering(asked, name))
        await handler.handle_failure(LOST | {"category": "external"}, {})
        assert asked == [
            "builtins.ConnectionResetError",
            "ConnectionError",
            "OSError",
            "network",
            "external",
            "Exception",
        ]

    async def test_none_passes_on_and_the_first_answer_decides(self, build, asked):
        handler = build()
        for name, answer in (
            ("OSError", None),
            ("network", {"action": "skip", "reason": "no"}),
            ("Exception", {"action": "retry"}),
        ):
            await handler.register_failure_handler(name, self.answering(asked, name, answer))
        told = await handler.handle_failure(LOST, {})
        assert (told["action_taken"], told["reason"], asked) == ("skip", "no", ["OSError", "network"])

    async def test_of_equals_the_one_registered_first_is_asked_first_and_each_once(self, build, asked):
        handler = build()
        for name in ("one", "two"):
            await handler.register_failure_handler("network", self.answering(asked, name))
        await handler.handle_failure(LOST, {})
        assert asked == ["one", "two"]

    @pytest.mark.parametrize(
        ("word", "action"),
        [(action, action) for action in ("retry", "defer", "skip", "rotate", "restart_browser", "pause", "abort")]
        + [("retry_with_backoff", "retry"), ("skip_operation", "skip"), ("abort_operation", "abort")],
    )
    async def test_an_answer_may_be_plain_and_have_a_delay(self, build, word, action):
        handler = build()
        await handler.register_failure_handler("network", lambda event, context: {"action": word, "delay": 7})
        told = await handler.handle_failure(LOST, {})
        assert (told["action_taken"], told["delay"]) == (action, 7.0)

    @pytest.mark.parametrize(
        "answer",
        [RuntimeError("broken"), {"action": "pray"}, {}, "retry", {"action": "retry", "delay": -1}, {"action": "skip", "delay": "x"}],
    )  # fmt: skip
    async def test_one_that_fails_or_makes_no_sense_is_told_and_the_default_applies(self, build, asked, answer):
        handler = build()
        await handler.register_failure_handler("network", self.answering(asked, "odd", answer))
        told = await handler.handle_failure(LOST, {})
        assert told["action_taken"] == "retry"
        assert len(told["handler_errors"]) == 1
        assert (await handler.get_failure_statistics())["handler_errors"] == 1

    async def test_what_it_does_to_its_arguments_is_its_own_affair(self, build):
        handler = build()
        await handler.register_failure_handler("network", lambda event, context: (event.clear(), context.clear())[0])
        event, context = dict(LOST), {"a": 1}
        await handler.handle_failure(event, context)
        assert (event, context) == (LOST, {"a": 1})

    async def test_a_class_may_be_given_for_its_name(self, build, asked):
        handler = build()
        await handler.register_failure_handler(ConnectionResetError, self.answering(asked, "mine"))
        await handler.handle_failure(LOST, {})
        assert asked == ["mine"]

    async def test_there_is_a_bound_on_handlers(self, build):
        handler = build()
        for _ in range(CALLBACKS_MAX):
            await handler.register_failure_handler("network", print)
        with pytest.raises(ValidationError, match="at most"):
            await handler.register_failure_handler("network", print)

    @pytest.mark.parametrize(("kind", "callback"), [("", print), (" ", print), (3, print), ("network", 3)])
    async def test_what_is_no_handler_is_refused(self, build, kind, callback):
        with pytest.raises(ValidationError):
            await build().register_failure_handler(kind, callback)


class TestIncidents:
    async def test_ten_pages_in_flight_in_one_crash_are_one_failure_and_one_restart(self, build, part, log):
        handler = build(browser=part(on_browser_restart_required=True))
        event = BROWSER | {"incident_id": "crash-1"}
        told = await asyncio.gather(*(handler.handle_failure(event, {"key": str(n)}) for n in range(10)))
        assert len(log) == 1
        assert {each["failure_id"] for each in told} == {told[0]["failure_id"]}
        assert all(each["resolved"] for each in told)
        assert sorted(each["counted"] for each in told) == [False] * 9 + [True]
        assert (await handler.get_failure_statistics())["total_failures"] == 1

    async def test_other_incidents_and_other_jobs_are_others(self, build):
        handler = build()
        for job, incident in (("j", "1"), ("j", "2"), ("k", "1"), ("k", "1"), ("j", None), ("j", None)):
            await handler.handle_failure({"error": OSError(), "job_id": job, "incident_id": incident}, {})
        assert (await handler.get_failure_statistics())["total_failures"] == 5

    async def test_who_was_cancelled_while_handling_it_leaves_it_to_the_next(self, build, log):
        class Slow:
            async def on_browser_restart_required(self, reason, context):
                log.append("begun")
                await asyncio.sleep(10)
                log.append("ended")
                return True

        handler = build(browser=Slow())
        event = BROWSER | {"incident_id": "crash-1"}
        first = asyncio.create_task(handler.handle_failure(event, {}))
        second = asyncio.create_task(handler.handle_failure(event, {}))
        await asyncio.sleep(1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await second)["resolved"]
        assert log == ["begun", "begun", "ended"]
        assert (await handler.get_failure_statistics())["total_failures"] == 1

    async def test_incidents_are_remembered_within_bounds(self, build):
        handler = build()
        for number in range(INCIDENTS_MAX + 1):
            await handler.handle_failure({"message": "x", "incident_id": str(number)}, {})
        assert (await handler.handle_failure({"message": "x", "incident_id": "1"}, {}))["counted"] is False
        # "1" is the latest now, and "2" has to go for the next.
        await handler.handle_failure({"message": "x", "incident_id": "new"}, {})
        assert (await handler.handle_failure({"message": "x", "incident_id": "1"}, {}))["counted"] is False
        assert (await handler.handle_failure({"message": "x", "incident_id": "2"}, {}))["counted"] is True
        assert (await handler.handle_failure({"message": "x", "incident_id": "0"}, {}))["counted"] is True


class TestCancellation:
    @pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(3)])
    async def test_what_is_no_failure_is_raised_as_it_came_and_not_counted(self, build, error):
        handler = build()
        with pytest.raises(type(error)) as caught:
            await handler.handle_failure({"error": error}, {})
        assert caught.value is error
        assert (await handler.get_failure_statistics())["total_failures"] == 0

    async def test_it_gets_out_of_handlers_and_parts(self, build, part):
        cancelled = asyncio.CancelledError()

        async def cancels(event, context):
            raise cancelled

        handler = build()
        await handler.register_failure_handler("network", cancels)
        for each in (
            handler,
            build(abort=part(record_failure=cancelled)),
        ):
            with pytest.raises(asyncio.CancelledError):
                await each.handle_failure(LOST, {})
        with pytest.raises(asyncio.CancelledError):
            await build(browser=part(on_browser_restart_required=cancelled)).handle_failure(BROWSER, {})


class TestStatistics:
    async def test_failures_are_counted_by_everything(self, build, clock):
        handler = build(remedies={"rotate_proxy": lambda: setattr(clock, "seconds", clock.seconds + 4)})
        await handler.handle_failure(LOST, {})
        await handler.handle_failure(LOST | {"severity": "high", "category": "mine"}, {})
        await handler.handle_failure(answered(403), {})
        assert await handler.get_failure_statistics("j") == {
            "total_failures": 3,
            "failures_by_category": {"network": 1, "mine": 1, "external": 1},
            "failures_by_severity": {"error": 2, "warning": 1},
            "failures_by_type": {"builtins.ConnectionResetError": 2, "builtins.RuntimeError": 1},
            "failures_by_class": {"network": 2, "blocked": 1},
            "failures_by_signature": {
                "builtins.ConnectionResetError reset": 2,
                "builtins.RuntimeError 403 answered <n>": 1,
            },
            "failures_by_action": {"retry": 2, "rotate": 1},
            "resolved_failures": 1,
            "unresolved_failures": 2,
            "mean_time_to_recovery": 4.0,
            "handler_errors": 0,
        }
        assert (await handler.get_failure_statistics("other"))["total_failures"] == 0
        assert (await handler.get_failure_statistics("other"))["mean_time_to_recovery"] is None

    async def test_a_failure_that_was_mended_elsewhere_can_be_resolved_once(self, build, clock):
        handler = build()
        one = await handler.handle_failure(LOST, {})
        two = await handler.handle_failure(LOST | {"timestamp": clock.now() - timedelta(seconds=60)}, {})
        clock.seconds += 10
        assert [await handler.resolve(each) for each in (one["failure_id"], one["failure_id"], two["failure_id"], "x")] == [
            True, False, True, False,
        ]  # fmt: skip
        told = await handler.get_failure_statistics()
        assert (told["resolved_failures"], told["mean_time_to_recovery"]) == (2, 40.0)

    async def test_a_time_range_is_answered_to_the_minute(self, build, clock):
        handler = build()
        for _ in range(10):
            await handler.handle_failure(LOST, {})
            clock.seconds += 60
        start = datetime(2026, 1, 1, tzinfo=UTC)

        async def within(**limits):
            return (await handler.get_failure_statistics("j", limits))["total_failures"]

        assert await within() == 10
        assert await within(start=start + timedelta(minutes=8)) == 2
        assert await within(end=start + timedelta(minutes=1)) == 2
        assert await within(start=start + timedelta(minutes=3), end=start + timedelta(minutes=4, seconds=30)) == 2
        assert await within(start=start + timedelta(hours=1)) == 0

    @pytest.mark.parametrize(
        "limits",
        [{"begin": None}, {"start": datetime(2026, 1, 1)}, {"end": "now"}, [1],
         {"start": datetime(2026, 1, 2, tzinfo=UTC), "end": datetime(2026, 1, 1, tzinfo=UTC)}],
    )  # fmt: skip
    async def test_what_is_no_time_range_is_refused(self, build, limits):
        with pytest.raises(ValidationError, match="time_range"):
            await build().get_failure_statistics(None, limits)

    async def test_groups_have_samples_and_only_the_first_tracebacks_are_made(self, build):
        handler = build()
        for number in range(10):
            try:
                raise ConnectionResetError("reset")
            except ConnectionResetError as error:
                await handler.handle_failure({"error": error, "job_id": "j", "url": f"https://x.example/{number}"}, {})
        [group] = (await handler.get_failure_groups("j"))["groups"]
        assert (group["count"], list(group["hosts"])) == (10, ["x.example"])
        assert group["keys"] == [f"https://x.example/{number}" for number in range(5)]
        assert "raise ConnectionResetError" in group["sample"]["traceback"]
        assert (await handler.get_failure_groups("k"))["total"] == 0

    async def test_jobs_beyond_the_bound_are_counted_together(self, build):
        handler = build()
        for number in range(JOBS_MAX + 3):
            await handler.handle_failure({"message": "x", "job_id": f"j{number}"}, {})
        assert (await handler.get_failure_statistics())["total_failures"] == JOBS_MAX + 3
        assert (await handler.get_failure_statistics(""))["total_failures"] == 3
        assert (await handler.get_failure_statistics(f"j{JOBS_MAX}"))["total_failures"] == 1
        assert (await handler.get_failure_groups(""))["total"] == 3

    async def test_failures_to_be_resolved_are_remembered_within_bounds(self, build):
        handler = build()
        first = await handler.handle_failure({"message": "x"}, {})
        for _ in range(OPEN_MAX):
            await handler.handle_failure({"message": "x"}, {})
        assert not await handler.resolve(first["failure_id"])


async def test_what_was_decided_is_announced_once_for_an_incident(build, heard):
    handler = build()
    event = LOST | {"incident_id": "1"}
    told = await handler.handle_failure(event, {})
    await handler.handle_failure(event, {})
    [announced] = heard
    assert (announced.event_type, announced.component, announced.job_id) == ("failure_handled", "failure", "j")
    assert announced.data == {
        "failure_id": told["failure_id"],
        "action": "retry",
        "reason": told["reason"],
        "delay": told["delay"],
        "resolved": False,
        "failure_class": "network",
        "signature": "builtins.ConnectionResetError reset",
        "error": "builtins.ConnectionResetError: reset",
    }


async def test_rules_come_before_everything(build):
    rule = FailureRule(failure_class="not_found", types=["ConnectionResetError"], hosts=["gone.example"], name="gone")
    handler = build(rules=(rule,))
    told = await handler.handle_failure(LOST | {"url": "https://gone.example/7"}, {})
    assert (told["action_taken"], told["classification"]["rule"]) == ("skip", "gone")
    assert (await handler.handle_failure(LOST, {}))["action_taken"] == "retry"


async def test_resilience_joins_it_to_the_others(tmp_path, clock):
    config = ResilienceConfiguration(
        checkpoint=CheckpointConfiguration(storage_path=str(tmp_path)),
        retry=RetryConfiguration(jitter_enabled=False, rule=[{"class": "local_resource", "message": "queue is full"}]),
    )
    async with outlast.Resilience(config, clock=clock) as resilience:
        told = await resilience.failures.handle_failure(
            {"message": "the queue is full", "job_id": "j"}, {"state": {"done": 7}}
        )
        assert told["action_taken"] == "pause"
        assert await resilience.checkpoints.load_checkpoint(told["checkpoint_id"]) == {"done": 7}
        retried = await resilience.failures.handle_failure(LOST, {"operation": lambda: "page"})
        assert (retried["resolved"], retried["result"], clock.sleeps) == (True, "page", [1.0])
