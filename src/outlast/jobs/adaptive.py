"""How many items of one host may be in flight? As many as it takes without slowing down or asking for less.

Additive increase, multiplicative decrease (D. Chiu and R. Jain, 1989): throttled (429, or 503 with a `Retry-After`), half as many;
answers that take `SLOWER` times as long as they did, 0.7 times as many; and one more for every round of answers since. Never
fewer than `LIMIT_MIN`, never more than the job's concurrency, where it begins.

Answers are looked at in windows of `WINDOW`, by their median. Fewer at once should make a host that is overloaded quicker; one that
stays as slow is slow for a reason of its own, so what it takes now is what is expected of it, and it gets its items back.
"""

from statistics import median_low

__all__ = ["LIMIT_MIN", "SLOWER", "WINDOW", "Adaptive"]

LIMIT_MIN = 1
WINDOW = 20
SLOWER = 3.0
# Of answers that are quicker than this, three times as long is still quick.
QUICK_SECONDS = 0.05
ON_THROTTLING = 0.5
ON_LATENCY = 0.7
# After a decrease, the answers of this time were asked for before it.
HOLD_SECONDS = 1.0
# Slower by less than this between two windows is taken for the new normal, little by little.
DRIFT = 1.05
# A median that is no better than this share of the one that caused a decrease is not better.
NO_BETTER = 0.8


class Adaptive:
    """The limit of one host, at most `ceiling`. All times are monotonic seconds, given by the caller."""

    __slots__ = ("_baseline", "_ceiling", "_held_until", "_limit", "_suspect", "_window")

    def __init__(self, ceiling: int) -> None:
        assert ceiling >= LIMIT_MIN, f"{ceiling} in flight is nothing"
        self._ceiling = ceiling
        self._limit = float(ceiling)
        self._held_until = 0.0
        self._baseline: float | None = None
        self._suspect: float | None = None
        self._window: list[float] = []

    @property
    def limit(self) -> int:
        """How many may be in flight now."""
        return int(self._limit)

    @property
    def at_ceiling(self) -> bool:
        return self._limit >= self._ceiling

    def answered(self, now: float, seconds: float | None) -> bool:
        """An item was answered after so many seconds (None: its time says nothing). Whether the limit may have changed."""
        if seconds is not None:
            self._window.append(seconds)
            if len(self._window) >= WINDOW:
                self._look(now)
                return True
        if self._limit >= self._ceiling:
            return False
        if now >= self._held_until:
            self._limit = min(self._ceiling, self._limit + 1 / self._limit)
        return True

    def throttled(self, now: float) -> None:
        """The host asked for less. What it says of one round of items counts once."""
        self._decrease(ON_THROTTLING, now)

    def _look(self, now: float) -> None:
        found = median_low(self._window)
        self._window.clear()
        expected = found if self._baseline is None else self._baseline
        if found <= SLOWER * max(expected, QUICK_SECONDS):
            self._baseline, self._suspect = min(found, expected * DRIFT), None
        elif self._suspect is not None and found > NO_BETTER * self._suspect:
            self._baseline, self._suspect = found, None
        else:
            self._suspect = found
            self._decrease(ON_LATENCY, now)

    def _decrease(self, factor: float, now: float) -> None:
        if now < self._held_until:
            return
        self._limit = max(float(LIMIT_MIN), self._limit * factor)
        self._held_until = now + HOLD_SECONDS
