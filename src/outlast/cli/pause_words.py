"""What is said when hosts were paused or unpaused."""

from collections.abc import Iterable, Sequence
from typing import Any

from outlast.cli.group_words import host_named
from outlast.cli.pausing import Ordered
from outlast.cli.phrases import BY_SCRIPT, commands, quoted, safe

__all__ = ["ordered_document", "paused_lines", "paused_text", "unpaused_lines"]

HOSTS_SHOWN_MAX = 5


def paused_lines(job: str, hosts: Sequence[str], ordered: Ordered, *, running: bool, hint: str) -> list[str]:
    """After `pause`."""
    options = "".join(f" --host {quoted(host)}" for host in hosts)
    back = ("take it back", f"outlast unpause {quoted(job)}{options}{hint}")
    if not ordered.changed:
        return [
            f"job {safe(job)}: {paused_text(hosts)} {_was(hosts)} paused already; nothing was changed",
            *commands([back]),
        ]
    when = "; the run notices within a second" if running else " from the next run on"
    return [f"job {safe(job)}: {paused_text(ordered.changed)} paused{when}.", *commands([back])]


def unpaused_lines(job: str, hosts: Sequence[str], ordered: Ordered, *, running: bool, hint: str) -> list[str]:
    """After `unpause`."""
    if not ordered.changed:
        what = f"{paused_text(hosts)} {_was(hosts)} not paused" if hosts else "no host was paused"
        return [f"job {safe(job)}: {what}; nothing was changed"]
    still = f"; still paused: {paused_text(sorted(ordered.after))}" if ordered.after else ""
    first = f"job {safe(job)}: {paused_text(ordered.changed)} unpaused{still}."
    if running:
        return [first]
    return [first, *commands([("go on", BY_SCRIPT if ordered.by_script else f"outlast resume {quoted(job)}{hint}")])]


def ordered_document(job: str, ordered: Ordered) -> dict[str, Any]:
    """For `--json`."""
    return {"job_id": job, "paused": sorted(ordered.after), "changed": ordered.changed}


def paused_text(hosts: Iterable[str]) -> str:
    """The hosts in a row, the first few."""
    named = [host_named(host) for host in hosts]
    shown = ", ".join(named[:HOSTS_SHOWN_MAX])
    more = len(named) - HOSTS_SHOWN_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def _was(hosts: Sequence[str]) -> str:
    return "was" if len(hosts) == 1 else "were"
