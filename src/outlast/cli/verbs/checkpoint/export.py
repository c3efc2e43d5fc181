"""`outlast checkpoint export ID|JOB`."""

import asyncio
from pathlib import Path

import click

from outlast.checkpoint import LoadedCheckpoint
from outlast.cli.looking import Looked, look, refusal
from outlast.cli.options import STANDARD_STREAM, Settings, common, kept_in
from outlast.cli.phrases import safe, size
from outlast.cli.printing import answer, put, remark, say
from outlast.cli.shelves import shelf_of
from outlast.cli.words.checkpoint import label
from outlast.errors import OutputError
from outlast.storage.files import publish_durably
from outlast.storage.strictjson import encode

__all__ = ["command"]


@click.command("export", short_help="Write the data of a checkpoint as JSON.")
@click.argument("named", metavar="ID|JOB")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file that is not there yet."
)
@kept_in
@common("store", "json", "quiet")
@click.pass_obj
def command(settings: Settings, /, named: str, output: Path | None, path: Path | None) -> int:
    """Write the data of a checkpoint, or of the newest intact one of a job, as JSON. What was encrypted is in clear then."""
    looked, opened = asyncio.run(_opened(settings, named, path))
    blob = encode(opened.data) + b"\n"
    if output is not None and str(output) != STANDARD_STREAM:
        _save(output, blob)
        document = {"checkpoint": looked.row["id"], "file": str(output), "size_bytes": len(blob)}
        return _told(settings, document, f"{label(looked.row)} written to {safe(str(output))} ({size(len(blob))})")
    if settings.json:
        answer({"checkpoint": looked.row, "data": opened.data})
    else:
        put(blob.decode())
    return 0


async def _opened(settings: Settings, named: str, path: Path | None) -> tuple[Looked, LoadedCheckpoint]:
    shelf = await shelf_of(settings, named, path)
    async with shelf.manager() as manager:
        looked = await look(shelf, manager)
    if looked.skipped:
        remark(f"skipped, because damaged: {', '.join(looked.skipped)}", as_json=settings.json)
    if looked.opened is None:
        raise refusal(shelf, looked, "exported")
    return looked, looked.opened


def _save(output: Path, blob: bytes) -> None:
    try:
        publish_durably(output.absolute(), blob)
    except FileExistsError as error:
        raise OutputError(f"{output} exists already: move it away or choose another file") from error
    except OSError as error:
        raise OutputError(f"{output} cannot be written: {error.strerror}") from error


def _told(settings: Settings, document: dict[str, object], line: str) -> int:
    if settings.json:
        answer(document)
    else:
        say(line)
    return 0
