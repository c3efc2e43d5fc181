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
from outlast.cli.phrases import moment, safe
from outlast.cli.printing import remark
from outlast.cli.reading import JobRecord, chosen, store_hint, store_of
from outlast.cli.restoring import restored
from outlast.cli.running import carry_out
from outlast.cli.shelves import shelf_of
from outlast.cli.sources import STANDARD_INPUT
from outlast.cli.words.checkpoint import label
from outlast.errors import CheckpointNotFoundError, ConfigurationError, JobNotFoundError
from outlast.runtime import Runtime

__all__ = ["command"]


@click.command("resume", short_help="Go on with a job, as it was started.")
@click.argument("job", required=False, metavar="[JOB]")
@run_options
@click.option("--from", "checkpoint", metavar="ID", help="Go on with the state of this checkpoint.")
@click.option(
    "--pause-host",
    "paused",
    multiple=True,
    metavar="HOST",
    help="Go on without this host; may be repeated.",
)
@once_options
@common("store", "config", "json", "progress", "color", "quiet", "verbose", "log_format")
@click.pass_obj
def command(
    settings: Settings,
    /,
    job: str | None,
    *,
    checkpoint: str | None,
    paused: tuple[str, ...],
    once: Once,
    **options: Any,
) -> int:
    """Go on with a job: its newest command again, in the directory where that was typed. Options given here win.

    Without JOB: the job that ran last.
    """
    if checkpoint is not None and once.fresh:
        raise click.UsageError("--fresh starts over, and --from goes on: say one of them")
    store = store_of(settings)
    record = asyncio.run(_record(settings, store, job, checkpoint))
    given = given_options(options, settings)
    order = order_again(record, given, Path.cwd(), store_hint(settings))
    if once.fresh and STANDARD_INPUT in order.items:
        raise ConfigurationError(
            "the items came through standard input, which cannot be read again: start over with the first command and --fresh"
        )
    settings.store = str(store.absolute())
    os.chdir(order.directory)

    def prepare() -> None:
        if paused:
            asyncio.run(_pause(record, paused))
        if checkpoint is not None:
            _restore(settings, checkpoint)

    return carry_out(replace(order, once=once), settings, prepare)


async def _record(settings: Settings, store: Path, job: str | None, checkpoint: str | None) -> JobRecord:
    if checkpoint is None:
        return await chosen(store, job)
    try:
        shelf = await shelf_of(settings, checkpoint, None)
    except JobNotFoundError as error:
        raise CheckpointNotFoundError(
            f"--from {checkpoint!r} is no checkpoint of the store {store}: outlast checkpoint ls JOB lists those of a job"
        ) from error
    if shelf.checkpoint_id is None:
        raise ConfigurationError(
            f"--from {checkpoint!r} is a job; name a checkpoint (outlast checkpoint ls lists them)"
        )
    if job not in {None, shelf.job_id}:
        raise ConfigurationError(f"checkpoint {checkpoint} is one of job {shelf.job_id!r}, not of {job!r}")
    return await chosen(store, shelf.job_id)


async def _pause(record: JobRecord, hosts: tuple[str, ...]) -> None:
    # Under the lock: a resume that is refused because the job runs has changed nothing.
    with closing(record.directory.lock(record.name, moment(Runtime().clock.now()))):
        await order_hosts(record.directory, lambda paused: paused | {host.lower() for host in hosts})


def _restore(settings: Settings, checkpoint: str) -> None:
    shelf, looked, _ = asyncio.run(restored(settings, checkpoint))
    if not settings.quiet and not settings.json:
        told = f"Going on with the state of {label(looked.row)} of job {safe(shelf.job_id)}; what is done stays done."
        remark(told, as_json=settings.progress == "json")
