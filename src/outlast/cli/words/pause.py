"""What is said when a job or hosts of it were paused or unpaused."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from outlast.cli.pausing import Ordered
from outlast.cli.phrases import BY_SCRIPT, commands, first_few, quoted, safe, typed
from outlast.cli.words.group import host_named
from outlast.cli.words.rate import rates_text

__all__ = ["ordered_document", "orders_line", "paused_lines", "paused_text", "unpaused_lines"]

NOTICES = "the run notices within a second"


def paused_lines(job: str, hosts: Sequence[str], ordered: Ordered, *, running: bool, hint: str) -> list[str]:
    """After `pause`; without `hosts` it was for the whole job."""
    options = "".join(f" --host {quoted(host)}" for host in hosts)
    back = commands([("take it back", f"outlast unpause {quoted(job)}{options}{hint}")])
    if not ordered.is_news:
        what = f"{paused_text(hosts)} {_was(hosts)} paused already" if hosts else "the whole job is paused already"
        return [f"job {safe(job)}: {what}; nothing was changed", *back]
    if not hosts:
        when = f"; {NOTICES}, and finishes what is in flight" if running else " from the next run on"
        return [f"job {safe(job)}: paused{when}.", *back]
    when = f"; {NOTICES}" if running else " from the next run on"
    return [f"job {safe(job)}: {paused_text(ordered.changed)} paused{when}.", *back]


def unpaused_lines(job: str, hosts: Sequence[str], ordered: Ordered, *, running: bool, hint: str) -> list[str]:
    """After `unpause`; without `hosts` it was for the whole job, or for all."""
    word = quoted(job)
    if not ordered.is_news:
        what = f"{paused_text(hosts)} {_was(hosts)} not paused" if hosts else _not_paused(ordered)
        others = [("unpause all", f"outlast unpause {word} --all{hint}")] if ordered.after.paused else []
        return [f"job {safe(job)}: {what}; nothing was changed", *commands(others)]
    unpaused = [*(["the whole job"] if ordered.before.job_paused and not ordered.after.job_paused else [])]
    unpaused += [paused_text(ordered.changed)] if ordered.changed else []
    first = f"job {safe(job)}: {' and '.join(unpaused)} unpaused{_still(ordered)}."
    rest = [("unpause all", f"outlast unpause {word} --all{hint}")] if _still(ordered) else []
    if not running:
        rest.append(("go on", BY_SCRIPT if ordered.by_script else f"outlast resume {word}{hint}"))
    return [first, *commands(rest)]


def ordered_document(job: str, ordered: Ordered) -> dict[str, Any]:
    """For `--json`."""
    return {
        "job_id": job,
        "job_paused": ordered.after.job_paused,
        "paused": sorted(ordered.after.paused),
        "changed": ordered.changed,
    }


def orders_line(data: Mapping[str, Any], job: str, hint: str) -> str:
    """What a run says when other orders are in force, and how the whole of a job goes on that is paused."""
    changed, said = data.get("changed", ("hosts",)), []
    if "job" in changed:
        back = typed(f"outlast unpause {quoted(job)}{hint}")
        paused = f"the whole job is paused: nothing is begun until {back}"
        said.append(paused if data["job_paused"] else "the job is not paused any more")
    if "hosts" in changed:
        said.append(f"paused now: {paused_text(data['paused'])}" if data["paused"] else "no host is paused any more")
    if "rates" in changed:
        said.append(
            f"rates ordered now: {rates_text(data['rates'])}" if data["rates"] else "no rate is ordered any more"
        )
    return "; ".join(said)


def paused_text(hosts: Iterable[str]) -> str:
    """The hosts in a row, the first few."""
    return first_few([host_named(host) for host in hosts])


def _not_paused(ordered: Ordered) -> str:
    hosts = ordered.after.paused
    return f"the whole job was not paused, but {paused_text(sorted(hosts))}" if hosts else "the job was not paused"


def _still(ordered: Ordered) -> str:
    after = ordered.after
    still = [
        *(["the whole job"] if after.job_paused else []),
        *([paused_text(sorted(after.paused))] if after.paused else []),
    ]
    return f"; still paused: {', '.join(still)}" if still else ""


def _was(hosts: Sequence[str]) -> str:
    return "was" if len(hosts) == 1 else "were"
