"""Sessions: who is told, when, and what their trouble does to others."""

import asyncio
import gc
import threading
import time
from collections.abc import Mapping

import pytest

from outlast.config import ResourceConfiguration, load_configuration
from outlast.errors import ConfigurationError, ResourceMonitoringError, ValidationError
from outlast.resource import ResourceMonitor
from outlast.resource.callback import Calls
from outlast.testing.virtual_time import VirtualClock

HIGH = 85.0
ONCE = [50, HIGH, HIGH, HIGH]


def kinds(heard):
    return [event.event_type for event in heard]


async def test_an_episode_is_one_event_of_breach_and_one_of_recovery_with_its_measures(build, machine, heard):
    machine.values["memory_percent"] = [50, 82, 86, 84, *[60] * 20]
    async with build(monitoring_interval=2, auto_cleanup_enabled=False) as monitor:
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(60)
    breached, recovered = heard
    assert breached.event_type == "threshold_breached"
    assert breached.data["threshold_id"] == "production"
    assert breached.data["breached"] == ["memory_percent"]
    assert breached.data["level"] == "warning"
    assert breached.data["metrics"]["memory_percent"] == 84
    assert recovered.event_type == "threshold_recovered"
    assert (recovered.data["duration"], recovered.data["peak"], recovered.data["samples"]) == (14, 86, 3)


async def test_a_critical_breach_says_so(build, machine, heard):
    calls = []
    machine.values["memory_percent"] = [50, 95]
    async with build(monitoring_interval=1, auto_cleanup_enabled=False) as monitor:
        await monitor.start_monitoring("production", calls.append)
        await asyncio.sleep(1.5)
        assert heard[0].data["level"] == "critical"
        assert calls[0]["is_critical"] is True
        (breach,) = monitor.breaches()
        assert (breach.name, breach.is_critical, breach.value) == ("memory_percent", True, 95)


async def test_two_sessions_share_each_sample_and_have_their_own_names(build, machine):
    first, second = [], []
    machine.values |= {"memory_percent": ONCE}
    async with build(monitoring_interval=1, auto_cleanup_enabled=False) as monitor:
        one = await monitor.start_monitoring("production", first.append)
        two = await monitor.start_monitoring("production", second.append)
        assert one != two
        await asyncio.sleep(9.5)
        assert len(machine.asked) == 10
        assert [len(first), len(second)] == [1, 1]
        assert (first[0]["session_id"], second[0]["session_id"]) == (one, two)


async def test_a_threshold_that_is_not_active_is_never_broken(build, machine):
    calls = []
    machine.values["memory_percent"] = 99
    async with build(monitoring_interval=1) as monitor:
        await monitor.create_resource_threshold({"name": "off", "memory_percent": 50, "is_active": False})
        await monitor.start_monitoring("off", calls.append)
        await asyncio.sleep(10)
        assert not calls
        assert await monitor.check_thresholds("off") == {"memory_percent": False}


async def test_an_async_callback_is_awaited(build, machine):
    done = []

    async def callback(told):
        await asyncio.sleep(5)
        done.append(told["breached"])

    machine.values["memory_percent"] = ONCE
    async with build(monitoring_interval=1) as monitor:
        await monitor.start_monitoring("production", callback)
        await asyncio.sleep(7)
        assert not done
        await asyncio.sleep(2)
        assert done == [["memory_percent"]]


async def test_a_callback_that_raises_is_told_of_and_monitoring_goes_on(build, machine, heard):
    calls = []

    def callback(told):
        calls.append(told)
        raise KeyError("mine")

    machine.values |= {"memory_percent": ONCE, "cpu_usage": [0] * 20 + [95]}
    async with build(monitoring_interval=1, auto_cleanup_enabled=False) as monitor:
        session = await monitor.start_monitoring("production", callback)
        await asyncio.sleep(30)
    assert len(calls) == 2
    troubles = [event.data for event in heard if event.event_type == "breach_callback_failed"]
    assert troubles == [{"session_id": session, "threshold_id": "production", "error": "KeyError: 'mine'"}] * 2


async def test_one_call_is_under_way_at_a_time_and_of_those_that_wait_the_latest_is_told(build, machine):
    begun, running = [], [0, 0]

    async def callback(told):
        running[0] += 1
        running[1] = max(running)
        begun.append(told["breached"])
        await asyncio.sleep(20)
        running[0] -= 1

    machine.values |= {
        "memory_percent": ONCE,
        "cpu_usage": [0] * 8 + [95],
        "disk_free": [9_000] * 15 + [500],
    }
    async with build(monitoring_interval=1, auto_cleanup_enabled=False) as monitor:
        await monitor.start_monitoring("production", callback)
        await asyncio.sleep(60)
    assert begun == [["memory_percent"], ["memory_percent", "cpu_percent", "disk_space"]]
    assert running == [0, 1]


async def test_a_callback_that_takes_longer_than_it_may_is_cut_off(build, machine, heard):
    async def callback(told):
        await asyncio.Event().wait()

    machine.values["memory_percent"] = ONCE
    async with build(monitoring_interval=1, auto_cleanup_enabled=False) as monitor:
        await monitor.start_monitoring("production", callback)
        await asyncio.sleep(32)
        assert not [event for event in heard if event.event_type == "breach_callback_failed"]
        await asyncio.sleep(2)
        (trouble,) = [event for event in heard if event.event_type == "breach_callback_failed"]
        assert trouble.data["error"] == "not done within 30 s"


async def test_a_plain_callback_that_holds_the_loop_up_is_told_of(build, machine, heard):
    class Slow(VirtualClock):
        late = 0.0

        def monotonic(self):
            return super().monotonic() + self.late

    clock = Slow()

    def callback(told):
        clock.late += 0.5

    machine.values["memory_percent"] = ONCE
    async with build(monitoring_interval=1, auto_cleanup_enabled=False, with_={"clock": clock}) as monitor:
        await monitor.start_monitoring("production", callback)
        await asyncio.sleep(5)
    (trouble,) = [event for event in heard if event.event_type == "breach_callback_failed"]
    assert trouble.data["error"] == "it held the event loop up for 0.50 s"


async def test_nothing_is_called_after_a_session_was_stopped(build, machine):
    calls = []

    async def callback(told):
        calls.append("begun")
        await asyncio.sleep(10)
        calls.append("done")

    machine.values |= {"memory_percent": ONCE, "cpu_usage": [0] * 8 + [95]}
    async with build(monitoring_interval=1, auto_cleanup_enabled=False) as monitor:
        session = await monitor.start_monitoring("production", callback)
        await asyncio.sleep(12)
        # One call is under way and another one waits: the first is waited for, the second never begins.
        assert calls == ["begun"]
        await monitor.stop_monitoring(session)
        assert calls == ["begun", "done"]
        await asyncio.sleep(100)
        assert calls == ["begun", "done"]


async def test_a_callback_under_way_is_cancelled_when_it_does_not_end(build, machine):
    cancelled = []

    async def callback(told):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    machine.values["memory_percent"] = ONCE
    async with build(monitoring_interval=1, auto_cleanup_enabled=False) as monitor:
        session = await monitor.start_monitoring("production", callback)
        await asyncio.sleep(4)
        began = asyncio.get_running_loop().time()
        await monitor.stop_monitoring(session)
        assert asyncio.get_running_loop().time() - began <= 30
        assert cancelled


async def test_a_callback_that_will_not_be_cancelled_does_not_keep_a_session_from_ending(build, machine):
    free = asyncio.Event()

    async def callback(told):
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    machine.values["memory_percent"] = ONCE
    async with build(monitoring_interval=1, auto_cleanup_enabled=False) as monitor:
        session = await monitor.start_monitoring("production", callback)
        await asyncio.sleep(4)
        assert await monitor.stop_monitoring(session)
    free.set()
    await asyncio.sleep(1)


async def test_a_callback_may_stop_its_own_session(build, machine):
    stopped = []

    async def callback(told):
        stopped.append(await monitor.stop_monitoring(told["session_id"]))

    machine.values["memory_percent"] = ONCE
    async with build(monitoring_interval=1) as monitor:
        await monitor.start_monitoring("production", callback)
        await asyncio.sleep(20)
        assert stopped == [True]
        assert len(machine.asked) < 10


async def test_a_caller_that_is_cancelled_while_it_stops_a_session_is_cancelled_and_so_is_the_callback(build, machine):
    cancelled = []

    async def callback(told):
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    machine.values["memory_percent"] = ONCE
    async with build(monitoring_interval=1) as monitor:
        session = await monitor.start_monitoring("production", callback)
        await asyncio.sleep(4)
        task = asyncio.create_task(monitor.stop_monitoring(session))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        assert cancelled


async def test_calls_that_are_closed_begin_no_more():
    told, trouble = [], []
    calls = Calls(told.append, VirtualClock(), trouble.append)
    calls.call({"n": 1})
    await calls.aclose()
    calls.call({"n": 2})
    assert told == [{"n": 1}]


async def test_leaving_the_monitor_ends_every_session_and_leaves_nothing_behind(build, machine):
    before = set(threading.enumerate()), len(asyncio.all_tasks())
    async with build(monitoring_interval=1) as monitor:
        for _ in range(5):
            await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(10)
        assert [thread.name for thread in set(threading.enumerate()) - before[0]] == ["outlast-resources"]
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before[0] and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not set(threading.enumerate()) - before[0]
    assert len(asyncio.all_tasks()) == before[1]


async def test_a_thread_is_there_only_while_something_is_measured(build):
    before = set(threading.enumerate())
    monitor = build()
    for _ in range(3):
        await monitor.get_current_metrics()
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not set(threading.enumerate()) - before


async def test_a_session_can_be_started_again_after_the_last_one_ended(build, machine):
    async with build(monitoring_interval=1) as monitor:
        for _ in range(3):
            session = await monitor.start_monitoring("production", lambda told: None)
            await asyncio.sleep(2.5)
            await monitor.stop_monitoring(session)
        assert len(machine.asked) == 9


async def test_a_gauge_that_fails_leaves_its_metrics_unknown_and_is_told_of_once(build, machine, heard):
    class Broken:
        fails = False

        def __call__(self, ask):
            if self.fails:
                raise OSError("no such file")
            return {"load1": 1.0}

    broken = Broken()
    async with build(monitoring_interval=1, with_={"gauges": {"machine": machine, "load": broken}}) as monitor:
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(2.5)
        broken.fails = True
        await asyncio.sleep(5)
        metrics = await monitor.get_current_metrics()
        assert metrics["load1"] is None
        assert metrics["memory_usage"] == 100
        assert metrics["sampling_errors"] >= 5
        broken.fails = False
        await asyncio.sleep(2)
        broken.fails = True
        await asyncio.sleep(2)
    told = [event.data for event in heard if event.event_type == "resource_sampling_failed"]
    assert told == [{"gauge": "load", "error": "OSError: no such file"}] * 2


async def test_when_nothing_can_be_read_the_one_who_asks_is_told_and_a_session_lives_on(build, machine, heard):
    class Blind:
        sees = False

        def __call__(self, ask):
            if not self.sees:
                raise OSError("blind")
            return {"memory_percent": 99.0}

    gauge, calls = Blind(), []
    async with build(monitoring_interval=1, auto_cleanup_enabled=False, with_={"gauges": {"all": gauge}}) as monitor:
        with pytest.raises(ResourceMonitoringError, match="blind"):
            await monitor.get_current_metrics()
        await monitor.start_monitoring("production", calls.append)
        await asyncio.sleep(10)
        gauge.sees = True
        await asyncio.sleep(2)
        assert len(calls) == 1


async def test_a_platform_that_cannot_be_measured_is_told_of_and_tried_again(machine, bus, heard):
    class Odd(Mapping):
        odd = True

        def __iter__(self):
            if self.odd:
                raise OSError("like no other")
            return iter(["machine"])

        def __len__(self):
            return 1

        def __getitem__(self, name):
            return machine

    gauges = Odd()
    async with ResourceMonitor(ResourceConfiguration(monitoring_interval=1), events=bus, gauges=gauges) as monitor:
        with pytest.raises(ResourceMonitoringError, match="like no other"):
            await monitor.get_current_metrics()
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(3.5)
        gauges.odd = False
        assert (await monitor.get_current_metrics())["memory_usage"] == 100
    assert [event.data["gauge"] for event in heard] == ["platform"]


async def test_a_probe_of_ones_own_is_a_metric_and_may_break_a_bound(build):
    length = [3]
    calls = []
    async with build(monitoring_interval=1, with_={"probes": {"queue": lambda: length[0]}}) as monitor:
        monitor.extra_probe("temperature", lambda: None)
        assert (await monitor.get_current_metrics())["queue"] == 3
        assert (await monitor.get_current_metrics())["temperature"] is None
        rule = {"name": "long_queue", "metric": "queue", "limit": 10, "breach_samples": 1}
        await monitor.create_resource_threshold({"name": "mine", "rules": [rule]})
        await monitor.start_monitoring("mine", calls.append)
        await asyncio.sleep(3)
        length[0] = 12
        await asyncio.sleep(3)
    assert [told["queue"] for told in calls] == [12]


def test_a_probe_does_not_take_the_place_of_a_metric(build):
    with pytest.raises(ValidationError, match="'memory_usage' is a metric already"):
        build(with_={"probes": {"memory_usage": lambda: 1.0}})


async def test_a_probe_that_fails_is_unknown_and_no_harm_to_others(build, heard):
    def probe():
        raise ZeroDivisionError("mine")

    async with build(with_={"probes": {"queue": probe}}) as monitor:
        metrics = await monitor.get_current_metrics()
    assert metrics["queue"] is None
    assert metrics["memory_usage"] == 100
    assert heard[0].data == {"gauge": "queue", "error": "ZeroDivisionError: mine"}


async def test_a_probe_that_hangs_is_unknown_and_the_memory_is_watched_all_the_same(build, machine, heard):
    free, calls = threading.Event(), []
    machine.values["memory_percent"] = ONCE
    try:
        async with build(monitoring_interval=1, with_={"probes": {"queue": lambda: free.wait(100)}}) as monitor:
            await monitor.start_monitoring("production", calls.append)
            await asyncio.sleep(10)
            assert len(calls) == 1
            assert calls[0]["queue"] is None
            troubles = [event.data for event in heard if event.event_type == "resource_sampling_failed"]
            assert troubles == [{"gauge": "queue", "error": "TimeoutError: no answer within 2 s"}]
            free.set()
            while (await monitor.get_current_metrics())["queue"] is None:
                await asyncio.sleep(1)
    finally:
        free.set()


async def test_an_owner_of_browsers_that_fails_is_told_of_and_the_rest_is_measured(build, machine, heard):
    class Broken:
        uptime = None

        def roots(self):
            raise RuntimeError("closing")

    calls = []
    machine.values["memory_percent"] = ONCE
    async with build(monitoring_interval=1, with_={"browsers": Broken()}) as monitor:
        await monitor.start_monitoring("production", calls.append)
        await asyncio.sleep(10)
    assert len(calls) == 1
    troubles = [event.data for event in heard if event.event_type == "resource_sampling_failed"]
    assert troubles == [{"gauge": "browsers", "error": "RuntimeError: closing"}]


async def test_nothing_is_looked_at_before_it_is_asked_for(build):
    def gauges():
        raise AssertionError("looked")

    class Unread(dict):
        def items(self):
            raise AssertionError("looked")

    build(with_={"gauges": Unread(), "probes": {"p": gauges}})


async def test_the_interval_of_the_configuration_is_that_between_two_samples(build, machine):
    async with build(monitoring_interval=7) as monitor:
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(21.5)
    assert [ask.now - machine.asked[0].now for ask in machine.asked] == [0, 7, 14, 21]


async def test_what_a_sample_takes_is_part_of_the_interval(build, machine):
    loop = asyncio.get_running_loop()

    def slow(ask):
        loop._now += 3.0  # the loop waits for this thread, so nobody else looks
        return machine(ask)

    async with build(monitoring_interval=10, with_={"gauges": {"slow": slow}}) as monitor:
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(35)
    assert [ask.now - machine.asked[0].now for ask in machine.asked[:4]] == [0, 10, 20, 30]


async def test_thresholds_of_the_configuration_are_in_force_and_a_wrong_one_is_refused(build, machine):
    machine.values["load1"] = 9.0
    rule = {"name": "busy", "metric": "load1", "limit": 8}
    async with build(
        default_threshold="mine", threshold=[{"name": "mine", "memory_absolute": 50, "rules": [rule]}]
    ) as monitor:
        assert await monitor.check_thresholds("default") == {"memory_absolute": True, "busy": True}
    with pytest.raises(ConfigurationError) as caught:
        build(threshold=[{"name": "a", "rules": [{**rule, "metric": "load"}]}, {"name": "b", "rules": [rule, rule]}])
    assert str(caught.value) == (
        "resource.threshold[0].rules[0].metric: 'load' is not a metric, did you mean 'load1'?; "
        "resource.threshold[1].rules: 'busy' is there twice"
    )


def test_thresholds_may_stand_in_a_job_file(tmp_path):
    (tmp_path / "job.toml").write_text(
        '[[resource.threshold]]\nname = "small"\nmemory_absolute = 900\nbrowser_lifetime = "1h"\n'
        '[[resource.threshold.rules]]\nname = "slow"\nmetric = "event_loop_lag"\nlimit = 0.5\n'
    )
    loaded = load_configuration(file=tmp_path / "job.toml", environ={}, directory=tmp_path)
    threshold = ResourceMonitor(loaded.configuration.resource).threshold("small")
    assert {rule.name: rule.limit for rule in threshold.rules} == {
        "memory_absolute": 900,
        "browser_lifetime": 3_600,
        "slow": 0.5,
    }


async def test_the_further_bounds_of_the_configuration_are_watched(build, machine, heard):
    machine.values |= {"tree_cpu_percent": 160.0, "memory_usage": 1_000.0}
    async with build(
        monitoring_interval=1, memory_limit_mb=900, cpu_limit_percent=150, auto_cleanup_enabled=False
    ) as monitor:
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(5)
    assert [event.data["breached"] for event in heard] == [["memory_limit"], ["cpu_limit"]]
    assert machine.asked[-1].limit == 900


async def test_a_week_of_watching_ends_as_it_began(build, machine, heard):
    # An hour of breach a day, in virtual time; nothing may pile up.
    day = 288
    machine.values["memory_percent"] = ([50] * (day - 12) + [HIGH] * 12) * 7 + [50]
    machine.remembers = False
    calls = []
    async with build(monitoring_interval=300, auto_cleanup_enabled=False) as monitor:
        monitor._measuring.lag._every = 600.0  # three million timers would say no more
        await monitor.start_monitoring("production", lambda told: calls.append(told["breached"]))
        await asyncio.sleep(3_600)
        gc.collect()
        before = len(gc.get_objects())
        await asyncio.sleep(7 * 86_400)
        gc.collect()
        assert len(gc.get_objects()) - before < 500
    assert calls == [["memory_percent"]] * 7
    assert kinds(heard) == ["threshold_breached", "threshold_recovered"] * 7
