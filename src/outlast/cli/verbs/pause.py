"""`outlast pause JOB`, or `outlast pause JOB --host HOST`."""

import asyncio
from dataclasses import replace

import click

from outlast.cli.options import Settings, common
from outlast.cli.pausing import order
from outlast.cli.printing import answer, say
from outlast.cli.reading import found, holder_of, store_hint, store_of
from outlast.cli.words.pause import ordered_document, paused_lines
from outlast.jobs.orders import Orders

__all__ = ["command"]


@click.command("pause", short_help="Let a job wait, or the items of a host, also while it runs.")
@click.argument("job", metavar="JOB")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Only this host; may be repeated.")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str, hosts: tuple[str, ...]) -> int:
    """Begin no item of a job until it is unpaused, or none of these hosts. Items lose nothing; what is in flight is finished.

    A run notices within a second, and stays alive. The order is kept: later runs obey it too. The time limit of a run goes on.
    """
    directory = found(store_of(settings), job)
    named = frozenset(host.lower() for host in hosts)

    def paused(orders: Orders) -> Orders:
        return replace(orders, paused=orders.paused | named) if named else replace(orders, job_paused=True)

    ordered = asyncio.run(order(directory, paused))
    if settings.json:
        answer(ordered_document(job, ordered))
    else:
        say(paused_lines(job, hosts, ordered, running=holder_of(directory) is not None, hint=store_hint(settings)))
    return 0
