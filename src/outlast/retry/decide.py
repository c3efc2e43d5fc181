"""Again, no more, or never: what follows from a failed attempt."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from outlast.failure.model import Classification, FailureClass, Fault
from outlast.retry.backoff import delay_after
from outlast.retry.policy import RetryPolicy

__all__ = ["Again", "Exhausted", "Hopeless", "Reason", "Verdict", "after_failure", "before_attempt", "unanswered"]

RETRY_AFTER_SPREAD = 0.1
RETRY_AFTER_SPREAD_MAX = 5.0
THROTTLED_BASE = 5.0
THROTTLED_POLICIES_MAX = 64

Reason = Literal["attempts", "deadline", "retry_after_too_long", "budget", "circuit_open"]


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class Exhausted:
    """It might work another time, but this call is over. `retry_after` (seconds) goes with `retry_after_too_long` and `circuit_open`."""

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
    spread = _for_throttled(policy) if classification.failure_class is FailureClass.THROTTLED else policy
    delay = delay_after(spread, attempt, roll, previous=previous)
    if classification.retry_after is not None:
        asked = before_attempt(policy, classification.retry_after, elapsed=elapsed, roll=roll)
        if isinstance(asked, Exhausted):
            return asked
        delay = max(delay, asked.delay)
    return Exhausted("deadline") if elapsed + delay >= _deadline(policy) else Again(delay)


def before_attempt(policy: RetryPolicy, asked: float, *, elapsed: float, roll: float) -> Again | Exhausted:
    """What to do when the other side wants to be left alone for `asked` seconds more: wait a little longer than that, or give up.

    The little is for those who wait for the same moment, and never takes a call to its deadline.
    """
    room = _deadline(policy) - elapsed - asked
    if asked > policy.retry_after_cap or room <= 0:
        return Exhausted("retry_after_too_long", asked)
    return Again(asked + roll * min(RETRY_AFTER_SPREAD * asked, RETRY_AFTER_SPREAD_MAX, room / 2))


def unanswered(wait: float | None) -> Classification:
    """What an attempt was that nobody sent, because its host may be asked again in `wait` seconds."""
    return Classification(failure_class=FailureClass.NETWORK, transient=True, fault=Fault.HOST, retry_after=wait)


@lru_cache(maxsize=THROTTLED_POLICIES_MAX)
def _for_throttled(policy: RetryPolicy) -> RetryPolicy:
    # Who says "not so fast" without saying how fast is not asked again within a second.
    return replace(policy, base_delay=min(max(policy.base_delay, THROTTLED_BASE), policy.max_delay))


def _deadline(policy: RetryPolicy) -> float:
    return float("inf") if policy.max_elapsed is None else policy.max_elapsed
