"""The attempt loop: call, judge, wait, call again.

Only an `Exception` is a failure. Cancellation, `KeyboardInterrupt` and `SystemExit` leave at once from wherever they strike, and
nothing counts, wraps or notes them. No error is kept once it has been judged, but for the last, as `__cause__`. Names that
would tie an error to the frame it came through are deleted, so that a failed call is freed without the garbage collector.
"""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any, assert_never

from outlast.failure.facts import text_of, type_name
from outlast.failure.model import Classification, FailureClass
from outlast.retry.breaker import Admit
from outlast.retry.call import Call, CircuitOpenError, TurnedAwayError
from outlast.retry.decide import Again, Exhausted, Hopeless, Verdict, after_failure, before_attempt, unanswered
from outlast.retry.endings import Attempt, exhausted, hopeless
from outlast.retry.host import Host
from outlast.retry.judge import Judge
from outlast.retry.operation import Operation, refuse_uncallable, result_of
from outlast.retry.policy import RetryPolicy
from outlast.retry.remedies import Remedies
from outlast.retry.telling import Telling, job_id
from outlast.runtime import Runtime

__all__ = ["Engine", "job_id"]

MESSAGE_MAX = 200

# The permits of whoever runs in this context: a retry inside a retry must not wait for a second one.
_held: ContextVar[frozenset[asyncio.Semaphore]] = ContextVar("outlast_retry_permits", default=frozenset())


class Engine:
    """Runs operations under policies. At most `retries_max` retry attempts run at once; first attempts are not counted."""

    def __init__(self, runtime: Runtime, *, retries_max: int, judge: Judge, remedies: Remedies) -> None:
        self._runtime = runtime
        self._judge = judge
        self._remedies = remedies
        self._clock = runtime.clock
        self._tell = Telling(runtime)
        self._permits = asyncio.Semaphore(retries_max)

    async def run(
        self,
        policy: RetryPolicy,
        operation: Operation,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        host: Host | None = None,
    ) -> Any:
        """The operation's result. Raises `MaxRetriesExceededError` or `PermanentFailureError` from the last error."""
        refuse_uncallable(operation)
        call = Call(policy, partial(operation, *args, **kwargs), self._clock.monotonic(), host)
        try:
            await self._leave_alone(call)
            return await self._attempt(call)
        except Exception as error:  # noqa: BLE001 - judging a failure is what this is for
            await self._settle(call, error)
        return await self.again(call)

    def failed(  # noqa: PLR0917 - a call that was begun elsewhere, in a hurry
        self,
        policy: RetryPolicy,
        operation: Operation,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        error: Exception,
        host: Host | None = None,
    ) -> Call:
        """The call whose first attempt failed so, to go on with `again`. Raises what ends it at once.

        It was begun without a look at the clock, so its policy has no deadline, and there are no remedies.
        """
        assert policy.max_elapsed is None, f"{policy.id} has a deadline, and nobody knows when the call began"
        refuse_uncallable(operation)
        call = Call(policy, partial(operation, *args, **kwargs), 0.0, host)
        told = _told(error)
        self._decide(call, error, self._learn(call, error, told), told)
        return call

    async def again(self, call: Call) -> Any:
        """Wait and try until it works or is over."""
        # Not inside an `except`: there, the next error would get this one as its context and keep it alive.
        while True:
            await self._clock.sleep(call.last_delay or 0.0)
            try:
                result = await self._permitted(call)
            except Exception as error:  # noqa: BLE001 - judging a failure is what this is for
                await self._settle(call, error)
            else:
                self._tell.succeeded(call)
                return result

    async def once(
        self, policy: RetryPolicy, operation: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """The operation's result, or its error as it is."""
        refuse_uncallable(operation)
        return await self._tried(Call(policy, partial(operation, *args, **kwargs), self._clock.monotonic()))

    async def _leave_alone(self, call: Call) -> None:
        """Wait while the host wants to be left alone, for no longer than the policy has patience."""
        waited, host = 0.0, call.host
        while host is not None and (asked := host.wait(self._clock.monotonic())) > 0:
            elapsed = self._elapsed(call)
            verdict = before_attempt(call.policy, waited + asked, elapsed=elapsed - waited, roll=self._runtime.roll())
            if isinstance(verdict, Exhausted):
                raise TurnedAwayError(host, Exhausted(verdict.reason, asked))
            await self._clock.sleep(verdict.delay - waited)
            waited = verdict.delay

    async def _permitted(self, call: Call) -> Any:
        while True:
            await self._leave_alone(call)
            held = _held.get()
            if self._permits in held:
                return await self._attempt(call)
            async with self._permits:
                # Somebody else may have been told to wait while this one waited for its permit.
                if call.host is None or not call.host.wait(self._clock.monotonic()):
                    token = _held.set(held | {self._permits})
                    try:
                        return await self._attempt(call)
                    finally:
                        _held.reset(token)

    async def _attempt(self, call: Call) -> Any:
        """One attempt, if the host's breaker lets it through; a probe's lease is given back however it ends."""
        call.turn = self._remedies.turn
        host = call.host
        if host is None:
            return await self._tried(call)
        now = self._clock.monotonic()
        admitted = host.admit(now)
        if admitted is Admit.WAIT:
            raise CircuitOpenError(host, Exhausted("circuit_open", host.closed_for(now)))
        call.probe = admitted is Admit.PROBE
        try:
            result = await self._tried(call)
        except Exception:
            raise  # whoever judges it tells the host
        except BaseException:
            host.released(self._clock.monotonic(), probe=call.probe)
            raise
        self._tell.host(host, host.succeeded(self._clock.monotonic(), probe=call.probe))
        return result

    async def _tried(self, call: Call) -> Any:
        seconds, deadline = call.policy.attempt_timeout, call.policy.max_elapsed
        if seconds is not None and deadline is not None:
            seconds = max(0.0, min(seconds, deadline - self._elapsed(call)))
        result = await result_of(call.work, seconds)
        self._judge.check(result, call.place)
        if self._remedies:
            self._remedies.succeeded(call.place)
        return result

    async def _settle(self, call: Call, error: Exception) -> None:
        """Learn from a failed attempt, mend what can be mended, and decide what follows. Raises what ends the call."""
        if isinstance(error, TurnedAwayError):
            self._turned_away(call, error)
            return
        told, note = _told(error), ""
        kind = self._learn(call, error, told)
        attempts_max = min(call.policy.max_attempts, kind.max_attempts or call.policy.max_attempts)
        remedy, last = kind.remedy, len(call.history) + 1 >= attempts_max
        if remedy is not None and remedy in self._remedies and not last:
            mended = await self._remedies.apply(remedy, call.place, since=call.turn)
            note = mended.told
            if mended.ok:
                kind = replace(kind, transient=True)
        self._decide(call, error, kind, told, note)

    def _learn(self, call: Call, error: Exception, told: str) -> Classification:
        """What the failure is; the host is told."""
        host = call.host
        kind = self._judge.failure(error, call.policy, host=call.place, now=self._clock.now())
        if host is not None:
            now = self._clock.monotonic()
            self._tell.host(host, host.failed(now, kind, told, probe=call.probe))
        return kind

    def _decide(self, call: Call, error: Exception, kind: Classification, told: str, remedy: str = "") -> None:
        """Note the failure and the delay after it, or raise what ends the call."""
        failed = Attempt(len(call.history) + 1, kind.failure_class.value, told, remedy=remedy)
        verdict = self._after(call, kind, failed.number)
        # What waits for its retry has been charged already, so a wave of failures cannot overdraw the budget.
        if isinstance(verdict, Again) and call.host is not None and not call.host.budget.allows:
            verdict = Exhausted("budget")
        call.history.append(failed)
        match verdict:
            case Again(delay):
                failed.delay = delay
                self._tell.again(call)
            case Exhausted(reason):
                self._tell.exhausted(call, reason)
                raise exhausted(
                    call.policy.id, verdict, call.history, self._clock.now(), host=call.host_name
                ) from error
            case Hopeless():
                self._tell.hopeless(call)
                raise hopeless(call.policy.id, call.history, host=call.host_name) from error
            case unreachable:
                assert_never(unreachable)

    def _turned_away(self, call: Call, error: TurnedAwayError) -> None:
        """A first attempt fails at once; a retry that is not sent counts as one that failed, so that the call ends in time."""
        verdict, why = error.verdict, text_of(error)[:MESSAGE_MAX]
        is_open = isinstance(error, CircuitOpenError)
        if call.history and is_open:
            unsent = Attempt(len(call.history) + 1, verdict.reason, f"not sent: {why}")
            then = self._after(call, unanswered(verdict.retry_after), unsent.number)
            call.history.append(unsent)
            if isinstance(then, Again):
                unsent.delay = then.delay
                self._tell.again(call)
                return
        was = verdict.reason if is_open else FailureClass.THROTTLED.value
        self._tell.unsent(call, verdict.reason, failure_class=was, error=why)
        now = self._clock.now()
        raise exhausted(call.policy.id, verdict, call.history, now, host=call.host_name, why=why) from error

    def _after(self, call: Call, kind: Classification, attempt: int) -> Verdict:
        return after_failure(
            call.policy,
            kind,
            attempt=attempt,
            elapsed=self._elapsed(call),
            roll=self._runtime.roll(),
            previous=call.last_delay,
        )

    def _elapsed(self, call: Call) -> float:
        return 0.0 if call.policy.max_elapsed is None else self._clock.monotonic() - call.started


def _told(error: Exception) -> str:
    return f"{type_name(error)}: {text_of(error)[:MESSAGE_MAX]}"
