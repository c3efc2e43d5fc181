"""How long to wait after a failed attempt.

The delay grows exponentially up to a bound, `d = min(max_delay, base_delay * multiplier ** (n - 1))`, and is then spread, so
that those who failed together do not come back together (M. Brooker, "Exponential Backoff And Jitter", AWS, 2015):

- full: anywhere in [0, d]
- equal: anywhere in [d/2, d]
- decorrelated: anywhere in [base_delay, 3 * the delay before], at most max_delay
- none: exactly d

`jitter_factor` blends: 1 is the form above, 0 is d.
"""

from typing import assert_never

from outlast.errors import RetryConfigurationError
from outlast.retry.jitter import Jitter
from outlast.retry.policy import RetryPolicy

__all__ = ["delay_after"]


def delay_after(policy: RetryPolicy, attempt: int, roll: float, *, previous: float | None = None) -> float:
    """The seconds to wait after failed attempt number `attempt` (1 is the first call); `roll` is in [0, 1).

    `previous` is the delay before this one, for decorrelated jitter; None: there was none. Raises `RetryConfigurationError` when
    `attempt` is not a whole number above 0.
    """
    if not isinstance(attempt, int) or isinstance(attempt, bool) or attempt < 1:
        raise RetryConfigurationError(f"attempts are counted from 1; {attempt!r} is none", context={"attempt": attempt})
    full = _grown(policy, attempt)
    match policy.jitter:
        case Jitter.NONE:
            return full
        case Jitter.FULL:
            lowest, highest = 0.0, full
        case Jitter.EQUAL:
            lowest, highest = full / 2, full
        case Jitter.DECORRELATED:
            lowest = policy.base_delay
            highest = 3 * max(lowest, lowest if previous is None else previous)
        case unreachable:
            assert_never(unreachable)
    spread = min(policy.max_delay, lowest + roll * (highest - lowest))
    return full + policy.jitter_factor * (spread - full)


def _grown(policy: RetryPolicy, attempt: int) -> float:
    try:
        return min(float(policy.max_delay), policy.base_delay * float(policy.multiplier) ** (attempt - 1))
    except OverflowError:
        # The power alone is beyond every float. Nothing times anything is still nothing.
        return float(policy.max_delay) if policy.base_delay else 0.0
