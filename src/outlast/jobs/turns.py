"""Which host is probed next, while a job is suspended? Those that nobody has asked yet come first, then who was asked longest ago."""

import math
from collections.abc import Iterable

__all__ = ["OTHERS_SECONDS", "Turns"]

OTHERS_SECONDS = 15.0
"""What is put off to find items of other hosts to probe with comes back after that: there are none near."""

_FAVOURED = -1


class Turns:
    """The hosts that were probed since the suspicion, in their order; one that is favoured is before all."""

    def __init__(self) -> None:
        self._turn = 0
        self._turns: dict[str, int] = {}
        self._asked_new_at = -math.inf
        self.probes = self.good_probes = 0
        """How many were answered since the suspicion, and how many of them well."""

    def begin(self, now: float) -> None:
        """A suspicion begins. Who was favoured still is."""
        self._turns = {host: turn for host, turn in self._turns.items() if turn == _FAVOURED}
        self._asked_new_at = now
        self.probes = self.good_probes = 0

    def asked(self, host: str, now: float) -> None:
        if host not in self._turns:
            self._asked_new_at = now
        self._turn += 1
        self._turns[host] = self._turn

    def answered(self, *, good: bool) -> None:
        self.probes += 1
        self.good_probes += good

    def favour(self, host: str) -> None:
        self._turns[host] = _FAVOURED

    def in_order(self, hosts: Iterable[str]) -> list[str]:
        """The hosts in the order in which they are to be asked."""
        return sorted(hosts, key=lambda host: self._turns.get(host, 0))

    def wants_others(self, hosts: Iterable[str], now: float) -> bool:
        """Whether all of these have had their turn, and other hosts were found a moment ago."""
        return now - self._asked_new_at < OTHERS_SECONDS and all(self._turns.get(host, 0) > 0 for host in hosts)
