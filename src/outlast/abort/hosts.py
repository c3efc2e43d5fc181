"""Whether the trouble is one host's or the job's: each host is weighed for itself, and none can weigh more than a third.

Only what failed since the job's evidence last was nothing counts: what a host was guilty of before, others have made up for.
"""

from collections import OrderedDict

from outlast.abort.evidence import NOTHING

__all__ = ["HOSTS_MAX", "Hosts"]

HOSTS_MAX = 1_000
"""Hosts that are remembered; beyond it the one that was met first is forgotten."""

HOSTS_FEW = 2
"""A job of so many hosts is judged by its total: there is no majority to ask."""

TROUBLED_FAILURES = 2
"""A host is in trouble with the evidence of so many failures that no success has made up for."""

HOSTS_MANY = 20
"""So many hosts that failed at all are the job's trouble, unless more of those asked since are well: each may have one item only."""


class Hosts:
    """The evidence against each host, and what of it counts against the job."""

    __slots__ = ("_down", "_evidence", "_failing", "_in_trouble", "_known", "_troubled", "_up", "_well", "total")

    def __init__(self, up: float, down: float) -> None:
        self._up = up
        self._down = down
        self._in_trouble = TROUBLED_FAILURES * up
        self._known: OrderedDict[str, None] = OrderedDict()
        self._evidence: dict[str, float] = {}
        self._troubled: set[str] = set()
        self._failing: set[str] = set()
        self._well: set[str] = set()
        self.total = 0.0
        """The sum over all hosts."""

    def failed(self, host: str, threshold: float) -> None:
        """Count a failure; a host's own evidence ends at a third of `threshold`."""
        self._meet(host)
        before = self._evidence.get(host, 0.0)
        after = min(before + self._up, max(before, threshold / 3, self._in_trouble))
        self._evidence[host] = after
        self.total += after - before
        self._failing.add(host)
        self._well.discard(host)
        if after >= self._in_trouble:
            self._troubled.add(host)

    def succeeded(self, host: str, n: int = 1) -> None:
        before = self._evidence.get(host)
        if before:
            self._weaken(host, before, n)
        else:
            if host not in self._known:
                self._meet(host)
            if self._evidence:
                self._well.add(host)

    @property
    def are_few(self) -> bool:
        return len(self._known) <= HOSTS_FEW

    @property
    def seen(self) -> int:
        return len(self._known)

    @property
    def troubled(self) -> list[str]:
        """The hosts in trouble, the worst first."""
        return sorted(self._troubled, key=lambda host: (-self._evidence[host], host))

    def is_everywhere(self, threshold: float) -> bool:
        """Whether so much is against so many hosts that the trouble is not one host's own.

        Half of them must be in trouble, or many, and more than are well. Those are three at least, as none weighs more than a third.
        """
        if self.are_few:
            return True
        is_many = len(self._failing) >= max(HOSTS_MANY, len(self._well))
        is_most = is_many or 2 * len(self._troubled) >= len(self._known)
        # The sum of thirds may fall short of the whole by what floats lose.
        return is_most and self.total >= threshold - 1e-6

    def reset(self) -> None:
        """Forget the evidence; the hosts stay known."""
        self._evidence.clear()
        self._troubled.clear()
        self._failing.clear()
        self._well.clear()
        self.total = 0.0

    def _meet(self, host: str) -> None:
        self._known[host] = None
        if len(self._known) > HOSTS_MAX:
            forgotten, _ = self._known.popitem(last=False)
            self.total -= self._evidence.pop(forgotten, 0.0)
            for each in (self._troubled, self._failing, self._well):
                each.discard(forgotten)

    def _weaken(self, host: str, before: float, n: int) -> None:
        after = before - n * self._down
        if after <= NOTHING:
            after = 0.0
            self._failing.discard(host)
            self._well.add(host)
        self._evidence[host] = after
        self.total += after - before
        if after < self._in_trouble:
            self._troubled.discard(host)
