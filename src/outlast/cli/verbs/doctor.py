"""`outlast doctor`."""

import asyncio
from pathlib import Path

import click

from outlast.cli.doctor import State, examined
from outlast.cli.doctor.words import document, lines, verdict
from outlast.cli.options import Settings, common
from outlast.cli.printing import answer, put_lines, say
from outlast.jobs import ExitCode

__all__ = ["command"]


@click.command("doctor", short_help="Say whether this machine is fit for long jobs.")
@common("store", "config", "json", "color", "quiet")
@click.pass_obj
def command(settings: Settings, /) -> int:
    """Say whether this machine is fit for long jobs: Python, SQLite, the store and its disk, memory, limits, the browser.

    Things are tried, not only looked up: a ledger is written where the store is, and the browser is started. Nothing is left
    behind, and no job is touched. Exit code 1 when something is bad.
    """
    checks = asyncio.run(examined(settings.store, None if settings.config is None else Path(settings.config)))
    worst = State.BAD if any(each.state is State.BAD for each in checks) else State.OK
    if settings.json:
        answer(document(checks))
    else:
        if not settings.quiet:
            put_lines(lines(checks))
        style = "red" if worst is State.BAD else "green"
        say(verdict(checks), color=settings.color, style=style)
    return ExitCode.TOO_MANY_FAILED if worst is State.BAD else ExitCode.FINISHED
