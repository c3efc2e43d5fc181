"""What the failures of a job are, where they are, whether they become more, and what seems to be behind them."""

import math
from collections import Counter
from typing import Any

from outlast.abort.history import Counts, Stretch, Tally
from outlast.failure.groups import OTHER, Group

__all__ = ["analysis_of", "cause_of", "trend_of"]

GROUPS_TOLD_MAX = 10
HOSTS_TOLD_MAX = 50
HEALTHY_TOLD_MAX = 10
OF_ONE_HOST = 0.8
DEVIATIONS = 2.0
"""A difference is taken for real from so many standard deviations on."""


def analysis_of(stretch: Stretch) -> dict[str, Any]:
    """The analysis as JSON-able data."""
    whole = stretch.whole
    groups = list(whole.groups)
    classes: Counter[str] = Counter()
    for group in groups:
        classes[group.failure_class.value] += group.seen.count
    seen = [group.seen for group in groups]
    first = min((each.first for each in seen if each.first), default=None)
    last = max((each.last for each in seen if each.last), default=None)
    return {
        "total_failures": whole.failed,
        "total_operations": whole.failed + whole.succeeded,
        "successes": whole.succeeded,
        "failure_rate": whole.rate,
        "failures_by_category": dict(whole.categories.most_common()),
        "failures_by_severity": dict(whole.severities.most_common()),
        "failures_by_class": dict(classes.most_common()),
        "failures_by_host": dict(whole.failed_by_host.most_common(HOSTS_TOLD_MAX)),
        "failures_by_signature": {group.signature: group.seen.count for group in groups},
        "top_groups": [_group(each, whole.failed) for each in groups[:GROUPS_TOLD_MAX]],
        "healthy_hosts": _healthy(whole),
        "incidents": {"count": whole.incidents, "further_failures": whole.repeated},
        "first_seen": first and first.isoformat(),
        "last_seen": last and last.isoformat(),
        "trend": trend_of(stretch),
        "cause": cause_of(whole),
        "seconds": stretch.seconds,
        "resolution": stretch.resolution,
    }


def trend_of(stretch: Stretch) -> dict[str, Any]:
    """Whether the failures become more: the later half of the time against the earlier one.

    By the share that failed; by how many failed, where no success was ever recorded. A difference within two standard deviations is
    `steady`.
    """
    earlier, later = stretch.earlier, stretch.later
    is_share = stretch.whole.succeeded > 0
    change = _share_change(earlier, later) if is_share else _count_change(earlier, later)
    direction = "steady" if abs(change) <= DEVIATIONS else "rising" if change > 0 else "falling"
    return {
        "direction": direction,
        "by": "share" if is_share else "count",
        "earlier": {"failures": earlier.failed, "failure_rate": earlier.rate},
        "later": {"failures": later.failed, "failure_rate": later.rate},
    }


def cause_of(counts: Counts) -> str:
    """The likely cause in a sentence: the largest group of failures, and where it is."""
    group = next(iter(counts.groups), None)
    if group is None or not counts.failed:
        return "nothing has failed"
    share = group.seen.count / counts.failed
    name = group.sample.type.rpartition(".")[2] or group.signature
    text = f": {group.sample.message}" if group.sample.message else ""
    what = f"{group.seen.count} of {counts.failed} failures ({share:.0%}) are {group.failure_class.value}, {name}{text}"
    return f"{what}; {_where(counts, group)}{_others(counts)}"


def _where(counts: Counts, group: Group) -> str:
    hosts = {host: seen.count for host, seen in group.hosts.items() if host}
    if not hosts:
        return "the items name no host"
    worst, most = max(hosts.items(), key=lambda each: each[1])
    if most < OF_ONE_HOST * sum(hosts.values()):
        return f"at {len(hosts)} hosts, most at {worst} ({most})"
    answered = counts.succeeded_by_host[worst]
    return f"at {worst}, which {f'answered well {answered} times' if answered else 'never answered well'} meanwhile"


def _others(counts: Counts) -> str:
    healthy = [host for host in counts.succeeded_by_host if not counts.failed_by_host[host]]
    return f"; {len(healthy)} other hosts are well" if len(healthy) > 1 else ""


def _healthy(counts: Counts) -> list[str]:
    """The hosts at which nothing failed, those with the most successes first."""
    told = (host for host, _ in counts.succeeded_by_host.most_common() if not counts.failed_by_host[host])
    return [host for host in told if host != OTHER][:HEALTHY_TOLD_MAX]


def _group(group: Group, total: int) -> dict[str, Any]:
    sample = group.sample
    return {
        **group.to_dict(),
        "share": group.seen.count / total if total else 0.0,
        "example": f"{sample.type}: {sample.message}" if sample.message else sample.type,
    }


def _share_change(earlier: Tally, later: Tally) -> float:
    """By how many standard deviations the share that failed differs: the two-proportion z-test."""
    one, two = earlier.failed + earlier.succeeded, later.failed + later.succeeded
    if not one or not two:
        return 0.0
    pooled = (earlier.failed + later.failed) / (one + two)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / one + 1 / two))
    return (later.failed / two - earlier.failed / one) / deviation if deviation else 0.0


def _count_change(earlier: Tally, later: Tally) -> float:
    """By how many standard deviations the number differs, as of two Poisson counts over stretches of one length."""
    total = earlier.failed + later.failed
    return (later.failed - earlier.failed) / math.sqrt(total) if total else 0.0
