"""A site that wants to be asked less often: `429` with `Retry-After`, and a note of everybody who comes before the time."""

from collections import deque
from dataclasses import dataclass

__all__ = ["Throttle", "Turnstile"]

# A request that was sent before the answer "later" could be read is not to blame.
CROSSING_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Throttle:
    """More than `per_second` requests in a second are told to come back after `retry_after` seconds, and so is everybody until then."""

    per_second: int
    retry_after: int = 2

    def __post_init__(self) -> None:
        if self.per_second < 1 or self.retry_after < 1:
            raise ValueError(f"at least one request a second, and one second: not {self}")


class Turnstile:
    """Lets requests through. Times are seconds of one monotonic clock."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._came: deque[float] = deque(maxlen=throttle.per_second)
        self._told_at = self._closed_until = float("-inf")
        self.throttled = 0
        """How many requests were told to come back."""
        self.too_early = 0
        """How many came before the time that was told, and could have known."""

    def lets_in(self, now: float) -> bool:
        """A request comes; whether it gets its page."""
        if now < self._closed_until:
            self.too_early += now > self._told_at + CROSSING_SECONDS
            self.throttled += 1
            return False
        if len(self._came) == self._throttle.per_second and now - self._came[0] < 1:
            self._told_at, self._closed_until = now, now + self._throttle.retry_after
            self._came.clear()
            self.throttled += 1
            return False
        self._came.append(now)
        return True
