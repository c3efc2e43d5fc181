"""`outlast retry JOB`."""

import asyncio

import click

from outlast.cli.opening import opened
from outlast.cli.options import Settings, common
from outlast.cli.phrases import commands, moment, quoted, safe, units
from outlast.cli.printing import answer, say
from outlast.cli.reading import found, store_hint, store_of
from outlast.jobs.store import JobDirectory
from outlast.runtime import Runtime

__all__ = ["command"]


@click.command("retry", short_help="Make the failed items of a job pending again.")
@click.argument("job", metavar="JOB")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str) -> int:
    """Make the failed items of a job pending again, as if they had never been tried. The next run does them."""
    again = asyncio.run(_retried(found(store_of(settings), job), job))
    if settings.json:
        answer({"job_id": job, "retried": again})
    elif again:
        first = f"{units(again, 'failed item')} of job {safe(job)} will be tried again."
        say([first, *commands([("do it", f"outlast resume {quoted(job)}{store_hint(settings)}")])])
    else:
        say(f"job {safe(job)} has no failed items: nothing was changed")
    return 0


async def _retried(directory: JobDirectory, name: str) -> int:
    lock = directory.lock(name, moment(Runtime().clock.now()))
    try:
        async with opened(directory, read_only=False) as ledger:
            return await ledger.retry()
    finally:
        lock.close()
