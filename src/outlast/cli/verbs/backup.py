"""`outlast backup JOB FILE`."""

from pathlib import Path

import click

from outlast.cli.options import STANDARD_STREAM, Settings, common
from outlast.cli.phrases import safe, size, units
from outlast.cli.printing import answer, say
from outlast.cli.reading import found, store_of
from outlast.ledger.backup import backup

__all__ = ["command"]


@click.command("backup", short_help="Copy a ledger to a file, also while its job runs.")
@click.argument("job", metavar="JOB")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str, file: Path) -> int:
    """Copy the ledger of a job, as it is at one moment, to a file that is not there yet; also while the job runs.

    The copy is checked row by row before it gets its name. An encrypted ledger stays encrypted, and its key is not needed.
    """
    if str(file) == STANDARD_STREAM:
        raise click.UsageError("a ledger cannot be copied to standard output: name a file")
    done = backup(found(store_of(settings), job).ledger, file.absolute())
    if settings.json:
        answer(
            {"job_id": job, "file": str(file), "items": done.items, "results": done.results, "size_bytes": done.size}
        )
    else:
        held = f"{units(done.items, 'item')} and {units(done.results, 'result')}, every row checked"
        say(f"job {safe(job)} copied to {safe(str(file), 300)}: {held} ({size(done.size)}).")
    return 0
