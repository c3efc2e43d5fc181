"""`outlast abort JOB --reason TEXT`."""

import click

from outlast.cli.options import Settings, common
from outlast.cli.telling import Teller
from outlast.jobs.command import Word

__all__ = ["command"]


@click.command("abort", short_help="End the run of a job as aborted, for a reason.")
@click.argument("job", metavar="JOB")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept, shown and told.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the run to end.")
@common("store", "json", "quiet")
@click.pass_obj
def command(settings: Settings, /, job: str, reason: str, *, no_wait: bool) -> int:
    """Abort the run of a job because going on is pointless, and nobody but you can know. What is in flight may end.

    The run ends with exit code 3, does what its policy wants done about an abort (such as `notify`), and can be gone on with. Exit
    code 6 when the job is not running.
    """
    return Teller(settings, job, Word.ABORT, waits=not no_wait).tell(reason=reason)
