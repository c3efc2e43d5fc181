"""`outlast demo`."""

import os
import sys
from typing import NoReturn

import click

__all__ = ["command"]


@click.command("demo", short_help="Crawl a flaky site on this machine, be killed, lose nothing.")
@click.option("--keep", metavar="DIR", help="Keep what the demonstration made in this directory.")
@click.option("--site", is_flag=True, help="Only serve a small flaky shop, to be scraped, until Ctrl-C.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Where to serve it (with --site; default: 8000).")
def command(keep: str | None, port: int | None, *, site: bool) -> NoReturn:
    """Crawl a flaky site on this machine, be killed on the way, and lose nothing. Needs no network."""
    if site and keep is not None:
        raise click.UsageError("--keep is of the demonstration, and --site serves the shop alone")
    if port is not None and not site:
        raise click.UsageError("--port is where --site serves the shop")
    sys.stdout.flush()
    module = "outlast.testing.shop" if site else "outlast.testing.demo"
    given = {"--keep": keep, "--port": None if port is None else str(port)}
    arguments = [word for name, value in given.items() if value is not None for word in (name, value)]
    # The demonstration is part of the test kit, which nothing in the package imports: it takes this process's place.
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - no shell, own module
