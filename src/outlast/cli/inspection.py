"""A job looked at as a whole, read only: its ledger, its checkpoints, its output file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from outlast.checkpoint import Verdict
from outlast.cli.checkpoint_words import problem_of
from outlast.cli.compared import Compared, Comparison, compared
from outlast.cli.opening import keys_at_hand, looked_into
from outlast.cli.options import Settings
from outlast.cli.reading import Holder, found, holder_of, store_of
from outlast.cli.shelves import Shelf, shelf_of
from outlast.errors import LedgerCorruptionError
from outlast.jobs.store import JobDirectory
from outlast.ledger.health import Health
from outlast.ledger.repair import Repaired, repair

__all__ = ["Inspection", "inspected", "rest_of"]

_JUDGED = frozenset({"available", "corrupted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found. `health` is None when the ledger cannot be opened at all, and `unreadable` says why.

    `foretold` is what a repair of it would come to, where that is more than mending rows. `unread` says what was left out, and why. `quarantined` are the ids of the damaged checkpoints that are out of the way: known,
    and nothing to mend.
    """

    job_id: str
    verdicts: Sequence[Verdict] = ()
    quarantined: frozenset[str] = frozenset()
    health: Health | None = None
    unreadable: str | None = None
    foretold: Repaired | None = None
    unread: tuple[str, ...] = ()
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
    foretold = None
    if running is None and (looked.health is None or looked.health.structure):
        foretold = await _foretold(directory)
    return replace(looked, running=running, foretold=foretold)


async def rest_of(directory: JobDirectory, shelf: Shelf) -> Inspection:
    """The ledger as SQLite sees it, the checkpoints, and the output file."""
    async with shelf.manager() as manager:
        verdicts = await manager.verify_all(shelf.job_id, deep=True)
    unread = [f"checkpoint {each.id}: {problem_of(each)}" for each in verdicts if each.status not in _JUDGED]
    looked = Inspection(job_id=shelf.job_id, verdicts=verdicts, quarantined=shelf.quarantined)
    try:
        async with looked_into(directory) as access:
            health = await access.ledger.check(deep=True)
            output = None if access.locked else await compared(access.ledger)
            if access.locked:
                unread.append("the output file: the ledger is sealed by a key that is not at hand")
    except LedgerCorruptionError as error:
        return replace(looked, unreadable=error.message, unread=tuple(unread))
    if output is not None and output.state is Comparison.UNKNOWN and health.sound:
        unread.append(f"the output file: {output.problem}")
    return replace(looked, health=health, output=output, unread=tuple(unread))


async def _foretold(directory: JobDirectory) -> Repaired | None:
    # It puts nothing aside: a dry run changes nothing.
    work = partial(repair, directory.ledger, aside=directory.aside, keys=keys_at_hand(), dry_run=True)
    try:
        return await asyncio.to_thread(work)
    except LedgerCorruptionError:
        return None
