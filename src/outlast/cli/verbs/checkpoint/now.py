"""`outlast checkpoint now JOB`."""

import click

from outlast.cli.options import Settings, common
from outlast.cli.phrases import commands, safe
from outlast.cli.printing import put, say
from outlast.cli.reading import store_hint
from outlast.cli.telling import Teller
from outlast.jobs.command import Word

__all__ = ["command"]


@click.command("now", short_help="Have the run of a job take a checkpoint.")
@click.argument("job", metavar="JOB")
@click.option("--no-wait", is_flag=True, help="Do not wait for the checkpoint.")
@common("store", "json", "quiet")
@click.pass_obj
def command(settings: Settings, /, job: str, *, no_wait: bool) -> int:
    """Have the run of a job take a checkpoint now, and write its id. Where nothing has changed since the last, that is the answer.

    Exit code 6 when the job is not running, 2 when no checkpoint could be taken.
    """
    teller = Teller(settings, job, Word.CHECKPOINT, waits=not no_wait)
    code = teller.tell()
    told = teller.answer
    if settings.json or told is None:
        return code
    if not told.obeyed:
        say(f"outlast: error: no checkpoint of job {safe(job)} was taken: {safe(told.says, 500)}")
        return code
    made = str(told.facts["checkpoint_id"])
    put(f"{made}\n")
    if not settings.quiet:
        news = "" if told.facts["is_new"] else "Nothing has changed since; it is the last one. "
        say(
            [f"{news}What it holds:", *commands([("show it", f"outlast checkpoint show {made}{store_hint(settings)}")])]
        )
    return code
