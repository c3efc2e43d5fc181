"""`outlast results JOB`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import click

from outlast.cli.opening import opened
from outlast.cli.options import STANDARD_STREAM, Settings, common
from outlast.cli.phrases import safe, size, units
from outlast.cli.printing import answer, put, say
from outlast.cli.reading import found, store_of
from outlast.jobs.export import Exported, ExportFormat, What, export
from outlast.jobs.store import JobDirectory

__all__ = ["command"]

RESULTS_AT_ONCE = 500


@click.command("results", short_help="Write the records of a job as JSON lines.")
@click.argument("job", metavar="JOB")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file that is not there yet."
)
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str, output: Path | None) -> int:
    """Write the records that a job has so far, one JSON text a line, in the order in which they were recorded.

    Works while the job runs, without disturbing it, and after it was killed. With --json the records are the same: they are
    yours, and nothing is added to them. Errors are JSON then, and with -o the answer.
    """
    directory = found(store_of(settings), job)
    if output is None or str(output) == STANDARD_STREAM:
        asyncio.run(_print(directory))
        return 0
    done = asyncio.run(_saved(directory, output.absolute()))
    if settings.json:
        answer({"job_id": job, "file": str(output), "records": done.records or 0, "size_bytes": done.size})
        return 0
    say(
        f"{units(done.records or 0, 'record')} of job {safe(job)} written to {safe(str(output), 300)} ({size(done.size)})."
    )
    return 0


async def _print(directory: JobDirectory) -> None:
    async with aclosing(_texts(directory)) as texts:
        async for text in texts:
            if not put(text):
                return


async def _saved(directory: JobDirectory, output: Path) -> Exported:
    async with opened(directory) as ledger:
        return await export(ledger, output, format=ExportFormat.JSONL, what=What.RECORDS)


async def _texts(directory: JobDirectory) -> AsyncGenerator[str, None]:
    position = 0
    async with opened(directory) as ledger:
        while results := await ledger.results(position, RESULTS_AT_ONCE):
            position = results[-1].position
            yield "".join(result.lines for result in results)
