"""One try at one item: call the handler, judge what came of it, say what is to be recorded."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outlast.correlation import at_work
from outlast.events import EventType
from outlast.failure.results import ResultJudge
from outlast.jobs.athand import Task
from outlast.jobs.bind import CONTEXT, Call
from outlast.jobs.context import Context
from outlast.jobs.failures import Failures
from outlast.jobs.gate import Gate
from outlast.jobs.items import KeyFunction
from outlast.jobs.limit import AttemptLimit
from outlast.jobs.records import written
from outlast.jobs.suspension import Suspension
from outlast.jobs.tally import Tally
from outlast.ledger.port import ItemStatus, Record
from outlast.retry.policy import RetryPolicy
from outlast.retry.remedies import Remedies
from outlast.runtime import Runtime

__all__ = ["Attempts", "Identity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which job and run an attempt belongs to, and what all its attempts share."""

    job_id: str
    run_id: str
    key_of: KeyFunction | None
    state: dict[str, Any] = field(default_factory=dict)


class Attempts:
    """Tries items with one handler, under one policy and one timeout. What it is given was admitted by the gate, and is told it."""

    def __init__(  # noqa: PLR0913 - the parts of an attempt
        self,
        call: Call,
        resources: Mapping[str, Any],
        *,
        wants_context: bool,
        identity: Identity,
        policy: RetryPolicy,
        judge: ResultJudge,
        failures: Failures,
        remedies: Remedies,
        timeout: float | None,
        gate: Gate,
        suspension: Suspension,
        runtime: Runtime,
        tally: Tally,
    ) -> None:
        self._call = call
        self._given = resources
        self._wants_context = wants_context
        self._identity = identity
        self._policy = policy
        self._judge = judge
        # Most results are nobody's to judge, and that is known without asking.
        self._judges_all = any(rule.asks_results for rule in judge.rules)
        self._failures = failures
        self._remedies = remedies
        self._timeout = timeout
        self._gate = gate
        self._suspension = suspension
        self._runtime = runtime
        self._clock = runtime.clock
        self._tally = tally

    def limit(self) -> AttemptLimit:
        """What bounds the attempts of one worker, one after the other."""
        return AttemptLimit(self._timeout)

    async def __call__(self, task: Task, limit: AttemptLimit) -> Record:
        """Try the item. Only what is not an `Exception` gets out: cancellation, `KeyboardInterrupt`, `SystemExit`."""
        lease = task.lease
        if task.given_up:
            return self._failures.given_up(task)
        attempt = lease.attempts + 1
        at_work.set((self._identity.job_id, self._identity.run_id, lease.key, attempt))
        context = self._context(task, attempt) if self._wants_context else None
        given = self._given if context is None else {**self._given, CONTEXT: context}
        self._tally.in_flight += 1
        began, turn = self._clock.monotonic(), self._remedies.turn
        try:
            with limit:
                value = await self._call(task.item, given)
            shape, lines = written(value)
            if self._judges_all or type(value) is str:
                self._refuse(value, task.host)
        except Exception as error:  # noqa: BLE001 - judging a failure is what this is for
            return await self._failures.record(task, error, turn, began)
        except BaseException:
            self._gate.released(task.host, self._clock.monotonic(), probe=task.probe)
            raise
        finally:
            self._tally.in_flight -= 1
        self._succeeded(task, attempt, began)
        children = () if context is None else context.children()
        return Record(
            lease=lease, status=ItemStatus.DONE, attempts=attempt, shape=shape, lines=lines, children=children
        )

    def cancelled(self, task: Task, error: asyncio.CancelledError) -> Record:
        """What is to be recorded of an item whose handler was cancelled by nobody but itself."""
        return self._failures.cancelled(task, RuntimeError(f"the handler was cancelled from within: {error!r}"))

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

    def _refuse(self, value: object, host: str) -> None:
        error = self._judge(value, host)
        if error is not None:
            raise error

    def _succeeded(self, task: Task, attempt: int, began: float) -> None:
        self._tally.done += 1
        host, now = task.host, self._clock.monotonic()
        # How long items take that have no URL says nothing of any host.
        recovered = self._gate.answered(host, now, probe=task.probe, seconds=now - began if host else None)
        if recovered is not None:
            self._emit(EventType.HOST_RECOVERED, host=host, down_for=recovered.down_for)
        self._suspension.succeeded(task, now)
        self._failures.done(task)
        if attempt > 1:
            policy = self._policy
            told = {"policy_id": policy.id, "attempt": attempt, "max_attempts": policy.max_attempts}
            self._emit(EventType.RETRY_SUCCEEDED, **told)

    def _emit(self, kind: EventType, **told: Any) -> None:
        self._runtime.emit(kind, self._identity.job_id, **told)
