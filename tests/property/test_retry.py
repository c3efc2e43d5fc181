"""The attempt loop against random scripts: it calls as often as it may, waits as it must, and always ends."""

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from outlast.config import RetryConfiguration
from outlast.errors import MaxRetriesExceededError, PermanentFailureError
from outlast.retry import RetryManager
from outlast.testing import ManualClock

STEPS = st.sampled_from([ConnectionError, TimeoutError, RuntimeError, KeyError, "page"])


@given(
    st.lists(STEPS, max_size=12),
    st.integers(1, 12),
    st.none() | st.floats(0.1, 60),
    st.sampled_from(["full", "equal", "decorrelated", "none"]),
    st.integers(0, 2**32),
)
async def test_a_call_keeps_to_its_policy(steps, max_attempts, max_elapsed, jitter, seed):
    clock, calls = ManualClock(), []
    manager = RetryManager(RetryConfiguration(), clock=clock, rng=random.Random(seed))
    policy = {"name": "p", "max_attempts": max_attempts, "max_elapsed": max_elapsed, "jitter": jitter, "max_delay": 20}
    await manager.create_retry_policy(policy)

    async def operation():
        assert max_elapsed is None or clock.seconds < max_elapsed
        calls.append(clock.seconds)
        step = steps[len(calls) - 1] if len(calls) <= len(steps) else "page"
        if isinstance(step, type):
            raise step("x")
        return step

    try:
        assert await manager.execute_with_retry(operation, "p") == "page"
    except PermanentFailureError as error:
        assert isinstance(error.__cause__, KeyError)
    except MaxRetriesExceededError as error:
        assert error.context["attempts"] == len(calls)
        if error.context["reason"] == "attempts":
            unknown = error.context["history"][-1]["failure_class"] == "unknown"
            assert len(calls) == max_attempts or (unknown and len(calls) >= 2)
        else:
            assert (error.context["reason"], max_elapsed is None) == ("deadline", False)
    assert len(calls) <= max_attempts
    assert len(clock.sleeps) == len(calls) - 1
    assert all(0 <= seconds <= 20 for seconds in clock.sleeps)


@given(st.lists(st.lists(st.booleans(), max_size=4), min_size=1, max_size=6), st.lists(st.integers(0, 60), max_size=6))
async def test_permits_are_conserved_whoever_is_cancelled_whenever(scripts, cancellations):
    clock = ManualClock()
    manager = RetryManager(RetryConfiguration(max_concurrent_retries=2), clock=clock)
    await manager.create_retry_policy({"name": "p", "max_attempts": 9, "base_delay": 0})
    retrying = 0

    async def operation(script, state):
        nonlocal retrying
        first = not state
        state.append(1)
        retrying += not first
        assert retrying <= 2
        try:
            await asyncio.sleep(0)
        finally:
            retrying -= not first
        if len(state) <= len(script) and script[len(state) - 1]:
            raise ConnectionError
        return "page"

    tasks = [asyncio.create_task(manager.execute_with_retry(operation, "p", script, [])) for script in scripts]
    for step in range(max(cancellations, default=0) + 1):
        for task, when in zip(tasks, cancellations, strict=False):
            if when == step:
                task.cancel()
        await asyncio.sleep(0)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(each == "page" or isinstance(each, asyncio.CancelledError) for each in ended)
    # Both permits are there: two retries can run at once, and nothing waits for ever.
    async with asyncio.timeout(60):
        again = [manager.execute_with_retry(operation, "p", [True], []) for _ in range(2)]
        assert await asyncio.gather(*again) == ["page", "page"]
