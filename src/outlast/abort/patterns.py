"""Failures of one kind that are suddenly many: found once per surge, whatever else goes on.

Each signature has a CUSUM of its own, between a share of 2 % of the operations and one of 20 %. An operation that fails in another way,
or succeeds, speaks against it; that is reckoned when the signature is next met, so that an operation costs the same however many
signatures there are.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, field

__all__ = ["SIGNATURES_MAX", "Pattern", "Patterns"]

SHARE_USUAL = 0.02
SHARE_SURGE = 0.20
EVIDENCE_MAX = 16.8
SIGNATURES_MAX = 256
HOSTS_MAX = 20
OTHER = "other"

_UP = math.log(SHARE_SURGE / SHARE_USUAL)
_DOWN = math.log((1 - SHARE_USUAL) / (1 - SHARE_SURGE))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A surge of failures of one signature: `failures` in `operations`, at `hosts`, from `first` to `last`."""

    signature: str
    failure_class: str
    failures: int
    operations: int
    hosts: tuple[str, ...]
    first: float
    last: float

    @property
    def share(self) -> float:
        return self.failures / self.operations


@dataclass(slots=True)
class _Surge:
    evidence: float = 0.0
    failures: int = 0
    began: int = 0
    seen: int = 0
    first: float = 0.0
    is_told: bool = False
    hosts: dict[str, None] = field(default_factory=dict)

    def begin(self, now: float, operation: int) -> None:
        self.failures, self.began, self.first, self.is_told = 0, operation, now, False
        self.hosts.clear()

    def count(self, operation: int, host: str) -> None:
        self.evidence = min(EVIDENCE_MAX, self.evidence + _UP)
        self.seen = operation
        self.failures += 1
        if len(self.hosts) < HOSTS_MAX:
            self.hosts[host] = None


class Patterns:
    """The signatures of one job, at most `SIGNATURES_MAX` and `other`.

    Beyond that a new one takes the place of the one that was met least recently, and its first failure counts as `other`: so a storm of
    failures that all differ is found too.
    """

    __slots__ = ("_surges",)

    def __init__(self) -> None:
        self._surges: OrderedDict[str, _Surge] = OrderedDict()

    def failed(self, now: float, operation: int, signature: str, failure_class: str, host: str) -> Pattern | None:
        """Count a failure, the job's operation number `operation`; the surge that it makes of its signature, once."""
        signature = self._known(signature)
        surge = self._surges[signature]
        surge.evidence = max(0.0, surge.evidence - _DOWN * (operation - surge.seen - 1))
        if not surge.evidence:
            surge.begin(now, operation)
        surge.count(operation, host)
        if surge.is_told or surge.evidence < EVIDENCE_MAX:
            return None
        surge.is_told = True
        hosts = tuple(each for each in surge.hosts if each)
        count = operation - surge.began + 1
        return Pattern(signature, failure_class, surge.failures, count, hosts, surge.first, now)

    def __len__(self) -> int:
        return len(self._surges)

    def _known(self, signature: str) -> str:
        """The name under which this failure counts; there is a surge of that name afterwards."""
        if signature in self._surges:
            self._surges.move_to_end(signature)
            return signature
        self._surges[signature] = _Surge()
        if len(self._surges) <= SIGNATURES_MAX:
            return signature
        oldest = next(each for each in self._surges if each != OTHER)
        del self._surges[oldest]
        self._surges.setdefault(OTHER, _Surge())
        return OTHER
