"""`outlast stop JOB`."""

import click

from outlast.cli.options import Settings, common
from outlast.cli.telling import Teller
from outlast.jobs.command import Word

__all__ = ["command"]


def _seconds(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    from outlast.config.values import seconds_in  # noqa: PLC0415 - pydantic, for this option alone

    try:
        return seconds_in(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}", ctx, param) from error


@click.command("stop", short_help="Let what is in flight end, then stop the run.")
@click.argument("job", metavar="JOB")
@click.option("--after", metavar="30s", callback=_seconds, help="Cut off what is in flight after so long.")
@click.option("--now", is_flag=True, help="Cut off what is in flight at once.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the run to end.")
@common("store", "json", "quiet")
@click.pass_obj
def command(settings: Settings, /, job: str, *, after: float | None, now: bool, no_wait: bool) -> int:
    """Stop the run of a job, as Ctrl-C does where it works: what is in flight may end (for at most `drain`), the rest is left for the next run.

    Waits until it has ended, and says how. A job that is not running is stopped already.
    """
    if now and after is not None:
        raise click.UsageError("--now or --after, not both")
    return Teller(settings, job, Word.STOP, waits=not no_wait).tell(after=0.0 if now else after)
