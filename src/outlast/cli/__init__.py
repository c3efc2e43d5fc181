"""The command line: `outlast run scrape.py:scrape urls.txt`."""

from outlast.cli.entry import main

__all__ = ["main"]
