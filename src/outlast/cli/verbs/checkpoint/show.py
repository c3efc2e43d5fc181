"""`outlast checkpoint show ID|JOB`."""

import asyncio
from pathlib import Path

import click

from outlast.cli.looking import Looked, exit_code_of, look
from outlast.cli.options import Settings, common, kept_in
from outlast.cli.phrases import commands, quoted, safe
from outlast.cli.printing import answer, put, say
from outlast.cli.shelves import Shelf, shelf_of
from outlast.cli.words.checkpoint import contents, shown_lines

__all__ = ["command"]


@click.command("show", short_help="Show what a checkpoint holds.")
@click.argument("named", metavar="ID|JOB")
@kept_in
@common("store", "json", "quiet")
@click.pass_obj
def command(settings: Settings, /, named: str, path: Path | None) -> int:
    """Show a checkpoint, or the newest intact one of a job: what it says of itself, and what it holds in short.

    Exit code 4 when it is damaged, 2 when it cannot be read here (its key is not at hand, or its format is too new).
    """
    shelf, looked = asyncio.run(_shown(settings, named, path))
    if settings.json:
        held = None if looked.opened is None else contents(looked.opened)
        answer({"checkpoint": looked.row, "holds": held, "problem": looked.problem, "skipped": list(looked.skipped)})
    else:
        put("\n".join(shown_lines(looked.row, looked.opened)) + "\n")
        _tell(shelf, looked, settings)
    return exit_code_of(looked.row["status"])


async def _shown(settings: Settings, named: str, path: Path | None) -> tuple[Shelf, Looked]:
    shelf = await shelf_of(settings, named, path)
    async with shelf.manager() as manager:
        return shelf, await look(shelf, manager)


def _tell(shelf: Shelf, looked: Looked, settings: Settings) -> None:
    lines = [f"skipped, because damaged: {', '.join(looked.skipped)}"] if looked.skipped else []
    if looked.problem is not None:
        lines.append(f"what it holds cannot be shown: {safe(looked.problem, 500)}")
    if not settings.quiet:
        others = ("the others", f"outlast checkpoint ls {quoted(shelf.job_id)}{shelf.hint}")
        whole = ("all of it", f"outlast checkpoint export {looked.row['id']}{shelf.hint}")
        aside = ("move it out of the way", f"outlast repair {quoted(shelf.job_id)}{shelf.hint}")
        damaged = looked.row["status"] == "corrupted" and shelf.directory is not None
        lines += commands([whole, others] if looked.problem is None else [others, aside] if damaged else [others])
    if lines:
        say(lines)
