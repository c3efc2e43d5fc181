"""An older state taken as the newest checkpoint: nothing is deleted, and the ledger is not turned back."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from outlast.cli.looking import Looked, look, refusal
from outlast.cli.options import Settings
from outlast.cli.phrases import moment, quoted, safe
from outlast.cli.shelves import Shelf, shelf_of
from outlast.runtime import Runtime

__all__ = ["restored"]

_KEEP_ALL: dict[str, Any] = {"retention_count": 1_000_000_000, "retention_age": 0, "retention_bytes": 0}


async def restored(settings: Settings, named: str, path: Path | None = None) -> tuple[Shelf, Looked, str]:
    """Make the checkpoint of this id the newest one of its job: whose it is, what it says of itself, and the new one's id.

    Raises `JobLockedError` while the job runs, and what says why a checkpoint cannot be used.
    """
    shelf = await shelf_of(settings, named, path)
    if shelf.checkpoint_id is None:
        ids = f"outlast checkpoint ls {quoted(named)}{shelf.hint}"
        raise click.UsageError(f"which checkpoint of job {safe(named)}? Name its ID, as shown by: {ids}")
    with ExitStack() as stack:
        if shelf.directory is not None:
            stack.callback(shelf.directory.lock(shelf.job_id, moment(Runtime().clock.now())).close)
        async with shelf.manager() as manager:
            looked = await look(shelf, manager)
        if looked.opened is None:
            raise refusal(shelf, looked, "restored")
        # Deleting is for the runs, which know how many to keep; what was encrypted stays encrypted.
        sealed = shelf.sealed or bool(looked.row["encrypted"])
        async with shelf.manager(**_KEEP_ALL, enabled=True, encryption_enabled=sealed) as manager:
            return shelf, looked, await manager.restore(named)
