"""Calls of one host against random scripts: leases and permits are conserved, nobody is early, nothing is left, all is repeatable."""

import asyncio
import gc
import json
import random
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.config import RetryConfiguration
from outlast.errors import MaxRetriesExceededError, PermanentFailureError
from outlast.events import EventBus
from outlast.retry import RetryManager

HOST = "shop.example"


class Throttled(Exception):
    status = 429
    retry_after = 4.0


class Missing(Exception):
    status = 404


STEPS = st.sampled_from(
    [ConnectionError, ConnectionError, TimeoutError, RuntimeError, KeyError, Throttled, Missing, "page"]
)
SCRIPTS = st.lists(STEPS, max_size=8)


class LoopClock:
    """The time of the loop, which is virtual in these tests; the wall clock begins in 2026 every time."""

    def __init__(self):
        self.begun = asyncio.get_running_loop().time()

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self):
        return asyncio.get_running_loop().time() - self.begun

    async def sleep(self, seconds, /):
        await asyncio.sleep(seconds)


class HandClock(LoopClock):
    """Sleeping moves it on at once, and lets others run once."""

    def __init__(self):
        self.seconds = 0.0

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds, /):
        self.seconds += seconds
        await asyncio.sleep(0)


class Site:
    """Follows a script for each caller, and notes when it was asked and what it asked for."""

    def __init__(self, clock):
        self.clock = clock
        self.not_before = 0.0
        self.early = 0
        self.running = 0

    async def __call__(self, script, state):
        state.append(1)
        self.early += self.clock.monotonic() < self.not_before
        self.running += 1
        try:
            await self.clock.sleep(0.01)
        finally:
            self.running -= 1
        step = script[len(state) - 1] if len(state) <= len(script) else "page"
        if step is Throttled:
            self.not_before = self.clock.monotonic() + Throttled.retry_after
        if isinstance(step, type):
            raise step("x")
        return step


def built(clock, seed=0, **limits):
    manager = RetryManager(RetryConfiguration(**limits), clock=clock, rng=random.Random(seed), events=EventBus())
    return manager, manager.for_host(HOST)


async def ends(caller, *call):
    """The result of `caller.execute_with_retry`, or the reason why there is none."""
    try:
        return await caller.execute_with_retry(*call)
    except (MaxRetriesExceededError, PermanentFailureError) as error:
        return error.context["reason"]


@given(st.lists(SCRIPTS, min_size=1, max_size=14), st.lists(st.integers(0, 40), max_size=14), st.integers(0, 2**32))
async def test_leases_and_permits_are_conserved_whoever_is_cancelled_whenever(scripts, cancellations, seed):
    clock = LoopClock()
    manager, guard = built(clock, seed, max_concurrent_retries=2)
    site = Site(clock)
    tasks = [asyncio.create_task(ends(guard, site, "aggressive", script, [])) for script in scripts]
    for step in range(max(cancellations, default=0) + 1):
        for task, when in zip(tasks, cancellations, strict=False):
            if when == step:
                task.cancel()
        await asyncio.sleep(0.03)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert site.running == 0
    # Whatever was leased is back: within the longest time between two probes the host can be asked again, and closes its circuit.
    await asyncio.sleep(5)
    for _ in range(2):
        assert await guard.execute_with_retry(site, "none", [], []) == "page"
    assert guard.status()["state"] == "closed"
    async with asyncio.timeout(100):
        retried = (manager.execute_with_retry(site, "none", [], []) for _ in range(2))
        assert await asyncio.gather(*retried) == ["page", "page"]
    assert manager._engine._permits._value == 2


@given(SCRIPTS, st.sampled_from(["aggressive", "http"]))
@settings(max_examples=25)
async def test_a_call_that_is_cancelled_at_any_step_gives_back_what_it_held(script, policy_id):
    step, finished = 0, False
    while not finished:
        clock = HandClock()
        manager, guard = built(clock, max_concurrent_retries=1)
        for _ in range(10):
            await ends(guard, Site(clock), "none", [ConnectionError], [])
        await clock.sleep(1.01)
        task = asyncio.create_task(ends(guard, Site(clock), policy_id, script, []))
        for _ in range(step):
            await asyncio.sleep(0)
        finished = task.done()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() is not finished
        await clock.sleep(5)
        for _ in range(2):
            assert await guard.execute_with_retry(Site(clock), "none", [], []) == "page"
        assert guard.status()["state"] == "closed"
        assert manager._engine._permits._value == 1
        step += 1


@given(st.lists(SCRIPTS, min_size=1, max_size=10), st.integers(0, 2**32))
async def test_nobody_asks_a_host_before_the_time_it_has_named(scripts, seed):
    clock = LoopClock()
    _, guard = built(clock, seed)
    site = Site(clock)

    async def later(number, script):
        await asyncio.sleep(number * 0.7)
        for _ in range(3):
            await ends(guard, site, "aggressive" if number % 2 else "http", script, [])

    await asyncio.gather(*(later(number, script) for number, script in enumerate(scripts)))
    # Those who were under way when it was named could not know; they were sent before.
    assert site.early == 0


@given(SCRIPTS, st.floats(0.1, 60), st.sampled_from(["full", "equal", "decorrelated", "none"]), st.integers(0, 2**32))
async def test_no_attempt_begins_and_no_sleep_ends_after_the_deadline(script, max_elapsed, jitter, seed):
    clock = LoopClock()
    manager, guard = built(clock, seed)
    policy = {"name": "p", "max_attempts": 12, "max_elapsed": max_elapsed, "jitter": jitter, "base_delay": 0.3}
    await manager.create_retry_policy(policy)
    await ends(guard, Site(clock), "none", [Throttled], [])
    began = clock.monotonic()
    asked = []

    async def operation(state):
        asked.append(clock.monotonic() - began)
        return await Site(clock)(script, state)

    reason = await ends(guard, operation, "p", [])
    assert len(asked) <= 12
    assert all(when < max_elapsed for when in asked)
    assert clock.monotonic() - began < max(max_elapsed, max(asked, default=0) + 0.02)
    if not asked:
        assert reason == "retry_after_too_long"


async def story(scripts, seed):
    """The events of a storm of calls, as bytes."""
    clock, bus, told = LoopClock(), EventBus(), []
    bus.subscribe(lambda event: told.append({**event.to_dict(), "correlation_id": None}))
    manager = RetryManager(RetryConfiguration(), clock=clock, rng=random.Random(seed), events=bus)
    site = Site(clock)
    calls = (
        ends(manager.for_host(f"host-{number % 3}.example"), site, "aggressive", script, [])
        for number, script in enumerate(scripts)
    )
    endings = await asyncio.gather(*calls)
    return json.dumps([told, endings]).encode()


@given(st.lists(SCRIPTS, min_size=1, max_size=12), st.integers(0, 2**32))
async def test_the_same_seed_tells_the_same_story_byte_for_byte(scripts, seed):
    assert await story(scripts, seed) == await story(scripts, seed)


@given(st.integers(2, 60), st.integers(0, 3))
async def test_of_all_who_meet_a_half_open_circuit_one_is_sent(callers, turns):
    clock = LoopClock()
    _, guard = built(clock)
    for _ in range(10):
        await ends(guard, Site(clock), "none", [ConnectionError], [])
    await asyncio.sleep(1.01)
    running = most = 0

    async def operation():
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(turns + 1):
            await asyncio.sleep(0)
        running -= 1
        return "page"

    async def call(number):
        for _ in range(number % (turns + 1)):
            await asyncio.sleep(0)
        if guard.status()["state"] != "closed":
            return await ends(guard, operation, "none")
        return None

    ended = await asyncio.gather(*(call(number) for number in range(callers)))
    assert most == 1
    assert ended.count("page") <= 2


@given(st.lists(SCRIPTS, min_size=1, max_size=4))
@settings(max_examples=30)
async def test_whatever_happens_nothing_is_left_for_the_garbage_collector(scripts):
    clock = LoopClock()
    _, guard = built(clock)
    site = Site(clock)
    gc.collect()
    gc.freeze()  # what the whole suite keeps alive is not looked through again
    gc.disable()
    try:
        for number, script in enumerate(scripts):
            await ends(guard, site, "http" if number % 2 else "aggressive", script, [])
        assert gc.collect() == 0
    finally:
        gc.enable()
        gc.unfreeze()
