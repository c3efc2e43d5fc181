"""`outlast status [JOB]`."""

import asyncio

import click

from outlast.cli.options import Settings, common
from outlast.cli.phrases import quoted
from outlast.cli.printing import answer, put
from outlast.cli.reading import chosen, failure_groups, store_of
from outlast.cli.words import status_document, status_lines

__all__ = ["command"]


@click.command("status", short_help="Show where a job stands, running or not.")
@click.argument("job", required=False, metavar="[JOB]")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str | None) -> int:
    """Show where a job stands: counts, its last run, whether it runs now, and why items failed.

    Works while the job runs, without disturbing it, and after it was killed. Without JOB: the job that ran last.
    """
    record = asyncio.run(chosen(store_of(settings), job))
    groups = asyncio.run(failure_groups(record.directory)) if record.counts.failed else []
    if settings.json:
        answer(status_document(record, groups))
    else:
        hint = "" if settings.store is None else f" --store {quoted(settings.store)}"
        put("\n".join(status_lines(record, groups, hint)) + "\n")
    return 0
