"""What `retry` and `ignore` do: choose among the failures of a job, then change them, or only say what would be changed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

from outlast.cli.failures.choice import Choice, Chooser
from outlast.cli.failures.failed import failed_items
from outlast.cli.failures.grouping import NamedGroup, counted, named
from outlast.cli.opening import opened
from outlast.cli.phrases import moment
from outlast.failure.groups import Groups
from outlast.jobs.store import JobDirectory
from outlast.ledger import SqliteLedger
from outlast.ledger.port import ItemStatus
from outlast.runtime import Runtime

__all__ = ["Acted", "ignored", "tried_again"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """How many items were changed, or would be.

    `skipped` were meant and cannot be: their payload was lost to damage, or their row is damaged. `left` were not meant, and stand as
    before. `groups` are those of the items that were meant, where there was a choice or nothing was changed. `by_script`: the job was
    started from code.
    """

    changed: int
    skipped: int
    left: int
    groups: Sequence[NamedGroup] = ()
    by_script: bool = False


@dataclass(slots=True)
class _Picked:
    """What a choice comes to."""

    items: list[int] = field(default_factory=list)
    lost: int = 0
    groups: Groups = field(default_factory=Groups)


async def tried_again(directory: JobDirectory, job: str, choice: Choice, status: ItemStatus, *, dry_run: bool) -> Acted:
    """Make the chosen items of this status pending again. Raises `JobLockedError` while the job runs, unless it is a dry run."""
    async with _ledger(directory, job, dry_run=dry_run) as ledger:
        if dry_run or not choice.everything:
            return await _acted(ledger, job, choice, status, None if dry_run else _retry(ledger, status))
        # Nobody has to read what all of them say.
        again = await ledger.retry(status)
        return Acted(changed=again, skipped=await _count(ledger, status), left=0, by_script=await _by_script(ledger))


async def ignored(directory: JobDirectory, job: str, choice: Choice, *, dry_run: bool) -> Acted:
    """Let the chosen failed items count as ignored. Raises as `tried_again` does."""
    async with _ledger(directory, job, dry_run=dry_run) as ledger:
        return await _acted(ledger, job, choice, ItemStatus.FAILED, None if dry_run else ledger.ignore)


@asynccontextmanager
async def _ledger(directory: JobDirectory, job: str, *, dry_run: bool) -> AsyncIterator[SqliteLedger]:
    if dry_run:
        async with opened(directory) as ledger:
            yield ledger
        return
    with closing(directory.lock(job, moment(Runtime().clock.now()))):
        async with opened(directory, read_only=False) as ledger:
            yield ledger


def _retry(ledger: SqliteLedger, status: ItemStatus) -> Callable[[Sequence[int]], Awaitable[int]]:
    return lambda items: ledger.retry(status, items)


async def _acted(
    ledger: SqliteLedger,
    job: str,
    choice: Choice,
    status: ItemStatus,
    change: Callable[[Sequence[int]], Awaitable[int]] | None,
) -> Acted:
    picked = await _picked(ledger, job, choice, status)
    meant, before = len(picked.items) + picked.lost, await _count(ledger, status)
    changed = len(picked.items) if change is None else await change(picked.items)
    return Acted(
        changed=changed,
        skipped=meant - changed,
        left=before - meant,
        groups=named(picked.groups),
        by_script=await _by_script(ledger),
    )


async def _picked(ledger: SqliteLedger, job: str, choice: Choice, status: ItemStatus) -> _Picked:
    chooser, picked = Chooser(choice), _Picked()
    async for failed in failed_items(ledger, status):
        if not chooser.picks(failed):
            continue
        counted(picked.groups, failed)
        if failed.lost:
            picked.lost += 1
        else:
            picked.items.append(failed.item)
    chooser.check(job)
    return picked


async def _count(ledger: SqliteLedger, status: ItemStatus) -> int:
    counts = await ledger.counts()
    return counts.ignored if status is ItemStatus.IGNORED else counts.failed


async def _by_script(ledger: SqliteLedger) -> bool:
    return await ledger.get("invocation") is None
