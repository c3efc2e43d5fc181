"""Virtual time: it jumps when everybody waits, stands still for work in threads, and never hangs in silence."""

import asyncio
import gc
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.runtime import Clock
from outlast.testing.virtual_time import EPOCH, VirtualClock, VirtualTimeLoop

DAY = 86_400.0


@pytest.fixture
def runner():
    """A loop of one's own, for what ends or blocks a loop."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(patience=0.05)) as runner:
        yield runner


async def test_this_suite_runs_in_virtual_time():
    assert isinstance(asyncio.get_running_loop(), VirtualTimeLoop)


@pytest.mark.real_time
async def test_a_test_marked_real_time_gets_an_ordinary_loop():
    assert not isinstance(asyncio.get_running_loop(), VirtualTimeLoop)


def test_a_plain_test_has_no_loop(request):
    assert "[" not in request.node.name
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


async def test_a_day_of_sleep_takes_milliseconds(virtual_clock):
    began, before = time.perf_counter(), virtual_clock.now()
    for _ in range(24):
        await virtual_clock.sleep(3600)
    assert virtual_clock.now() - before == timedelta(days=1)
    assert time.perf_counter() - began < 20


async def test_a_new_loop_begins_at_zero():
    assert asyncio.get_running_loop().time() == 0


async def test_ready_work_takes_no_time(virtual_clock):
    before = virtual_clock.monotonic()
    for _ in range(100):
        await asyncio.sleep(0)
    assert virtual_clock.monotonic() == before


async def test_sleepers_wake_in_the_order_of_their_alarms(virtual_clock):
    woken = []

    async def sleeper(seconds):
        await virtual_clock.sleep(seconds)
        woken.append((seconds, virtual_clock.monotonic()))

    await asyncio.gather(*map(sleeper, (30, 10, 20)))
    assert woken == [(10, 10.0), (20, 20.0), (30, 30.0)]


async def test_a_timeout_expires_at_its_moment(virtual_clock):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await asyncio.sleep(DAY)
    assert virtual_clock.monotonic() == 5


async def test_a_timeout_that_is_not_reached_costs_nothing(virtual_clock):
    async with asyncio.timeout(DAY):
        await asyncio.sleep(1)
    assert virtual_clock.monotonic() == 1


async def test_a_timer_that_was_cancelled_is_not_jumped_to(virtual_clock):
    loop = asyncio.get_running_loop()
    loop.call_later(7, pytest.fail).cancel()
    await asyncio.sleep(10)
    assert virtual_clock.monotonic() == 10


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
async def test_no_sleep_ends_early(naps):
    loop = asyncio.get_running_loop()
    for nap in naps:
        due = loop.time() + nap
        await asyncio.sleep(nap)
        assert loop.time() == due


async def test_time_does_not_jump_while_a_thread_works():
    loop = asyncio.get_running_loop()
    alarm = asyncio.create_task(asyncio.sleep(1))
    assert await asyncio.to_thread(_work_for_real, 0.05) == "done"
    assert loop.time() == 0
    assert not alarm.done()
    await alarm
    assert loop.time() == 1


async def test_it_waits_for_an_executor_of_ones_own():
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1) as executor:
        jobs = [loop.run_in_executor(executor, _work_for_real, 0.01) for _ in range(3)]
        async with asyncio.timeout(0.5):
            assert await asyncio.gather(*jobs) == ["done"] * 3
    assert loop.time() == 0


async def test_an_error_in_a_thread_comes_back():
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(divmod, 1, 0)
    await asyncio.sleep(1)


async def test_work_that_nobody_awaits_any_more_still_holds_the_clock():
    loop = asyncio.get_running_loop()
    started, ended = threading.Event(), []

    def work():
        started.set()
        time.sleep(0.05)
        ended.append(loop.time())

    task = asyncio.create_task(asyncio.to_thread(work))
    while not started.is_set():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(DAY)
    assert ended == [0]


async def test_work_cancelled_before_it_began_does_not_hold_the_clock():
    loop = asyncio.get_running_loop()
    release = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as executor:
        first = loop.run_in_executor(executor, release.wait)
        second = loop.run_in_executor(executor, pytest.fail)
        second.cancel()
        release.set()
        assert await first
        await asyncio.sleep(5)
    assert loop.time() == 5


async def test_many_hand_overs_never_let_time_slip():
    # The result of a thread arrives in two steps; a jump between them would expire the timeout.
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1) as executor:
        for _ in range(300):
            async with asyncio.timeout(1):
                await loop.run_in_executor(executor, int)
    assert loop.time() == 0


async def test_a_foreign_thread_may_announce_itself():
    loop = asyncio.get_running_loop()
    answer = loop.create_future()

    def foreign():
        time.sleep(0.03)
        loop.call_soon_threadsafe(answer.set_result, 42)

    thread = threading.Thread(target=foreign)
    with loop.outside_work():
        thread.start()
        async with asyncio.timeout(1):
            assert await answer == 42
    thread.join()
    assert loop.time() == 0


def test_a_loop_that_nothing_can_wake_says_so(runner):
    with pytest.raises(RuntimeError, match="deadlock"):
        runner.run(asyncio.Event().wait())


def test_a_deadlock_after_the_last_timer_is_found_too(runner):
    async def sleep_and_wait():
        await asyncio.sleep(10)
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="deadlock"):
        runner.run(sleep_and_wait())
    assert runner.get_loop().time() == 10


def test_work_in_a_thread_that_never_ends_is_an_error(runner):
    release = threading.Event()

    async def timeout_around_a_thread():
        async with asyncio.timeout(1):
            await asyncio.to_thread(release.wait)

    with pytest.raises(RuntimeError, match=r"0\.05 s of real time"):
        runner.run(timeout_around_a_thread())
    release.set()


def test_an_ordinary_run_ends_without_a_trace():
    threads = threading.active_count()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(asyncio.to_thread(sum, [1, 2])) == 3
        runner.run(asyncio.sleep(DAY))
    gc.collect()
    assert threading.active_count() <= threads  # those of an earlier test may have ended meanwhile


def test_work_that_outlives_its_loop_does_no_harm(caplog):
    release = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as executor:
        loop = VirtualTimeLoop()
        loop.run_in_executor(executor, release.wait)
        loop.close()
        release.set()
    assert caplog.records == []


def test_a_closed_loop_takes_no_work():
    loop = VirtualTimeLoop()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_in_executor(None, int)


def test_a_default_executor_given_by_the_user_is_used():
    async def thread_name():
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.get_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="mine"))
        assert runner.run(thread_name()).startswith("mine")


async def test_sockets_are_refused_with_the_reason():
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        with pytest.raises(RuntimeError, match="ordinary event loop"):
            await asyncio.get_running_loop().sock_recv(here, 1)


async def test_a_timer_fires_exactly_once_even_after_centuries():
    # Out there, asyncio's resolution of a nanosecond is less than the distance between two floats.
    loop = asyncio.get_running_loop()
    await asyncio.sleep(1e10)
    await asyncio.sleep(1e-9)
    await asyncio.sleep(1)
    assert loop.time() == 1e10 + 1


async def test_timers_a_nanosecond_apart_fire_apart():
    loop, fired = asyncio.get_running_loop(), []
    loop.call_at(1.0, lambda: fired.append(loop.time()))
    loop.call_at(1.0 + 5e-10, lambda: fired.append(loop.time()))
    await asyncio.sleep(2)
    assert fired == [1.0, 1.0 + 5e-10]


def test_a_loop_in_debug_mode_works_too():
    with asyncio.Runner(loop_factory=VirtualTimeLoop, debug=True) as runner:
        runner.run(asyncio.sleep(DAY))
        assert runner.get_loop().time() == DAY


async def test_the_clock_is_a_clock():
    clock: Clock = VirtualClock()
    assert clock.now() == EPOCH
    await clock.sleep(1.5)
    assert clock.now() == EPOCH + timedelta(seconds=1.5)
    assert clock.monotonic() == 1.5


async def test_the_epoch_can_be_chosen():
    epoch = datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)
    clock = VirtualClock(epoch)
    await clock.sleep(1)
    assert clock.now() == datetime(2000, 1, 1, tzinfo=UTC)


def test_before_any_loop_no_time_has_passed():
    clock = VirtualClock()
    assert (clock.now(), clock.monotonic()) == (EPOCH, 0.0)


async def test_a_thread_reads_the_time_of_the_loop(virtual_clock):
    await virtual_clock.sleep(12)
    assert await asyncio.to_thread(virtual_clock.monotonic) == 12


def _work_for_real(seconds):
    time.sleep(seconds)
    return "done"
