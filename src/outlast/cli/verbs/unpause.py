"""`outlast unpause JOB`, `outlast unpause JOB --host HOST`, or `--all`."""

import asyncio
from dataclasses import replace

import click

from outlast.cli.options import Settings, common
from outlast.cli.pausing import order
from outlast.cli.printing import answer, say
from outlast.cli.reading import found, holder_of, store_hint, store_of
from outlast.cli.words.pause import ordered_document, unpaused_lines
from outlast.jobs.orders import Orders

__all__ = ["command"]


@click.command("unpause", short_help="Let a paused job, or a paused host, go on.")
@click.argument("job", metavar="JOB")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Only this host; may be repeated.")
@click.option("--all", "every", is_flag=True, help="The job, and all hosts that are paused.")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str, hosts: tuple[str, ...], *, every: bool) -> int:
    """Take back `pause`: for the whole job, for these hosts, or for all of it. A run that works notices within a second."""
    if hosts and every:
        raise click.UsageError("--host or --all, not both")
    directory = found(store_of(settings), job)
    named = frozenset(host.lower() for host in hosts)

    def unpaused(orders: Orders) -> Orders:
        if named:
            return replace(orders, paused=orders.paused - named)
        return replace(orders, job_paused=False, paused=frozenset() if every else orders.paused)

    ordered = asyncio.run(order(directory, unpaused))
    if settings.json:
        answer(ordered_document(job, ordered))
    else:
        say(unpaused_lines(job, hosts, ordered, running=holder_of(directory) is not None, hint=store_hint(settings)))
    return 0
