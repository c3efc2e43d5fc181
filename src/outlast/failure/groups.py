"""Failures counted by kind and host, in bounded memory: what a report shows and what statistics are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from outlast.failure.describe import Failure
from outlast.failure.model import FailureClass

__all__ = ["OTHER", "Group", "Groups", "Seen"]

OTHER = "other"
"""The name of what is beyond a bound: the signatures after the last that had room, and the hosts of a group likewise."""

GROUPS_MAX = 256
SAMPLES_MAX = 5
HOSTS_MAX = 50


@dataclass(slots=True)
class Seen:
    """How often, and when first and last; a moment is None where nobody knows it."""

    count: int = 0
    attempts: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, other: "Seen") -> None:
        self.count += other.count
        self.attempts += other.attempts
        if other.first is not None and (self.first is None or other.first < self.first):
            self.first = other.first
        if other.last is not None and (self.last is None or other.last > self.last):
            self.last = other.last

    def to_dict(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "attempts": self.attempts,
            "first_seen": _iso(self.first),
            "last_seen": _iso(self.last),
        }


@dataclass(slots=True)
class Group:
    """The failures of one signature. `sample` is one of them, with its traceback where any had one, and `keys` are some of its items."""

    signature: str
    sample: Failure
    seen: Seen = field(default_factory=Seen)
    hosts: dict[str, Seen] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    @property
    def failure_class(self) -> FailureClass:
        return self.sample.failure_class

    @property
    def status(self) -> int | None:
        return self.sample.status

    def to_dict(self) -> dict[str, Any]:
        """The group as JSON-able data, its hosts with the most failures first."""
        hosts = sorted(self.hosts.items(), key=lambda each: -each[1].count)
        return {
            "signature": self.signature,
            "class": self.failure_class.value,
            "status": self.status,
            **self.seen.to_dict(),
            "hosts": {host: seen.to_dict() for host, seen in hosts},
            "keys": list(self.keys),
            "sample": self.sample.to_dict(),
        }


class Groups:
    """Counts failures by signature and host. At most `max_groups` signatures are told apart, the rest are `other`.

    Of each the first `samples_max` keys are kept, and `hosts_max` hosts are told apart.
    """

    def __init__(
        self, max_groups: int = GROUPS_MAX, samples_max: int = SAMPLES_MAX, hosts_max: int = HOSTS_MAX
    ) -> None:
        self._max_groups = max_groups
        self._samples_max = samples_max
        self._hosts_max = hosts_max
        self._groups: dict[str, Group] = {}

    def __iter__(self) -> Iterator[Group]:
        """The groups, the most frequent first; of equals, the one that was met first."""
        return iter(sorted(self._groups.values(), key=lambda group: -group.seen.count))

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def total(self) -> int:
        """How many failures there were, those of `other` included."""
        return sum(group.seen.count for group in self._groups.values())

    def get(self, signature: str) -> Group | None:
        return self._groups.get(signature)

    def add(self, failure: Failure, host: str, key: str, at: datetime | None, *, attempts: int = 1) -> Group:
        """Count one failure of the item `key`, which had so many attempts, and give back its group."""
        group = self._group(failure.signature, failure)
        seen = Seen(1, attempts, at, at)
        group.seen.add(seen)
        self._host(group, host).add(seen)
        self._sample(group, failure, [key])
        return group

    def merge(self, other: "Groups") -> None:
        """Count what `other` has counted."""
        for theirs in other._groups.values():  # noqa: SLF001 - it is one of our own
            ours = self._group(theirs.signature, theirs.sample)
            ours.seen.add(theirs.seen)
            for host, seen in theirs.hosts.items():
                self._host(ours, host).add(seen)
            self._sample(ours, theirs.sample, theirs.keys)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-able data."""
        return {"total": self.total, "groups": [group.to_dict() for group in self]}

    def _group(self, signature: str, failure: Failure) -> Group:
        if _is_full(self._groups, signature, self._max_groups):
            signature = OTHER
        group = self._groups.get(signature)
        if group is None:
            group = self._groups[signature] = Group(signature, failure)
        return group

    def _host(self, group: Group, host: str) -> Seen:
        if _is_full(group.hosts, host, self._hosts_max):
            host = OTHER
        seen = group.hosts.get(host)
        if seen is None:
            seen = group.hosts[host] = Seen()
        return seen

    def _sample(self, group: Group, failure: Failure, keys: list[str]) -> None:
        if failure.traceback and not group.sample.traceback:
            group.sample = failure
        group.keys += [key for key in keys if key not in group.keys][: self._samples_max - len(group.keys)]


def _is_full(kept: Mapping[str, object], name: str, most: int) -> bool:
    """Whether there is no room for this new name; the one of what had none takes no place."""
    return name not in kept and len(kept) - (OTHER in kept) >= most


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
