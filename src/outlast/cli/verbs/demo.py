"""`outlast demo`."""

import os
import sys
from typing import NoReturn

import click

__all__ = ["command"]


@click.command("demo", short_help="Crawl a flaky site on this machine, be killed, lose nothing.")
@click.option("--keep", metavar="DIR", help="Keep what the demonstration made in this directory.")
def command(keep: str | None) -> NoReturn:
    """Crawl a flaky site on this machine, be killed on the way, and lose nothing. Needs no network."""
    sys.stdout.flush()
    kept = ["--keep", keep] if keep is not None else []
    # The demonstration is part of the test kit, which nothing in the package imports: it takes this process's place.
    os.execv(sys.executable, [sys.executable, "-m", "outlast.testing.demo", *kept])  # noqa: S606 - no shell, own module
