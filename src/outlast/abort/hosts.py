"""Whether the trouble is one host's or the job's: each host is weighed for itself, and none can weigh more than a third."""

from collections import OrderedDict
from itertools import islice

__all__ = ["HOSTS_MAX", "Hosts"]

HOSTS_MAX = 1_000
"""Hosts that are remembered; beyond it the one whose trouble, or first meeting, is longest ago is forgotten."""

HOSTS_FEW = 2
"""A job of so many hosts is judged by its total: there is no majority to ask."""

TROUBLED_MIN = 3
TROUBLED_FAILURES = 2
"""A host is in trouble with the evidence of so many failures that no success has made up for."""


class Hosts:
    """The evidence against each host, and what of it counts against the job."""

    __slots__ = ("_by_host", "_down", "_in_trouble", "_troubled", "_up", "total")

    def __init__(self, up: float, down: float) -> None:
        self._up = up
        self._down = down
        self._in_trouble = TROUBLED_FAILURES * up
        self._by_host: OrderedDict[str, float] = OrderedDict()
        self._troubled: set[str] = set()
        self.total = 0.0
        """The sum over all hosts."""

    def failed(self, host: str, threshold: float) -> None:
        """Count a failure; a host's own evidence ends at a third of `threshold`."""
        before = self._by_host.get(host, 0.0)
        after = min(before + self._up, max(before, threshold / 3, self._in_trouble))
        self._put(host, before, after)
        if after >= self._in_trouble:
            self._troubled.add(host)

    def succeeded(self, host: str, n: int = 1) -> None:
        before = self._by_host.get(host)
        if before:
            self._weaken(host, before, n)
        elif before is None:
            self._put(host, 0.0, 0.0)

    @property
    def are_few(self) -> bool:
        return len(self._by_host) <= HOSTS_FEW

    @property
    def seen(self) -> int:
        return len(self._by_host)

    @property
    def troubled(self) -> list[str]:
        """The hosts in trouble, the worst first."""
        return sorted(self._troubled, key=lambda host: (-self._by_host[host], host))

    def is_everywhere(self, threshold: float) -> bool:
        """Whether so much is against so many hosts that the trouble is not one host's own."""
        if self.are_few:
            return True
        seen, troubled = len(self._by_host), len(self._troubled)
        is_most = troubled >= TROUBLED_MIN and 2 * troubled >= seen
        # The sum of thirds may fall short of the whole by what floats lose.
        return is_most and self.total >= threshold - 1e-6

    def healthy(self, limit: int) -> list[str]:
        """Some of the hosts without any evidence against them, the last met before."""
        return list(islice((host for host in reversed(self._by_host) if not self._by_host[host]), limit))

    def reset(self) -> None:
        """Forget the evidence; the hosts stay known."""
        self._by_host = OrderedDict.fromkeys(self._by_host, 0.0)
        self._troubled.clear()
        self.total = 0.0

    def _weaken(self, host: str, before: float, n: int) -> None:
        after = max(0.0, before - n * self._down)
        self._put(host, before, after)
        if after < self._in_trouble:
            self._troubled.discard(host)

    def _put(self, host: str, before: float, after: float) -> None:
        self._by_host[host] = after
        self._by_host.move_to_end(host)
        self.total += after - before
        if len(self._by_host) > HOSTS_MAX:
            forgotten, evidence = self._by_host.popitem(last=False)
            self.total -= evidence
            self._troubled.discard(forgotten)
