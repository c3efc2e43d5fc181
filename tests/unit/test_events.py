"""The event table and the bus."""

import asyncio
import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from outlast.correlation import correlated
from outlast.events import EVENTS, SINK_QUEUE_MAX, EventBus, EventType, ResilienceEvent, Severity

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def event(kind=EventType.RUN_STARTED, **data):
    return ResilienceEvent.of(kind, "shop", data, MOMENT)


def test_every_type_has_a_row_in_the_table():
    assert set(EVENTS) == set(EventType)
    assert all(spec.data and len(spec.data) == len(set(spec.data)) for spec in EVENTS.values())


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        EVENTS[EventType.RUN_ENDED] = None


def test_severities_rise():
    assert [each.value for each in sorted(Severity, key=lambda each: each.rank)] == [
        "info",
        "warning",
        "error",
        "critical",
    ]


@pytest.mark.parametrize("kind", EventType)
def test_an_event_takes_component_and_severity_from_the_table(kind):
    with correlated("ab" * 16):
        built = event(kind)
    assert (built.event_type, built.component, built.severity) == (
        kind.value,
        EVENTS[kind].component,
        EVENTS[kind].severity,
    )
    assert built.correlation_id == "ab" * 16


def test_data_outside_the_table_is_a_mistake_of_ours():
    with pytest.raises(AssertionError, match=r"\['wrong'\] not in the event table"):
        event(wrong=1)


def test_an_event_is_frozen_and_json_able_in_utc():
    built = ResilienceEvent.of(
        EventType.RUN_STARTED, "shop", {"done": 1}, MOMENT.astimezone(timezone(timedelta(hours=5)))
    )
    row = json.loads(json.dumps(built.to_dict()))
    assert row["timestamp"] == "2026-01-31T12:00:00+00:00"
    assert set(row) == {field.name for field in dataclasses.fields(ResilienceEvent)}
    with pytest.raises(dataclasses.FrozenInstanceError):
        built.job_id = "other"


def test_a_sink_gets_the_types_it_asked_for_in_order():
    bus, all_of_them, ended = EventBus(), [], []
    bus.subscribe(all_of_them.append)
    bus.subscribe(ended.append, ["run_ended"])
    started, over = event(), event(EventType.RUN_ENDED)
    bus.emit(started)
    bus.emit(over)
    assert (all_of_them, ended) == ([started, over], [over])


def test_an_unknown_type_cannot_be_asked_for():
    with pytest.raises(ValueError, match="run_endde"):
        EventBus().subscribe(print, ["run_endde"])


def test_unsubscribing_ends_one_subscription_and_may_be_repeated():
    bus, seen = EventBus(), []
    first, second = bus.subscribe(seen.append), bus.subscribe(seen.append)
    first()
    first()
    bus.emit(event())
    assert len(seen) == 1
    second()
    assert not bus.wants(EventType.RUN_STARTED)


def test_a_bus_wants_what_somebody_listens_to():
    bus = EventBus()
    bus.subscribe(print, [EventType.RUN_ENDED])
    assert bus.wants(EventType.RUN_ENDED)
    assert not bus.wants(EventType.RUN_STARTED)


def test_a_failing_sink_breaks_neither_the_emitter_nor_the_other_sinks(caplog):
    bus, seen = EventBus(), []
    bus.subscribe(lambda _: 1 / 0)
    bus.subscribe(seen.append)
    bus.emit(event())
    assert len(seen) == 1
    assert "an event sink failed on run_started" in caplog.text


async def test_an_async_sink_gets_every_event_in_order_and_delays_nobody():
    bus, seen = EventBus(), []

    async def slow(each):
        await asyncio.sleep(1)
        seen.append(each.data["done"])

    bus.subscribe(slow)
    for number in range(3):
        bus.emit(event(done=number))
    assert seen == []
    await bus.aclose()
    assert seen == [0, 1, 2]


async def test_an_async_sink_that_was_idle_is_woken_again():
    bus, seen = EventBus(), []

    async def sink(each):
        seen.append(each)

    bus.subscribe(sink)
    for count in (1, 2):
        bus.emit(event())
        await bus.aclose()
        assert len(seen) == count


async def test_a_failing_async_sink_goes_on_with_the_next_event(caplog):
    bus, seen = EventBus(), []

    async def sink(each):
        seen.append(each)
        raise ValueError("sink")

    bus.subscribe(sink)
    bus.emit(event())
    bus.emit(event())
    await bus.aclose()
    assert len(seen) == 2
    assert caplog.text.count("an event sink failed") == 2


async def test_a_sink_that_falls_behind_loses_the_oldest_and_the_loss_is_counted_and_said(caplog):
    bus, seen = EventBus(), []

    async def sink(each):
        seen.append(each.data["done"])

    bus.subscribe(sink)
    for number in range(SINK_QUEUE_MAX + 5):
        bus.emit(event(done=number))
    await bus.aclose()
    assert seen == list(range(5, SINK_QUEUE_MAX + 5))
    assert bus.dropped == 5
    assert "5 events dropped" in caplog.text


async def test_closing_a_bus_without_async_sinks_waits_for_nothing():
    bus = EventBus()
    bus.subscribe(print, [EventType.RUN_ENDED])
    await bus.aclose()


async def test_a_callable_object_with_an_async_call_is_an_async_sink():
    class Sink:
        def __init__(self):
            self.seen = []

        async def __call__(self, each):
            self.seen.append(each)

    bus, sink = EventBus(), Sink()
    bus.subscribe(sink)
    bus.emit(event())
    await bus.aclose()
    assert len(sink.seen) == 1
