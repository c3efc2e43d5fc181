"""`outlast checkpoint ls JOB`."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from outlast.cli.folding import width_of
from outlast.cli.options import Settings, common, kept_in
from outlast.cli.phrases import commands, quoted, safe
from outlast.cli.printing import answer, put_lines, say
from outlast.cli.shelves import Shelf, shelf_of
from outlast.cli.words.checkpoint import checkpoint_table
from outlast.jobs import ExitCode

__all__ = ["command"]


@click.command("ls", short_help="List the checkpoints of a job, newest first.")
@click.argument("job", metavar="JOB")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N only.")
@kept_in
@common("store", "json", "quiet")
@click.pass_obj
def command(settings: Settings, /, job: str, limit: int | None, path: Path | None) -> int:
    """List the checkpoints of a job, newest first, those in quarantine included.

    Exit code 4 when one is damaged that is not in quarantine.
    """
    shelf, rows = asyncio.run(_listed(settings, job, limit, path))
    if settings.json:
        answer({"job_id": shelf.job_id, "directory": shelf.config.storage_path, "checkpoints": rows})
    elif rows:
        put_lines(checkpoint_table(rows, shelf.quarantined, width_of(sys.stdout)))
        _advise(shelf, rows, settings)
    else:
        say(f"job {safe(shelf.job_id)} has no checkpoints in {safe(shelf.config.storage_path)}")
    damaged = any(row["status"] == "corrupted" and row["id"] not in shelf.quarantined for row in rows)
    return ExitCode.DAMAGED if damaged else ExitCode.FINISHED


async def _listed(
    settings: Settings, job: str, limit: int | None, path: Path | None
) -> tuple[Shelf, list[dict[str, Any]]]:
    shelf = await shelf_of(settings, job, path)
    async with shelf.manager(keyless=True) as manager:
        return shelf, await manager.list_checkpoints(shelf.job_id, limit)


def _advise(shelf: Shelf, rows: list[dict[str, Any]], settings: Settings) -> None:
    if settings.quiet:
        return
    name = quoted(shelf.job_id)
    steps = [("look", f"outlast checkpoint show {rows[0]['id']}{shelf.hint}")]
    steps += [("check", f"outlast checkpoint verify {name}{shelf.hint} --deep")]
    say(commands(steps))
