"""What is said of how often hosts are asked: the rates of the job itself, and those that were ordered in their place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from outlast.cli.pausing import Ordered
from outlast.cli.phrases import columns, commands, first_few, quoted, safe
from outlast.cli.words.group import host_named

__all__ = ["InForce", "rate_document", "rate_lines", "rate_table", "rates_in_force", "rates_text"]

BY_ORDER, BY_JOB = "order", "job"


@dataclass(frozen=True, slots=True)
class InForce:
    """The rate of a host, and who has said so: `order` or `job`."""

    host: str
    rate: str
    by: str


def rates_in_force(own: Mapping[str, Any], ordered: Mapping[str, str]) -> list[InForce]:
    """By host: what was ordered wins."""
    told = {str(host): (str(rate), BY_JOB) for host, rate in own.items()}
    told |= {host: (rate, BY_ORDER) for host, rate in ordered.items()}
    return [InForce(host, rate, by) for host, (rate, by) in sorted(told.items())]


def rates_text(rates: Mapping[str, str], by: Mapping[str, str] = MappingProxyType({})) -> str:
    """Hosts and their rates in a row, the first few; `by` says whose they are."""
    whose = {host: f" (by the {name})" for host, name in by.items()}
    return first_few([f"{host_named(host)} {safe(rate, 20)}{whose.get(host, '')}" for host, rate in rates.items()])


def rate_table(rates: Sequence[InForce]) -> list[str]:
    """A line for each host that has a rate."""
    return (
        columns([(host_named(each.host), safe(each.rate, 20), f"by the {each.by}") for each in rates]) if rates else []
    )


def rate_lines(job: str, hosts: Sequence[str], ordered: Ordered, *, running: bool, hint: str) -> list[str]:
    """After `rate` has ordered something for these hosts, or taken it back."""
    word, now = quoted(job), {host: ordered.after.rates[host] for host in hosts if host in ordered.after.rates}
    named = "".join(f" {quoted(host)}" for host in now)
    back = commands([("take it back", f"outlast rate {word} --clear{named}{hint}")]) if now else []
    if not ordered.is_news:
        what = (
            f"{rates_text(now)} {'is' if len(now) == 1 else 'are'} ordered already"
            if now
            else "no such rate was ordered"
        )
        return [f"job {safe(job)}: {what}; nothing was changed", *back]
    when = "; the run notices within a second" if running else " from the next run on"
    return [f"job {safe(job)}: {', '.join(_said(ordered, now))}{when}.", *back]


def rate_document(job: str, ordered: Ordered) -> dict[str, Any]:
    """For `--json`."""
    before, after = ordered.before.rates, ordered.after.rates
    in_force = rates_in_force(ordered.own_rates, after)
    return {
        "job_id": job,
        "rates": [{"host": each.host, "rate": each.rate, "by": each.by} for each in in_force],
        "ordered": dict(after),
        "changed": sorted(host for host in {*before, *after} if before.get(host) != after.get(host)),
    }


def _said(ordered: Ordered, now: Mapping[str, str]) -> Iterator[str]:
    if now:
        yield rates_text(now)
    gone = {host: ordered.own_rates.get(host) for host in ordered.before.rates if host not in ordered.after.rates}
    again = {host: str(rate) for host, rate in gone.items() if rate is not None}
    if again:
        yield f"as the job itself says: {rates_text(again)}"
    if free := [host_named(host) for host in sorted(gone.keys() - again.keys())]:
        yield f"nothing is ordered any more for {first_few(free)}"
