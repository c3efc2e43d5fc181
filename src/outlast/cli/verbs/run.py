"""`outlast run TARGET [ITEMS]...`."""

from pathlib import Path
from typing import Any

import click

from outlast.cli.options import Settings, common, release_option, run_options
from outlast.cli.plan import Order
from outlast.cli.running import carry_out

__all__ = ["command"]


@click.command("run", short_help="Do every item of a job that is not done yet.")
@click.argument("target", metavar="TARGET")
@click.argument("items", nargs=-1, metavar="[ITEMS]...")
@click.option(
    "--job", metavar="NAME", help="The name under which the job is kept; default: the decorator's, or the file's."
)
@run_options
@click.option("--fresh", is_flag=True, help="Start over; what was recorded so far is put aside, not deleted.")
@release_option
@common("store", "json", "progress", "color", "quiet", "verbose")
@click.pass_obj
def command(
    settings: Settings, /, target: str, items: tuple[str, ...], *, fresh: bool, release_hold: bool, **options: Any
) -> int:
    """Do every item of a job that is not done yet. The same command goes on after whatever stopped it.

    TARGET is file.py:function, package.module:function, or a job file (job.toml). ITEMS are files of lines, .jsonl files,
    .csv:column, URLs, or - for the lines of standard input.
    """
    given = {name: value for name, value in options.items() if value is not None}
    order = Order(
        target=target, items=items, options=given, directory=Path.cwd(), fresh=fresh, release_hold=release_hold
    )
    return carry_out(order, settings)
