"""`outlast demo`: a real crawl of a flaky site, killed twice, checked against what the site served.

The pages are the documentation of Python's standard library, rendered from the modules of the Python that runs this. The site
is on the loopback interface; nothing else is contacted.
"""

import argparse
import asyncio
import json
import os
import random
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from outlast.testing import demo_crawl
from outlast.testing.faults import Faults, Outage
from outlast.testing.flaky_site import FlakySite
from outlast.testing.stdlib_pages import build_pages, load_pages

__all__ = ["main"]

Page = tuple[str, bytes]
Links = Mapping[str, frozenset[str]]

KILLS = 2
GONE = 5
LATENCY = 0.12
OUTAGE_SECONDS = 10.0
START = "/index.html"
_SHOW_CURSOR = "\x1b[?25h"  # a killed live view cannot give it back
_LINK = re.compile(rb'href="([\w.]+\.html)')


def main() -> None:
    """Run the demonstration; the exit code is 0 when every page was recorded once."""
    parser = argparse.ArgumentParser(prog="outlast demo", description=__doc__)
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep what the demonstration makes in DIR")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="the moments of the kills")
    arguments = parser.parse_args()
    directory = arguments.keep or Path(tempfile.mkdtemp(prefix="outlast-demo-"))
    directory.mkdir(parents=True, exist_ok=True)
    sys.exit(asyncio.run(_demonstrate(directory.absolute(), random.Random(arguments.seed))))


async def _demonstrate(directory: Path, chance: random.Random) -> int:
    _say("Rendering the documentation of Python's standard library ...")
    began = time.monotonic()
    if not (directory / "pages" / "index.html").exists():
        await asyncio.to_thread(build_pages, directory / "pages")
    pages = {path: page for path, page in load_pages(directory / "pages").items() if path != "/"}
    size = sum(len(body) for _, body in pages.values())
    _say(f"  {len(pages)} pages, {size / 1e6:.0f} MB, in {time.monotonic() - began:.0f} s\n")

    links = {path: _links(body) for path, (_, body) in pages.items()}
    gone = _dead_ends(links, chance)
    expected = _reachable(links, gone)
    dead = frozenset().union(*(links[path] for path in expected)) - expected
    faults = Faults(
        unavailable=0.10,
        reset=0.02,
        hang=0.01,
        retry_after=0.01,
        gone=gone,
        latency=LATENCY,
        outages=(Outage(after_requests=len(pages) // 2, seconds=OUTAGE_SECONDS),),
    )
    _say("A site that answers 10 % of first tries with 503, resets 2 %, hangs on 1 %, sends Retry-After,")
    _say(f"has {len(dead)} dead links and is down for {OUTAGE_SECONDS:.0f} s in the middle of the crawl.\n")
    began = time.monotonic()
    async with FlakySite(pages, faults) as site:
        code = await _crawl(site, len(expected), directory, chance)
        _say(f"\nThe crawl took {time.monotonic() - began:.0f} s, its kills and the outage included.\n")
        return _check(site, pages, expected, directory, code)


def _typed() -> str:
    """How this program is called from a shell: after `make demo` its environment is not activated."""
    return "outlast" if shutil.which("outlast") else f"{shlex.quote(sys.executable)} -m outlast"


async def _crawl(site: FlakySite, pages: int, directory: Path, chance: random.Random) -> int:
    """The same command until it ends by itself; the first two times it is killed."""
    shutil.copy(demo_crawl.__file__, directory / "crawl.py")
    command = ["run", "crawl.py:crawl", site.url + START, "-o", "pages.jsonl", "--max-failed", "5%"]
    marks = [chance.uniform(0.15, 0.40), chance.uniform(0.55, 0.85)]
    fresh = ["--fresh"] if (directory / ".outlast").exists() else []
    for mark in (*marks, None):
        _say(f"$ cd {directory}; outlast {' '.join([*command, *fresh])}")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "outlast", *command, *fresh, cwd=directory, stdin=asyncio.subprocess.DEVNULL
        )
        if mark is not None and await _reached(site, mark * pages, process):
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            fresh = []
            _say(
                f"{_SHOW_CURSOR if sys.stderr.isatty() else ''}\n*** kill -9, with {len(site.served)} pages served ***\n"
            )
        else:
            return await process.wait()
    raise AssertionError("the last run is not killed")


async def _reached(site: FlakySite, pages: float, process: asyncio.subprocess.Process) -> bool:
    """Wait until the site has served so many of its pages; False when the crawl ended before."""
    while len(site.served) < pages:
        if process.returncode is not None:
            return False
        await asyncio.sleep(0.02)
    return True


def _check(site: FlakySite, pages: Mapping[str, Page], expected: frozenset[str], directory: Path, code: int) -> int:
    """Compare the output with what the site has: every page once, and as long as it is."""
    output = directory / "pages.jsonl"
    records = [json.loads(line) for line in output.read_text().splitlines()]
    recorded = Counter(record["url"].removeprefix(site.url) for record in records)
    lost = expected - set(recorded)
    doubled = [url for url, times in recorded.items() if times > 1]
    bodies = {site.url + path: body.decode() for path, (_, body) in pages.items()}
    wrong = [record for record in records if record["length"] != len(bodies[record["url"]])]
    again = sum(site.served.values()) - len(site.served)
    _say(f"recorded   {len(recorded)} of {len(expected)} pages")
    _say(f"lost       {len(lost)}")
    _say(f"doubled    {len(doubled)}")
    _say(f"wrong      {len(wrong)}")
    _say(f"fetched    {sum(site.served.values())} pages: {again} again, because of {KILLS} kills with 16 in flight")
    _say(f"\nThe records are in {output}")
    _say(f"  look     cd {directory} && {_typed()} status demo")
    whole = not lost and not doubled and not wrong and set(recorded) == expected and code == 0
    _say("\nEvery page was recorded exactly once." if whole else f"\nNOT AS PROMISED (exit code of the crawl: {code})")
    return 0 if whole else 1


def _links(body: bytes) -> frozenset[str]:
    return frozenset(f"/{link.decode()}" for link in _LINK.findall(body))


def _dead_ends(links: Links, chance: random.Random) -> frozenset[str]:
    """Some pages without which all others can still be reached."""
    candidates = sorted(links.keys() - {START})
    chance.shuffle(candidates)
    gone: frozenset[str] = frozenset()
    for path in candidates:
        if len(gone) < GONE and len(_reachable(links, gone | {path})) == len(links) - len(gone) - 1:
            gone |= {path}
    return gone


def _reachable(links: Links, gone: frozenset[str]) -> frozenset[str]:
    """Every page that following links from the start leads to."""
    seen = {START}
    waiting = [START]
    while waiting:
        new = (links[waiting.pop()] & links.keys()) - seen - gone
        seen |= new
        waiting.extend(new)
    return frozenset(seen)


def _say(line: str) -> None:
    """Tell the person who looks on; without one, or without room for what is told, there is nothing to demonstrate."""
    try:
        print(line, flush=True)  # noqa: T201 - the demonstration talks to a person
    except OSError as error:
        # Python flushes the stream once more at its end, and would complain.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - open until the process ends
        if isinstance(error, BrokenPipeError):
            raise SystemExit(1) from error
        sys.stderr.write(f"outlast: error: standard output cannot be written: {error.strerror}\n")
        raise SystemExit(7) from error


if __name__ == "__main__":
    main()
