"""What follows from a failed try: whose fault it was, whether it counts, what is recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from outlast.errors import BrowserCrashedError
from outlast.events import EventType
from outlast.failure.classify import classify
from outlast.failure.describe import Failure, TracebackQuota, describe
from outlast.failure.facts import attribute
from outlast.failure.model import Classification, FailureClass, Fault, Remedy
from outlast.failure.rule import FailureRule
from outlast.jobs.athand import Task
from outlast.jobs.excuses import Excuses
from outlast.jobs.gate import Gate
from outlast.jobs.regrets import HOST_GIVEN_UP
from outlast.jobs.suspension import Suspension
from outlast.jobs.tally import Tally
from outlast.ledger.port import ItemStatus, Record
from outlast.retry.backoff import delay_after
from outlast.retry.decide import Again, Exhausted, Hopeless, Verdict, after_failure
from outlast.retry.policy import RetryPolicy
from outlast.retry.remedies import Remedies
from outlast.runtime import Runtime
from outlast.storage.strictjson import encode

__all__ = ["Failures", "Wishes"]

# What may be down for every item at once; a proxy that is down looks from here like its hosts.
_OUTAGES = frozenset({Fault.HOST, Fault.PROXY})
# An item that failed for its host's sake comes back after 1 to 5 seconds, and waits there while the host is parked.
BACK_AFTER_MIN = 1.0
BACK_AFTER_MAX = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How the user wants failures to be taken: the policy, rules of their own, whether failures are told apart at all."""

    policy: RetryPolicy
    rules: tuple[FailureRule, ...] = ()
    classifying: bool = True


class Failures:
    """Judges the failures of one run's items, by the user's `rules` and under one policy. `keep` is given those that count as evidence."""

    def __init__(  # noqa: PLR0913 - the parts of a judgement
        self,
        wishes: Wishes,
        *,
        remedies: Remedies,
        gate: Gate,
        suspension: Suspension,
        keep: Callable[[Task, dict[str, Any]], None],
        runtime: Runtime,
        tally: Tally,
        job: str,
    ) -> None:
        self._wishes = wishes
        self._policy = wishes.policy
        self._asked_for = {rule.name: rule.remedy for rule in wishes.rules if rule.remedy is not None}
        self._remedies = remedies
        self._gate = gate
        self._suspension = suspension
        self._keep = keep
        self._runtime = runtime
        self._clock = runtime.clock
        self._tally = tally
        self._job = job
        self._excuses = Excuses()
        self._keeps_traceback = TracebackQuota()

    def done(self, task: Task) -> None:
        """The item is done: what was held against it, or in its favour, is forgotten."""
        if self._excuses:
            self._excuses.forget(task.lease.key)
        if self._remedies.turn:
            self._remedies.succeeded(task.host)

    async def record(self, task: Task, error: Exception, turn: int, began: float) -> Record:
        """What is to be recorded of an item that failed so, in an attempt that began then, at that turn of the remedies.

        Tells the gate, once, and whoever suspects that going on is pointless.
        """
        kind = self._judge(task, error)
        failure, told = self._picture(error, kind)
        was_parked = self._gate.is_parked(task.host)
        delay = self._excused_for(task, kind, told["error"])
        now, suspension, signature = self._clock.monotonic(), self._suspension, failure["signature"]
        if suspension.probe_failed(task, now, kind, signature):
            await self._is_mended(kind.remedy, task.host, turn)
            return self._again(task, BACK_AFTER_MIN, failure, attempts=task.lease.attempts)
        incident = attribute(error, "incident_id")
        first = not was_parked and suspension.failed(
            task, now, kind, signature=signature, began=began, incident=incident if isinstance(incident, str) else None
        )
        record = await self._judged(task, kind, failure, told, delay=delay, turn=turn)
        is_last = record.status is ItemStatus.FAILED
        if is_last:
            suspension.gave_up(task, now, kind, signature=signature, first=first or was_parked)
        if first or is_last:
            self._keep(task, failure)
        return record

    async def _judged(
        self,
        task: Task,
        kind: Classification,
        failure: dict[str, Any],
        told: dict[str, str],
        *,
        delay: float | None,
        turn: int,
    ) -> Record:
        if await self._is_mended(kind.remedy, task.host, turn) and self._excuses.count(task.lease.key):
            return self._again(task, delay or 0.0, failure, attempts=task.lease.attempts)
        if delay is not None:
            return self._again(task, delay, failure, attempts=task.lease.attempts)
        self._excuses.forget(task.lease.key)
        return self._counted(task, kind, failure, told)

    def cancelled(self, task: Task, error: Exception) -> Record:
        """The same for a handler that cancelled itself, which says nothing about any host; the gate has the item back already."""
        kind = self._judge(task, error)
        return self._counted(task, kind, *self._picture(error, kind))

    def given_up(self, task: Task) -> Record:
        """What is to be recorded of an item that is given up untried, because its host has not answered for too long."""
        now, host = self._clock.monotonic(), task.host
        self._gate.released(host, now)
        self._suspension.regrets.gave_up_untried(task.lease.item)
        silent = (
            f"{host or 'what the items are asked from'} has not answered for {self._gate.silence_of(host, now):.0f} s"
        )
        failure = Failure(
            type=HOST_GIVEN_UP,
            message=f"{silent}: given up without another try",
            status=None,
            failure_class=FailureClass.NETWORK,
            signature=f"{HOST_GIVEN_UP} {host} has not answered",
            traceback="",
        )
        told = {"failure_class": failure.failure_class.value, "error": f"{failure.type}: {failure.message}"}
        self._emit(EventType.RETRY_EXHAUSTED, task.lease.attempts, **told, reason="circuit_open")
        return self._failed(task, {**failure.to_dict(), "at": self._now()}, attempts=task.lease.attempts)

    def _counted(self, task: Task, kind: Classification, failure: dict[str, Any], told: dict[str, str]) -> Record:
        """The failure costs the item an attempt, perhaps its last."""
        attempt = task.lease.attempts + 1
        match self._verdict(kind, attempt):
            case Again(delay) | Exhausted(retry_after=float(delay)):
                self._tally.retries += 1
                self._emit(EventType.RETRY_ATTEMPTED, attempt, **told, delay=delay)
                return self._again(task, delay, failure, attempts=attempt)
            case Exhausted(reason):
                self._emit(EventType.RETRY_EXHAUSTED, attempt, **told, reason=reason)
            case Hopeless():
                self._emit(EventType.PERMANENT_FAILURE, attempt, **told)
        return self._failed(task, failure, attempts=attempt)

    async def _is_mended(self, remedy: Remedy | None, host: str, turn: int) -> bool:
        if remedy is None or remedy not in self._remedies:
            return False
        return (await self._remedies.apply(remedy, host, since=turn)).ok

    def _verdict(self, kind: Classification, attempt: int) -> Verdict:
        asked_for = self._asked_for.get(kind.rule or "")
        if asked_for is Remedy.SKIP:
            return Hopeless()
        verdict = after_failure(self._policy, kind, attempt=attempt, elapsed=0.0, roll=self._runtime.roll())
        if asked_for is Remedy.DEFER and isinstance(verdict, Again):
            return Again(max(verdict.delay, self._policy.max_delay))
        return verdict

    def _failed(self, task: Task, failure: dict[str, Any], *, attempts: int) -> Record:
        self._tally.failed += 1
        self._tally.causes.note(failure, task.host, failed=True)
        return Record(task.lease, ItemStatus.FAILED, attempts, error=encode(failure).decode())

    def _again(self, task: Task, delay: float, failure: Mapping[str, Any], *, attempts: int) -> Record:
        self._tally.causes.note(failure, task.host, failed=False)
        return Record(
            lease=task.lease,
            status=ItemStatus.DEFERRED,
            attempts=attempts,
            not_before=self._clock.now().timestamp() + delay,
            error=encode(failure).decode(),
        )

    def _judge(self, task: Task, error: Exception) -> Classification:
        policy, wishes = self._policy, self._wishes
        kind = classify(
            error,
            now=self._clock.now(),
            rules=wishes.rules,
            host=task.host,
            transient_patterns=policy.transient_patterns,
            permanent_patterns=policy.permanent_patterns,
            retryable_status=policy.retryable_status_codes,
            non_retryable_status=policy.non_retryable_status_codes,
        )
        if kind.rule is None and (kind.fault is Fault.MACHINE or not wishes.classifying):
            # A full disk or too many open files says nothing about the item: it is tried again.
            return replace(kind, transient=True, max_attempts=None)
        if kind.rule is None and isinstance(error, BrowserCrashedError) and error.is_page_alone:
            # The others went on: what is on that page is to blame, or what was done to it.
            return replace(kind, fault=Fault.ITEM)
        return kind

    def _excused_for(self, task: Task, kind: Classification, error: str) -> float | None:
        """Tell the gate whose fault it was. The seconds after which the item is tried again at no cost; None: it counts."""
        if not kind.transient:
            self._no_outage(task, kind)
            return None
        if kind.fault in _OUTAGES:
            return self._blame_host(task, kind, error)
        if kind.fault is Fault.ITEM:
            self._answered(task)
            return None
        self._gate.released(task.host, self._clock.monotonic(), probe=task.probe)
        excuses = self._excuses.count(task.lease.key)
        return delay_after(self._policy, excuses, self._runtime.roll()) if excuses else None

    def _no_outage(self, task: Task, kind: Classification) -> None:
        if kind.fault in {Fault.ITEM, Fault.HOST}:
            self._answered(task)
        else:
            self._gate.released(task.host, self._clock.monotonic(), probe=task.probe)

    def _blame_host(self, task: Task, kind: Classification, error: str) -> float | None:
        now, roll, asked = self._clock.monotonic(), self._runtime.roll(), kind.retry_after
        is_throttled = kind.failure_class is FailureClass.THROTTLED
        # Items without a URL may go anywhere: what one of them was told is not for the others.
        if is_throttled and asked is not None and task.host:
            self._gate.throttled(task.host, now, seconds=asked, probe=task.probe)
            return asked if self._excuses.count(task.lease.key) else None
        # Where everything fails, and what probes the job fails at this host too, it is down: when others are back, it is left to the gate.
        sure = not is_throttled and self._suspension.is_probe(task)
        failed = self._gate.failed(task.host, task.lease.key, now, probe=task.probe, sure=sure)
        if is_throttled:
            self._gate.slow_down(task.host, now)
        if failed.parked is not None:
            parked = failed.parked
            told = {"host": parked.host, "failures": parked.failures, "next_probe_in": parked.next_probe_in}
            self._runtime.emit(EventType.HOST_PARKED, self._job, **told, error=error)
        return None if failed.counts else min(BACK_AFTER_MIN + BACK_AFTER_MAX * roll, BACK_AFTER_MAX)

    def _answered(self, task: Task) -> None:
        recovered = self._gate.answered(task.host, self._clock.monotonic(), probe=task.probe)
        if recovered is not None:
            self._runtime.emit(EventType.HOST_RECOVERED, self._job, host=task.host, down_for=recovered.down_for)

    def _picture(self, error: Exception, kind: Classification) -> tuple[dict[str, Any], dict[str, str]]:
        """What is kept of the failure, and what is told of it."""
        failure = describe(error, kind, with_traceback=self._keeps_traceback).to_dict()
        told = {"failure_class": kind.failure_class.value, "error": f"{failure['type']}: {failure['message']}"}
        return {**failure, "at": self._now()}, told

    def _now(self) -> str:
        return self._clock.now().isoformat()

    def _emit(self, kind: EventType, attempt: int, **told: Any) -> None:
        policy = self._policy
        self._runtime.emit(
            kind, self._job, policy_id=policy.id, attempt=attempt, max_attempts=policy.max_attempts, **told
        )
