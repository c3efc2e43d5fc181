"""One try at one item: call the handler, judge what came of it, say what is to be recorded."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from outlast.events import EventType
from outlast.failure.classify import classify
from outlast.failure.describe import describe
from outlast.failure.model import Classification, Fault
from outlast.jobs.bind import CONTEXT, Call
from outlast.jobs.context import Context
from outlast.jobs.dispatch import Task
from outlast.jobs.gate import PROBE_EVERY_MAX, PROBE_EVERY_MIN, Gate
from outlast.jobs.items import KeyFunction
from outlast.jobs.limit import AttemptLimit
from outlast.jobs.records import written
from outlast.ledger.port import ItemStatus, Record
from outlast.retry.decide import Again, Exhausted, Hopeless, after_failure
from outlast.retry.policy import RetryPolicy
from outlast.runtime import Runtime
from outlast.storage.strictjson import encode

__all__ = ["Attempts", "Identity", "Tally"]

# What may be down for every item at once; a proxy that is down looks from here like its hosts.
_OUTAGES = frozenset({Fault.HOST, Fault.PROXY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which job and run an attempt belongs to, and what all its attempts share."""

    job_id: str
    run_id: str
    key_of: KeyFunction | None
    state: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """What this run has done so far."""

    done: int = 0
    failed: int = 0
    retries: int = 0
    in_flight: int = 0


class Attempts:
    """Tries items with one handler, under one policy and one timeout."""

    def __init__(  # noqa: PLR0913 - the parts of an attempt
        self,
        call: Call,
        resources: Mapping[str, Any],
        *,
        wants_context: bool,
        identity: Identity,
        policy: RetryPolicy,
        classifying: bool,
        timeout: float | None,
        gate: Gate,
        runtime: Runtime,
        tally: Tally,
    ) -> None:
        self._call = call
        self._given = resources
        self._wants_context = wants_context
        self._identity = identity
        self._policy = policy
        self._classifying = classifying
        self._timeout = timeout
        self._gate = gate
        self._runtime = runtime
        self._tally = tally

    def limit(self) -> AttemptLimit:
        """What bounds the attempts of one worker, one after the other."""
        return AttemptLimit(self._timeout)

    async def __call__(self, task: Task, limit: AttemptLimit) -> Record:
        """Try the item. Only what is not an `Exception` gets out: cancellation, `KeyboardInterrupt`, `SystemExit`."""
        lease = task.lease
        attempt = lease.attempts + 1
        context = self._context(task, attempt) if self._wants_context else None
        given = self._given if context is None else {**self._given, CONTEXT: context}
        self._tally.in_flight += 1
        try:
            with limit:
                value = await self._call(task.item, given)
            shape, lines = written(value)
        except Exception as error:  # noqa: BLE001 - judging a failure is what this is for
            return self._failed(task, error)
        finally:
            self._tally.in_flight -= 1
        self._succeeded(task, attempt)
        children = () if context is None else context.children()
        return Record(
            lease=lease, status=ItemStatus.DONE, attempts=attempt, shape=shape, lines=lines, children=children
        )

    def cancelled(self, task: Task, error: asyncio.CancelledError) -> Record:
        """What is to be recorded of an item whose handler was cancelled by nobody but itself."""
        return self._failed(task, RuntimeError(f"the handler was cancelled from within: {error!r}"))

    def _context(self, task: Task, attempt: int) -> Context:
        identity = self._identity
        return Context(
            item=task.item,
            key=task.lease.key,
            attempt=attempt,
            job_id=identity.job_id,
            run_id=identity.run_id,
            state=identity.state,
            key_of=identity.key_of,
        )

    def _succeeded(self, task: Task, attempt: int) -> None:
        self._tally.done += 1
        self._answered(task.host)
        if attempt > 1:
            self._emit(EventType.RETRY_SUCCEEDED, attempt)

    def _failed(self, task: Task, error: Exception) -> Record:
        kind = self._judge(error)
        attempt = task.lease.attempts + 1
        failure = describe(error, kind).to_dict()
        told = {"failure_class": kind.failure_class.value, "error": f"{failure['type']}: {failure['message']}"}
        if not self._counts(task, kind, told["error"]):
            delay = min(PROBE_EVERY_MIN + PROBE_EVERY_MAX * self._runtime.roll(), PROBE_EVERY_MAX)
            return self._again(task, delay, failure, attempts=task.lease.attempts)
        verdict = after_failure(self._policy, kind, attempt=attempt, elapsed=0.0, roll=self._runtime.roll())
        match verdict:
            case Again(delay):
                self._emit(EventType.RETRY_ATTEMPTED, attempt, **told, delay=delay)
                return self._again(task, delay, failure, attempts=attempt)
            case Exhausted(retry_after=float(delay)):
                self._emit(EventType.RETRY_ATTEMPTED, attempt, **told, delay=delay)
                return self._again(task, delay, failure, attempts=attempt)
            case Exhausted(reason):
                self._emit(EventType.RETRY_EXHAUSTED, attempt, **told, reason=reason)
            case Hopeless():
                self._emit(EventType.PERMANENT_FAILURE, attempt, **told)
        self._tally.failed += 1
        return Record(lease=task.lease, status=ItemStatus.FAILED, attempts=attempt, error=encode(failure).decode())

    def _again(self, task: Task, delay: float, failure: Mapping[str, Any], *, attempts: int) -> Record:
        self._tally.retries += 1
        return Record(
            lease=task.lease,
            status=ItemStatus.DEFERRED,
            attempts=attempts,
            not_before=self._runtime.clock.now().timestamp() + delay,
            error=encode(failure).decode(),
        )

    def _judge(self, error: Exception) -> Classification:
        policy = self._policy
        kind = classify(
            error,
            now=self._runtime.clock.now(),
            transient_patterns=policy.transient_patterns,
            permanent_patterns=policy.permanent_patterns,
            retryable_status=policy.retryable_status_codes,
            non_retryable_status=policy.non_retryable_status_codes,
        )
        if kind.fault is Fault.MACHINE or not self._classifying:
            # A full disk or too many open files says nothing about the item: it is tried again.
            return replace(kind, transient=True, max_attempts=None)
        return kind

    def _counts(self, task: Task, kind: Classification, error: str) -> bool:
        """Tell the gate whose fault it was; whether the failure counts against the item."""
        if kind.transient and kind.fault in _OUTAGES:
            return self._blame_host(task, error)
        if kind.fault is Fault.ITEM or kind.fault is Fault.HOST:
            self._answered(task.host)
        elif task.probe:
            self._gate.failed(task.host, task.lease.key, self._runtime.clock.monotonic(), probe=True)
        return True

    def _blame_host(self, task: Task, error: str) -> bool:
        """Tell the gate, and everybody when it parks the host; whether the item is to blame all the same."""
        now = self._runtime.clock.monotonic()
        failed = self._gate.failed(task.host, task.lease.key, now, probe=task.probe)
        if failed.parked is not None:
            parked = failed.parked
            self._runtime.emit(
                EventType.HOST_PARKED,
                self._identity.job_id,
                host=parked.host,
                failures=parked.failures,
                error=error,
                next_probe_in=parked.next_probe_in,
            )
        return failed.counts

    def _answered(self, host: str) -> None:
        recovered = self._gate.answered(host, self._runtime.clock.monotonic())
        if recovered is not None:
            self._runtime.emit(EventType.HOST_RECOVERED, self._identity.job_id, host=host, down_for=recovered.down_for)

    def _emit(self, kind: EventType, attempt: int, **told: Any) -> None:
        policy = self._policy
        self._runtime.emit(
            kind, self._identity.job_id, policy_id=policy.id, attempt=attempt, max_attempts=policy.max_attempts, **told
        )
