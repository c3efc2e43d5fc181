"""The last operations: how many of them failed, by number and by age."""

from array import array

__all__ = ["Window"]


class Window:
    """The last `size` operations, of those the ones that are not older than `duration` seconds; without one, of any age."""

    __slots__ = ("_at", "_duration", "_failed", "_next", "count", "failures", "size")

    def __init__(self, size: int, duration: float | None = None) -> None:
        self.size = size
        self._duration = duration
        self._at = array("d", bytes(8 * size)) if duration is not None else None
        self._failed = bytearray(size)
        self._next = 0
        self.count = 0
        self.failures = 0

    def add(self, now: float, failed: bool) -> None:  # noqa: FBT001 - it is the value that is kept
        """Count one operation, and forget the oldest that has no room and those that are too old."""
        place = self._next
        if self.count == self.size:
            self.failures -= self._failed[place]
        else:
            self.count += 1
        self._failed[place] = failed
        self.failures += failed
        self._next = place + 1 if place + 1 < self.size else 0
        if self._at is not None:
            self._at[place] = now
            self._forget(now, self._at)

    @property
    def rate(self) -> float | None:
        """The share that failed, as of the last operation; None without any."""
        return self.failures / self.count if self.count else None

    def clear(self) -> None:
        self.count = self.failures = 0

    def _forget(self, now: float, at: "array[float]") -> None:
        assert self._duration is not None
        horizon = now - self._duration
        while self.count and at[oldest := (self._next - self.count) % self.size] < horizon:
            self.failures -= self._failed[oldest]
            self.count -= 1
