"""`outlast checkpoint restore ID`."""

import asyncio
from pathlib import Path

import click

from outlast.cli.options import Settings, common, kept_in
from outlast.cli.phrases import commands, quoted, safe
from outlast.cli.printing import answer, say
from outlast.cli.restoring import restored
from outlast.cli.words.checkpoint import label

__all__ = ["command"]


@click.command("restore", short_help="Take an older state as the newest checkpoint.")
@click.argument("named", metavar="ID")
@kept_in
@common("store", "json", "quiet")
@click.pass_obj
def command(settings: Settings, /, named: str, path: Path | None) -> int:
    """Make a new, newest checkpoint with the state of an older one; no checkpoint is changed or deleted.

    The next run begins with that state. The ledger is not turned back: what is done stays done. Refused while the job runs.
    """
    shelf, looked, new = asyncio.run(restored(settings, named, path))
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
