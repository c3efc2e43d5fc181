"""`outlast resume [JOB]`."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from outlast.cli.again import order_again
from outlast.cli.options import Settings, common, release_option, run_options
from outlast.cli.reading import chosen, store_hint, store_of
from outlast.cli.running import carry_out
from outlast.cli.sources import STANDARD_INPUT
from outlast.errors import ConfigurationError

__all__ = ["command"]


@click.command("resume", short_help="Go on with a job, as it was started.")
@click.argument("job", required=False, metavar="[JOB]")
@run_options
@click.option("--fresh", is_flag=True, help="Start over; what was recorded so far is put aside, not deleted.")
@release_option
@common("store", "json", "progress", "color", "quiet", "verbose")
@click.pass_obj
def command(settings: Settings, /, job: str | None, *, fresh: bool, release_hold: bool, **options: Any) -> int:
    """Go on with a job: its newest command again, in the directory where that was typed. Options given here win.

    Without JOB: the job that ran last.
    """
    store = store_of(settings)
    record = asyncio.run(chosen(store, job))
    given = {name: value for name, value in options.items() if value is not None}
    order = order_again(record, given, Path.cwd(), store_hint(settings))
    if fresh and STANDARD_INPUT in order.items:
        raise ConfigurationError(
            "the items came through standard input, which cannot be read again: start over with the first command and --fresh"
        )
    order = replace(order, fresh=fresh, release_hold=release_hold)
    settings.store = str(store.absolute())
    os.chdir(order.directory)
    return carry_out(order, settings)
