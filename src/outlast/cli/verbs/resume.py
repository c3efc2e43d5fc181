"""`outlast resume [JOB]`"""

import asyncio
import os
from pathlib import Path
from typing import Any

import click

from outlast.cli.options import Settings, common, run_options

__all__ = ["command"]


@click.command("resume", short_help="Go on with a job, as it was started.")
@click.argument("job", required=False, metavar="[JOB]")
@run_options
@common("store", "json", "progress", "color", "quiet", "verbose")
@click.pass_obj
def command(settings: Settings, job: str | None, **options: Any) -> int:
    """Go on with a job: its first command again, in the directory where that was typed. Options given here win.

    Without JOB: the job that ran last.
    """
    from outlast.cli.plan import Order  # noqa: PLC0415 - not needed to show the help
    from outlast.cli.reading import found, job_records, latest, record_of, store_of  # noqa: PLC0415
    from outlast.cli.running import carry_out  # noqa: PLC0415

    store = store_of(settings)
    record = latest(asyncio.run(job_records(store)), store) if job is None else asyncio.run(record_of(found(store, job)))
    order = _order(record.name, record.invocation)
    return carry_out(order, settings)
