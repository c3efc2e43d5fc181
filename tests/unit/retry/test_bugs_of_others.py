"""What users of other libraries ran into, each as a test here. The threads are those in which it was reported."""

import asyncio
import contextlib
import gc
import itertools
import pickle
import subprocess
import sys
import time
import weakref
from datetime import UTC, datetime

import pytest

from outlast.config import RetryConfiguration
from outlast.errors import MaxRetriesExceededError, PermanentFailureError, RetryConfigurationError
from outlast.failure import FailureRule
from outlast.retry import RetryManager, RetryPolicy
from outlast.retry.backoff import delay_after
from outlast.runtime import SystemClock

RUN = "exponential_backoff"
HOST = "shop.example"


async def opened(guard, script):
    for _ in range(10):
        with pytest.raises(MaxRetriesExceededError):
            await guard.execute_with_retry(script(ConnectionError), "none")


@pytest.mark.parametrize("raised", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("host", [HOST, None])
def test_a_rule_that_takes_everything_for_transient_does_not_swallow_a_cancellation(build, script, raised, host):
    """jd/tenacity#529, #186; aponysus/redress#33; stamina re-ran `SystemExit`."""
    manager = build(failure_classification_enabled=False)
    operation = script(raised)
    call = (manager.for_host(host) if host else manager).execute_with_retry(operation, RUN)
    with pytest.raises(raised):
        while True:
            call.send(None)
    assert len(operation.calls) == 1


@pytest.mark.parametrize("named", ["CancelledError", "asyncio.CancelledError", "KeyboardInterrupt", "BaseException"])
def test_a_rule_cannot_even_name_a_cancellation(named):
    """jd/tenacity#529."""
    with pytest.raises(RetryConfigurationError, match="Exception"):
        FailureRule(failure_class="network", types=[named])


@pytest.mark.real_time
async def test_a_cancellation_that_races_with_the_result_is_not_swallowed(build):
    """`asyncio.wait_for` lost it in 20 of 20 races on Python 3.11 (CPython #86296), and with it redress, pyresilience and hyx."""
    manager = build(clock=SystemClock())
    await manager.create_retry_policy({"name": "limited", "attempt_timeout": 5})
    for _ in range(20):
        done = asyncio.get_running_loop().create_future()

        async def operation(done=done):
            return await done

        task = asyncio.create_task(manager.execute_with_retry(operation, "limited"))
        await asyncio.sleep(0)
        done.set_result("page")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_fifty_callers_that_share_one_policy_do_not_disturb_each_other(build, virtual_clock):
    """jd/tenacity#93: all fifty failed that should have succeeded."""
    fetch_as = build(clock=virtual_clock).retrying("conservative")

    @fetch_as
    async def fetch(number, state):
        state.append(1)
        await asyncio.sleep(number % 7)
        if len(state) < 3:
            raise ConnectionError
        return number

    assert await asyncio.gather(*(fetch(number, []) for number in range(50))) == [*range(50)]


async def test_what_a_call_tells_of_its_attempts_is_its_own(build, virtual_clock):
    """jd/tenacity#720, #701, #613: statistics shared between calls."""
    manager = build(clock=virtual_clock)

    async def operation(number):
        await asyncio.sleep(number)
        raise ConnectionError(f"from {number}")

    calls = (manager.execute_with_retry(operation, "conservative", number) for number in range(20))
    for number, error in enumerate(await asyncio.gather(*calls, return_exceptions=True)):
        assert {row["error"] for row in error.context["history"]} == {f"builtins.ConnectionError: from {number}"}
        assert error.context["attempts"] == 3


async def test_a_circle_of_causes_is_walked_once(manager):
    """jd/tenacity#658: the predicate spun for ever."""
    one, two = RuntimeError("one"), RuntimeError("two")
    one.__cause__, two.__cause__ = two, one
    assert await manager.classify_failure(one) == "transient"


def test_importing_it_loads_hardly_anything():
    """jd/tenacity#450, hynek/stamina#31."""
    check = "import sys, outlast.retry; print(sorted({'pydantic', 'apsw', 'cryptography', 'rich', 'tornado'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


async def test_one_slow_attempt_does_not_use_up_the_time_of_the_others(build, virtual_clock):
    """bcgov/bcdata_py#243, hynek/stamina#60."""
    manager = build(clock=virtual_clock)
    await manager.create_retry_policy({"name": "limited", "attempt_timeout": 10, "max_elapsed": 60})
    durations = iter([3_600, 0])

    async def operation():
        await asyncio.sleep(next(durations))
        return "page"

    assert await manager.execute_with_retry(operation, "limited") == "page"
    assert virtual_clock.monotonic() < 15


@pytest.mark.parametrize("key", ["attempt_timeout", "max_elapsed"])
async def test_a_time_of_zero_is_an_error_and_not_a_switch(manager, key):
    """stamina 26.1: `timeout=0` disabled retries."""
    with pytest.raises(RetryConfigurationError, match=key):
        await manager.create_retry_policy({"name": "shop", key: 0})


@pytest.mark.parametrize("attempt", [1_024, 1_025, 10_000, 10**9])
def test_no_attempt_is_too_late_for_a_delay(attempt):
    """stamina#104, #137, App-vNext/Polly#2163: OverflowError at attempt 1024."""
    assert delay_after(RetryPolicy(name="p"), attempt, 1.0) == 300


async def test_a_server_that_says_when_to_come_back_is_heard(build, script, clock):
    """apache/airflow#56762, scrapy#3849."""
    answer = type("Answer", (), {"status_code": 429, "headers": {"Retry-After": "7"}})()
    error = type("AnswerError", (Exception,), {"response": answer})
    await build(jitter_enabled=False).execute_with_retry(script(error, "page"), RUN)
    assert clock.sleeps == [7]


@pytest.mark.parametrize("asked", [3_600, 10**11, float("inf"), 1e308])
async def test_a_server_that_asks_for_an_hour_does_not_hang_the_caller(manager, script, clock, asked):
    """urllib3#1338, #3743: it slept, or `time.sleep` overflowed."""
    error = type("Throttled", (Exception,), {"retry_after": asked})
    with pytest.raises(MaxRetriesExceededError) as caught:
        await manager.execute_with_retry(script(error), RUN)
    assert caught.value.context["reason"] == "retry_after_too_long"
    assert datetime.fromisoformat(caught.value.context["retry_at"]) > clock.now()
    assert clock.sleeps == []


async def test_a_day_of_waiting_takes_no_time_in_a_test(build, virtual_clock, script):
    """jd/tenacity#25, #106, #156, #228; litl/backoff#54; invl/retry#69."""
    began = time.perf_counter()
    manager = build(clock=virtual_clock, jitter_enabled=False)
    await manager.create_retry_policy({"name": "slow", "max_attempts": 100, "base_delay": 60, "max_delay": 900})
    with pytest.raises(MaxRetriesExceededError):
        await manager.execute_with_retry(script(ConnectionError), "slow")
    assert virtual_clock.monotonic() > 86_000
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize("error", [TimeoutError, asyncio.TimeoutError])
async def test_a_timeout_is_tried_again_and_not_for_ever(manager, script, error):
    """inyutin/aiohttp_retry#115, h2non/riprova#17, BobTheBuidler/eth_retry#32."""
    operation = script(error)
    with pytest.raises(MaxRetriesExceededError):
        await manager.execute_with_retry(operation, RUN)
    assert len(operation.calls) == 5


async def test_a_group_of_transient_errors_is_transient_and_one_lasting_error_is_enough(manager, script):
    """jd/tenacity#501, googleapis/python-api-core#573, channable/opnieuw#20: none of ten libraries tried it again."""
    passing = ExceptionGroup("g", [ConnectionError(), TimeoutError()])
    lasting = ExceptionGroup("g", [ConnectionError(), KeyError()])
    assert await manager.execute_with_retry(script(passing, "page"), RUN) == "page"
    with pytest.raises(PermanentFailureError):
        await manager.execute_with_retry(script(lasting, "page"), RUN)


async def test_an_outage_is_not_multiplied_by_the_retries(build, virtual_clock):
    """apache/opendal#7376, App-vNext/Polly#2348, safe-global/safe-client-gateway#3442 (17 times the load)."""
    guard = build(clock=virtual_clock).for_host(HOST)
    sent = 0

    async def operation():
        nonlocal sent
        sent += 1
        await asyncio.sleep(0.01)
        raise ConnectionError

    async def worker():
        for _ in range(20):
            with contextlib.suppress(MaxRetriesExceededError):
                await guard.execute_with_retry(operation, RUN)

    await asyncio.gather(*(worker() for _ in range(10)))
    assert sent < 10 + 10 + virtual_clock.monotonic(), "200 calls, 1,000 attempts without a breaker"


async def test_a_retry_that_is_not_made_has_an_outcome_of_its_own(build, virtual_clock, heard):
    """dotnet/extensions#7686: silently suppressed retries are hard to debug."""
    guard = build(clock=virtual_clock).for_host(HOST)

    async def operation():
        raise RuntimeError

    async def call():
        with pytest.raises(MaxRetriesExceededError) as caught:
            await guard.execute_with_retry(operation, RUN)
        return caught.value.context["reason"]

    reasons = {await call() for _ in range(60)}
    assert reasons == {"attempts", "budget"}
    assert "budget" in {event.data.get("reason") for event in heard}


async def test_the_budget_is_charged_when_a_retry_is_scheduled(build, virtual_clock, script):
    """envoyproxy/envoy#30205: a wave in backoff overshot it."""
    guard = build(clock=virtual_clock).for_host(HOST)
    calls = [asyncio.create_task(guard.execute_with_retry(script(RuntimeError), RUN)) for _ in range(200)]
    for _ in range(3):
        await asyncio.sleep(0)
    waiting = [call for call in calls if not call.done()]
    assert len(waiting) == 49
    for call in waiting:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_of_fifty_that_meet_a_half_open_circuit_one_gets_through(build, script, virtual_clock):
    """smallrye#323, future-agi#2693: aiobreaker, hyx, purgatory and pyresilience let all fifty in."""
    guard = build(clock=virtual_clock).for_host(HOST)
    await opened(guard, script)
    await asyncio.sleep(1)
    sent = []

    async def operation():
        sent.append(1)
        await asyncio.sleep(0.1)
        return "page"

    calls = (guard.execute_with_retry(operation, RUN) for _ in range(50))
    await asyncio.gather(*calls, return_exceptions=True)
    assert len(sent) == 1


@pytest.mark.parametrize("ending", ["cancelled", "a bug of ours", "killed"])
async def test_a_half_open_circuit_does_not_stay_so_for_ever(build, script, virtual_clock, ending):
    """resilience4j#544, #903, #935, #1389, #2093: the permit of a probe that was cancelled or ignored never came back."""
    guard = build(clock=virtual_clock).for_host(HOST)
    await opened(guard, script)
    await asyncio.sleep(1)
    if ending == "cancelled":
        task = asyncio.create_task(guard.execute_with_retry(asyncio.sleep, RUN, 100))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])
    elif ending == "a bug of ours":
        with pytest.raises(PermanentFailureError):
            await guard.execute_with_retry(script(TypeError), RUN)
    else:
        call = guard.execute_with_retry(asyncio.sleep, RUN, 100)
        call.send(None)
        call.close()
    for _ in range(2):
        assert await guard.execute_with_retry(script("page"), RUN) == "page"
    assert guard.status()["state"] == "closed"


async def test_cancelled_calls_neither_open_a_circuit_nor_reset_it(manager, script):
    """purgatory opened after five of them; hyx took one for a success."""
    guard = manager.for_host(HOST)
    for _ in range(9):
        with pytest.raises(MaxRetriesExceededError):
            await guard.execute_with_retry(script(ConnectionError), "none")
    for _ in range(20):
        task = asyncio.create_task(guard.execute_with_retry(asyncio.sleep, RUN, 100))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert (guard.status()["state"], guard.status()["failures_in_a_row"]) == ("closed", 9)
    with pytest.raises(MaxRetriesExceededError):
        await guard.execute_with_retry(script(ConnectionError), "none")
    assert guard.status()["state"] == "open"


async def test_the_error_of_an_open_circuit_is_a_new_one_each_time(manager, script):
    """purgatory raised one stored exception: its traceback had 3,000 entries after 500 rejections."""
    guard = manager.for_host(HOST)
    await opened(guard, script)
    errors = []
    for _ in range(500):
        try:
            await guard.execute_with_retry(script("page"), RUN)
        except MaxRetriesExceededError as error:
            errors.append(error)
    assert len(set(map(id, errors))) == 500
    assert sum(1 for _ in _frames(errors[-1].__traceback__)) < 10


async def test_an_error_that_ends_a_call_can_be_noted_passed_on_and_pickled(manager, script):
    """redress's is a frozen dataclass: through a context manager it arrived as FrozenInstanceError."""

    @contextlib.contextmanager
    def within():
        yield

    with pytest.raises(MaxRetriesExceededError) as caught, within():
        await manager.execute_with_retry(script(ConnectionError), "conservative")
    caught.value.add_note("seen")
    assert caught.value.__notes__[-1] == "seen"
    assert pickle.loads(pickle.dumps(caught.value)).context == caught.value.context


async def test_a_wall_clock_that_jumps_changes_nothing(build, script, clock):
    """purgatory, hyx, aiobreaker and backoff wait by it."""
    years = itertools.cycle([2001, 2050])
    clock.now = lambda: datetime(next(years), 1, 1, tzinfo=UTC)
    guard = build(jitter_enabled=False).for_host(HOST)
    assert await guard.execute_with_retry(script(ConnectionError, ConnectionError, "page"), RUN) == "page"
    assert clock.sleeps == [1, 2]
    await opened(guard, script)
    clock.seconds += 0.9
    with pytest.raises(MaxRetriesExceededError, match="circuit_open"):
        await guard.execute_with_retry(script("page"), RUN)
    clock.seconds += 0.1
    assert await guard.execute_with_retry(script("page"), RUN) == "page"


class Page:
    """Stands for a browser page."""


@pytest.mark.parametrize("host", [HOST, None])
async def test_what_a_failed_attempt_had_at_hand_is_free_without_the_garbage_collector(build, virtual_clock, host):
    """stamina left 38-47 objects in cycles per call, tenacity 18-32; google-api-core kept 10 of 15 frames alive."""
    manager = build(clock=virtual_clock)
    caller, pages = (manager.for_host(host) if host else manager), []

    async def operation():
        page = Page()
        pages.append(weakref.ref(page))
        if len(pages) % 3:
            raise ConnectionError
        return "page"

    gc.collect()
    gc.disable()
    try:
        for policy_id in (RUN, "http"):
            assert await caller.execute_with_retry(operation, policy_id) == "page"
        assert [page for page in pages if page() is not None] == []
        assert gc.collect() == 0
    finally:
        gc.enable()


async def test_a_page_that_says_200_can_be_a_failure(build, clock, bus, script):
    """scrapy#3240."""
    rule = FailureRule(failure_class="server_error", result="temporarily unavailable")
    manager = RetryManager(RetryConfiguration(), events=bus, clock=clock, rules=[rule])
    assert await manager.execute_with_retry(script("temporarily unavailable", "page"), RUN) == "page"


@pytest.mark.parametrize("attempts", [1, 2, 3, 7, 100])
async def test_the_number_of_attempts_is_the_number_of_attempts(manager, script, attempts):
    """apify/crawlee-python#1326: off by one."""
    await manager.create_retry_policy({"name": "shop", "max_attempts": attempts})
    operation = script(ConnectionError)
    with pytest.raises(MaxRetriesExceededError) as caught:
        await manager.execute_with_retry(operation, "shop")
    assert len(operation.calls) == caught.value.context["attempts"] == attempts


@pytest.mark.parametrize(
    ("message", "failure_class"),
    [
        ("Target page, context or browser has been closed", "browser"),
        ("Page.goto: Target closed", "browser"),
        ("Page crashed", "browser"),
        ("Page.goto: net::ERR_NETWORK_CHANGED at https://shop.example/", "network"),
    ],
)
async def test_a_browser_that_died_is_not_an_unknown_failure(manager, script, message, failure_class):
    """crawldad#116, microlinkhq/browserless#913, openclaw#30612, colophon/jobseek#7689."""
    error = type("Error", (Exception,), {"__module__": "playwright._impl._errors"})(message)
    with pytest.raises(MaxRetriesExceededError) as caught:
        await manager.execute_with_retry(script(error), RUN)
    assert {row["failure_class"] for row in caught.value.context["history"]} == {failure_class}
    assert caught.value.context["attempts"] == 5


def _frames(traceback):
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
