"""`outlast retry JOB`."""

import asyncio

import click

from outlast.cli.failures.acting import tried_again
from outlast.cli.failures.choice import Choice
from outlast.cli.failures.choosing import choice_options
from outlast.cli.options import Settings, common
from outlast.cli.printing import answer, say
from outlast.cli.reading import found, store_hint, store_of
from outlast.cli.words.acted import retried_lines
from outlast.ledger.port import ItemStatus

__all__ = ["command"]


@click.command("retry", short_help="Make failed items pending again: all, or some of them.")
@click.argument("job", metavar="JOB")
@choice_options
@click.option("--all", "every", is_flag=True, help="All of them, as without any choice.")
@click.option("--ignored", is_flag=True, help="The items that were ignored, in place of the failed ones.")
@click.option("--dry-run", is_flag=True, help="Say what would be tried again, and change nothing.")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str, *, choice: Choice, every: bool, ignored: bool, dry_run: bool) -> int:
    """Make the failed items of a job pending again, as if they had never been tried. The next run does them.

    Refused while the job runs; a dry run is not.
    """
    choice = choice.with_all() if every else choice
    status = ItemStatus.IGNORED if ignored else ItemStatus.FAILED
    acted = asyncio.run(tried_again(found(store_of(settings), job), job, choice, status, dry_run=dry_run))
    if settings.json:
        numbers = {"retried": acted.changed, "skipped": acted.skipped, "left": acted.left}
        answer({"job_id": job, **numbers, "dry_run": dry_run})
    else:
        say(retried_lines(job, acted, choice, status, dry_run=dry_run, hint=store_hint(settings)))
    return 0
