"""`outlast results JOB`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import click

from outlast.cli.opening import opened
from outlast.cli.options import Settings, common
from outlast.cli.printing import put
from outlast.cli.reading import found, store_of
from outlast.errors import OutputError
from outlast.jobs.store import JobDirectory

__all__ = ["command"]

RESULTS_AT_ONCE = 500


@click.command("results", short_help="Write the records of a job as JSON lines.")
@click.argument("job", metavar="JOB")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file that is not there yet."
)
@common("store")
@click.pass_obj
def command(settings: Settings, /, job: str, output: Path | None) -> int:
    """Write the records that a job has so far, one JSON text a line, in the order in which they were recorded.

    Works while the job runs, without disturbing it, and after it was killed.
    """
    directory = found(store_of(settings), job)
    asyncio.run(_print(directory) if output is None else _save(directory, output))
    return 0


async def _print(directory: JobDirectory) -> None:
    async with aclosing(_texts(directory)) as texts:
        async for text in texts:
            if not put(text):
                return


async def _save(directory: JobDirectory, output: Path) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            async with aclosing(_texts(directory)) as texts:
                async for text in texts:
                    file.write(text)
    except FileExistsError as error:
        raise OutputError(f"{output} exists already: move it away or choose another file") from error
    except OSError as error:
        raise OutputError(f"{output} cannot be written: {error.strerror}") from error


async def _texts(directory: JobDirectory) -> AsyncGenerator[str, None]:
    position = 0
    async with opened(directory) as ledger:
        while results := await ledger.results(position, RESULTS_AT_ONCE):
            position = results[-1].position
            yield "".join(result.lines for result in results)
