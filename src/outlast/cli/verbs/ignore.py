"""`outlast ignore JOB`."""

import asyncio

import click

from outlast.cli.failures import acting
from outlast.cli.failures.choice import Choice
from outlast.cli.failures.choosing import choice_options
from outlast.cli.options import Settings, common
from outlast.cli.printing import answer, say
from outlast.cli.reading import found, store_hint, store_of
from outlast.cli.words.acted import ignored_lines

__all__ = ["command"]


@click.command("ignore", short_help="Let failed items no longer count as failures.")
@click.argument("job", metavar="JOB")
@choice_options
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--dry-run", is_flag=True, help="Say what would be ignored, and change nothing.")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str, *, choice: Choice, every: bool, dry_run: bool) -> int:
    """Let failed items of a job no longer count as failures: --max-failed leaves them out, and no retry takes them.

    Say which: --group, --host, --class, --since or --all. They come back with outlast retry --ignored. Refused while the job runs; a
    dry run is not.
    """
    choice = choice.with_all() if every else choice
    if choice.everything and not every:
        raise click.UsageError("which failures? Say --group, --host, --class, --since or --all")
    acted = asyncio.run(acting.ignored(found(store_of(settings), job), job, choice, dry_run=dry_run))
    if settings.json:
        numbers = {"ignored": acted.changed, "skipped": acted.skipped, "left": acted.left}
        answer({"job_id": job, **numbers, "dry_run": dry_run})
    else:
        say(ignored_lines(job, acted, choice, dry_run=dry_run, hint=store_hint(settings)))
    return 0
