"""What a failure handler needs of the other concerns: the managers of the contract fit, and so does what has these methods."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

__all__ = ["Aborts", "Answer", "Browser", "Checkpoints", "FailureCallback", "RemedyFunction", "Resources", "Retries"]

Answer = Mapping[str, Any] | None
FailureCallback = Callable[[dict[str, Any], dict[str, Any]], Answer | Awaitable[Answer]]
RemedyFunction = Callable[[], object]


class Retries(Protocol):
    """Runs an operation again."""

    def execute_with_retry(self, operation: Callable[..., Any], retry_policy_id: str, /) -> Awaitable[Any]: ...

    def calculate_backoff_delay(self, attempt: int, retry_policy_id: str, /) -> Awaitable[float]: ...


class Checkpoints(Protocol):
    """Keeps the state of a job before something drastic is done."""

    def create_checkpoint(self, job_id: str, data: dict[str, Any], /) -> Awaitable[str]: ...


class Resources(Protocol):
    """Says how the machine is."""

    def get_current_metrics(self) -> Awaitable[dict[str, Any]]: ...


class Aborts(Protocol):
    """Hears of every failure, and says when enough is enough."""

    def record_failure(self, job_id: str, failure_event: dict[str, Any], /) -> Awaitable[None]: ...

    def evaluate_abort_conditions(self, job_id: str, abort_policy_id: str, /) -> Awaitable[dict[str, Any]]: ...

    def execute_abort_actions(self, job_id: str, abort_reason: str, /) -> Awaitable[bool]: ...


class Browser(Protocol):
    """Restarts the browser."""

    def on_browser_restart_required(self, reason: str, context: dict[str, Any], /) -> Awaitable[bool]: ...

    def get_browser_state(self, session_id: str, /) -> Awaitable[dict[str, Any]]: ...
