"""The events of retries and circuits; none is built when nobody listens to its type."""

from contextvars import ContextVar
from typing import Any, assert_never

from outlast.events import EventType
from outlast.retry.call import Call
from outlast.retry.host import Change, Closed, Host, Opened
from outlast.runtime import Runtime

__all__ = ["Telling", "job_id"]

job_id: ContextVar[str] = ContextVar("outlast_job_id", default="")
"""The job that the events of retries in this context belong to."""


class Telling:
    """Says on the bus what becomes of calls and of hosts."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._wants = runtime.bus.wants  # asked before anything is put together

    def succeeded(self, call: Call) -> None:
        """It worked in the end; a call that works at once is not worth a word."""
        if self._wants(EventType.RETRY_SUCCEEDED):
            self._tell(EventType.RETRY_SUCCEEDED, call, len(call.history) + 1)

    def again(self, call: Call) -> None:
        if self._wants(EventType.RETRY_ATTEMPTED):
            self._failed(EventType.RETRY_ATTEMPTED, call, delay=call.history[-1].delay)

    def exhausted(self, call: Call, reason: str) -> None:
        self._failed(EventType.RETRY_EXHAUSTED, call, reason=reason)

    def hopeless(self, call: Call) -> None:
        self._failed(EventType.PERMANENT_FAILURE, call)

    def unsent(self, call: Call, reason: str, *, failure_class: str, error: str) -> None:
        """It is over without a further attempt, because its host may not be asked."""
        told = {"failure_class": failure_class, "error": error, "reason": reason}
        self._tell(EventType.RETRY_EXHAUSTED, call, len(call.history), **told)

    def host(self, host: Host, change: Change | None) -> None:
        match change:
            case None:
                return
            case Opened(failures, next_probe_in):
                told = {"failures": failures, "error": host.last_error, "next_probe_in": next_probe_in}
                self._runtime.emit(EventType.CIRCUIT_OPENED, job_id.get(), host=host.name, **told)
            case Closed(down_for):
                self._runtime.emit(EventType.CIRCUIT_CLOSED, job_id.get(), host=host.name, down_for=down_for)
            case unreachable:
                assert_never(unreachable)

    def _failed(self, kind: EventType, call: Call, **more: Any) -> None:
        failed = call.history[-1]
        self._tell(kind, call, failed.number, failure_class=failed.failure_class, error=failed.error, **more)

    def _tell(self, kind: EventType, call: Call, attempt: int, **more: Any) -> None:
        policy = call.policy
        self._runtime.emit(
            kind, job_id.get(), policy_id=policy.id, attempt=attempt, max_attempts=policy.max_attempts, **more
        )
