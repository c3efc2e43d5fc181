"""The published methods, and what each setting changes."""

import asyncio
import functools
import random

import pytest

import outlast
from outlast.config import RetryConfiguration
from outlast.errors import (
    MaxRetriesExceededError,
    PermanentFailureError,
    RetryConfigurationError,
    RetryPolicyNotFoundError,
)
from outlast.retry import RetryManager


async def test_a_manager_needs_only_its_section(script):
    async with RetryManager(RetryConfiguration()) as manager:
        assert await manager.execute_with_retry(script(7), "exponential_backoff") == 7
    assert await manager.execute_with_retry(script(7), "exponential_backoff") == 7
    assert await outlast.RetryManager(RetryConfiguration()).calculate_backoff_delay(1, "none") <= 1


async def test_arguments_reach_the_operation_and_its_result_comes_back(manager, script):
    operation = script(ConnectionError, "page")
    assert await manager.execute_with_retry(operation, "http", 1, 2, x=3) == "page"
    assert operation.calls == [((1, 2), {"x": 3})] * 2


async def test_keyword_names_work_too(manager, script):
    operation = script("page")
    assert await manager.execute_with_retry(operation=operation, retry_policy_id="none", args=1) == "page"
    assert operation.calls == [((), {"args": 1})]


@pytest.mark.parametrize("policy_id", ["exponential_backoff", "http"])
async def test_plain_functions_and_whatever_can_be_awaited_will_do(manager, policy_id):
    def future():
        done = asyncio.get_running_loop().create_future()
        done.set_result("future")
        return done

    async def coroutine(text):
        return text

    assert await manager.execute_with_retry(lambda: "plain", policy_id) == "plain"
    assert await manager.execute_with_retry(future, policy_id) == "future"
    assert await manager.execute_with_retry(functools.partial(coroutine, "partial"), policy_id) == "partial"
    assert await manager.execute_with_retry(lambda: None, policy_id) is None


async def test_a_plain_function_is_tried_again(manager, clock):
    failures = iter([ConnectionError(), ConnectionError()])

    def flaky():
        for failure in failures:
            raise failure
        return "page"

    assert await manager.execute_with_retry(flaky, "exponential_backoff") == "page"
    assert clock.sleeps == [0.5, 1.0]


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("policy_id", ["exponential_backoff", "http"])
async def test_a_coroutine_object_is_refused_and_closed(build, script, enabled, policy_id):
    operation = script("page")
    given = operation()
    with pytest.raises(RetryConfigurationError, match="coroutine object"):
        await build(enabled=enabled).execute_with_retry(given, policy_id)
    assert operation.calls == []
    with pytest.raises(RuntimeError, match="cannot reuse"):
        await given


async def test_what_cannot_be_called_is_refused(manager):
    with pytest.raises(RetryConfigurationError, match="'int' is not"):
        await manager.execute_with_retry(7, "exponential_backoff")


async def test_a_function_that_gets_the_wrong_arguments_is_a_failure_of_the_operation(manager):
    with pytest.raises(PermanentFailureError) as caught:
        await manager.execute_with_retry(lambda: None, "exponential_backoff", 1)
    assert isinstance(caught.value.__cause__, TypeError)


class TestPolicies:
    async def test_an_unknown_policy_is_an_error_that_names_the_nearest(self, manager, script):
        with pytest.raises(RetryPolicyNotFoundError, match=r"did you mean 'conservative'\?; there are \w+, ") as caught:
            await manager.execute_with_retry(script(1), "conservativ")
        assert isinstance(caught.value, LookupError)
        assert caught.value.context["policy_id"] == "conservativ"
        with pytest.raises(RetryPolicyNotFoundError):
            await manager.calculate_backoff_delay(1, "")
        with pytest.raises(RetryPolicyNotFoundError):
            manager.policy(None)

    async def test_of_many_policies_some_are_named(self, manager, script):
        for number in range(30):
            await manager.create_retry_policy({"name": f"of shop {number:02}"})
        with pytest.raises(RetryPolicyNotFoundError, match=r"of shop \d\d and \d+ more$"):
            await manager.execute_with_retry(script(1), "nobody's")

    async def test_a_created_policy_is_used_by_its_id(self, manager, script):
        assert await manager.create_retry_policy({"name": "shop", "max_attempts": 2}) == "shop"
        assert await manager.create_retry_policy({"name": "shop", "id": "s2", "max_attempts": 3}) == "s2"
        for policy_id, attempts in (("shop", 2), ("s2", 3)):
            operation = script(ConnectionError)
            with pytest.raises(MaxRetriesExceededError):
                await manager.execute_with_retry(operation, policy_id)
            assert len(operation.calls) == attempts == manager.policy(policy_id).max_attempts

    async def test_a_new_policy_replaces_an_old_one_and_calls_under_way_keep_theirs(self, manager):
        await manager.create_retry_policy({"name": "shop", "max_attempts": 3})
        calls = []

        async def operation():
            calls.append(1)
            if len(calls) == 1:
                await manager.create_retry_policy({"name": "shop", "max_attempts": 7, "attempt_timeout": 5})
            raise ConnectionError

        with pytest.raises(MaxRetriesExceededError):
            await manager.execute_with_retry(operation, "shop")
        assert len(calls) == 3
        with pytest.raises(MaxRetriesExceededError):
            await manager.execute_with_retry(operation, "shop")
        assert len(calls) == 3 + 7

    async def test_a_policy_may_lose_its_time_limits(self, manager, script):
        for limits in ({}, {"attempt_timeout": 5}, {"max_elapsed": 5}, {}):
            await manager.create_retry_policy({"name": "shop", **limits})
            assert await manager.execute_with_retry(script("page"), "shop") == "page"
            assert manager.policy("shop").max_elapsed == limits.get("max_elapsed")

    async def test_a_bad_policy_leaves_the_old_one(self, manager):
        old = manager.policy("http")
        with pytest.raises(RetryConfigurationError):
            await manager.create_retry_policy({"name": "http", "max_attempts": 0})
        assert manager.policy("http") is old

    async def test_a_replacement_is_told_and_a_first_policy_is_not(self, manager, heard):
        await manager.create_retry_policy({"name": "shop"})
        assert heard == []
        await manager.create_retry_policy({"name": "shop", "max_attempts": 2})
        assert [event.event_type for event in heard] == ["retry_policy_replaced"]
        assert heard[0].data["policy_id"] == "shop"
        assert heard[0].data["policy"] == manager.policy("shop").to_dict()

    @pytest.mark.parametrize(
        ("config", "policy_id"),
        [
            ({"name": "http", "max_attempts": 0}, "http"),
            ({"name": "n", "id": "http", "max_attempts": 0}, "http"),
            ({"name": 7}, ""),
            (7, ""),
        ],
    )
    async def test_a_policy_that_is_refused_is_told(self, manager, heard, config, policy_id):
        with pytest.raises(RetryConfigurationError) as caught:
            await manager.create_retry_policy(config)
        assert [(event.event_type, event.data) for event in heard] == [
            ("retry_policy_refused", {"policy_id": policy_id, "complaints": caught.value.context["complaints"]})
        ]


class TestClassification:
    @pytest.mark.parametrize(
        ("error", "answer"),
        [(ConnectionError(), "transient"), (KeyError(), "permanent"), (RuntimeError("odd"), "transient")],
    )
    async def test_the_answer_is_one_of_two_words(self, manager, error, answer):
        assert await manager.classify_failure(error) == answer

    async def test_the_rules_of_the_policy_count(self, manager, script):
        rules = {"transient_patterns": ["flaky"], "permanent_patterns": ["never"]}
        await manager.create_retry_policy({"name": "shop", "failure_classifier": rules})
        assert await manager.execute_with_retry(script(ValueError("flaky"), "page"), "shop") == "page"
        with pytest.raises(PermanentFailureError):
            await manager.execute_with_retry(script(ConnectionError("never"), "page"), "shop")

    async def test_the_status_codes_of_the_policy_count(self, manager, script):
        def answered(status):
            error = Exception("answered")
            error.status = status
            return error

        rules = {"retryable_status_codes": [404], "non_retryable_status_codes": [503]}
        await manager.create_retry_policy({"name": "shop", "failure_classifier": rules})
        assert await manager.execute_with_retry(script(answered(404), "page"), "shop") == "page"
        with pytest.raises(PermanentFailureError):
            await manager.execute_with_retry(script(answered(503), "page"), "shop")


class TestBackoff:
    async def test_the_delay_is_the_one_of_the_policy(self, build):
        assert await build(roll=0.25).calculate_backoff_delay(3, "exponential_backoff") == 1.0
        assert await build(roll=0.25).calculate_backoff_delay(3, "polite") == 12.5

    @pytest.mark.parametrize("attempt", [0, -1, True])
    async def test_attempts_are_counted_from_one(self, manager, attempt):
        with pytest.raises(RetryConfigurationError):
            await manager.calculate_backoff_delay(attempt, "http")

    async def test_the_same_seed_gives_the_same_delays(self):
        def seeded():
            return RetryManager(RetryConfiguration(), rng=random.Random(7))

        one, two = seeded(), seeded()
        for attempt in range(1, 6):
            first = await one.calculate_backoff_delay(attempt, "http")
            assert first == await two.calculate_backoff_delay(attempt, "http")


class TestSettings:
    """Each field of the configuration changes behaviour."""

    async def test_disabled_there_is_one_attempt_and_its_error_comes_as_it_is(self, build, script, heard):
        manager = build(enabled=False)
        error = ConnectionError("refused")
        operation = script(error)
        for policy_id in ("exponential_backoff", "http"):
            with pytest.raises(ConnectionError) as caught:
                await manager.execute_with_retry(operation, policy_id)
            assert caught.value is error
            assert not hasattr(error, "__notes__")
        assert len(operation.calls) == 2
        assert heard == []
        assert await manager.execute_with_retry(script("page"), "http") == "page"
        with pytest.raises(RetryPolicyNotFoundError):
            await manager.execute_with_retry(script("page"), "htp")

    async def test_the_default_policy_is_the_one_called_default(self, build, script):
        manager = build(default_policy="conservative")
        assert manager.policy("default") is manager.policy("conservative")
        operation = script(ConnectionError)
        with pytest.raises(MaxRetriesExceededError) as caught:
            await manager.execute_with_retry(operation, "default")
        assert len(operation.calls) == 3
        assert caught.value.context["policy_id"] == "conservative"
        await manager.create_retry_policy({"name": "default", "max_attempts": 2})
        assert manager.policy("default").max_attempts == 2

    async def test_a_default_policy_that_does_not_exist_is_told_when_it_is_needed(self, build):
        manager = build(default_policy="shop")
        with pytest.raises(RetryPolicyNotFoundError, match="'shop'"):
            manager.policy("default")
        await manager.create_retry_policy({"name": "shop"})
        assert manager.policy("default").id == "shop"

    async def test_without_jitter_the_delays_are_exact(self, build, script, clock):
        manager = build(jitter_enabled=False, roll=0.9)
        assert [await manager.calculate_backoff_delay(n, "exponential_backoff") for n in range(1, 6)] == [
            1,
            2,
            4,
            8,
            16,
        ]
        await manager.create_retry_policy({"name": "shop", "jitter": "decorrelated"})
        asked = ConnectionError()
        asked.retry_after = 10
        await manager.execute_with_retry(script(ConnectionError, asked, ConnectionError, "page"), "shop")
        assert clock.sleeps == [1, 10, 4]

    async def test_without_classification_every_exception_is_transient(self, build, script):
        manager = build(failure_classification_enabled=False)
        assert await manager.classify_failure(KeyError()) == "transient"
        assert await manager.execute_with_retry(script(KeyError, RuntimeError, RuntimeError, "page"), "http") == "page"

    async def test_the_number_of_retries_that_run_at_once_is_bounded(self, build):
        for limit in (1, 3):
            manager = build(max_concurrent_retries=limit)
            running = {"first": 0, "retry": 0}
            most = dict(running)

            async def operation(state, running=running, most=most):
                kind = "retry" if state else "first"
                state.append(1)
                running[kind] += 1
                most[kind] = max(most[kind], running[kind])
                for _ in range(3):
                    await asyncio.sleep(0)
                running[kind] -= 1
                if kind == "first":
                    raise ConnectionError

            async with asyncio.TaskGroup() as group:
                for _ in range(8):
                    group.create_task(manager.execute_with_retry(operation, "exponential_backoff", []))
            assert most == {"first": 8, "retry": limit}
