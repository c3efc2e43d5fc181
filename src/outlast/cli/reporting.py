"""What a report is made from: the job's ledger, its checkpoints and its event log, read while it runs or after it was killed."""

from collections import Counter
from contextlib import closing
from typing import Any

from outlast.cli.failures.grouping import Grouped, failure_groups
from outlast.cli.opening import key_missing, keys_at_hand, keys_if_good, opened
from outlast.cli.options import Settings
from outlast.cli.phrases import quoted, typed
from outlast.cli.reading import JobRecord, begun_with, found, record_of, store_hint, store_of
from outlast.cli.shelves import shelf_of
from outlast.cli.words.job import status_steps
from outlast.cli.words.note import note_lines
from outlast.cli.words.standing import moment_told, standing_of, unread_standing
from outlast.errors import CheckpointError, JobNotFoundError, LedgerCorruptionError, ValidationError
from outlast.jobs.diary import about_events
from outlast.jobs.store import JobDirectory, job_directory
from outlast.ledger.port import ItemStatus
from outlast.logs.eventfile import event_files
from outlast.logs.reading import EventReader
from outlast.report.chronicle import Chronicle
from outlast.report.model import Report, RunRow, report_of, run_rows
from outlast.report.told import KeptCheckpoint, Told
from outlast.runtime import Runtime

__all__ = ["report_on", "runs_of"]

ITEMS_AT_ONCE = 2_000
RUNS_SHOWN_MAX = 5
CHECKPOINTS_READ_MAX = 20
CHECKPOINT_BYTES_MAX = 64 << 20
"""How much of the checkpoints is read to see whether they are intact; the newest first."""


async def report_on(settings: Settings, job: str, run: str = "") -> Report:
    """The report of a job, or of the run whose id begins with `run`.

    Raises `JobNotFoundError` for a job or a run that is not there, `KeyMissingError` for an encrypted job without its key.
    """
    store = store_of(settings)
    try:
        directory = found(store, job)
        told = await _told(settings, await record_of(directory))
    except LedgerCorruptionError as error:
        directory = job_directory(store, job)
        if not event_files(directory.path):
            raise
        told = _unread(settings, job, error.message)
    chronicle = await _chronicle(directory, job, run)
    if run and not chronicle.runs:
        raise JobNotFoundError(f"the event log of job {job!r} has no run whose id begins with {run!r}")
    if run and len(chronicle.runs) > 1:
        shown = ", ".join(list(chronicle.runs)[:RUNS_SHOWN_MAX])
        raise ValidationError(f"{len(chronicle.runs)} runs of job {job!r} have ids that begin with {run!r}: {shown}")
    return report_of(told, chronicle, run=next(iter(chronicle.runs)) if run else "")


async def runs_of(settings: Settings, job: str) -> tuple[RunRow, ...]:
    """The runs of a job, as far as its event log goes back, also where the ledger cannot be read; raises as `report_on` does."""
    store = store_of(settings)
    try:
        directory = found(store, job)
        record = await record_of(directory)
    except LedgerCorruptionError:
        directory = job_directory(store, job)
        if not event_files(directory.path):
            raise
        return run_rows(unread_standing(), await _chronicle(directory, job, ""), None)
    if record.locked:
        raise key_missing(f"job {record.name!r}", record.locked_by, keys_if_good())
    return run_rows(standing_of(record), await _chronicle(directory, job, ""), record.counts)


def _unread(settings: Settings, job: str, problem: str) -> Told:
    """What is known of a job whose ledger cannot be read."""
    name = f"{quoted(job)}{store_hint(settings)}"
    steps = [("see what is damaged", f"outlast verify {name}"), ("mend it", f"outlast repair {name}")]
    return Told(
        job=job,
        now=Runtime().clock.now(),
        standing=unread_standing(),
        steps=[(what, typed(command)) for what, command in steps],
        command=_command(job, store_hint(settings)),
        unread=problem,
    )


async def _told(settings: Settings, record: JobRecord) -> Told:
    if record.locked:
        raise key_missing(f"job {record.name!r}", record.locked_by, keys_if_good())
    grouped = await failure_groups(record.directory, record.name) if record.counts.failed else Grouped()
    steps = status_steps(record, grouped.groups, quoted(record.name), store_hint(settings))
    return Told(
        job=record.name,
        now=Runtime().clock.now(),
        standing=standing_of(record),
        counts=record.counts,
        groups=[(each.name, each.group) for each in grouped.groups],
        attempts=await _attempts(record.directory),
        checkpoints=await _checkpoints(settings, record.name),
        steps=[(what, typed(command)) for what, command in steps],
        command=_command(record.name, store_hint(settings)),
        notes=note_lines(record.notes),
    )


def _command(job: str, hint: str) -> str:
    """What gives the same report as data."""
    return typed(f"outlast report {quoted(job)} --json{hint}")


async def _attempts(directory: JobDirectory) -> Counter[int]:
    attempts: Counter[int] = Counter()
    after = 0
    async with opened(directory) as ledger:
        while items := await ledger.items(after, ITEMS_AT_ONCE):
            after = items[-1].item
            attempts.update(each.attempts for each in items if each.status is ItemStatus.DONE)
    return attempts


async def _checkpoints(settings: Settings, job: str) -> list[KeptCheckpoint]:
    """Those that are there, the newest first; a place that cannot be read has none."""
    try:
        shelf = await shelf_of(settings, job, None)
        async with shelf.manager() as manager:
            rows = await manager.list_checkpoints(shelf.job_id)
            kept, room = [], CHECKPOINT_BYTES_MAX
            for place, row in enumerate(rows):
                intact = False if row["status"] == "corrupted" else None
                if intact is None and place < CHECKPOINTS_READ_MAX and row["size_bytes"] <= room:
                    room -= row["size_bytes"]
                    intact = await manager.validate_checkpoint(row["id"])
                kept.append(_kept(row, intact=intact))
            return kept
    except CheckpointError:
        return []


def _kept(row: dict[str, Any], *, intact: bool | None) -> KeptCheckpoint:
    return KeptCheckpoint(
        id=str(row["id"]),
        at=moment_told(row["timestamp"]),
        size=row["size_bytes"],
        reason=str(row["metadata"].get("reason", "")),
        intact=intact,
    )


async def _chronicle(directory: JobDirectory, job: str, run: str) -> Chronicle:
    sealed = (await begun_with(directory)).sealed
    keys = keys_at_hand() if sealed else keys_if_good()
    with closing(EventReader(directory.path, keys=keys, about=about_events(directory), sealed=sealed)) as reader:
        chronicle = Chronicle.of(reader.read(), run.upper())
    if reader.missing_key is not None and not chronicle.entries:
        raise key_missing(f"the event log of job {job!r}", str(reader.missing_key.context.get("key_id")), keys)
    chronicle.unread, chronicle.sealed_parts = reader.unreadable, reader.missing_key is not None
    return chronicle
