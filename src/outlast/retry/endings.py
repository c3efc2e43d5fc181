"""The errors that end a retried call, with the story of its attempts as text: no exception object is kept in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from outlast.errors import MaxRetriesExceededError, PermanentFailureError
from outlast.retry.decide import Exhausted

__all__ = ["Attempt", "exhausted", "hopeless"]

_Ending = TypeVar("_Ending", MaxRetriesExceededError, PermanentFailureError)


@dataclass(slots=True)
class Attempt:
    """One failed attempt: which one, the class of its failure, the error as text, the seconds waited after it, what was done about it."""

    number: int
    failure_class: str
    error: str
    delay: float | None = None
    remedy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able data; `remedy` is there when one was tried."""
        told = {
            "attempt": self.number,
            "failure_class": self.failure_class,
            "error": self.error,
            "delay": self.delay,
        }
        return {**told, "remedy": self.remedy} if self.remedy else told

    def line(self) -> str:
        then = "" if self.delay is None else f"; the next after {self.delay:.3g} s"
        remedy = self.remedy and f" ({self.remedy})"
        return f"attempt {self.number}: {self.failure_class}: {self.error}{remedy}{then}"


def exhausted(
    policy_id: str,
    verdict: Exhausted,
    history: Sequence[Attempt],
    now: datetime,
    *,
    host: str | None = None,
    why: str = "",
) -> MaxRetriesExceededError:
    """The error of a call that might work another time; where it is known when, `context` says it (`retry_at`).

    `why` is what to say of a call that was not even tried.
    """
    context = _context(policy_id, verdict.reason, history, host)
    if verdict.retry_after is not None:
        context["retry_after"] = verdict.retry_after
        context["retry_at"] = (now + timedelta(seconds=verdict.retry_after)).isoformat()
    told = history[-1].error if history else why
    message = f"gave up after {_attempts(history)} ({verdict.reason}): {told}"
    return _noted(MaxRetriesExceededError(message, context=context), history)


def hopeless(policy_id: str, history: Sequence[Attempt], *, host: str | None = None) -> PermanentFailureError:
    """The error of a call that cannot work."""
    message = f"failed for good after {_attempts(history)}: {history[-1].error}"
    return _noted(PermanentFailureError(message, context=_context(policy_id, "permanent", history, host)), history)


def _context(policy_id: str, reason: str, history: Sequence[Attempt], host: str | None) -> dict[str, Any]:
    context: dict[str, Any] = {
        "policy_id": policy_id,
        "attempts": len(history),
        "reason": reason,
        "history": [attempt.to_dict() for attempt in history],
    }
    return context if host is None else {**context, "host": host}


def _attempts(history: Sequence[Attempt]) -> str:
    return "1 attempt" if len(history) == 1 else f"{len(history)} attempts"


def _noted(error: _Ending, history: Sequence[Attempt]) -> _Ending:
    for attempt in history:
        error.add_note(attempt.line())
    return error
