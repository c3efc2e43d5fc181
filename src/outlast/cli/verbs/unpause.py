"""`outlast unpause JOB --host HOST`, or `--all`."""

import asyncio

import click

from outlast.cli.options import Settings, common
from outlast.cli.pause_words import ordered_document, unpaused_lines
from outlast.cli.pausing import order_hosts
from outlast.cli.printing import answer, say
from outlast.cli.reading import found, holder_of, store_hint, store_of

__all__ = ["command"]


@click.command("unpause", short_help="Let the items of a paused host go on.")
@click.argument("job", metavar="JOB")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="The host; may be repeated.")
@click.option("--all", "every", is_flag=True, help="All hosts that are paused.")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str, hosts: tuple[str, ...], *, every: bool) -> int:
    """Let the items of hosts that were paused go on: those of a job that runs within a second."""
    if bool(hosts) == every:
        raise click.UsageError("which hosts? Say --host HOST, or --all")
    directory = found(store_of(settings), job)
    named = frozenset(host.lower() for host in hosts)
    ordered = asyncio.run(order_hosts(directory, lambda paused: frozenset() if every else paused - named))
    if settings.json:
        answer(ordered_document(job, ordered))
    else:
        say(unpaused_lines(job, hosts, ordered, running=holder_of(directory) is not None, hint=store_hint(settings)))
    return 0
