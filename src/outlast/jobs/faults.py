"""What each host did when it failed last, so that a silence has the cause of those that are silent; which crash is a new one.

All times are monotonic seconds, given by the caller.
"""

import math
from collections import Counter
from collections.abc import Iterable

from outlast.failure.model import FailureClass

__all__ = ["HOSTS_MAX", "Crashes", "Faults"]

HOSTS_MAX = 10_000
"""Hosts that are remembered, as many as the gate knows; beyond it the one that was met first is forgotten."""

_UNTOLD = (FailureClass.NETWORK.value, "")


class Faults:
    """The class and the signature of the last failure of each host that was the host's own."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, str]] = {}

    def note(self, host: str, failure_class: str, signature: str) -> None:
        """Remember how this host failed."""
        if host not in self._last and len(self._last) >= HOSTS_MAX:
            del self._last[next(iter(self._last))]
        self._last[host] = (failure_class, signature)

    def cause(self, hosts: Iterable[str]) -> tuple[str, str]:
        """What most of these hosts failed with: those that are well have their failures too, and are not why others are silent."""
        found = Counter(cause for host in hosts if (cause := self._last.get(host)))
        return found.most_common(1)[0][0] if found else _UNTOLD


class Crashes:
    """The last crash of a browser: whatever was in flight then failed with it."""

    __slots__ = ("_at", "_incident")

    def __init__(self) -> None:
        self._at = -math.inf
        self._incident: str | None = None

    def is_new(self, now: float, began: float, incident: str | None) -> bool:
        """Whether an attempt that began then died of another crash than the last; afterwards that is the last."""
        is_new = began > self._at if incident is None else incident != self._incident
        if is_new:
            self._at, self._incident = now, incident
        return is_new
