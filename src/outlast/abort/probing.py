"""Is it back? One attempt at a time, soon after each other, and a few more at once when one was good."""

__all__ = ["PROBE_EVERY_MAX", "Probing"]

PROBE_EVERY_MIN = 1.0
PROBE_EVERY_MAX = 5.0
SERIES = 5
GOOD_MIN = 3


class Probing:
    """When the next probe is due, and whether the last ones are proof.

    The first is due a second after the suspicion, the next after 2, 4, 5, 5 ... seconds. A good one begins a series: four more at once.
    With three of the five good it is proven; with three bad ones the series is over, and the waiting goes on.
    """

    __slots__ = ("_bad", "_every", "_good", "failed", "next_at")

    def __init__(self) -> None:
        self.next_at: float | None = None
        """When the next probe is due; None while none may be sent."""
        self.failed = 0
        """How many were bad since the suspicion."""
        self._every = PROBE_EVERY_MIN
        self._good = self._bad = 0

    def begin(self, now: float, suspected_at: float) -> None:
        """What was in flight has ended: probes may be sent."""
        self.next_at = max(now, suspected_at + PROBE_EVERY_MIN)

    def probed(self, now: float, *, good: bool) -> bool:
        """Count a probe. Whether the series is proof that it works again."""
        if good:
            self._good += 1
            self.next_at = now
            return self._good >= GOOD_MIN
        self.failed += 1
        if self._good:
            self._bad += 1
            if self._bad <= SERIES - GOOD_MIN:
                self.next_at = now
                return False
            self._good = self._bad = 0
        self._every = min(2 * self._every, PROBE_EVERY_MAX)
        self.next_at = now + self._every
        return False

    def postpone(self, now: float) -> None:
        """A probe has told nothing: the next is due in a second."""
        self.next_at = now + PROBE_EVERY_MIN
