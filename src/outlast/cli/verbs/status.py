"""`outlast status [JOB]`."""

import asyncio

import click

from outlast.cli.grouping import Grouped, failure_groups
from outlast.cli.job_words import status_document, status_lines
from outlast.cli.options import Settings, common
from outlast.cli.printing import answer, put
from outlast.cli.reading import chosen, store_hint, store_of

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
    tellable = record.counts.failed and not record.locked
    grouped = asyncio.run(failure_groups(record.directory, record.name)) if tellable else Grouped()
    if settings.json:
        answer(status_document(record, grouped.groups))
    else:
        put("\n".join(status_lines(record, grouped.groups, store_hint(settings))) + "\n")
    return 0
