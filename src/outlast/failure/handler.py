"""The contract's failure handler."""
# ruff: noqa: UP006, UP035, UP045 - the published signatures, as they are written there

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, Optional, Self

from typing_extensions import override

from outlast.contracts import IFailureHandler
from outlast.errors import ValidationError
from outlast.events import EventBus, EventType
from outlast.failure.actions import Action, Decision, decide, without_policy
from outlast.failure.bookkeeping import Books, Incident
from outlast.failure.describe import TracebackQuota
from outlast.failure.hearing import heard
from outlast.failure.model import Classification, Remedy
from outlast.failure.occurrence import Occurrence, read_occurrence
from outlast.failure.ports import Aborts, Browser, Checkpoints, RemedyFunction, Resources, Retries
from outlast.failure.recovery import POLICY, Done, Parts, carry_out
from outlast.failure.registered import Registered
from outlast.failure.rule import FailureRule
from outlast.runtime import Clock, Runtime

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 - the type alone

__all__ = ["FailureHandler"]


class FailureHandler(IFailureHandler):
    """Decides what follows a failure, one action for each, and does it through the parts it was given.

    Without the part for it an action is a recommendation, and `resolved` is False. `remedies` are functions without arguments by
    the name of a remedy, `refresh_session` or `rotate_proxy`; one that returns False has refused. `rules` come before
    everything else when a failure is classified. It holds nothing that must be closed.
    """

    def __init__(  # noqa: PLR0913 - the parts of the contract, each by its name
        self,
        *,
        retry: Retries | None = None,
        checkpoints: Checkpoints | None = None,
        resources: Resources | None = None,
        abort: Aborts | None = None,
        browser: Browser | None = None,
        remedies: Mapping[str, RemedyFunction] | None = None,
        rules: tuple[FailureRule, ...] = (),
        events: EventBus | None = None,
        clock: Clock | None = None,
        rng: "Random | None" = None,
    ) -> None:
        given = Runtime()
        self._parts = Parts(
            retry=retry,
            checkpoints=checkpoints,
            resources=resources,
            abort=abort,
            browser=browser,
            remedies=_checked(remedies or {}),
        )
        self._runtime = Runtime(
            clock=given.clock if clock is None else clock,
            roll=given.roll if rng is None else rng.random,
            bus=given.bus if events is None else events,
        )
        self._rules = heard(rules)
        self._registered = Registered()
        self._books = Books()
        self._tracebacks = TracebackQuota()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held, so nothing is closed."""

    @override
    async def handle_failure(self, failure_event: Dict[str, Any], context: Dict[str, Any]) -> Dict[str, Any]:
        """Decide what follows, do it, and say what was done.

        `failure_event` has an exception under `error`, or `error_type` and `message`. It may have `severity`, `category`,
        `failure_class`, `job_id`, `incident_id`, `host`, `key`, `url`, `attempt`, `max_attempts`, `status`, `retry_after` and
        `timestamp`; what is not there is looked for in `context`. There, `operation` is what a retry calls, under `retry_policy_id`;
        `state` and the browser state of `session_id` are kept in a checkpoint before a restart, a pause and an abort.

        Failures of one `incident_id` count once, and are answered with what was done the first time. Raises `ValidationError` for
        what is no failure event. A cancellation gets through, from wherever it strikes.
        """
        now = self._runtime.clock.now()
        occurrence = read_occurrence(
            failure_event, context, now=now, rules=self._rules, with_traceback=self._tracebacks
        )
        incident = self._books.incident(occurrence)
        async with incident.lock:
            if incident.result is None:
                incident.result = await self._handle(occurrence, incident, dict(failure_event))
                return dict(incident.result)
        return {**incident.result, "counted": False}

    @override
    async def register_failure_handler(self, failure_type: str, handler: Callable[..., Any]) -> None:
        """Ask `handler(failure_event, context)`, plain or async, about failures of this category, exception type or class.

        It answers `{"action", "delay"?, "reason"?}`, or None to leave it to the next. The most specific is asked first: exception
        types from the class itself upwards, then the failure class, then the category, then `Exception`. An exception in
        one is counted and told, and the next is asked.
        """
        self._registered.add(failure_type, handler)

    @override
    async def get_failure_statistics(
        self, job_id: Optional[str] = None, time_range: Optional[Dict[str, datetime]] = None
    ) -> Dict[str, Any]:
        """The counts of one job or of all, of all time or of `{"start": ..., "end": ...}`, both aware and either left out.

        A time range is answered to the minute, and more coarsely when a job has been failing for more than four hours.
        """
        start, end = _range(time_range)
        return self._books.statistics(job_id, start, end)

    async def get_failure_groups(self, job_id: str | None = None) -> dict[str, Any]:
        """The failures by signature and host, the most frequent first, each with a sample."""
        return self._books.groups(job_id)

    async def resolve(self, failure_id: str) -> bool:
        """Say that a failure is mended, where that happened elsewhere; whether it was open until now."""
        return self._books.resolve(failure_id, self._runtime.clock.now())

    async def _handle(self, occurrence: Occurrence, incident: Incident, event: dict[str, Any]) -> dict[str, Any]:
        if incident.failure_id is None:  # else whoever handled it was cancelled, and has counted it
            incident.failure_id = self._runtime.new_id()
            self._books.count(incident.failure_id, occurrence)
        asked = await self._registered.ask(occurrence, event, dict(occurrence.context))
        decision = asked.decision or await self._aborting(occurrence) or decide(occurrence)
        decision = await self._with_delay(decision, occurrence)
        done = await carry_out(decision, occurrence, self._parts, self._runtime.clock)
        self._books.note(occurrence, action=decision.action.value, handler_errors=len(asked.errors))
        if done.resolved:
            self._books.resolve(incident.failure_id, self._runtime.clock.now())
        self._announce(incident.failure_id, occurrence, decision, done)
        return {**_told(incident.failure_id, occurrence, decision, done), "handler_errors": asked.errors}

    async def _aborting(self, occurrence: Occurrence) -> Decision | None:
        """Tell the abort part of the failure and ask it whether that was one too many."""
        abort, job_id = self._parts.abort, occurrence.job_id
        if abort is None or not job_id:
            return None
        done, policy = Done(), str(occurrence.context.get("abort_policy_id") or POLICY)
        await done.step("record", lambda: abort.record_failure(job_id, _plain(occurrence)))
        _, found = await done.step("evaluate", lambda: abort.evaluate_abort_conditions(job_id, policy))
        if not isinstance(found, Mapping) or not found.get("should_abort"):
            return None
        return Decision(action=Action.ABORT, reason=str(found.get("reason") or "the abort policy says so"))

    async def _with_delay(self, decision: Decision, occurrence: Occurrence) -> Decision:
        if decision.delay is not None or decision.action not in {Action.RETRY, Action.DEFER}:
            return decision
        retry, attempt = self._parts.retry, occurrence.attempt
        delay = without_policy(attempt, self._runtime.roll())
        if retry is not None:
            policy = str(occurrence.context.get("retry_policy_id") or POLICY)
            delay = await retry.calculate_backoff_delay(attempt, policy)
        return replace(decision, delay=delay)

    def _announce(self, failure_id: str, occurrence: Occurrence, decision: Decision, done: Done) -> None:
        failure = occurrence.failure
        self._runtime.emit(
            EventType.FAILURE_HANDLED,
            occurrence.job_id,
            failure_id=failure_id,
            action=decision.action.value,
            reason=decision.reason,
            delay=decision.delay,
            resolved=done.resolved,
            failure_class=failure.failure_class.value,
            signature=failure.signature,
            error=f"{failure.type}: {failure.message}",
        )


def _told(failure_id: str, occurrence: Occurrence, decision: Decision, done: Done) -> dict[str, Any]:
    return {
        "failure_id": failure_id,
        "action_taken": decision.action.value,
        "reason": decision.reason,
        "delay": decision.delay,
        "recovery_actions": done.steps,
        "resolved": done.resolved,
        "classification": _classified(occurrence.classification),
        "signature": occurrence.failure.signature,
        "category": occurrence.category,
        "severity": occurrence.severity.value,
        "incident_id": occurrence.incident_id,
        "counted": True,
        **done.more,
    }


def _classified(kind: Classification) -> dict[str, Any]:
    return {
        "class": kind.failure_class.value,
        "transient": kind.transient,
        "fault": kind.fault.value,
        "status": kind.status,
        "retry_after": kind.retry_after,
        "max_attempts": kind.max_attempts,
        "remedy": kind.remedy and kind.remedy.value,
        "rule": kind.rule,
    }


def _plain(occurrence: Occurrence) -> dict[str, Any]:
    """The failure as the abort part hears of it."""
    failure = occurrence.failure
    return {
        "timestamp": occurrence.at,
        "severity": occurrence.severity.value,
        "category": occurrence.category,
        "error_type": failure.type,
        "message": failure.message,
        "failure_class": failure.failure_class.value,
        "signature": failure.signature,
        "incident_id": occurrence.incident_id,
        "host": occurrence.host,
        "key": occurrence.key,
    }


def _checked(remedies: Mapping[str, RemedyFunction]) -> dict[str, RemedyFunction]:
    known = {Remedy.REFRESH_SESSION.value, Remedy.ROTATE_PROXY.value}
    wrong = [str(name) for name, function in remedies.items() if name not in known or not callable(function)]
    if wrong:
        raise ValidationError(f"remedies: functions for {', '.join(sorted(known))} are wanted, not {', '.join(wrong)}")
    return {str(name): function for name, function in remedies.items()}


def _range(given: Mapping[str, datetime] | None) -> tuple[datetime | None, datetime | None]:
    if given is None:
        return None, None
    if not isinstance(given, Mapping) or set(given) - {"start", "end"}:
        raise ValidationError(f"time_range must have 'start' and 'end' and nothing else, not {given!r}")
    start, end = given.get("start"), given.get("end")
    for name, moment in (("start", start), ("end", end)):
        if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None):
            raise ValidationError(f"time_range: {name} must be an aware datetime, not {moment!r}")
    if start is not None and end is not None and start > end:
        raise ValidationError(f"time_range: start ({start.isoformat()}) is after end ({end.isoformat()})")
    return start, end
