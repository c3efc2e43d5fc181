"""Did everything stand still? Then nobody has waited, and nobody was silent, however late it is.

A process that was stopped, a machine that has no time for it, a disk that does not answer: a beat that goes through all of it, once in
`BEAT_EVERY`, is late by that much. A job that is paused stands still too, for as long as it is.
"""

from collections.abc import Callable

__all__ = ["BEAT_EVERY", "LATE_SECONDS", "Pulse"]

BEAT_EVERY = 1.0
LATE_SECONDS = 1.0
"""A beat that is late by less says that there is much to do."""


class Pulse:
    """Tells for how many seconds everything has stood still, once. All times are monotonic seconds, given by the caller.

    Without any `beat` so far it tells nothing. `paused`: whether somebody lets everything wait.
    """

    def __init__(self, paused: Callable[[], bool] = lambda: False) -> None:
        self._paused = paused
        self._felt_at: float | None = None
        self._told: list[Callable[[float, float], None]] = []

    def tells(self, stood_still: Callable[[float, float], None]) -> None:
        """Call this with the seconds, and with the time."""
        self._told.append(stood_still)

    def beat(self, now: float) -> None:
        self.feel(now)
        self._felt_at = now

    def feel(self, now: float) -> None:
        """To be called before anything is decided by the time that has passed."""
        felt_at = self._felt_at
        if felt_at is None or now <= felt_at:
            return
        if self._paused():
            self._tell(now - felt_at, now)
        elif now - felt_at > BEAT_EVERY + LATE_SECONDS:
            self._tell(now - felt_at - BEAT_EVERY, now)

    def _tell(self, seconds: float, now: float) -> None:
        self._felt_at = now
        for stood_still in self._told:
            stood_still(seconds, now)
