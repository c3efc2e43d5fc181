"""Again, no more, or never: what follows from a failed attempt."""

from dataclasses import dataclass
from typing import Literal

from outlast.failure.model import Classification
from outlast.retry.backoff import delay_after
from outlast.retry.policy import RetryPolicy

__all__ = ["Again", "Exhausted", "Hopeless", "Reason", "Verdict", "after_failure"]

RETRY_AFTER_SPREAD = 0.1
RETRY_AFTER_SPREAD_MAX = 5.0

Reason = Literal["attempts", "deadline", "retry_after_too_long"]


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class Exhausted:
    """It might work another time, but this call is over. `retry_after` (seconds) goes with `retry_after_too_long` alone."""

    reason: Reason
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Trying again cannot mend it."""


Verdict = Again | Exhausted | Hopeless


def after_failure(
    policy: RetryPolicy,
    classification: Classification,
    *,
    attempt: int,
    elapsed: float,
    roll: float,
    previous: float | None = None,
) -> Verdict:
    """What to do after failed attempt number `attempt`, `elapsed` seconds after the call began; `roll` is in [0, 1).

    A wait that the other side asked for is never cut short: it is waited for in full, or the call ends.
    """
    if not classification.transient:
        return Hopeless()
    if attempt >= min(policy.max_attempts, classification.max_attempts or policy.max_attempts):
        return Exhausted("attempts")
    deadline = float("inf") if policy.max_elapsed is None else policy.max_elapsed
    delay = delay_after(policy, attempt, roll, previous=previous)
    asked = classification.retry_after
    if asked is not None:
        if asked > policy.retry_after_cap or elapsed + asked >= deadline:
            return Exhausted("retry_after_too_long", asked)
        delay = max(delay, asked + roll * min(RETRY_AFTER_SPREAD * asked, RETRY_AFTER_SPREAD_MAX))
    if elapsed + delay >= deadline:
        return Exhausted("deadline")
    return Again(delay)
