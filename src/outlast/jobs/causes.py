"""Why the items of a run fail, as it happens: tries counted by kind, in bounded memory."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outlast.failure.groups import OTHER

__all__ = ["HOSTS_TOLD_MAX", "Cause", "Causes"]

KINDS_MAX = 256
HOSTS_MAX = 20
HOSTS_TOLD_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Failures of one signature in this run. `failed` items were given up with it, `retried` tries were followed by another.

    `hosts` are those that it was met on most; of so many, `hosts_seen`. `last` is when it was met last, in ISO 8601.
    """

    signature: str
    failure_class: str
    failed: int
    retried: int
    hosts: tuple[str, ...]
    hosts_seen: int
    last: str


@dataclass(slots=True, eq=False)
class _Kind:
    signature: str
    failure_class: str
    failed: int = 0
    retried: int = 0
    hosts: Counter[str] = field(default_factory=Counter)
    last: str = ""

    def told(self) -> Cause:
        hosts = tuple(host for host, _ in self.hosts.most_common(HOSTS_TOLD_MAX))
        return Cause(
            signature=self.signature,
            failure_class=self.failure_class,
            failed=self.failed,
            retried=self.retried,
            hosts=hosts,
            hosts_seen=len(self.hosts),
            last=self.last,
        )


class Causes:
    """Counts the failures of a run. The first `KINDS_MAX` signatures are told apart, and of each the first `HOSTS_MAX` hosts."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def note(self, failure: Mapping[str, Any], host: str, *, failed: bool) -> None:
        """Count one try that failed so (`Failure.to_dict`, with its moment `at`); `failed`: its item was given up."""
        signature = failure["signature"]
        kind = self._kinds.get(signature)
        if kind is None:
            if len(self._kinds) >= KINDS_MAX:
                signature = OTHER
            kind = self._kinds.setdefault(signature, _Kind(signature, failure["class"]))
        if failed:
            kind.failed += 1
        else:
            kind.retried += 1
        kind.last = failure["at"]
        kind.hosts[host if host in kind.hosts or len(kind.hosts) < HOSTS_MAX else OTHER] += 1

    def most(self, limit: int) -> tuple[Cause, ...]:
        """The kinds with which most items were given up, then those that were followed by another try most often."""
        ordered = sorted(self._kinds.values(), key=lambda kind: (-kind.failed, -kind.retried))
        return tuple(kind.told() for kind in ordered[:limit])
