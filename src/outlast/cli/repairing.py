"""A job put right as a whole: its ledger mended or built anew, damaged checkpoints and a wrong output file moved out of the way."""

import asyncio
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from outlast.checkpoint import Verdict
from outlast.cli.compared import Compared, Comparison
from outlast.cli.inspection import rest_of
from outlast.cli.opening import keys_at_hand
from outlast.cli.options import Settings
from outlast.cli.phrases import moment
from outlast.cli.reading import found, holder_of, store_of
from outlast.cli.shelves import Shelf, shelf_of
from outlast.errors import CheckpointCorruptionError, CheckpointValidationError, JobLockedError
from outlast.jobs.outputfile import put_aside
from outlast.jobs.store import JobDirectory
from outlast.ledger.health import Remedy
from outlast.ledger.repair import Repaired, repair
from outlast.runtime import Runtime

__all__ = ["Mended", "mended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What was damaged and what became of it; after a dry run, what would become of it.

    `still_damaged`: the ledger was looked at once more after that, and is not sound.
    """

    job_id: str
    dry_run: bool
    ledger: Repaired
    checkpoints: tuple[Verdict, ...] = ()
    output: Compared | None = None
    output_kept_as: Path | None = None
    still_damaged: bool = False

    @property
    def sound(self) -> bool:
        """Whether there was nothing to mend."""
        return self.ledger.sound and not self.checkpoints and self.output is None

    @property
    def lossless(self) -> bool:
        """Whether all items are there, with everything that is needed to do them again."""
        return not self.ledger.lost_items and self.ledger.lost_items is not None and not self.failed

    @property
    def failed(self) -> int:
        """How many items cannot be done again, because what they were is lost."""
        return self.ledger.remedies.get(Remedy.FAILED, 0)


async def mended(settings: Settings, job: str, *, dry_run: bool) -> Mended:
    """Mend what is damaged, or say what would be mended. Raises `JobLockedError` while the job runs."""
    directory = found(store_of(settings), job)
    if dry_run:
        # Not locked: that would leave a mark, and a dry run changes nothing.
        if holder_of(directory) is not None:
            raise JobLockedError(f"job {job!r} is being run; `outlast verify` looks at it without stopping it")
        return await _mended(settings, job, directory, None)
    runtime = Runtime()
    with closing(directory.lock(job, moment(runtime.clock.now()))):
        return await _mended(settings, job, directory, runtime.new_id())


async def _mended(settings: Settings, job: str, directory: JobDirectory, label: str | None) -> Mended:
    aside = directory.aside / (label or "none")
    work = partial(repair, directory.ledger, aside=aside, keys=keys_at_hand(), dry_run=label is None)
    repaired = await asyncio.to_thread(work)
    shelf = await shelf_of(settings, job, None)
    looked = await rest_of(directory, shelf)
    output = looked.output if looked.output is not None and looked.output.state is Comparison.DAMAGED else None
    kept_as = None
    if label is not None:
        await _quarantine(shelf, looked.damaged_checkpoints)
        kept_as = None if output is None else await asyncio.to_thread(put_aside, output.path, label)
    return Mended(
        job_id=job,
        dry_run=label is None,
        ledger=repaired,
        checkpoints=looked.damaged_checkpoints,
        output=output,
        output_kept_as=kept_as,
        still_damaged=label is not None and (looked.health is None or not looked.health.sound),
    )


async def _quarantine(shelf: Shelf, damaged: Sequence[Verdict]) -> None:
    async with shelf.manager() as manager:
        for each in damaged:
            # It was found damaged already, or never was a checkpoint; opening it is what moves it.
            with suppress(CheckpointCorruptionError, CheckpointValidationError):
                await manager.load_checkpoint(each.id)
