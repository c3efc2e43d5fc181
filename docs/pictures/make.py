"""Make the pictures of the documentation: real runs on a terminal of their own, and the report in a headless browser.

`make pictures` runs it: about a minute. The sites are on this machine; each picture is what was shown.
"""

import asyncio
import json
import os
import shlex
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import async_playwright

from terminal import HEIGHT, Terminal, write_svg

from outlast.browser import find_browser
from outlast.testing import Faults, FlakySite

HERE = Path(__file__).parent
RUN = "outlast run scrape.py:scrape urls.txt --job shops -o shops.jsonl"
PRODUCTS = 300
GONE = frozenset({"/p/40", "/p/180", "/p/260"})
QUIET = {"unavailable": 0, "reset": 0, "hang": 0}
JOB_FILE = """\
name = "walled"
target = "scrape.py:scrape"
items = "walled.txt"
patience = "6s"
"""


def page(without_price=()):
    def shown(path):
        number = int(path.rpartition("/")[2])
        price = "" if number in without_price else f'<p class="price">{number % 90}.90</p>'
        return f"<!DOCTYPE html><title>Product {number}</title><h1>Product {number}</h1>{price}".encode()

    return shown


SHOPS = {
    "shop-a.example": FlakySite(page(), Faults(unavailable=0.06, reset=0.02, hang=0, latency=0.2)),
    "shop-b.example": FlakySite(page(), Faults(**QUIET, latency=0.2)),
    "shop-c.example": FlakySite(page(range(0, PRODUCTS, 20)), Faults(**QUIET, gone=GONE, latency=0.2)),
    "walled.example": FlakySite(page(), Faults(**QUIET, wall=True, latency=0.1)),
}


class Studio:
    """Where the runs take place, and how a program is started there."""

    def __init__(self, directory):
        self.directory = directory
        shutil.copy(HERE / "scrape.py", directory)
        urls = [f"http://{shop}/p/{number}" for number in range(PRODUCTS) for shop in list(SHOPS)[:3]]
        (directory / "urls.txt").write_text("\n".join(urls) + "\n")
        walled = [f"http://walled.example/p/{number}" for number in range(200)]
        (directory / "walled.txt").write_text("\n".join(walled) + "\n")
        (directory / "walled.toml").write_text(JOB_FILE)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OUTLAST_", "NO_COLOR"))}
        ports = {name: int(site.url.rpartition(":")[2]) for name, site in SHOPS.items()}
        self.environ = kept | {"SHOPS": json.dumps(ports), "TERM": "xterm-256color", "TZ": "UTC"}

    def open(self, typed, height=HEIGHT):
        command = [sys.executable, "-m", *shlex.split(typed)]
        return Terminal(typed, command, self.directory, self.environ, height)

    def shown(self, name, typed, title, height=HEIGHT):
        """A picture of all that a command shows."""
        return self.save(self.open(typed, height).wait(), name, title)

    def done(self):
        """The share of the pages that is in the output file."""
        output = self.directory / "shops.jsonl"
        return len(output.read_bytes().splitlines()) / (3 * PRODUCTS) if output.exists() else 0.0

    def save(self, screen, name, title):
        assert screen.text.strip()
        write_svg(screen, HERE / f"{name}.svg", title)
        print(f"{name}.svg", flush=True)
        return screen


def runs(studio):
    """A run that is stopped, one that is killed, one that ends: of each what is seen."""
    first = studio.open(RUN)
    first.wait(lambda _: studio.done() > 0.18)
    SHOPS["shop-b.example"].outage()
    first.wait(lambda text: "shop-b.example seems down" in text)
    noticed = studio.done()
    studio.save(first.wait(lambda _: studio.done() > noticed + 0.06), "run", "a run, while one shop is down")
    first.type("\x03")
    studio.save(first.wait(), "stopped", "Ctrl-C")
    SHOPS["shop-b.example"].restore()

    second = studio.open(RUN)
    studio.save(second.wait(lambda _: studio.done() > 0.75), "resumed", "the same command again")
    second.kill()
    second.wait()
    studio.shown("killed", "outlast status shops", "after kill -9")

    studio.shown("finished", RUN, "and again, to the end")
    studio.shown("failures", "outlast failures shops", "why items failed")
    studio.shown("aborted", "outlast run walled.toml", "a site that lets nobody in")


async def report(studio):
    """The page as it is on a wide screen, by day and by night, and on a telephone."""
    made = await asyncio.to_thread(studio.open("outlast report shops").wait)
    assert "shops-report.html" in made.text
    html = (studio.directory / "shops-report.html").read_text(encoding="utf-8")
    assert str(studio.directory) not in html, "the report names a directory of this machine"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser("chromium").path)
        for name, scheme, width, height in (
            ("report-light", "light", 1100, 980),
            ("report-dark", "dark", 1100, 980),
            ("report-narrow", "light", 390, 844),
        ):
            window = await browser.new_page(color_scheme=scheme, viewport={"width": width, "height": height})
            await window.goto(f"file://{studio.directory / 'shops-report.html'}")
            await window.wait_for_timeout(500)  # the pictures in it are drawn by a script
            await window.screenshot(path=HERE / f"{name}.png", animations="disabled")
            print(f"{name}.png", flush=True)
        await browser.close()


async def main():
    async with AsyncExitStack() as stack:
        for site in SHOPS.values():
            await stack.enter_async_context(site)
        with tempfile.TemporaryDirectory(prefix="outlast-pictures-") as directory:
            studio = Studio(Path(directory))
            await asyncio.to_thread(runs, studio)
            await report(studio)


if __name__ == "__main__":
    asyncio.run(main())
