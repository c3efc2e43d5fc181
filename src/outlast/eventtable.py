"""Which events there are: the types, and the table that says of each who emits it, how grave it is, what its `data` holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

__all__ = ["EVENTS", "EventSpec", "EventType", "Severity"]


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
    COMMAND_OBEYED = "command_obeyed"
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
    began = ("run_id", "done", "failed", "pending", "resumed")
    ended = ("run_id", "outcome", "done", "failed", "deferred", "records", "unmet", "taken_back")
    crashed = ("incident_id", "reason", "generation", "replaced")
    behind = ("reason", "expected_position", "found_position", "checkpoint_id", "kept_as")
    return MappingProxyType(
        {
            kind.CHECKPOINT_CREATED: EventSpec("checkpoint", info, (*saved, "compressed", "encrypted", "duration")),
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
            kind.RUN_STARTED: EventSpec("job", info, began, published=False),
            kind.RUN_ENDED: EventSpec("job", info, ended, published=False),
            kind.HOST_PARKED: EventSpec(
                "job", warning, ("host", "failures", "error", "next_probe_in"), published=False
            ),
            kind.HOST_RECOVERED: EventSpec("job", info, ("host", "down_for"), published=False),
            kind.LEDGER_BEHIND: EventSpec("job", critical, behind, published=False),
            kind.LEDGER_DAMAGED: EventSpec("job", error, ("damaged", "lost", "findings"), published=False),
            kind.KEYS_ROTATED: EventSpec("job", info, ("key_id", "ledger", "checkpoints"), published=False),
            kind.ITEM_QUARANTINED: EventSpec("job", error, ("key", "kills"), published=False),
            **_of_orders(),
            kind.EXPECTATION_FAILED: EventSpec(
                "job", error, ("run_id", "expectation", "reason", "at_end"), published=False
            ),
            kind.FAILURE_HANDLED: EventSpec("failure", warning, handled, published=False),
            kind.BROWSER_CRASHED: EventSpec("browser", error, crashed, published=False),
            kind.BROWSER_UNAVAILABLE: EventSpec("browser", error, ("reason",), published=False),
            **_of_retries(),
            **_of_resources(),
            kind.ABORT_ANALYSED: EventSpec("abort", error, ("reason", "analysis"), published=False),
        }
    )


def _of_orders() -> Mapping[EventType, EventSpec]:
    info, *_ = Severity
    kind = EventType
    ordered = ("changed", "job_paused", "paused", "rates")
    commanded = ("command_id", "command", "given", "obeyed", "answer")
    return {
        kind.ORDERS_CHANGED: EventSpec("job", info, ordered, published=False),
        kind.COMMAND_OBEYED: EventSpec("job", info, commanded, published=False),
    }


def _of_retries() -> Mapping[EventType, EventSpec]:
    info, warning, error, _ = Severity
    kind = EventType
    opened = ("host", "failures", "error", "next_probe_in")
    return {
        kind.CIRCUIT_OPENED: EventSpec("retry", warning, opened, published=False),
        kind.CIRCUIT_CLOSED: EventSpec("retry", info, ("host", "down_for"), published=False),
        kind.REMEDY_APPLIED: EventSpec("retry", info, ("remedy", "host", "error"), published=False),
        kind.RETRY_POLICY_REPLACED: EventSpec("retry", info, ("policy_id", "policy"), published=False),
        kind.RETRY_POLICY_REFUSED: EventSpec("retry", error, ("policy_id", "complaints"), published=False),
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


def _of_resources() -> Mapping[EventType, EventSpec]:
    _, warning, error, _ = Severity
    kind = EventType
    called = ("session_id", "threshold_id", "error")
    return {
        kind.RESOURCE_SAMPLING_FAILED: EventSpec("resource", warning, ("gauge", "error"), published=False),
        kind.BREACH_CALLBACK_FAILED: EventSpec("resource", error, called, published=False),
        kind.CLEANUP_FAILED: EventSpec("resource", error, ("threshold_id", "step", "error"), published=False),
    }


EVENTS: Mapping[EventType, EventSpec] = _table()
