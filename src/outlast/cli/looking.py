"""Looking at one checkpoint without moving it, whatever state it is in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outlast.checkpoint import CheckpointManager, LoadedCheckpoint
from outlast.cli.shelves import Shelf
from outlast.errors import (
    CheckpointCorruptionError,
    CheckpointError,
    CheckpointNotFoundError,
    CheckpointValidationError,
    KeyMissingError,
)
from outlast.jobs import ExitCode
from outlast.storage.keys import KEY_VARIABLE

__all__ = ["Looked", "exit_code_of", "look", "refusal"]

_CODES = {"available": ExitCode.FINISHED, "corrupted": ExitCode.DAMAGED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A checkpoint's row, and what it holds or the problem with it; `skipped` are the damaged ones that are newer."""

    row: Mapping[str, Any]
    opened: LoadedCheckpoint | None = None
    problem: str | None = None
    skipped: tuple[str, ...] = ()


async def look(shelf: Shelf, manager: CheckpointManager) -> Looked:
    """The checkpoint that was named, damaged or not; else the newest intact one of the job.

    A newer one that is intact and cannot be read here is not skipped: an older one in its place would be a wrong answer.
    Raises `CheckpointNotFoundError`, and `CheckpointCorruptionError` when a job has damaged ones only.
    """
    job_id, checkpoint_id, told = shelf.job_id, shelf.checkpoint_id, _context(shelf)
    rows = await manager.list_checkpoints(job_id)
    skipped: list[str] = []
    for row in rows:
        if checkpoint_id not in {None, row["id"]}:
            continue
        looked = await _looked(manager, row)
        if looked.row["status"] != "corrupted" or checkpoint_id is not None:
            return Looked(row=looked.row, opened=looked.opened, problem=looked.problem, skipped=tuple(skipped))
        skipped.append(row["id"])
    if skipped:
        message = f"job {job_id!r} has no intact checkpoint; damaged: {', '.join(skipped)}"
        raise CheckpointCorruptionError(message, context=told)
    raise CheckpointNotFoundError(f"job {job_id!r} has no checkpoint{f' {checkpoint_id}' if checkpoint_id else ''}")


def refusal(shelf: Shelf, looked: Looked, what: str) -> CheckpointError | KeyMissingError:
    """The error that says why a checkpoint cannot be used for `what`."""
    message = f"checkpoint {looked.row['id']} cannot be {what}: {looked.problem}"
    if looked.row["status"] == "corrupted":
        return CheckpointCorruptionError(message, context=_context(shelf))
    if looked.row["status"] == "locked":
        return KeyMissingError(f"{message}: put it into {KEY_VARIABLE}")
    return CheckpointValidationError(message)


def _context(shelf: Shelf) -> dict[str, Any]:
    return {"of_job": shelf.job_id, "hint": shelf.hint, "repairable": shelf.directory is not None}


def exit_code_of(status: str) -> ExitCode:
    """What a checkpoint's status means for whoever asked for it."""
    return _CODES.get(status, ExitCode.USAGE)


async def _looked(manager: CheckpointManager, row: Mapping[str, Any]) -> Looked:
    if row["status"] == "corrupted" or (row["status"] == "available" and not await _is_intact(manager, row)):
        return Looked(row={**row, "status": "corrupted"}, problem="it is damaged")
    try:
        return Looked(row=row, opened=await manager.open_checkpoint(row["id"]))
    except CheckpointValidationError as error:
        return Looked(row=row, problem=error.message)


async def _is_intact(manager: CheckpointManager, row: Mapping[str, Any]) -> bool:
    # Opening a damaged one would move it to quarantine; whoever only looks leaves it where it is.
    return await manager.validate_checkpoint(row["id"])
