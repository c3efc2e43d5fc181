"""How often may one host be asked? Exact spacing: the generic cell rate algorithm (ITU-T I.371, as a virtual schedule).

Asked at `30/min`, a host is asked every 2 s and never sooner, in no minute more than 30 times. Where the spacing is shorter than
`SLACK` seconds, what was missed within that time may be caught up with, so that a busy event loop does not make the rate a lower one.
"""

import math
from collections.abc import Mapping

__all__ = ["SLACK", "Spacing", "spacing_of"]

SLACK = 0.1
ALL_HOSTS = "*"


class Spacing:
    """The schedule of one host, a slot every `seconds`. All times are monotonic seconds, given by the caller."""

    __slots__ = ("_next", "_slack", "seconds")

    def __init__(self, seconds: float) -> None:
        assert seconds > 0, f"a slot every {seconds} s is no spacing"
        self.seconds = seconds
        self._next = -math.inf
        self._slack = math.floor(SLACK / seconds) * seconds

    @property
    def opens_at(self) -> float:
        """When the host may next be asked."""
        return self._next - self._slack

    def take(self, now: float) -> None:
        """The host is asked now, which is not before `opens_at`."""
        assert now >= self.opens_at, "asked before its time"
        self._next = max(self._next, now) + self.seconds


def spacing_of(host: str, rates: Mapping[str, float | None]) -> Spacing | None:
    """The spacing that `rates` (host to seconds between two, None for no rate) asks for: by the host, without its port, or as `*`."""
    for name in (host, host.rpartition(":")[0] or host, ALL_HOSTS):
        if name in rates:
            seconds = rates[name]
            return None if seconds is None else Spacing(seconds)
    return None
