"""What `retry` and `ignore` have done, or would do, and what to type next."""

from collections.abc import Sequence

from outlast.cli.failures.acting import Acted
from outlast.cli.failures.choice import Choice
from outlast.cli.failures.grouping import NamedGroup
from outlast.cli.phrases import BY_SCRIPT, columns, commands, quoted, safe, units
from outlast.cli.words.group import cause_of
from outlast.ledger.port import ItemStatus

__all__ = ["ignored_lines", "retried_lines"]

GROUPS_SHOWN_MAX = 10


def retried_lines(job: str, acted: Acted, choice: Choice, status: ItemStatus, *, dry_run: bool, hint: str) -> list[str]:
    """What became of items of this status that were to be tried again."""
    if not acted.changed:
        return _nothing(job, acted, choice, status)
    option = " --ignored" if status is ItemStatus.IGNORED else ""
    does = "would be tried again" if dry_run else "will be tried again"
    again = f"outlast retry {quoted(job)}{choice.words()}{option}{hint}"
    go_on = BY_SCRIPT if acted.by_script else f"outlast resume {quoted(job)}{hint}"
    return [
        f"{units(acted.changed, f'{status} item')} of job {safe(job)} {does}{_left(acted, status)}.",
        *(_group_lines(acted.groups) if dry_run else []),
        *_skipped(acted),
        *commands([("do it", again if dry_run else go_on)]),
    ]


def ignored_lines(job: str, acted: Acted, choice: Choice, *, dry_run: bool, hint: str) -> list[str]:
    """What became of failed items that were to be ignored."""
    if not acted.changed:
        return _nothing(job, acted, choice, ItemStatus.FAILED)
    counted = "as a failure" if acted.changed == 1 else "as failures"
    does = "would be ignored" if dry_run else f"will no longer count {counted}"
    rest = f"{quoted(job)}{choice.words()}"
    anew = BY_SCRIPT if acted.by_script else f"outlast resume {quoted(job)}{hint}"
    next_steps = [("judge the job anew", anew), ("take it back", f"outlast retry {rest} --ignored{hint}")]
    return [
        f"{units(acted.changed, 'failed item')} of job {safe(job)} {does}{_left(acted, ItemStatus.FAILED)}.",
        *(_group_lines(acted.groups) if dry_run else []),
        *_skipped(acted),
        *commands([("do it", f"outlast ignore {rest}{hint}")] if dry_run else next_steps),
    ]


def _nothing(job: str, acted: Acted, choice: Choice, status: ItemStatus) -> list[str]:
    if acted.skipped:
        return [f"job {safe(job)}: nothing was changed", *_skipped(acted)]
    fit = "" if choice.everything else " of that kind"
    others = f" ({acted.left} others)" if acted.left else ""
    return [f"job {safe(job)} has no {status} items{fit}{others}: nothing was changed"]


def _left(acted: Acted, status: ItemStatus) -> str:
    if not acted.left:
        return ""
    return f"; {units(acted.left, 'other')} {'stays' if acted.left == 1 else 'stay'} {status}"


def _skipped(acted: Acted) -> list[str]:
    if not acted.skipped:
        return []
    why = "damage has taken the payload, or the row cannot be trusted (outlast verify); added again, it is done again"
    return [f"{units(acted.skipped, 'item')} skipped: {why}"]


def _group_lines(groups: Sequence[NamedGroup]) -> list[str]:
    shown = [(group.name, f"{group.count}", cause_of(group)) for group in groups[:GROUPS_SHOWN_MAX]]
    lines = [f"  {row}" for row in columns(shown, right=frozenset({1}))]
    if len(groups) > len(shown):
        lines.append(f"  and {units(len(groups) - len(shown), 'other group')}")
    return lines
