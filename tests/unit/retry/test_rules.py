"""Rules of the user's own, for failures and for results."""

import gc

import pytest

from outlast.config import RetryConfiguration
from outlast.errors import MaxRetriesExceededError, PermanentFailureError, RetryConfigurationError, UnwantedResultError
from outlast.failure import FailureRule
from outlast.retry import RetryManager

WALL = "<title>Just a moment...</title>"
WALLED = FailureRule(failure_class="blocked", result="Just a moment", transient=True, name="wall")


@pytest.fixture
def ruled(clock, bus):
    def built(*rules, configured=(), **settings):
        config = RetryConfiguration(rule=configured, jitter_enabled=False, **settings)
        return RetryManager(config, events=bus, clock=clock, rules=rules)

    return built


async def test_a_rule_given_in_code_decides_before_everything_else(ruled, script):
    manager = ruled(FailureRule(failure_class="network", types=["KeyError"]))
    assert await manager.classify_failure(KeyError("x")) == "transient"
    assert await manager.execute_with_retry(script(KeyError, "page"), "http") == "page"
    rules = {"transient_patterns": [""]}
    manager = ruled(FailureRule(failure_class="not_found", message="gone"))
    await manager.create_retry_policy({"name": "shop", "failure_classifier": rules})
    with pytest.raises(PermanentFailureError):
        await manager.execute_with_retry(script(ConnectionError("gone")), "shop")


async def test_a_rule_of_the_configuration_counts_after_those_in_code(ruled, script):
    configured = ({"class": "not_found", "types": ["ConnectionError"]}, {"class": "network", "types": ["KeyError"]})
    manager = ruled(FailureRule(failure_class="timeout", message="slow"), configured=configured)
    assert await manager.execute_with_retry(script(KeyError, ConnectionError("slow"), "page"), "http") == "page"
    with pytest.raises(PermanentFailureError):
        await manager.execute_with_retry(script(ConnectionError), "http")


async def test_a_rule_that_can_never_hold_is_told(ruled, script, caplog):
    manager = ruled(FailureRule(failure_class="network", when=lambda error: eror.status, name="mine"))  # noqa: F821
    assert await manager.execute_with_retry(script(ConnectionError, "page"), "http") == "page"
    assert "rule 'mine' has never held" in caplog.text


async def test_a_rule_that_asks_for_a_host_holds_for_its_guard_alone(ruled, script):
    manager = ruled(FailureRule(failure_class="not_found", types=["ConnectionError"], hosts=["*.shop.example"]))
    with pytest.raises(PermanentFailureError):
        await manager.for_host("www.shop.example").execute_with_retry(script(ConnectionError, "page"), "http")
    assert await manager.for_host("other.example").execute_with_retry(script(ConnectionError, "page"), "http") == "page"
    assert await manager.execute_with_retry(script(ConnectionError, "page"), "http") == "page"


async def test_the_bound_and_the_wait_of_a_rule_hold(ruled, script, clock):
    manager = ruled(FailureRule(failure_class="throttled", types=["KeyError"], max_attempts=2, retry_after=7))
    with pytest.raises(MaxRetriesExceededError) as caught:
        await manager.execute_with_retry(script(KeyError), "http")
    assert (caught.value.context["attempts"], clock.sleeps) == (2, [7])


def test_a_bad_rule_of_the_configuration_is_told_at_once(ruled):
    with pytest.raises(RetryConfigurationError, match=r"rule\[1\]"):
        ruled(configured=({"class": "network", "status": [500]}, {"class": "network", "types": ["CancelledError"]}))


@pytest.mark.parametrize("policy_id", ["exponential_backoff", "http"])
@pytest.mark.parametrize("host", ["shop.example", None])
async def test_a_result_that_a_rule_condemns_is_a_failure(ruled, script, policy_id, host):
    manager = ruled(WALLED)
    caller = manager if host is None else manager.for_host(host)
    operation = script(WALL, "page")
    assert await caller.execute_with_retry(operation, policy_id) == "page"
    assert len(operation.calls) == 2
    with pytest.raises(MaxRetriesExceededError) as caught:
        await caller.execute_with_retry(script(WALL), policy_id)
    cause = caught.value.__cause__
    assert isinstance(cause, UnwantedResultError)
    assert (cause.context["class"], cause.context["rule"]) == ("blocked", "wall")
    assert caught.value.context["history"][0]["failure_class"] == "blocked"


async def test_a_condemned_result_may_be_permanent(ruled, script):
    manager = ruled(FailureRule(failure_class="not_found", result="no such item"))
    operation = script("no such item")
    with pytest.raises(PermanentFailureError):
        await manager.execute_with_retry(operation, "exponential_backoff")
    assert len(operation.calls) == 1


async def test_a_condemned_result_is_no_success_for_the_host(ruled, script):
    guard = ruled(FailureRule(failure_class="server_error", result="maintenance")).for_host("shop.example")
    for _ in range(10):
        with pytest.raises(MaxRetriesExceededError):
            await guard.execute_with_retry(script("maintenance"), "none")
    assert guard.status()["state"] == "open"


async def test_results_are_not_looked_at_without_a_rule_that_asks(manager, script):
    assert await manager.execute_with_retry(script(WALL), "http") == WALL


async def test_disabled_a_condemned_result_still_is_no_success(ruled, script):
    operation = script(WALL)
    with pytest.raises(UnwantedResultError):
        await ruled(WALLED, enabled=False).execute_with_retry(operation, "exponential_backoff")
    assert len(operation.calls) == 1


async def test_without_classification_a_condemned_result_is_tried_again_whatever_its_class(ruled, script):
    manager = ruled(FailureRule(failure_class="not_found", result="no"), failure_classification_enabled=False)
    assert await manager.execute_with_retry(script("no", "page"), "exponential_backoff") == "page"


async def test_a_condemned_result_leaves_nothing_for_the_garbage_collector(ruled, script):
    guard = ruled(WALLED).for_host("shop.example")
    gc.collect()
    gc.disable()
    try:
        for policy_id in ("conservative", "http"):
            try:
                await guard.execute_with_retry(script(WALL), policy_id)
            except MaxRetriesExceededError as error:
                assert error.context["attempts"] > 2
        assert gc.collect() == 0
    finally:
        gc.enable()
