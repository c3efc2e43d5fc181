"""`outlast checkpoint restore ID`."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import click

from outlast.cli.checkpoint_words import label
from outlast.cli.looking import Looked, look
from outlast.cli.options import Settings, common, kept_in
from outlast.cli.phrases import commands, moment, quoted, safe
from outlast.cli.printing import answer, say
from outlast.cli.shelves import Shelf, shelf_of
from outlast.errors import CheckpointCorruptionError, CheckpointValidationError
from outlast.runtime import Runtime

__all__ = ["command"]

_KEEP_ALL = {"retention_count": 1_000_000_000, "retention_age": 0, "retention_bytes": 0}


@click.command("restore", short_help="Take an older state as the newest checkpoint.")
@click.argument("named", metavar="ID")
@kept_in
@common("store", "json", "quiet")
@click.pass_obj
def command(settings: Settings, /, named: str, path: Path | None) -> int:
    """Make a new, newest checkpoint with the state of an older one; no checkpoint is changed or deleted.

    The next run begins with that state. The ledger is not turned back: what is done stays done. Refused while the job runs.
    """
    shelf, looked, new = asyncio.run(_restored(settings, named, path))
    if settings.json:
        answer({"job_id": shelf.job_id, "restored_from": looked.row["id"], "checkpoint_id": new})
        return 0
    lines = [f"{new} is now the newest checkpoint of job {safe(shelf.job_id)}, with the state of {label(looked.row)}."]
    if shelf.directory is not None:
        lines.append("The ledger is not turned back: what is done stays done.")
        steps = [("go on with that state", f"outlast resume {quoted(shelf.job_id)}{shelf.hint}")]
    else:
        steps = [("look", f"outlast checkpoint show {new}{shelf.hint}")]
    say([*lines, *([] if settings.quiet else commands(steps))])
    return 0


async def _restored(settings: Settings, named: str, path: Path | None) -> tuple[Shelf, Looked, str]:
    shelf = await shelf_of(settings, named, path)
    if shelf.checkpoint_id is None:
        ids = f"outlast checkpoint ls {quoted(named)}{shelf.hint}"
        raise click.UsageError(f"which checkpoint of job {safe(named)}? Name its ID, as shown by: {ids}")
    with ExitStack() as stack:
        if shelf.directory is not None:
            stack.callback(shelf.directory.lock(shelf.job_id, moment(Runtime().clock.now())).close)
        async with shelf.manager() as manager:
            looked = await look(manager, shelf.job_id, shelf.checkpoint_id)
        if looked.opened is None:
            kind = CheckpointCorruptionError if looked.row["status"] == "corrupted" else CheckpointValidationError
            raise kind(f"checkpoint {named} cannot be restored: {looked.problem}")
        # Deleting is for the runs, which know how many to keep; what was encrypted stays encrypted.
        sealed = shelf.sealed or bool(looked.row["encrypted"])
        async with shelf.manager(**_KEEP_ALL, enabled=True, encryption_enabled=sealed) as manager:
            return shelf, looked, await manager.restore(named)
