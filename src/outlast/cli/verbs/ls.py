"""`outlast ls`."""

import asyncio

import click

from outlast.cli.job_words import list_lines, status_document
from outlast.cli.options import Settings, common
from outlast.cli.printing import answer, put, say
from outlast.cli.reading import job_records, store_of
from outlast.jobs import ExitCode

__all__ = ["command"]


@click.command("ls", short_help="List the jobs of the store.")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /) -> int:
    """List the jobs of the store, the one that ran last first. Exit code 4 when one of them is damaged."""
    store = store_of(settings)
    records = sorted(asyncio.run(job_records(store)), key=lambda each: str(each.run.get("started", "")), reverse=True)
    if settings.json:
        answer({"jobs": [status_document(record, None) for record in records]})
    elif records:
        put("\n".join(list_lines(records)) + "\n")
    else:
        say(f"no jobs in {store}")
    damaged = any(record.damage is not None or record.met_damage for record in records)
    return ExitCode.DAMAGED if damaged else ExitCode.FINISHED
