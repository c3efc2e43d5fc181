"""The causes of failure against the hosts: what a table of them shows."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from outlast.failure.groups import OTHER, Group
from outlast.report.words import clean

__all__ = ["Cause", "FailureTable", "failure_table"]

CAUSES_SHOWN_MAX = 40
HOSTS_SHOWN_MAX = 6
_FRAME = re.compile(r'File "(?:.*[/\\])?([^/\\"]+)", line (\d+), in (\S+)')
_PLACE = re.compile(r"[^\s:/]+\.\w+:[\w<>.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One group of failures: what they have in common, and how many there were on each of the hosts of the table.

    `frame` is the line of code it came from, where a traceback was kept, `elsewhere` the number on other hosts.
    """

    name: str
    type: str
    message: str
    failure_class: str
    count: int
    attempts: int
    by_host: tuple[int, ...] = ()
    elsewhere: int = 0
    hosts: int = 0
    frame: str = ""
    example: str = ""
    first_seen: datetime | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureTable:
    """The largest groups, and the hosts with the most failures; `more_causes` and `more_failures` are beyond the bound."""

    hosts: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    total: int = 0
    groups: int = 0
    more_failures: int = 0
    more_hosts: int = 0

    @property
    def more_causes(self) -> int:
        return self.groups - len(self.causes)


def failure_table(groups: Sequence[tuple[str, Group]]) -> FailureTable:
    """The table of these groups, each with its name, the largest first."""
    totals: Counter[str] = Counter()
    for _, group in groups:
        totals.update({host: seen.count for host, seen in group.hosts.items() if host != OTHER})
    hosts = [host for host, _ in totals.most_common(HOSTS_SHOWN_MAX)]
    shown = groups[:CAUSES_SHOWN_MAX]
    return FailureTable(
        hosts=tuple(clean(host, 60) or "(no host)" for host in hosts),
        causes=tuple(_cause(name, group, hosts) for name, group in shown),
        total=sum(group.seen.count for _, group in groups),
        groups=len(groups),
        more_failures=sum(group.seen.count for _, group in groups[CAUSES_SHOWN_MAX:]),
        more_hosts=len(totals) - len(hosts) + any(OTHER in group.hosts for _, group in groups),
    )


def _cause(name: str, group: Group, hosts: Sequence[str]) -> Cause:
    by_host = tuple(group.hosts[host].count if host in group.hosts else 0 for host in hosts)
    kind, frame, message = _parts(group)
    return Cause(
        name=name,
        type=clean(kind, 100),
        message=clean(message),
        failure_class=group.failure_class.value,
        count=group.seen.count,
        attempts=group.seen.attempts,
        by_host=by_host,
        elsewhere=group.seen.count - sum(by_host),
        hosts=len(group.hosts),
        frame=clean(frame, 120),
        example=clean(next(iter(group.keys), ""), 160),
        first_seen=group.seen.first,
        last_seen=group.seen.last,
    )


def _parts(group: Group) -> tuple[str, str, str]:
    """The type of the error, where it came from, and its message with what differs masked."""
    if group.signature == OTHER:
        return OTHER, "", "all that is beyond the bound of groups"
    kind, *words = group.signature.split(" ")
    # A code, where there is one, stands between the type and the place.
    at = next((place for place, word in enumerate(words[:2]) if _PLACE.fullmatch(word)), None)
    place = words.pop(at) if at is not None else ""
    lines = {f"{file}:{code}": line for file, line, code in _FRAME.findall(group.sample.traceback)}
    if place in lines:
        file, _, code = place.partition(":")
        place = f"{file}:{lines[place]} {code}"
    return kind.rpartition(".")[2], place, " ".join(words)
