"""The attempt loop: errors, events, time, cancellation, permits, and what it leaves behind."""

import asyncio
import gc
import json
import pickle
import weakref

import pytest

from outlast.errors import MaxRetriesExceededError, PermanentFailureError
from outlast.events import EVENTS, EventType
from outlast.retry.engine import job_id

RAISING = [
    (ConnectionError, MaxRetriesExceededError, 5, "attempts"),
    (RuntimeError, MaxRetriesExceededError, 2, "attempts"),
    (KeyError, PermanentFailureError, 1, "permanent"),
]


def throttled(seconds):
    error = Exception("slow down")
    error.retry_after = seconds
    return error


class TestEndings:
    @pytest.mark.parametrize(("raised", "expected", "attempts", "reason"), RAISING)
    async def test_the_error_tells_the_story(self, manager, script, raised, expected, attempts, reason):
        operation = script(raised)
        with pytest.raises(expected) as caught:
            await manager.execute_with_retry(operation, "exponential_backoff")
        error = caught.value
        assert len(operation.calls) == attempts
        assert type(error.__cause__) is raised
        assert f"call {attempts}" in str(error.__cause__)
        assert {key: error.context[key] for key in ("attempts", "reason", "policy_id")} == {
            "attempts": attempts,
            "reason": reason,
            "policy_id": "exponential_backoff",
        }
        assert [row["attempt"] for row in error.context["history"]] == list(range(1, attempts + 1))
        assert len(error.__notes__) == attempts
        assert error.__notes__[0].startswith("attempt 1: ")
        assert not hasattr(error.__cause__, "__notes__")
        assert json.loads(json.dumps(error.context)) == error.context
        assert pickle.loads(pickle.dumps(error)).context == error.context

    async def test_the_history_is_text(self, manager, script):
        with pytest.raises(MaxRetriesExceededError) as caught:
            await manager.execute_with_retry(script(TimeoutError("x" * 500)), "conservative")
        first, *_, last = caught.value.context["history"]
        assert first == {
            "attempt": 1,
            "failure_class": "timeout",
            "error": f"builtins.TimeoutError: {'x' * 200}",
            "delay": 1.0,
        }
        assert last["delay"] is None
        assert "the next after 1 s" in caught.value.__notes__[0]
        assert "gave up after 3 attempts (attempts): builtins.TimeoutError" in caught.value.message

    async def test_a_permanent_failure_after_transient_ones_ends_it(self, manager, script):
        with pytest.raises(PermanentFailureError, match="after 3 attempts") as caught:
            await manager.execute_with_retry(script(ConnectionError, TimeoutError, KeyError), "exponential_backoff")
        assert [row["failure_class"] for row in caught.value.context["history"]] == [
            "network",
            "timeout",
            "programming",
        ]

    @pytest.mark.parametrize("policy_id", ["exponential_backoff", "http"])
    async def test_who_asks_for_too_long_is_told_when_it_may_come_back(self, manager, script, clock, policy_id):
        operation = script(throttled(3_600))
        with pytest.raises(MaxRetriesExceededError) as caught:
            await manager.execute_with_retry(operation, policy_id)
        assert caught.value.context["reason"] == "retry_after_too_long"
        assert caught.value.context["retry_after"] == 3_600
        assert caught.value.context["retry_at"] == "2026-01-01T01:00:00+00:00"
        assert clock.sleeps == []
        assert len(operation.calls) == 1

    async def test_a_wish_beyond_all_measure_does_not_overflow(self, manager, script):
        with pytest.raises(MaxRetriesExceededError) as caught:
            await manager.execute_with_retry(script(throttled(float("inf"))), "exponential_backoff")
        assert caught.value.context["retry_at"] == "2027-01-02T00:00:00+00:00"

    async def test_an_earlier_error_is_not_the_context_of_a_later_one(self, manager, script):
        with pytest.raises(MaxRetriesExceededError) as caught:
            await manager.execute_with_retry(script(ConnectionError), "exponential_backoff")
        assert caught.value.__cause__.__context__ is None


class TestTime:
    async def test_a_server_that_asks_is_waited_for(self, manager, script, clock):
        await manager.execute_with_retry(script(throttled(10), "page"), "exponential_backoff")
        assert clock.sleeps == [10.5]

    async def test_decorrelated_jitter_grows_from_the_delay_before(self, build, script, clock):
        manager = build(roll=1.0)
        await manager.create_retry_policy({"name": "shop", "jitter": "decorrelated"})
        with pytest.raises(MaxRetriesExceededError):
            await manager.execute_with_retry(script(ConnectionError), "shop")
        assert clock.sleeps == [3, 9, 27, 81]

    async def test_no_attempt_begins_after_the_deadline(self, build, script, clock):
        manager = build(jitter_enabled=False)
        await manager.create_retry_policy({"name": "shop", "max_elapsed": 10, "max_attempts": 100})
        with pytest.raises(MaxRetriesExceededError) as caught:
            await manager.execute_with_retry(script(ConnectionError), "shop")
        assert clock.sleeps == [1, 2, 4]
        assert (caught.value.context["reason"], caught.value.context["attempts"]) == ("deadline", 4)

    async def test_an_attempt_that_takes_too_long_is_cut_off_and_tried_again(self, build, virtual_clock):
        manager = build(clock=virtual_clock, jitter_enabled=False)
        await manager.create_retry_policy({"name": "shop", "attempt_timeout": 30, "max_attempts": 2})
        with pytest.raises(MaxRetriesExceededError) as caught:
            await manager.execute_with_retry(asyncio.sleep, "shop", 3_600)
        assert virtual_clock.monotonic() == 30 + 1 + 30
        assert str(caught.value.__cause__) == "no result within 30 s"
        assert isinstance(caught.value.__cause__.__cause__, asyncio.CancelledError)
        assert caught.value.context["history"][0]["failure_class"] == "timeout"

    async def test_an_attempt_gets_no_more_than_is_left_until_the_deadline(self, build, virtual_clock):
        manager = build(clock=virtual_clock, jitter_enabled=False)
        await manager.create_retry_policy({"name": "shop", "attempt_timeout": 30, "max_elapsed": 40})
        with pytest.raises(MaxRetriesExceededError):
            await manager.execute_with_retry(asyncio.sleep, "shop", 3_600)
        assert virtual_clock.monotonic() == 40

    async def test_without_a_limit_an_attempt_may_take_its_time(self, build, virtual_clock):
        manager = build(clock=virtual_clock)
        await manager.create_retry_policy({"name": "shop", "max_elapsed": 10})
        await manager.execute_with_retry(asyncio.sleep, "shop", 3_600)
        assert virtual_clock.monotonic() == 3_600

    async def test_a_timeout_of_the_operation_itself_is_its_own(self, manager, script):
        with pytest.raises(MaxRetriesExceededError) as caught:
            await manager.execute_with_retry(script(TimeoutError("read timed out")), "http")
        assert str(caught.value.__cause__) == "read timed out"

    async def test_disabled_the_limit_of_an_attempt_still_holds(self, build, virtual_clock):
        manager = build(clock=virtual_clock, enabled=False)
        await asyncio.sleep(1_000)
        with pytest.raises(TimeoutError, match="no result within 30 s"):
            await manager.execute_with_retry(asyncio.sleep, "http", 3_600)
        assert virtual_clock.monotonic() == 1_030

    async def test_others_run_between_two_attempts_even_without_a_delay(self, build, virtual_clock):
        manager = build(clock=virtual_clock)
        await manager.create_retry_policy({"name": "shop", "base_delay": 0, "max_attempts": 4})
        turns, seen = [0], []

        def operation():
            seen.append(turns[0])
            raise ConnectionError

        async def other():
            while True:
                turns[0] += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        with pytest.raises(MaxRetriesExceededError):
            await manager.execute_with_retry(operation, "shop")
        task.cancel()
        assert seen == sorted(set(seen))


class TestEvents:
    async def test_a_recovery_is_told(self, manager, script, heard):
        token = job_id.set("shop-crawl")
        try:
            await manager.execute_with_retry(script(ConnectionError, "page"), "http")
        finally:
            job_id.reset(token)
        assert [event.event_type for event in heard] == ["retry_attempted", "retry_succeeded"]
        assert heard[0].data == {
            "policy_id": "http",
            "attempt": 1,
            "max_attempts": 4,
            "failure_class": "network",
            "error": "builtins.ConnectionError: call 1",
            "delay": 0.25,
        }
        assert heard[1].data == {"policy_id": "http", "attempt": 2, "max_attempts": 4}
        assert {event.job_id for event in heard} == {"shop-crawl"}

    async def test_exhaustion_is_told(self, manager, script, heard):
        with pytest.raises(MaxRetriesExceededError):
            await manager.execute_with_retry(script(ConnectionError), "conservative")
        assert [event.event_type for event in heard] == ["retry_attempted", "retry_attempted", "retry_exhausted"]
        assert (heard[-1].data["attempt"], heard[-1].data["reason"], heard[-1].job_id) == (3, "attempts", "")

    async def test_a_permanent_failure_is_told(self, manager, script, heard):
        with pytest.raises(PermanentFailureError):
            await manager.execute_with_retry(script(KeyError("k")), "http")
        assert [event.event_type for event in heard] == ["permanent_failure"]

    async def test_success_at_once_is_not_worth_a_word(self, manager, script, heard):
        await manager.execute_with_retry(script("page"), "http")
        assert heard == []

    async def test_every_event_has_all_its_keys_as_plain_data(self, manager, script, heard):
        await manager.execute_with_retry(script(ConnectionError, "page"), "http")
        for failing in (ConnectionError, KeyError):
            with pytest.raises((MaxRetriesExceededError, PermanentFailureError)):
                await manager.execute_with_retry(script(failing), "http")
        kinds = {event.event_type for event in heard}
        assert kinds == {kind.value for kind, spec in EVENTS.items() if spec.component == "retry" and spec.published}
        for event in heard:
            assert set(event.data) == set(EVENTS[EventType(event.event_type)].data)
            assert {type(value) for value in event.data.values()} <= {str, int, float}


class TestCancellation:
    @pytest.mark.parametrize("raised", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
    @pytest.mark.parametrize("before", [0, 1])
    @pytest.mark.parametrize("settings", [{}, {"failure_classification_enabled": False}, {"enabled": False}])
    def test_what_is_no_exception_passes_untouched(self, build, script, heard, raised, before, settings):
        if not settings.get("enabled", True) and before:
            before = 0
        error = raised("stop")
        operation = script(*[ConnectionError] * before, error)
        call = build(**settings).execute_with_retry(operation, "exponential_backoff")
        with pytest.raises(raised) as caught:
            while True:
                call.send(None)
        assert caught.value is error
        assert not hasattr(error, "__notes__")
        assert len(operation.calls) == before + 1
        assert [event.event_type for event in heard] == ["retry_attempted"] * before

    async def test_a_cancellation_gets_through_at_every_point(self, build, script):
        """Cancel at step k, for all k: the task ends cancelled, nothing more is called, and every permit is back."""
        finished, step = False, 0
        while not finished:
            manager = build(max_concurrent_retries=1)
            await manager.create_retry_policy({"name": "shop", "attempt_timeout": 1_000, "max_attempts": 4})
            operation = script(ConnectionError, ConnectionError, ConnectionError, "page")
            task = asyncio.create_task(manager.execute_with_retry(operation, "shop"))
            for _ in range(step):
                await asyncio.sleep(0)
            finished = task.done()
            task.cancel()
            if finished:
                assert await task == "page"
            else:
                with pytest.raises(asyncio.CancelledError):
                    await task
            calls = len(operation.calls)
            assert await manager.execute_with_retry(script(ConnectionError, "page"), "shop") == "page"
            assert len(operation.calls) == calls
            step += 1
        assert step == 9  # four calls, three sleeps, begin and end

    async def test_permits_are_conserved_when_those_who_wait_are_cancelled(self, build, script):
        manager = build(max_concurrent_retries=1)
        release = asyncio.Event()

        async def slow(state):
            state.append(1)
            if len(state) == 1:
                raise ConnectionError
            await release.wait()
            return "slow"

        tasks = [asyncio.create_task(manager.execute_with_retry(slow, "exponential_backoff", [])) for _ in range(6)]
        for _ in range(20):
            await asyncio.sleep(0)
        for task in tasks[1:5]:
            task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        release.set()
        assert [await tasks[0], await tasks[5]] == ["slow", "slow"]
        assert all(task.cancelled() for task in tasks[1:5])
        async with asyncio.timeout(10):
            assert await manager.execute_with_retry(script(ConnectionError, "page"), "http") == "page"


class TestPermits:
    async def test_nobody_holds_a_permit_while_sleeping(self, build, virtual_clock):
        manager = build(clock=virtual_clock, max_concurrent_retries=1, jitter_enabled=False)

        async def flaky(state):
            state.append(1)
            if len(state) < 3:
                raise ConnectionError

        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(manager.execute_with_retry(flaky, "exponential_backoff", []))
        assert virtual_clock.monotonic() == 1 + 2

    async def test_a_retry_inside_a_retry_does_not_wait_for_itself(self, build, script):
        manager = build(max_concurrent_retries=1)

        async def outer(state, depth):
            state.append(1)
            if len(state) == 1:
                raise ConnectionError
            if depth:
                return await manager.execute_with_retry(outer, "exponential_backoff", [], depth - 1)
            return await manager.execute_with_retry(script(ConnectionError, "inner"), "http")

        async with asyncio.timeout(60):
            assert await manager.execute_with_retry(outer, "exponential_backoff", [], 3) == "inner"

    async def test_the_permit_is_back_after_a_retry_inside_a_retry(self, build):
        manager = build(max_concurrent_retries=1)
        running = most = 0

        async def leaf(state):
            nonlocal running, most
            state.append(1)
            if len(state) == 1:
                raise ConnectionError
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

        async def outer(state):
            state.append(1)
            if len(state) == 1:
                raise ConnectionError
            await manager.execute_with_retry(leaf, "exponential_backoff", [])

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(manager.execute_with_retry(outer, "exponential_backoff", []))
                group.create_task(manager.execute_with_retry(leaf, "exponential_backoff", []))
        assert most == 1

    async def test_a_task_that_had_a_permit_once_needs_one_the_next_time(self, build):
        manager = build(max_concurrent_retries=1)
        running = most = 0

        async def leaf(state):
            nonlocal running, most
            state.append(1)
            if len(state) == 1:
                raise ConnectionError
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

        async def worker():
            for _ in range(3):
                await manager.execute_with_retry(leaf, "exponential_backoff", [])

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(worker())
        assert most == 1

    async def test_two_managers_have_a_permit_each(self, build, script):
        one, two = build(max_concurrent_retries=1), build(max_concurrent_retries=1)
        states = [], []

        async def inner(state):
            state.append(1)
            if len(state) == 1:
                raise ConnectionError
            return "inner"

        async def outer(state):
            state.append(1)
            if len(state) == 1:
                raise ConnectionError
            return await two.execute_with_retry(inner, "exponential_backoff", states[1])

        assert await one.execute_with_retry(outer, "exponential_backoff", states[0]) == "inner"


class Page:
    """Stands for something large that a failing operation has at hand."""


@pytest.mark.parametrize("policy_id", ["conservative", "shop"])
@pytest.mark.parametrize("failing", ["fails", "hangs", "is hopeless", "recovers"])
@pytest.mark.parametrize("as_task", [True, False])
async def test_a_call_leaves_nothing_for_the_garbage_collector(build, virtual_clock, policy_id, failing, as_task):
    manager = build(clock=virtual_clock)
    await manager.create_retry_policy({"name": "shop", "attempt_timeout": 5, "max_elapsed": 1_000, "max_attempts": 3})
    if failing == "hangs" and policy_id == "conservative":
        failing = "fails"
    pages = []

    async def operation():
        page = Page()
        pages.append(weakref.ref(page))
        if failing == "hangs":
            await asyncio.sleep(3_600)
        if failing == "is hopeless":
            raise KeyError("x")
        if failing == "fails" or len(pages) < 3:
            raise ConnectionError("refused")

    async def call():
        try:
            work = manager.execute_with_retry(operation, policy_id)
            await (asyncio.create_task(work) if as_task else work)
        except (MaxRetriesExceededError, PermanentFailureError) as error:
            return error.context["attempts"]
        return len(pages)

    gc.collect()
    gc.disable()
    try:
        attempts = await call()
        await asyncio.sleep(0)
        assert [page for page in pages if page() is not None] == []
        unreachable = gc.collect()
    finally:
        gc.enable()
    assert attempts == len(pages) == (1 if failing == "is hopeless" else 3)
    assert unreachable == 0
