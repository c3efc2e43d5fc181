"""`outlast checkpoint prune JOB`."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from outlast.checkpoint import Pruned
from outlast.cli.asking import confirmed, is_asked
from outlast.cli.opening import keys_at_hand
from outlast.cli.options import Settings, common, kept_in
from outlast.cli.phrases import commands, quoted
from outlast.cli.printing import answer, put, say
from outlast.cli.shelves import Shelf, shelf_of
from outlast.cli.words.checkpoint import pruned_line
from outlast.errors import KeyMissingError
from outlast.storage.keys import KEY_VARIABLE

__all__ = ["command"]


@click.command("prune", short_help="Delete old checkpoints; never the newest intact one.")
@click.argument("job", metavar="JOB")
@click.option(
    "--keep",
    "--keep-last",
    type=click.IntRange(min=1),
    metavar="N",
    help="Intact ones to keep; default: as configured.",
)
@click.option(
    "--keep-hourly",
    "hourly",
    type=click.IntRange(min=0),
    metavar="N",
    help="And the newest of each of the last N hours that have any; default: as configured.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@kept_in
@common("store", "json", "quiet", "yes")
@click.pass_obj
def command(
    settings: Settings, /, job: str, *, keep: int | None, hourly: int | None, dry_run: bool, path: Path | None
) -> int:
    """Delete the checkpoints of a job that retention would delete. Damaged ones neither count nor go.

    The newest intact one is kept in any case, and so is one that a process is using. On a terminal it asks first.
    """
    named = {"retention_count": keep, "keep_hourly": hourly}
    changes = {name: value for name, value in named.items() if value is not None}
    if not dry_run and is_asked(settings) and not _is_meant(settings, job, path, changes):
        say("Nothing was deleted.")
        return 0
    shelf, pruned = asyncio.run(_pruned(settings, job, path, changes, dry_run=dry_run))
    if settings.json:
        answer(
            {
                "job_id": shelf.job_id,
                "dry_run": dry_run,
                "kept": list(pruned.kept),
                "deleted": list(pruned.deleted),
                "freed_bytes": pruned.freed_bytes,
            }
        )
        return 0
    put("".join(f"{each}\n" for each in pruned.deleted))
    line = pruned_line(shelf.job_id, pruned, dry_run=dry_run)
    options = (("--keep-last", keep), ("--keep-hourly", hourly))
    typed = "".join(f" {option} {number}" for option, number in options if number is not None)
    again = f"outlast checkpoint prune {quoted(job)}{typed}{shelf.hint}"
    say([line, *(commands([("do it", again)]) if dry_run and pruned.deleted and not settings.quiet else [])])
    return 0


def _is_meant(settings: Settings, job: str, path: Path | None, changes: Mapping[str, Any]) -> bool:
    """Whether what would be deleted is to be deleted; where that is nothing, nobody is asked."""
    shelf, pruned = asyncio.run(_pruned(settings, job, path, changes, dry_run=True))
    if not pruned.deleted:
        return True
    return confirmed(f"{pruned_line(shelf.job_id, pruned, dry_run=True)} Delete?")


async def _pruned(
    settings: Settings, job: str, path: Path | None, changes: Mapping[str, Any], *, dry_run: bool
) -> tuple[Shelf, Pruned]:
    shelf = await shelf_of(settings, job, path)
    if shelf.sealed and keys_at_hand() is None:
        # Only what is proved intact counts, and a seal proves nothing without its key.
        raise KeyMissingError(
            f"the checkpoints of job {job!r} are encrypted, and their key is not at hand: set {KEY_VARIABLE}"
        )
    async with shelf.manager(**changes) as manager:
        return shelf, await manager.prune(shelf.job_id, dry_run=dry_run)
