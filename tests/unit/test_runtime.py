"""Time, chance and identity."""

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from outlast.events import EventBus, EventType
from outlast.runtime import Runtime, SystemClock, new_id


def test_the_system_clock_tells_aware_utc_and_never_goes_back():
    clock = SystemClock()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()


async def test_sleeping_takes_the_time_of_the_loop():
    loop = asyncio.get_running_loop()
    began = loop.time()
    await SystemClock().sleep(3_600)
    assert loop.time() - began == pytest.approx(3_600)


def test_ids_sort_by_time_and_are_ulids():
    ids = [new_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(len(each) == 26 and set(each) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for each in ids)
    stamps = [each[:10] for each in ids]
    assert stamps == sorted(stamps)


def test_an_id_tells_when_it_was_made():
    stamp = 0
    for character in new_id()[:10]:
        stamp = stamp * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(character)
    assert abs(datetime.fromtimestamp(stamp / 1000, UTC) - datetime.now(UTC)) < timedelta(seconds=5)


class StoppedClock(SystemClock):
    def now(self):
        return datetime(2026, 1, 31, tzinfo=UTC)


def test_an_event_gets_the_clocks_time_and_reaches_the_bus():
    bus, seen = EventBus(), []
    bus.subscribe(seen.append)
    Runtime(clock=StoppedClock(), bus=bus).emit(EventType.HOST_PARKED, "shop", host="a.test")
    (event,) = seen
    assert (event.timestamp, event.job_id, event.data) == (StoppedClock().now(), "shop", {"host": "a.test"})


def test_nothing_is_built_when_nobody_listens():
    bus = EventBus()
    unsubscribe = bus.subscribe(lambda event: None, [EventType.RUN_ENDED])
    # An unknown key would fail in the building.
    Runtime(bus=bus).emit(EventType.HOST_PARKED, "shop", wrong=1)
    with pytest.raises(AssertionError, match="not in the event table"):
        Runtime(bus=bus).emit(EventType.RUN_ENDED, "shop", wrong=1)
    unsubscribe()


def test_a_runtime_has_a_bus_of_its_own_and_cannot_be_changed():
    assert Runtime().bus is not Runtime().bus
    assert 0 <= Runtime().roll() < 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        Runtime().roll = lambda: 0.5
