"""`outlast repair JOB`."""

import asyncio

import click

from outlast.cli.options import Settings, common
from outlast.cli.printing import answer, put, say
from outlast.cli.reading import store_hint
from outlast.cli.repairing import Mended, mended
from outlast.cli.words.repair import ending_lines, mended_document, mended_lines
from outlast.jobs import ExitCode

__all__ = ["command"]


@click.command("repair", short_help="Mend what is damaged; keep the damaged files aside.")
@click.argument("job", metavar="JOB")
@click.option("--dry-run", is_flag=True, help="Say what would be mended, and change nothing.")
@common("store", "json", "color", "quiet")
@click.pass_obj
def command(settings: Settings, /, job: str, *, dry_run: bool) -> int:
    """Mend what is damaged of a job: items are done again or saved, and every damaged file is kept aside. Refused while it runs.

    Exit code 1 when items are lost for good, 4 when a dry run found damage, or when it is still there, 2 when nothing is
    damaged but a part cannot be read without its key.
    """
    done = asyncio.run(mended(settings, job, dry_run=dry_run))
    code = _code(done)
    if settings.json:
        answer(mended_document(done))
        return code
    put("".join(f"{line}\n" for line in mended_lines(done)))
    lines = ending_lines(done, store_hint(settings))
    style = {ExitCode.FINISHED: "green", ExitCode.TOO_MANY_FAILED: "red"}.get(code, "yellow")
    say(lines[:1] if settings.quiet else lines, color=settings.color, style=style)
    return code


def _code(done: Mended) -> ExitCode:
    if not done.damaged:
        return ExitCode.FINISHED if done.sound else ExitCode.USAGE
    if done.dry_run or done.still_damaged:
        return ExitCode.DAMAGED
    return ExitCode.FINISHED if done.lossless else ExitCode.TOO_MANY_FAILED
