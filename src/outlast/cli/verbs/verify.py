"""`outlast verify JOB`."""

import asyncio

import click

from outlast.cli.inspection import inspected
from outlast.cli.options import Settings, common
from outlast.cli.printing import answer, put, say
from outlast.cli.reading import store_hint
from outlast.cli.words.health import health_document, health_lines, verdict_lines
from outlast.jobs import ExitCode

__all__ = ["command"]


@click.command("verify", short_help="Check every byte that a job has recorded; change nothing.")
@click.argument("job", metavar="JOB")
@common("store", "json", "color", "quiet")
@click.pass_obj
def command(settings: Settings, /, job: str) -> int:
    """Check every byte that a job has recorded: its ledger, its checkpoints, and the output file against the ledger.

    Nothing is changed, and a running job is not disturbed. Each finding is named, with what `outlast repair` does about it.
    Exit code 4 when something is damaged, 2 when nothing is but a part cannot be read without its key.
    """
    looked = asyncio.run(inspected(settings, job))
    if settings.json:
        answer(health_document(looked))
    else:
        put("\n".join(health_lines(looked)) + "\n")
        lines = verdict_lines(looked, store_hint(settings))
        style = "green" if looked.sound else "red" if looked.damaged else "yellow"
        say(lines[:1] if settings.quiet else lines, color=settings.color, style=style)
    if looked.damaged:
        return ExitCode.DAMAGED
    return ExitCode.FINISHED if looked.sound else ExitCode.USAGE
