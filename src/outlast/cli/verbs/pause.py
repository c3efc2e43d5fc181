"""`outlast pause JOB --host HOST`."""

import asyncio

import click

from outlast.cli.options import Settings, common
from outlast.cli.pause_words import ordered_document, paused_lines
from outlast.cli.pausing import order_hosts
from outlast.cli.printing import answer, say
from outlast.cli.reading import found, holder_of, store_hint, store_of

__all__ = ["command"]


@click.command("pause", short_help="Let the items of a host wait, also while the job runs.")
@click.argument("job", metavar="JOB")
@click.option("--host", "hosts", multiple=True, required=True, metavar="HOST", help="The host; may be repeated.")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str, hosts: tuple[str, ...]) -> int:
    """Let the items of a host wait until it is unpaused. They lose nothing, and the other hosts go on.

    A job that runs notices within a second; one that does not keeps it for its next run.
    """
    directory = found(store_of(settings), job)
    ordered = asyncio.run(order_hosts(directory, lambda paused: paused | {host.lower() for host in hosts}))
    if settings.json:
        answer(ordered_document(job, ordered))
    else:
        say(paused_lines(job, hosts, ordered, running=holder_of(directory) is not None, hint=store_hint(settings)))
    return 0
