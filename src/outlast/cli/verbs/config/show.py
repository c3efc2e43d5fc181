"""`outlast config show [FILE]`."""

from typing import Any

import click

from outlast.cli.options import Settings, common, given_options, run_options
from outlast.cli.printing import answer, put
from outlast.cli.settled import settled
from outlast.cli.words.config import settings_document, settings_lines

__all__ = ["command"]


@click.command("show", short_help="Show every setting, and where it comes from.")
@click.argument("file", required=False, metavar="[FILE]")
@click.option("--origin", is_flag=True, help="With where each comes from.")
@click.option("--job", metavar="NAME", help="What the job is called. [env: OUTLAST_NAME]")
@run_options
@common("store", "config", "json", "log_format")
@click.pass_obj
def command(settings: Settings, /, file: str | None, *, origin: bool, **options: Any) -> int:
    """Show every setting as a run with this job file and these options would have it, in the form of a job file.

    Secrets are masked. What is given in code, as in @outlast.job("docs", concurrency=8), is not seen: it wins over the defaults
    alone. Without FILE: the job file of --config, if any.
    """
    found = settled(settings, file, given_options(options, settings))
    if settings.json:
        answer({"file": None if found.file is None else str(found.file), "settings": settings_document(found)})
    else:
        put("\n".join(settings_lines(found, origins=origin)) + "\n")
    return 0
