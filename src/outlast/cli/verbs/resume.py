"""`outlast resume [JOB]`."""

import asyncio
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from outlast.cli.again import order_again
from outlast.cli.once import Once, once_options
from outlast.cli.options import Settings, common, given_options, run_options
from outlast.cli.pausing import order_hosts
from outlast.cli.phrases import moment
from outlast.cli.reading import JobRecord, chosen, store_hint, store_of
from outlast.cli.running import carry_out
from outlast.cli.sources import STANDARD_INPUT
from outlast.errors import ConfigurationError
from outlast.runtime import Runtime

__all__ = ["command"]


@click.command("resume", short_help="Go on with a job, as it was started.")
@click.argument("job", required=False, metavar="[JOB]")
@run_options
@once_options
@click.option(
    "--pause-host",
    "paused",
    multiple=True,
    metavar="HOST",
    help="Go on without this host; may be repeated.",
)
@common("store", "config", "json", "progress", "color", "quiet", "verbose", "log_format")
@click.pass_obj
def command(settings: Settings, /, job: str | None, *, paused: tuple[str, ...], once: Once, **options: Any) -> int:
    """Go on with a job: its newest command again, in the directory where that was typed. Options given here win.

    Without JOB: the job that ran last.
    """
    store = store_of(settings)
    record = asyncio.run(chosen(store, job))
    given = given_options(options, settings)
    order = order_again(record, given, Path.cwd(), store_hint(settings))
    if once.fresh and STANDARD_INPUT in order.items:
        raise ConfigurationError(
            "the items came through standard input, which cannot be read again: start over with the first command and --fresh"
        )
    order = replace(order, once=once)
    if paused:
        asyncio.run(_pause(record, paused))
    settings.store = str(store.absolute())
    os.chdir(order.directory)
    return carry_out(order, settings)


async def _pause(record: JobRecord, hosts: tuple[str, ...]) -> None:
    # Under the lock: a resume that is refused because the job runs has changed nothing.
    with closing(record.directory.lock(record.name, moment(Runtime().clock.now()))):
        await order_hosts(record.directory, lambda paused: paused | {host.lower() for host in hosts})
