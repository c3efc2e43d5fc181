"""`outlast status [JOB]`."""

import asyncio

import click

from outlast.cli.failures.grouping import Grouped, failure_groups
from outlast.cli.options import Settings, common
from outlast.cli.printing import answer, put, put_lines
from outlast.cli.reading import chosen, store_hint, store_of
from outlast.cli.screen.jsonlines import object_line
from outlast.cli.screen.watching import look_on
from outlast.cli.words.job import status_document, status_lines
from outlast.runtime import Runtime

__all__ = ["command"]


@click.command("status", short_help="Show where a job stands, running or not.")
@click.argument("job", required=False, metavar="[JOB]")
@click.option("-w", "--watch", is_flag=True, help="Go on showing it, until the run ends.")
@common("store", "json", "progress", "color")
@click.pass_obj
def command(settings: Settings, /, job: str | None, *, watch: bool) -> int:
    """Show where a job stands: counts, its last run, whether it runs now, and why items failed.

    Works while the job runs, without disturbing it, and after it was killed. Without JOB: the job that ran last.
    """
    record = asyncio.run(chosen(store_of(settings), job))
    if watch and record.running is not None:
        seen = asyncio.run(look_on(record, settings, Runtime()))
        if seen is None:
            return 0
        record = seen
    tellable = record.counts.failed and not record.locked
    grouped = asyncio.run(failure_groups(record.directory, record.name)) if tellable else Grouped()
    if watch and (settings.json or settings.progress == "json"):
        put(f"{object_line('summary', status_document(record, grouped.groups))}\n")
    elif settings.json:
        answer(status_document(record, grouped.groups))
    else:
        put_lines(status_lines(record, grouped.groups, store_hint(settings)))
    return 0
