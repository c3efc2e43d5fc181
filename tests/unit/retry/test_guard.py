"""Calls of one host: the breaker, the budget and the not-before time that they share."""

import asyncio
import gc

import pytest

from outlast.config import RetryConfiguration
from outlast.errors import MaxRetriesExceededError, PermanentFailureError, RetryConfigurationError
from outlast.events import EventBus
from outlast.failure import FailureClass, Fault, classify
from outlast.retry import RetryManager
from outlast.retry.breaker import BreakerState

HOST = "shop.example"
RUN = "exponential_backoff"


def throttled(seconds):
    error = Exception("slow down")
    error.status, error.retry_after = 429, seconds
    return error


def answered(status):
    error = Exception("answered")
    error.status = status
    return error


@pytest.fixture
def guard(manager):
    return manager.for_host(HOST)


async def fails(guard, operation, policy_id="none", *, raising=MaxRetriesExceededError):
    with pytest.raises(raising) as caught:
        await guard.execute_with_retry(operation, policy_id)
    return caught.value


async def broken(guard, script):
    for _ in range(10):
        await fails(guard, script(ConnectionError("refused")))
    assert guard.status()["state"] == "open"


class TestOneGuardPerHost:
    async def test_the_name_says_which_and_its_case_does_not_matter(self, manager):
        guard = manager.for_host(HOST)
        assert manager.for_host("SHOP.example ") is manager.for_host(HOST) is guard
        assert manager.for_host("other.example") is not guard
        assert guard.status()["host"] == HOST

    @pytest.mark.parametrize("name", ["", "  ", None, 7, ["x"], "https://shop.example/", "me@shop.example", "x" * 256])
    async def test_what_is_no_name_of_a_host_is_refused(self, manager, name):
        with pytest.raises(RetryConfigurationError, match="host"):
            manager.for_host(name)

    async def test_one_host_that_is_down_does_not_stop_another(self, manager, guard, script):
        await broken(guard, script)
        other = manager.for_host("other.example")
        assert await other.execute_with_retry(script("page"), RUN) == "page"

    async def test_calls_without_a_host_have_no_circuit(self, manager, guard, script):
        await broken(guard, script)
        assert await manager.execute_with_retry(script("page"), RUN) == "page"
        for _ in range(30):
            await fails(manager, script(ConnectionError))
        assert await manager.execute_with_retry(script("page"), RUN) == "page"

    async def test_hosts_beyond_the_bound_are_forgotten(self, manager):
        for number in range(10_050):
            manager.for_host(f"host-{number}.example")
        assert len(manager._hosts) == 10_000


class TestSuccess:
    @pytest.mark.parametrize("policy_id", [RUN, "http"])
    async def test_arguments_and_results_pass(self, guard, script, policy_id):
        operation = script("page")
        assert await guard.execute_with_retry(operation, policy_id, 1, x=2) == "page"
        assert operation.calls == [((1,), {"x": 2})]
        assert await guard.execute_with_retry(lambda: "plain", policy_id) == "plain"
        assert await guard.execute_with_retry(operation=lambda: 3, retry_policy_id=policy_id) == 3

    async def test_names_that_collide_go_in_one_piece(self, guard, manager):
        def operation(**given):
            return given

        given = {"operation": 1, "retry_policy_id": 2, "self": 3}
        assert await guard.call(RUN, operation, (), given) == given
        assert await manager.call(RUN, operation, (), given) == given

    async def test_successes_are_counted_where_there_were_failures(self, guard, script):
        await fails(guard, script(ConnectionError))
        assert guard.status()["budget"] == 99
        await guard.execute_with_retry(script("page"), RUN)
        assert (guard.status()["budget"], guard.status()["failures_in_a_row"]) == (99.5, 0)
        await guard.execute_with_retry(script("page"), "http")
        assert guard.status()["budget"] == 100

    async def test_disabled_nothing_is_counted_and_nobody_turned_away(self, build, script):
        guard = build(enabled=False).for_host(HOST)
        for _ in range(20):
            with pytest.raises(ConnectionError):
                await guard.execute_with_retry(script(ConnectionError), RUN)
        assert guard.status()["failures_in_a_row"] == 0
        assert await guard.execute_with_retry(script("page"), RUN) == "page"

    @pytest.mark.parametrize("enabled", [True, False])
    async def test_a_coroutine_object_is_refused(self, build, script, enabled):
        given = script("page")()
        with pytest.raises(RetryConfigurationError, match="coroutine object"):
            await build(enabled=enabled).for_host(HOST).execute_with_retry(given, "http")


class TestCircuit:
    async def test_an_open_circuit_fails_a_call_at_once_and_says_when_to_come_back(self, guard, script, heard, clock):
        await broken(guard, script)
        heard.clear()
        operation = script("page")
        for policy_id in (RUN, "http"):
            error = await fails(guard, operation, policy_id)
            assert {key: value for key, value in error.context.items() if key != "policy_id"} == {
                "attempts": 0,
                "reason": "circuit_open",
                "history": [],
                "host": HOST,
                "retry_after": 1.0,
                "retry_at": "2026-01-01T00:00:01+00:00",
            }
            assert (
                "gave up after 0 attempts (circuit_open): shop.example may not be asked for another 1 s"
                in error.message
            )
            assert "its last error was builtins.ConnectionError: refused" in error.message
            assert isinstance(error.__cause__, ConnectionError)
        assert operation.calls == clock.sleeps == []
        assert [event.event_type for event in heard] == ["retry_exhausted"] * 2
        assert (heard[0].data["attempt"], heard[0].data["reason"]) == (0, "circuit_open")

    async def test_to_a_call_around_it_it_is_what_the_host_is(self, guard, script, clock):
        await broken(guard, script)
        kind = classify(await fails(guard, script("page"), RUN), now=clock.now())
        assert (kind.failure_class, kind.fault, kind.retry_after) == (FailureClass.NETWORK, Fault.HOST, 1.0)
        guard._host.leave_alone(clock.seconds, 1_000)
        kind = classify(await fails(guard, script("page"), RUN), now=clock.now())
        assert (kind.failure_class, kind.fault, kind.retry_after) == (FailureClass.THROTTLED, Fault.HOST, 1_000.0)

    async def test_two_good_probes_close_it_and_both_are_told(self, guard, script, clock, heard):
        await broken(guard, script)
        assert (heard[-2].event_type, heard[-2].data) == (
            "circuit_opened",
            {"host": HOST, "failures": 10, "error": "builtins.ConnectionError: refused", "next_probe_in": 1.0},
        )
        heard.clear()
        clock.seconds += 1
        assert await guard.execute_with_retry(script("page"), RUN) == "page"
        assert guard.status()["state"] == "half_open"
        assert await guard.execute_with_retry(script("page"), RUN) == "page"
        assert guard.status()["state"] == "closed"
        assert [(event.event_type, event.data) for event in heard] == [
            ("circuit_closed", {"host": HOST, "down_for": 1.0})
        ]

    async def test_of_fifty_calls_at_the_same_time_one_is_the_probe(self, guard, script, clock):
        await broken(guard, script)
        clock.seconds += 1
        asked, release = [], asyncio.Event()

        async def operation():
            asked.append(1)
            await release.wait()
            return "page"

        calls = [asyncio.create_task(guard.execute_with_retry(operation, RUN)) for _ in range(50)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(asked) == 1
        release.set()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert ended.count("page") == 1
        assert {each.context["reason"] for each in ended if each != "page"} == {"circuit_open"}

    async def test_a_retry_that_finds_it_open_is_not_sent_and_counts_as_an_attempt(self, build, script, clock):
        guard = build(jitter_enabled=False).for_host(HOST)
        for _ in range(9):
            await fails(guard, script(ConnectionError))
        operation = script(ConnectionError("refused"))
        error = await fails(guard, operation, "aggressive")
        # Sent as the first attempt, then as the probes that are due; each time the circuit was still shut it was not sent.
        rows = error.context["history"]
        assert len(rows) == 10
        assert rows[0]["failure_class"] == "network"
        assert {row["failure_class"] for row in rows} == {"network", "circuit_open"}
        assert len(operation.calls) == [row["failure_class"] for row in rows].count("network")
        assert rows[1]["error"].startswith(
            "not sent: shop.example may not be asked for another 0.5 s; its last error was"
        )
        assert all(row["delay"] is not None for row in rows[:-1])
        assert error.context["reason"] in {"attempts", "circuit_open"}

    async def test_a_call_that_is_retried_outlives_a_short_outage(self, build, virtual_clock):
        guard = build(clock=virtual_clock).for_host(HOST)

        async def operation():
            await asyncio.sleep(0)
            if virtual_clock.monotonic() < 3:
                raise ConnectionError
            return "page"

        calls = [guard.execute_with_retry(operation, "aggressive") for _ in range(20)]
        assert set(await asyncio.gather(*calls)) == {"page"}

    async def test_an_outage_is_asked_once_by_each_and_then_by_probes_alone(self, build, virtual_clock):
        guard = build(clock=virtual_clock).for_host(HOST)
        sent = []

        async def operation():
            sent.append(virtual_clock.monotonic())
            await asyncio.sleep(0)
            raise ConnectionError

        calls = [guard.execute_with_retry(operation, "aggressive") for _ in range(30)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(each, MaxRetriesExceededError) for each in ended)
        probes = [when for when in sent if when > 0]
        assert len(sent) - len(probes) == 30
        assert 2 < len(probes) < 20
        assert all(later - earlier >= 1 for earlier, later in zip(probes, probes[1:], strict=False))

    async def test_answers_that_are_errors_keep_it_closed(self, guard, script):
        for _ in range(30):
            await fails(guard, script(answered(404)), RUN, raising=PermanentFailureError)
        assert guard.status()["state"] == "closed"

    async def test_our_own_bugs_say_nothing_of_the_host(self, guard, script, clock):
        for _ in range(30):
            await fails(guard, script(KeyError), RUN, raising=PermanentFailureError)
        assert guard.status()["state"] == "closed"
        await broken(guard, script)
        clock.seconds += 1
        await fails(guard, script(KeyError), RUN, raising=PermanentFailureError)
        assert await guard.execute_with_retry(script("page"), RUN) == "page", "the lease was given back"

    @pytest.mark.parametrize("raised", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
    async def test_cancelled_calls_count_neither_way(self, guard, script, raised):
        for _ in range(30):
            with pytest.raises(raised):
                await _as_it_is(guard.execute_with_retry(script(raised), "http"))
        assert guard.status()["failures_in_a_row"] == 0
        await fails(guard, script(ConnectionError))
        with pytest.raises(raised):
            await _as_it_is(guard.execute_with_retry(script(raised), "http"))
        assert guard.status()["failures_in_a_row"] == 1

    async def test_a_probe_that_is_cancelled_gives_its_lease_back_wherever_it_is(self, build, script, clock):
        """Cancel at step k, for all k."""
        step, finished = 0, False
        while not finished:
            guard = build(max_concurrent_retries=1).for_host(HOST)
            await broken(guard, script)
            clock.seconds += 1
            operation = script(ConnectionError, ConnectionError, "page")
            task = asyncio.create_task(guard.execute_with_retry(operation, "aggressive"))
            for _ in range(step):
                await asyncio.sleep(0)
            finished = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled() is not finished
            clock.seconds += 10
            for _ in range(2):
                assert await guard.execute_with_retry(script("page"), RUN) == "page"
            assert guard.status()["state"] == BreakerState.CLOSED
            step += 1
        assert step > 5


class TestBudget:
    async def test_no_retry_is_sent_when_half_of_what_was_asked_fails(self, build, script, clock):
        guard = build(jitter_enabled=False).for_host(HOST)
        operation = script("page")
        for _ in range(60):
            error = await fails(guard, script(RuntimeError("odd")), RUN)
            await guard.execute_with_retry(operation, RUN)
        assert (error.context["reason"], error.context["attempts"]) == ("budget", 1)
        assert "gave up after 1 attempt (budget): builtins.RuntimeError: odd" in error.message
        assert isinstance(error.__cause__, RuntimeError)
        assert not guard.status()["retries_allowed"]
        assert guard.status()["state"] == "closed"

    async def test_it_is_charged_when_the_retry_is_scheduled(self, build, virtual_clock, script):
        guard = build(clock=virtual_clock).for_host(HOST)
        calls = [asyncio.create_task(guard.execute_with_retry(script(RuntimeError), RUN)) for _ in range(80)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert virtual_clock.monotonic() == 0
        over = [call.exception().context["reason"] for call in calls if call.done()]
        assert over == ["budget"] * 31, "the 50th failure and those after it"
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def test_successes_earn_retries_again(self, guard, script):
        while guard.status()["retries_allowed"]:
            await fails(guard, script(RuntimeError))
        for _ in range(4):
            await guard.execute_with_retry(script("page"), RUN)
        assert await guard.execute_with_retry(script(RuntimeError, "page"), RUN) == "page"


class TestNotBefore:
    async def test_a_wait_that_one_call_was_asked_for_holds_for_all_of_its_host(self, build, virtual_clock):
        manager = build(clock=virtual_clock)
        guard, asked = manager.for_host(HOST), []

        async def operation():
            asked.append(virtual_clock.monotonic())
            if virtual_clock.monotonic() < 30:
                raise throttled(30)
            return "page"

        async def later(policy_id):
            await asyncio.sleep(1)
            return await guard.execute_with_retry(operation, policy_id)

        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(guard.execute_with_retry(operation, RUN))]
            calls += [group.create_task(later(policy_id)) for policy_id in (RUN, "http", "none") for _ in range(5)]
            elsewhere = group.create_task(manager.for_host("other.example").execute_with_retry(lambda: 7, RUN))
        assert {call.result() for call in calls} == {"page"}
        assert asked[0] == 0
        assert all(30 <= when <= 33 for when in asked[1:])
        assert elsewhere.result() == 7

    async def test_nobody_waits_longer_than_its_policy_has_patience(self, guard, script, clock):
        await fails(guard, script(throttled(200)))
        operation = script("page")
        error = await fails(guard, operation, "http")
        assert (error.context["reason"], error.context["attempts"]) == ("retry_after_too_long", 0)
        assert error.context["retry_at"] == "2026-01-01T00:03:20+00:00"
        assert operation.calls == clock.sleeps == []
        assert await guard.execute_with_retry(operation, RUN) == "page"
        assert clock.sleeps == [202.5]

    async def test_a_wait_that_is_made_longer_and_longer_is_not_for_ever(self, guard, script, clock):
        await fails(guard, script(throttled(100)))

        async def sleep(seconds, /):
            clock.sleeps.append(seconds)
            clock.seconds += seconds
            guard._host.leave_alone(clock.seconds, 100)

        clock.sleep = sleep
        error = await fails(guard, script("page"), RUN)
        assert (error.context["reason"], error.context["attempts"]) == ("retry_after_too_long", 0)
        assert sum(clock.sleeps) <= 300

    async def test_a_retry_waits_as_well_and_says_so_when_it_gives_up(self, build, script, clock):
        guard = build(jitter_enabled=False).for_host(HOST)
        operation = script(ConnectionError("refused"), "page")

        async def sleep(seconds, /):
            clock.sleeps.append(seconds)
            clock.seconds += seconds
            if len(clock.sleeps) == 1:
                guard._host.leave_alone(clock.seconds, 1_000)

        clock.sleep = sleep
        error = await fails(guard, operation, RUN)
        assert (error.context["reason"], error.context["attempts"]) == ("retry_after_too_long", 1)
        assert error.context["retry_after"] == 1_000
        assert len(operation.calls) == 1

    async def test_who_waits_for_it_holds_no_permit_and_no_lease(self, build, script, virtual_clock):
        manager = build(clock=virtual_clock, max_concurrent_retries=1)
        slow, other = manager.for_host(HOST), manager.for_host("other.example")
        await fails(slow, script(throttled(100)))
        waiting = asyncio.create_task(slow.execute_with_retry(script(ConnectionError, "page"), RUN))
        await asyncio.sleep(1)
        assert await other.execute_with_retry(script(ConnectionError, "page"), RUN) == "page"
        assert virtual_clock.monotonic() < 5
        assert await waiting == "page"

    async def test_who_was_waiting_for_a_permit_meanwhile_waits_for_the_host_too(self, build, script, virtual_clock):
        manager = build(clock=virtual_clock, max_concurrent_retries=1, jitter_enabled=False)
        guard, sent = manager.for_host(HOST), []

        async def operation(state):
            state.append(1)
            if len(state) == 1:
                raise ConnectionError
            sent.append(virtual_clock.monotonic())
            await asyncio.sleep(10)
            if len(sent) == 1:
                raise throttled(60)
            return "page"

        calls = [guard.execute_with_retry(operation, RUN, []) for _ in range(2)]
        assert await asyncio.gather(*calls) == ["page", "page"]
        assert sent[0] == 1
        assert sent[1] >= 1 + 10 + 60


async def test_no_event_is_built_when_nobody_listens_to_its_type(clock, script):
    class Bus(EventBus):
        emitted = 0

        def emit(self, event):
            self.emitted += 1

    bus = Bus()
    bus.subscribe(print, ["permanent_failure"])
    guard = RetryManager(RetryConfiguration(), events=bus, clock=clock).for_host(HOST)
    for _ in range(12):
        await fails(guard, script(ConnectionError), "conservative")
    assert guard.status()["state"] == "open"
    assert bus.emitted == 0
    clock.seconds += 60
    await fails(guard, script(KeyError), raising=PermanentFailureError)
    assert bus.emitted == 1


async def test_a_listener_that_fails_does_not_break_a_call(manager, script, bus):
    def sink(_event):
        raise RuntimeError("sink")

    bus.subscribe(sink)
    guard = manager.for_host(HOST)
    assert await guard.execute_with_retry(script(ConnectionError, "page"), RUN) == "page"
    assert guard.status()["failures_in_a_row"] == 0


async def test_a_guarded_call_leaves_nothing_for_the_garbage_collector(build, virtual_clock, script):
    guard = build(clock=virtual_clock).for_host(HOST)

    class Throttled(Exception):  # a class: who raises an error that it has at hand makes a cycle of its own
        retry_after = 1_000

    async def calls():
        for steps in ([ConnectionError], [KeyError], [Throttled], [ConnectionError, "page"], ["page"]):
            for policy_id in ("conservative", "http"):
                try:
                    await asyncio.create_task(guard.execute_with_retry(script(*steps), policy_id))
                except (MaxRetriesExceededError, PermanentFailureError) as error:
                    assert error.context["host"] == HOST
                guard._host.not_before = 0.0
        for _ in range(12):
            try:
                await guard.execute_with_retry(script(ConnectionError), "none")
            except MaxRetriesExceededError as error:
                reason = error.context["reason"]
        assert reason == "circuit_open"

    gc.collect()
    gc.disable()
    try:
        await calls()
        await asyncio.sleep(0)
        assert gc.collect() == 0
    finally:
        gc.enable()


async def _as_it_is(call):
    # A task would let KeyboardInterrupt and SystemExit out of the loop.
    while True:
        try:
            call.send(None)
        except StopIteration:
            return
