"""What happened: an event, and the bus that hands events on.

Call sites name a type and its data; component and severity stand in `outlast.eventtable`. Logs, metrics and traces are sinks.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from inspect import iscoroutinefunction
from typing import Any

from outlast.cloudevent import cloudevent
from outlast.correlation import correlation_id
from outlast.eventtable import EVENTS, EventSpec, EventType, Severity

__all__ = ["EVENTS", "EventBus", "EventSpec", "EventType", "ResilienceEvent", "Severity", "Sink"]

SINK_QUEUE_MAX = 1_000

_log = logging.getLogger("outlast.events")


@dataclass(frozen=True, slots=True)
class ResilienceEvent:
    """One thing that happened. `data` has the keys that `EVENTS[event_type].data` lists, all JSON-able."""

    event_type: str
    timestamp: datetime
    job_id: str
    component: str
    severity: str
    data: Mapping[str, Any]
    correlation_id: str

    @classmethod
    def of(cls, kind: EventType, job_id: str, data: Mapping[str, Any], timestamp: datetime) -> "ResilienceEvent":
        spec = EVENTS[kind]
        assert set(data) <= set(spec.data), f"{kind}: {sorted(set(data) - set(spec.data))} not in the event table"
        return cls(kind.value, timestamp, job_id, spec.component, spec.severity.value, data, correlation_id())

    def to_dict(self) -> dict[str, Any]:
        """The event as JSON-able data; the time in ISO 8601, UTC."""
        return {
            "event_type": self.event_type,
            "timestamp": self.timestamp.astimezone(UTC).isoformat(),
            "job_id": self.job_id,
            "component": self.component,
            "severity": self.severity,
            "data": dict(self.data),
            "correlation_id": self.correlation_id,
        }

    def to_cloudevent(
        self, *, run_id: str | None = None, item_key: str | None = None, span_id: str | None = None
    ) -> dict[str, Any]:
        """The event as a CloudEvent 1.0 in JSON. The same event has the same `id` every time.

        Run and item are those given; else those that the event names, or that are worked on here.
        """
        return cloudevent(self.to_dict(), run_id=run_id, item_key=item_key, span_id=span_id)


Sink = Callable[[ResilienceEvent], Awaitable[None] | None]


@dataclass(slots=True, eq=False)
class _Subscription:
    sink: Sink
    is_async: bool
    queue: deque[ResilienceEvent] = field(default_factory=lambda: deque(maxlen=SINK_QUEUE_MAX))
    drain: asyncio.Task[None] | None = None
    dropped: int = 0


class EventBus:
    """Hands each event to the sinks that asked for its type.

    A plain sink is called at once and should return at once. An async sink gets a bounded queue; when it falls behind, its
    oldest events are dropped and `dropped` counts them. Neither can break or delay the one who emits.
    """

    def __init__(self) -> None:
        self._subscriptions: dict[EventType, tuple[_Subscription, ...]] = {}
        self.dropped = 0

    def subscribe(self, sink: Sink, types: Iterable[EventType | str] | None = None) -> Callable[[], None]:
        """Send events of `types` (all, when None) to `sink` until the returned function is called."""
        wanted = frozenset(EventType) if types is None else frozenset(map(EventType, types))
        subscription = _Subscription(sink, _is_async(sink))
        for kind in wanted:
            self._subscriptions[kind] = (*self._subscriptions.get(kind, ()), subscription)

        def unsubscribe() -> None:
            for kind in wanted:
                kept = tuple(each for each in self._subscriptions.get(kind, ()) if each is not subscription)
                self._subscriptions[kind] = kept

        return unsubscribe

    def wants(self, kind: EventType) -> bool:
        """Whether anybody listens to `kind`; if not, no event need be built."""
        return bool(self._subscriptions.get(kind))

    def emit(self, event: ResilienceEvent) -> None:
        for subscription in self._subscriptions.get(EventType(event.event_type), ()):
            if subscription.is_async:
                self._queue(subscription, event)
            else:
                self._call(subscription.sink, event)

    async def aclose(self) -> None:
        """Wait until every async sink has seen what was queued for it."""
        subscriptions = {each for row in self._subscriptions.values() for each in row}
        for subscription in subscriptions:
            if subscription.drain is not None:
                await subscription.drain

    def _call(self, sink: Sink, event: ResilienceEvent) -> None:
        try:
            sink(event)
        except Exception:  # noqa: BLE001 - a failing sink must not become a failing operation
            _log.warning("an event sink failed on %s", event.event_type, exc_info=True)

    def _queue(self, subscription: _Subscription, event: ResilienceEvent) -> None:
        if len(subscription.queue) == SINK_QUEUE_MAX:
            self.dropped += 1
            subscription.dropped += 1
        subscription.queue.append(event)
        if subscription.drain is None or subscription.drain.done():
            try:
                subscription.drain = asyncio.get_running_loop().create_task(self._drain(subscription))
            except RuntimeError:  # no loop runs here: the event stays queued for the next one that is emitted on a loop
                return

    async def _drain(self, subscription: _Subscription) -> None:
        while subscription.queue:
            event = subscription.queue.popleft()
            try:
                await subscription.sink(event)  # type: ignore[misc] # only async sinks are queued
            except Exception:  # noqa: BLE001 - a failing sink must not become a failing operation
                _log.warning("an event sink failed on %s", event.event_type, exc_info=True)
        if subscription.dropped:
            _log.warning("an event sink fell behind: %d events dropped", subscription.dropped)
            subscription.dropped = 0


def _is_async(sink: Sink) -> bool:
    return iscoroutinefunction(sink) or iscoroutinefunction(getattr(sink, "__call__", None))  # noqa: B004 - its kind is asked
