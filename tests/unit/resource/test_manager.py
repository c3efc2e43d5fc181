"""The monitor as a user meets it."""

import asyncio

import pytest

from outlast import Resilience, ResilienceConfiguration
from outlast.config import ResourceConfiguration
from outlast.errors import (
    ResourceMonitoringError,
    ResourceThresholdExceededError,
    ResourceThresholdNotFoundError,
    ValidationError,
)
from outlast.resource import ResourceMonitor


def ignore(told):
    return None


async def test_the_metrics_have_every_key_of_the_reference_on_a_real_machine(tmp_path):
    async with ResourceMonitor(ResourceConfiguration(), storage_path=tmp_path) as monitor:
        metrics = await monitor.get_current_metrics()
    for key in (
        "timestamp memory_usage memory_percent memory_available cpu_usage disk_usage disk_free".split()
        + "network_connections process_count browser_memory browser_uptime event_loop_lag".split()
    ):
        assert key in metrics
    assert metrics["memory_usage"] > 1
    assert metrics["disk_free"] > 0
    assert metrics["browser_memory"] is None


async def test_a_breach_is_told_to_the_callback_once(build, machine):
    calls = []
    machine.values["memory_percent"] = [50, 85, 85, 85, 85, 85]
    async with build(monitoring_interval=1) as monitor:
        session = await monitor.start_monitoring("production", calls.append)
        await asyncio.sleep(10)
        assert await monitor.stop_monitoring(session)
    assert len(calls) == 1
    assert calls[0]["breached"] == ["memory_percent"]
    assert calls[0]["memory_percent_breached"] is True
    assert calls[0]["cpu_percent_breached"] is False
    assert calls[0]["threshold_id"] == "production"
    assert calls[0]["memory_percent"] == 85


async def test_a_session_ends_once(build):
    async with build() as monitor:
        session = await monitor.start_monitoring("production", ignore)
        assert await monitor.stop_monitoring(session) is True
        assert await monitor.stop_monitoring(session) is False
        assert await monitor.stop_monitoring("never was") is False


async def test_thresholds_are_compared_with_a_fresh_sample(build, machine):
    machine.values |= {"memory_percent": 80, "cpu_usage": 99, "disk_free": 512, "memory_usage": 2_000}
    async with build(memory_limit_mb=1_000) as monitor:
        assert await monitor.check_thresholds("production") == {
            "memory_percent": True,
            "cpu_percent": True,
            "browser_lifetime": False,
            "disk_space": True,
            "memory_limit": True,
        }
        assert await monitor.check_thresholds("default") == await monitor.check_thresholds("production")


async def test_an_unknown_threshold_is_an_error_that_names_the_nearest(build):
    async with build() as monitor:
        for ask in (monitor.check_thresholds, monitor.require):
            with pytest.raises(ResourceThresholdNotFoundError, match=r"did you mean 'production'\?; there are \w+, "):
                await ask("prodction")
        with pytest.raises(ResourceThresholdNotFoundError):
            await monitor.start_monitoring("prodction", ignore)


@pytest.mark.parametrize("callback", [None, "print"])
async def test_a_callback_that_cannot_be_called_is_refused_at_once(build, callback):
    async with build() as monitor:
        with pytest.raises(ValidationError, match=f"'{type(callback).__name__}' is not"):
            await monitor.start_monitoring("production", callback)


async def test_a_guard_raises_beyond_a_limit_and_only_there(build, machine):
    async with build() as monitor:
        await monitor.require("production")
        machine.values["memory_percent"] = 93.5
        with pytest.raises(ResourceThresholdExceededError, match=r"memory_percent is 93\.5 \(limit 80\)") as caught:
            await monitor.require("production")
    assert caught.value.context["breached"] == ["memory_percent"]


async def test_switched_off_it_measures_and_does_not_watch(build):
    async with build(enabled=False) as monitor:
        with pytest.raises(ResourceMonitoringError, match=r"resource\.enabled"):
            await monitor.start_monitoring("production", ignore)
        assert (await monitor.get_current_metrics())["memory_usage"] == 100
        assert (await monitor.check_thresholds("production"))["memory_percent"] is False


async def test_a_threshold_of_ones_own_is_kept_under_its_id(build, machine):
    async with build() as monitor:
        made = await monitor.create_resource_threshold({"name": "mine", "memory_absolute": 50})
        assert made == "mine"
        assert await monitor.check_thresholds("mine") == {"memory_absolute": True}
        assert monitor.threshold("mine").rules[0].limit == 50
        with pytest.raises(ValidationError, match="did you mean 'memory_absolute'"):
            await monitor.create_resource_threshold({"name": "mine", "memory_absolut": 50})


@pytest.mark.real_time
async def test_joined_with_the_others_it_speaks_on_their_bus_and_ends_with_them(tmp_path):
    heard, calls = [], []
    config = ResilienceConfiguration(
        resource={
            "memory_limit_mb": 1,
            "monitoring_interval": 1,
            "auto_cleanup_enabled": False,
            "threshold": [{"name": "mine"}],
            "default_threshold": "mine",
        },
        checkpoint={"storage_path": str(tmp_path)},
    )
    async with Resilience(config) as resilience:
        resilience.events.subscribe(heard.append, ["threshold_breached"])
        session = await resilience.resources.start_monitoring("default", calls.append)
        # Far beyond a limit of 1 MB, so the first sample is critical.
        async with asyncio.timeout(20):
            while not calls:
                await asyncio.sleep(0.01)
    assert [event.data["breached"] for event in heard] == [["memory_limit"]]
    assert calls[0]["memory_limit_breached"] is True
    assert await resilience.resources.stop_monitoring(session) is False
