"""A job looked at as a whole, read only: its ledger, its checkpoints, its output file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from outlast.checkpoint import Verdict
from outlast.cli.compared import Compared, Comparison, compared
from outlast.cli.opening import keys_if_good, looked_into
from outlast.cli.options import Settings
from outlast.cli.reading import Holder, found, holder_of, store_of
from outlast.cli.shelves import Shelf, shelf_of
from outlast.errors import LedgerCorruptionError
from outlast.jobs.store import JobDirectory
from outlast.ledger.health import Health
from outlast.ledger.repair import Repaired, repair

__all__ = ["Inspection", "inspected", "problem_of", "rest_of"]

_JUDGED = frozenset({"available", "corrupted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found. `health` is None when the ledger cannot be opened at all, and `unreadable` says why.

    `foretold` is what a repair of it would come to, where that is more than mending rows; `hopeless`: it could save nothing.
    `unread` says what was left out, and why; `locked_by` is the ledger's
    key, where it is not at hand. `quarantined` are the ids of the damaged checkpoints that are out of the way: known,
    and nothing to mend.
    """

    job_id: str
    verdicts: Sequence[Verdict] = ()
    quarantined: frozenset[str] = frozenset()
    health: Health | None = None
    unreadable: str | None = None
    foretold: Repaired | None = None
    hopeless: bool = False
    unread: tuple[str, ...] = ()
    locked_by: str | None = None
    output: Compared | None = None
    running: Holder | None = None

    @property
    def damaged_checkpoints(self) -> tuple[Verdict, ...]:
        """Those that `repair` moves out of the way."""
        return tuple(each for each in self.verdicts if each.status == "corrupted" and each.id not in self.quarantined)

    @property
    def damaged(self) -> bool:
        """Whether anything is not as it was written."""
        return (
            self.health is None
            or not self.health.sound
            or bool(self.damaged_checkpoints)
            or (self.output is not None and self.output.state is Comparison.DAMAGED)
        )

    @property
    def sound(self) -> bool:
        """Whether all of it was read, and nothing is wrong."""
        return not self.damaged and not self.unread


async def inspected(settings: Settings, job: str) -> Inspection:
    """Check everything that a job has on the disk; nothing is changed, and a running job is not disturbed."""
    directory = found(store_of(settings), job)
    running = holder_of(directory)
    looked = await rest_of(directory, await shelf_of(settings, job, None))
    if running is not None or (looked.health is not None and not looked.health.structure):
        return replace(looked, running=running)
    foretold = await _foretold(directory)
    return replace(looked, foretold=foretold, hopeless=foretold is None)


async def rest_of(directory: JobDirectory, shelf: Shelf) -> Inspection:
    """The ledger as SQLite sees it, the checkpoints, and the output file."""
    async with shelf.manager(keyless=True) as manager:
        verdicts = await manager.verify_all(shelf.job_id, deep=True)
    unread = [f"checkpoint {each.id}: {problem_of(each)}" for each in verdicts if each.status not in _JUDGED]
    looked = Inspection(job_id=shelf.job_id, verdicts=verdicts, quarantined=shelf.quarantined)
    locked_by = None
    try:
        async with looked_into(directory) as access:
            locked_by = access.locked_by
            health = await access.ledger.check(deep=True)
            output = None if access.locked else await compared(access.ledger)
            if access.locked:
                unread.append(
                    f"the output file: the ledger is sealed by the key {access.locked_by}, which is not at hand"
                )
    except LedgerCorruptionError as error:
        return replace(looked, unreadable=error.message, unread=tuple(unread))
    if output is not None and output.state is Comparison.UNKNOWN and health.sound:
        unread.append(f"the output file: {output.problem}")
    return replace(looked, health=health, output=output, unread=tuple(unread), locked_by=locked_by)


async def _foretold(directory: JobDirectory) -> Repaired | None:
    # It puts nothing aside: a dry run changes nothing.
    work = partial(repair, directory.ledger, aside=directory.aside, keys=keys_if_good(), dry_run=True)
    try:
        return await asyncio.to_thread(work)
    except LedgerCorruptionError:
        return None


def problem_of(verdict: Verdict) -> str:
    """What is wrong with it, without its name before that."""
    return (verdict.problem or "").removeprefix(f"checkpoint {verdict.id}: ")
