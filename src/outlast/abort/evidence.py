"""How much speaks for a job that cannot go on: a sequential test that may be looked at as often as one likes.

Every failure adds `ln(p1 / p0)` nats and every success takes `ln((1 - p0) / (1 - p1))` away, never below nothing (the CUSUM of E. S. Page,
1954, between a job that fails with rate `p0` and one that fails with `p1`). The alarm is at `ln(k (k + 1) / alpha)`, where `k` is the
operation with which the excursion began. Of a job whose operations fail with at most `p0`, an excursion that begins with operation k
reaches that with probability at most `alpha / (k (k + 1))` (the inequality of J. Ville, 1939), and over all k that sums to `alpha`:
for a job of any length, looked at after every operation.
"""

import math

__all__ = ["NOTHING", "Evidence", "threshold_at"]

NOTHING = 1e-9
"""Evidence that is none."""


def threshold_at(k: int, alpha: float) -> float:
    """The evidence at which an excursion that began with operation `k`, 1 being the first, is an alarm."""
    return math.log(k * (k + 1) / alpha)


class Evidence:
    """The evidence against one job. It never exceeds its threshold, so that a long trouble is not remembered for long."""

    __slots__ = ("_alpha", "began", "down", "failures", "operations", "threshold", "up", "value")

    def __init__(self, alpha: float, rate_healthy: float, rate_failing: float) -> None:
        self._alpha = alpha
        self.up = math.log(rate_failing / rate_healthy)
        self.down = math.log((1 - rate_healthy) / (1 - rate_failing))
        self.operations = 0
        """All that were counted, those before a reset included."""
        self.value = 0.0
        self.threshold = threshold_at(1, alpha)
        self.began = 1
        """The operation with which the excursion began."""
        self.failures = 0
        """The failures since then."""

    def failed(self) -> None:
        self.operations += 1
        if not self.value:
            self.began, self.failures = self.operations, 0
            self.threshold = threshold_at(self.operations, self._alpha)
        self.failures += 1
        self.value = min(self.threshold, self.value + self.up)

    def weaken(self, n: int = 1) -> None:
        """Take away what `n` successes speak for the job."""
        value = self.value - n * self.down
        # What floats leave over is no evidence, and would keep an excursion from ending.
        self.value = value if value > NOTHING else 0.0

    @property
    def is_enough(self) -> bool:
        return self.value >= self.threshold

    def reset(self) -> None:
        self.value = 0.0
