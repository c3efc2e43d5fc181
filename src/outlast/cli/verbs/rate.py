"""`outlast rate JOB HOST=30/min`."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import click

from outlast.cli.options import Settings, common
from outlast.cli.pausing import Ordered, order
from outlast.cli.printing import answer, put, say
from outlast.cli.reading import found, holder_of, store_hint, store_of
from outlast.cli.words.rate import rate_document, rate_lines, rate_table, rates_in_force
from outlast.jobs.orders import Orders

__all__ = ["command"]

AS_THE_JOB = "default"


@click.command("rate", short_help="Ask hosts more or less often, also while the job runs.")
@click.argument("job", metavar="JOB")
@click.argument("rates", nargs=-1, metavar="[HOST=30/min]...")
@click.option("--clear", is_flag=True, help="Take back what was ordered for these hosts; without any: all of it.")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str, rates: tuple[str, ...], *, clear: bool) -> int:
    """Order how often a host may be asked (s, min, h), in place of what the job itself says; `'*'` stands for each of the others.

    HOST=none: as often as the job can; HOST=default: as the job itself says. Without any rate: show those that are in force. A run
    notices within a second. The order is kept: later runs obey it too.
    """
    directory = found(store_of(settings), job)
    named = {host.lower(): AS_THE_JOB for host in rates} if clear else _named(rates)
    ordered = asyncio.run(order(directory, _changing(named, every=clear and not rates)))
    if settings.json:
        answer(rate_document(job, ordered))
    elif clear or rates:
        running, hint = holder_of(directory) is not None, store_hint(settings)
        say(rate_lines(job, list(named), ordered, running=running, hint=hint))
    else:
        _show(ordered)
    return 0


def _named(rates: tuple[str, ...]) -> dict[str, str]:
    named = {host.lower(): rate.strip() for host, _, rate in (each.rpartition("=") for each in rates)}
    if "" in named:
        raise click.UsageError(f"{named['']!r} should be a host and its rate, such as shop.de=30/min")
    return named


def _changing(named: dict[str, str], *, every: bool) -> Callable[[Orders], Orders]:
    def change(orders: Orders) -> Orders:
        if not named and not every:
            return orders
        rates = {} if every else {**orders.rates, **named}
        kept = {host: rate for host, rate in rates.items() if rate != AS_THE_JOB}
        return replace(orders, rates=orders.checked(paused=orders.paused, rates=kept).rates)

    return change


def _show(ordered: Ordered) -> None:
    lines = rate_table(rates_in_force(ordered.own_rates, ordered.after.rates))
    if lines:
        put("\n".join(lines) + "\n")
    else:
        say("no host has a rate")
