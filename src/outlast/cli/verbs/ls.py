"""`outlast ls [JOB]`."""

import asyncio
import sys
from shutil import get_terminal_size

import click

from outlast.cli.options import Settings, common
from outlast.cli.phrases import safe
from outlast.cli.printing import answer, put, say
from outlast.cli.reading import job_records, store_of
from outlast.cli.reporting import runs_of
from outlast.cli.words.job import status_document
from outlast.cli.words.list import list_lines, run_document, run_lines
from outlast.jobs import ExitCode
from outlast.runtime import Runtime

__all__ = ["command"]

PIPED_WIDTH = 300
"""Where nothing has to fit a screen, a reason may be as long."""


@click.command("ls", short_help="List the jobs of the store, or the runs of a job.")
@click.argument("job", required=False, metavar="[JOB]")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str | None) -> int:
    """List the jobs of the store, the one that ran last first. With JOB: its runs, as far as its event log goes back.

    Exit code 4 when one of the jobs is damaged, 2 when one cannot be read.
    """
    return _jobs(settings) if job is None else _runs(settings, job)


def _jobs(settings: Settings) -> int:
    store = store_of(settings)
    records = sorted(asyncio.run(job_records(store)), key=lambda each: str(each.run.get("started", "")), reverse=True)
    if settings.json:
        answer({"jobs": [status_document(record, None) for record in records]})
    elif records:
        width = get_terminal_size().columns if sys.stdout.isatty() else PIPED_WIDTH
        put("\n".join(list_lines(records, Runtime().clock.now(), width)) + "\n")
    else:
        say(f"no jobs in {store}")
    if any((record.damage is not None and not record.unreadable) or record.met_damage for record in records):
        return ExitCode.DAMAGED
    return ExitCode.USAGE if any(record.unreadable for record in records) else ExitCode.FINISHED


def _runs(settings: Settings, job: str) -> int:
    rows = asyncio.run(runs_of(settings, job))[::-1]
    if settings.json:
        answer({"job_id": job, "runs": [run_document(row) for row in rows]})
    elif rows:
        put("\n".join(run_lines(rows, Runtime().clock.now())) + "\n")
    else:
        say(f"job {safe(job)} has no event log: none was written yet, or logging.event_log_files is 0.")
    return ExitCode.FINISHED
