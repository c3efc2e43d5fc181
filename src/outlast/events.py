"""What happened: the event types, the table that describes them, and the bus that hands them on.

Call sites name a type and its data; component and severity stand in one table. Logs, metrics and traces are sinks.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import Any

from outlast.correlation import correlation_id

__all__ = ["EVENTS", "EventBus", "EventSpec", "EventType", "ResilienceEvent", "Severity", "Sink"]

SINK_QUEUE_MAX = 1_000

_log = logging.getLogger("outlast.events")


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class EventType(StrEnum):
    """Every event there is: the sixteen of the contract, then ours."""

    CHECKPOINT_CREATED = "checkpoint_created"
    CHECKPOINT_LOADED = "checkpoint_loaded"
    CHECKPOINT_CORRUPTED = "checkpoint_corrupted"
    CHECKPOINT_DELETED = "checkpoint_deleted"
    RETRY_ATTEMPTED = "retry_attempted"
    RETRY_SUCCEEDED = "retry_succeeded"
    RETRY_EXHAUSTED = "retry_exhausted"
    PERMANENT_FAILURE = "permanent_failure"
    THRESHOLD_BREACHED = "threshold_breached"
    THRESHOLD_RECOVERED = "threshold_recovered"
    CLEANUP_INITIATED = "cleanup_initiated"
    BROWSER_RESTARTED = "browser_restarted"
    ABORT_EVALUATED = "abort_evaluated"
    ABORT_TRIGGERED = "abort_triggered"
    ABORT_EXECUTED = "abort_executed"
    FAILURE_PATTERN_DETECTED = "failure_pattern_detected"
    CHECKPOINT_FAILED = "checkpoint_failed"
    RUN_STARTED = "run_started"
    RUN_ENDED = "run_ended"
    HOST_PARKED = "host_parked"
    HOST_RECOVERED = "host_recovered"
    LEDGER_BEHIND = "ledger_behind"
    LEDGER_DAMAGED = "ledger_damaged"
    KEYS_ROTATED = "keys_rotated"
    ITEM_QUARANTINED = "item_quarantined"
    ORDERS_CHANGED = "orders_changed"
    EXPECTATION_FAILED = "expectation_failed"
    FAILURE_HANDLED = "failure_handled"
    CIRCUIT_OPENED = "circuit_opened"
    CIRCUIT_CLOSED = "circuit_closed"
    REMEDY_APPLIED = "remedy_applied"
    RETRY_POLICY_REPLACED = "retry_policy_replaced"
    RETRY_POLICY_REFUSED = "retry_policy_refused"
    RESOURCE_SAMPLING_FAILED = "resource_sampling_failed"
    BREACH_CALLBACK_FAILED = "breach_callback_failed"
    CLEANUP_FAILED = "cleanup_failed"
    BROWSER_CRASHED = "browser_crashed"
    BROWSER_UNAVAILABLE = "browser_unavailable"
    ABORT_ANALYSED = "abort_analysed"


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One row of the event table: who emits a type, how grave it is, what its `data` holds."""

    component: str
    severity: Severity
    data: tuple[str, ...]
    published: bool = True


def _table() -> Mapping[EventType, EventSpec]:
    info, warning, error, critical = Severity
    kind = EventType
    saved = ("checkpoint_id", "sequence_number", "size_bytes")
    tried = ("policy_id", "attempt", "max_attempts", "failure_class", "error")
    handled = ("failure_id", "action", "reason", "delay", "resolved", "failure_class", "signature", "error")
    ended = ("run_id", "outcome", "done", "failed", "deferred", "records", "unmet")
    behind = ("reason", "expected_position", "found_position", "checkpoint_id", "kept_as")
    return MappingProxyType(
        {
            kind.CHECKPOINT_CREATED: EventSpec("checkpoint", info, (*saved, "compressed", "encrypted")),
            kind.CHECKPOINT_LOADED: EventSpec("checkpoint", info, saved),
            kind.CHECKPOINT_CORRUPTED: EventSpec("checkpoint", error, ("checkpoint_id", "reason", "quarantined_to")),
            kind.CHECKPOINT_DELETED: EventSpec("checkpoint", info, ("checkpoint_id", "sequence_number", "reason")),
            kind.RETRY_ATTEMPTED: EventSpec("retry", info, (*tried, "delay")),
            kind.RETRY_SUCCEEDED: EventSpec("retry", info, ("policy_id", "attempt", "max_attempts")),
            kind.RETRY_EXHAUSTED: EventSpec("retry", error, (*tried, "reason")),
            kind.PERMANENT_FAILURE: EventSpec("retry", error, tried),
            **_of_the_machine(),
            **_of_aborts(),
            kind.CHECKPOINT_FAILED: EventSpec("job", error, ("reason",), published=False),
            kind.RUN_STARTED: EventSpec("job", info, ("run_id", "done", "pending", "resumed"), published=False),
            kind.RUN_ENDED: EventSpec("job", info, ended, published=False),
            kind.HOST_PARKED: EventSpec(
                "job", warning, ("host", "failures", "error", "next_probe_in"), published=False
            ),
            kind.HOST_RECOVERED: EventSpec("job", info, ("host", "down_for"), published=False),
            kind.LEDGER_BEHIND: EventSpec("job", critical, behind, published=False),
            kind.LEDGER_DAMAGED: EventSpec("job", error, ("damaged", "lost", "findings"), published=False),
            kind.KEYS_ROTATED: EventSpec("job", info, ("key_id", "ledger", "checkpoints"), published=False),
            kind.ITEM_QUARANTINED: EventSpec("job", error, ("key", "kills"), published=False),
            kind.ORDERS_CHANGED: EventSpec("job", info, ("paused",), published=False),
            kind.EXPECTATION_FAILED: EventSpec("job", error, ("run_id", "expectation", "reason"), published=False),
            kind.FAILURE_HANDLED: EventSpec("failure", warning, handled, published=False),
            kind.BROWSER_CRASHED: EventSpec("browser", error, ("incident_id", "reason", "generation"), published=False),
            kind.BROWSER_UNAVAILABLE: EventSpec("browser", error, ("reason",), published=False),
            **_of_wings(),
            kind.ABORT_ANALYSED: EventSpec("abort", error, ("reason", "analysis"), published=False),
        }
    )


def _of_wings() -> Mapping[EventType, EventSpec]:
    info, warning, error, _ = Severity
    kind = EventType
    opened = ("host", "failures", "error", "next_probe_in")
    called = ("session_id", "threshold_id", "error")
    return {
        kind.CIRCUIT_OPENED: EventSpec("retry", warning, opened, published=False),
        kind.CIRCUIT_CLOSED: EventSpec("retry", info, ("host", "down_for"), published=False),
        kind.REMEDY_APPLIED: EventSpec("retry", info, ("remedy", "host", "error"), published=False),
        kind.RETRY_POLICY_REPLACED: EventSpec("retry", info, ("policy_id", "policy"), published=False),
        kind.RETRY_POLICY_REFUSED: EventSpec("retry", error, ("policy_id", "complaints"), published=False),
        kind.RESOURCE_SAMPLING_FAILED: EventSpec("resource", warning, ("gauge", "error"), published=False),
        kind.BREACH_CALLBACK_FAILED: EventSpec("resource", error, called, published=False),
        kind.CLEANUP_FAILED: EventSpec("resource", error, ("threshold_id", "step", "error"), published=False),
    }


def _of_aborts() -> Mapping[EventType, EventSpec]:
    info, warning, _, critical = Severity
    kind = EventType
    verdict = ("policy_id", "decision", "reason", "failure_rate", "operations")
    surge = ("signature", "share", "hosts", "failure_class", "failures", "operations")
    times = ("first_seen", "last_seen", "example")
    return {
        kind.ABORT_EVALUATED: EventSpec("abort", info, verdict),
        kind.ABORT_TRIGGERED: EventSpec("abort", critical, verdict),
        kind.ABORT_EXECUTED: EventSpec("abort", critical, ("reason", "actions", "policy_id", "succeeded")),
        kind.FAILURE_PATTERN_DETECTED: EventSpec("abort", warning, (*surge, *times)),
    }


def _of_the_machine() -> Mapping[EventType, EventSpec]:
    info, warning, *_ = Severity
    kind = EventType
    level = ("threshold_id", "breached", "metrics")
    steps = ("drain", "snapshot", "close", "launch", "restore")
    outcome = ("forced", "redone", "pages", "partial", "missing", "memory_before", "memory_after")
    restarted = ("reason", "planned", "generation", "duration", *steps, *outcome)
    return {
        kind.THRESHOLD_BREACHED: EventSpec("resource", warning, (*level, "level")),
        kind.THRESHOLD_RECOVERED: EventSpec("resource", info, (*level, "duration", "peak", "samples")),
        kind.CLEANUP_INITIATED: EventSpec("resource", warning, ("threshold_id", "step", "freed_mb", "duration")),
        kind.BROWSER_RESTARTED: EventSpec("resource", warning, restarted),
    }


EVENTS: Mapping[EventType, EventSpec] = _table()


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
