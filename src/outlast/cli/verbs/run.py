"""`outlast run TARGET [ITEMS]...`."""

from pathlib import Path
from typing import Any

import click

from outlast.cli.once import Once, once_options
from outlast.cli.options import Settings, common, given_options, run_options
from outlast.cli.plan import Order
from outlast.cli.running import carry_out

__all__ = ["command"]


@click.command("run", short_help="Do every item of a job that is not done yet.")
@click.argument("target", metavar="TARGET")
@click.argument("items", nargs=-1, metavar="[ITEMS]...")
@click.option("--job", metavar="NAME", help="What the job is called. [env: OUTLAST_NAME]")
@run_options
@once_options
@common("store", "config", "json", "progress", "color", "quiet", "verbose", "log_format")
@click.pass_obj
def command(settings: Settings, /, target: str, items: tuple[str, ...], *, once: Once, **options: Any) -> int:
    """Do every item of a job that is not done yet. The same command goes on after whatever stopped it.

    TARGET is file.py:function, package.module:function, or a job file (job.toml). ITEMS are files of lines, .jsonl,
    .csv:column, URLs, or - for standard input.
    """
    given = given_options(options, settings)
    order = Order(target=target, items=items, options=given, directory=Path.cwd(), once=once)
    return carry_out(order, settings)
