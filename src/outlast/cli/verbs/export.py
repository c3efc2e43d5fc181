"""`outlast export JOB FILE`."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from outlast.cli.opening import opened
from outlast.cli.options import STANDARD_STREAM, Settings, common
from outlast.cli.phrases import safe, size, units
from outlast.cli.printing import answer, put, say
from outlast.cli.reading import found, store_of
from outlast.jobs.export import Exported, ExportFormat, What, export
from outlast.jobs.store import JobDirectory

__all__ = ["command"]

PART_CHARACTERS = 65_536
_TEXTS = frozenset({ExportFormat.JSONL.value, ExportFormat.CSV.value})


@click.command("export", short_help="Write records or items to a JSONL, CSV, Parquet or SQLite file.")
@click.argument("job", metavar="JOB")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice([each.value for each in ExportFormat]),
    help="Default: what the suffix of FILE says.",
)
@click.option(
    "--what", type=click.Choice([each.value for each in What]), help="Default: the records; in a SQLite file both."
)
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str, file: Path, form: str | None, what: str | None) -> int:
    """Write the records of a job, or its items, to a file that is not there yet; also while the job runs.

    Records are what the handlers returned; items are what they were given, and where each stands. The file is in clear, also when
    the job is encrypted. With - for FILE and a --format of jsonl or csv it goes to standard output.
    """
    directory = found(store_of(settings), job)
    if str(file) == STANDARD_STREAM:
        _print(directory, form, what, as_json=settings.json)
        return 0
    done = asyncio.run(_exported(directory, file.absolute(), form, what))
    if settings.json:
        document = {"records": done.records, "items": done.items, "size_bytes": done.size}
        answer({"job_id": job, "file": str(file), **document})
        return 0
    parts = [(done.records, "record"), (done.items, "item")]
    held = " and ".join(units(count, noun) for count, noun in parts if count is not None)
    say(f"{held} of job {safe(job)} written to {safe(str(file), 300)} ({size(done.size)}).")
    return 0


def _print(directory: JobDirectory, form: str | None, what: str | None, *, as_json: bool) -> None:
    if form not in _TEXTS or as_json:
        raise click.UsageError(
            f"standard output takes --format {' or '.join(sorted(_TEXTS))}, without --json: name a file for the others"
        )
    with TemporaryDirectory(prefix="outlast-") as place:
        file = Path(place) / f"export.{form}"
        asyncio.run(_exported(directory, file, form, what))
        with file.open(encoding="utf-8", newline="") as text:
            while (part := text.read(PART_CHARACTERS)) and put(part):
                continue


async def _exported(directory: JobDirectory, file: Path, form: str | None, what: str | None) -> Exported:
    async with opened(directory) as ledger:
        return await export(
            ledger,
            file,
            format=None if form is None else ExportFormat(form),
            what=None if what is None else What(what),
        )
