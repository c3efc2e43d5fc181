"""The attempt loop: call, judge, wait, call again.

Only an `Exception` is a failure. Cancellation, `KeyboardInterrupt` and `SystemExit` leave at once from wherever they strike, and
nothing counts, wraps or notes them. No error is kept once it has been judged, but for the last, as `__cause__`. Names that
would tie an error to the frame it came through are deleted, so that a failed call is freed without the garbage collector.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import Any, assert_never

from outlast.errors import RetryConfigurationError
from outlast.events import EventType
from outlast.failure.classify import classify
from outlast.failure.facts import text_of, type_name
from outlast.failure.model import Classification
from outlast.retry.decide import Again, Exhausted, Hopeless, after_failure
from outlast.retry.endings import Attempt, exhausted, hopeless
from outlast.retry.policy import RetryPolicy
from outlast.runtime import Runtime

__all__ = ["Call", "Engine", "job_id"]

MESSAGE_MAX = 200

job_id: ContextVar[str] = ContextVar("outlast_job_id", default="")
"""The job that the events of retries in this context belong to."""

# The permits of whoever runs in this context: a retry inside a retry must not wait for a second one.
_held: ContextVar[frozenset[asyncio.Semaphore]] = ContextVar("outlast_retry_permits", default=frozenset())

Operation = Callable[..., Any]


@dataclass(slots=True)
class Call:
    """One call of an operation that has failed at least once."""

    policy: RetryPolicy
    work: Callable[[], Any]
    started: float
    history: list[Attempt] = field(default_factory=list)

    @property
    def last_delay(self) -> float | None:
        return self.history[-1].delay if self.history else None


class Engine:
    """Runs operations under policies. At most `retries_max` retry attempts run at once; first attempts are not counted."""

    def __init__(self, runtime: Runtime, *, retries_max: int, classifying: bool) -> None:
        self._runtime = runtime
        self._clock = runtime.clock
        self._permits = asyncio.Semaphore(retries_max)
        self._classifying = classifying

    async def run(
        self, policy: RetryPolicy, operation: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """The operation's result. Raises `MaxRetriesExceededError` or `PermanentFailureError` from the last error."""
        started = self._clock.monotonic()
        try:
            return await self._attempt(policy, partial(operation, *args, **kwargs), started)
        except Exception as error:  # noqa: BLE001 - judging a failure is what this is for
            call = self.failed(policy, operation, args, kwargs, error, started=started)
        return await self.again(call)

    def failed(
        self,
        policy: RetryPolicy,
        operation: Operation,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        error: Exception,
        *,
        started: float,
    ) -> Call:
        """The call whose first attempt failed so, to go on with `again`. Raises what ends it at once."""
        _refuse_uncallable(operation)
        call = Call(policy, partial(operation, *args, **kwargs), started)
        self._judge(call, error)
        return call

    async def again(self, call: Call) -> Any:
        """Wait and try until it works or is over."""
        # Not inside an `except`: there, the next error would get this one as its context and keep it alive.
        while True:
            await self._clock.sleep(call.last_delay or 0.0)
            try:
                result = await self._permitted(call)
            except Exception as error:  # noqa: BLE001 - judging a failure is what this is for
                self._judge(call, error)
            else:
                self._emit(EventType.RETRY_SUCCEEDED, call, len(call.history) + 1)
                return result

    async def once(
        self, policy: RetryPolicy, operation: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """The operation's result, or its error as it is."""
        _refuse_uncallable(operation)
        return await self._attempt(policy, partial(operation, *args, **kwargs), self._clock.monotonic())

    async def _permitted(self, call: Call) -> Any:
        held = _held.get()
        if self._permits in held:
            return await self._attempt(call.policy, call.work, call.started)
        async with self._permits:
            token = _held.set(held | {self._permits})
            try:
                return await self._attempt(call.policy, call.work, call.started)
            finally:
                _held.reset(token)

    async def _attempt(self, policy: RetryPolicy, work: Callable[[], Any], started: float) -> Any:
        if policy.attempt_timeout is None:
            result = work()
            return await result if isawaitable(result) else result
        seconds = policy.attempt_timeout
        if policy.max_elapsed is not None:
            seconds = max(0.0, min(seconds, started + policy.max_elapsed - self._clock.monotonic()))
        return await _within(seconds, work)

    def _judge(self, call: Call, error: Exception) -> None:
        """Note the failure and the delay after it, or raise what ends the call."""
        policy = call.policy
        kind = self._classify(policy, error)
        verdict = after_failure(
            policy,
            kind,
            attempt=len(call.history) + 1,
            elapsed=0.0 if policy.max_elapsed is None else self._clock.monotonic() - call.started,
            roll=self._runtime.roll(),
            previous=call.last_delay,
        )
        told = f"{type_name(error)}: {text_of(error)[:MESSAGE_MAX]}"
        failed = Attempt(len(call.history) + 1, kind.failure_class.value, told)
        call.history.append(failed)
        match verdict:
            case Again(delay):
                failed.delay = delay
                self._emit_failed(EventType.RETRY_ATTEMPTED, call, delay=delay)
            case Exhausted(reason):
                self._emit_failed(EventType.RETRY_EXHAUSTED, call, reason=reason)
                raise exhausted(policy.id, verdict, call.history, self._clock.now()) from error
            case Hopeless():
                self._emit_failed(EventType.PERMANENT_FAILURE, call)
                raise hopeless(policy.id, call.history) from error
            case unreachable:
                assert_never(unreachable)

    def _classify(self, policy: RetryPolicy, error: Exception) -> Classification:
        kind = classify(
            error,
            now=self._clock.now(),
            transient_patterns=policy.transient_patterns,
            permanent_patterns=policy.permanent_patterns,
            retryable_status=policy.retryable_status_codes,
            non_retryable_status=policy.non_retryable_status_codes,
        )
        return kind if self._classifying else replace(kind, transient=True, max_attempts=None)

    def _emit_failed(self, kind: EventType, call: Call, **more: Any) -> None:
        failed = call.history[-1]
        self._emit(kind, call, failed.number, failure_class=failed.failure_class, error=failed.error, **more)

    def _emit(self, kind: EventType, call: Call, attempt: int, **more: Any) -> None:
        policy = call.policy
        self._runtime.emit(
            kind, job_id.get(), policy_id=policy.id, attempt=attempt, max_attempts=policy.max_attempts, **more
        )


async def _within(seconds: float, work: Callable[[], Any]) -> Any:
    limit, cut = asyncio.timeout(seconds), None
    try:
        async with limit:
            result = work()
            return await result if isawaitable(result) else result
    except TimeoutError as error:
        if not limit.expired():
            raise
        cut = error.__cause__  # the cancellation: its traceback says where the time went
    finally:
        del limit  # it knows the task, and the task may end with an error that came through here
    try:
        raise TimeoutError(f"no result within {seconds:g} s") from cut
    finally:
        del cut


def _refuse_uncallable(operation: object) -> None:
    if callable(operation):
        return
    if iscoroutine(operation):
        operation.close()
        raise RetryConfigurationError(
            "the operation is a coroutine object, which can run only once: give the function, and its arguments after the policy"
        )
    raise RetryConfigurationError(f"the operation must be callable, and {type(operation).__name__!r} is not")
