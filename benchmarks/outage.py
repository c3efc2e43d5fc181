"""A site that is down for 20 s in the middle of a crawl of 300 pages, and with `--full` one that is down for 90 s, in real time.

The peer has what scraping frameworks do by default: three more tries of each page, and nothing that knows of the host.
"""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.fresh import Numbers, measured
from benchmarks.machine import scratch
from benchmarks.table import Row, at_most, row
from outlast import Run
from outlast.integrations.aiohttp import http_session
from outlast.testing import Faults, FlakySite, Outage

__all__ = ["job", "retrying_loop", "rows"]

PAGES = 300
CONCURRENCY = 16
DOWN_SECONDS = 20.0
LONG_SECONDS = 90.0
DOWN_AFTER = 90
LATENCY = 0.05
TRIES = 4
RESUMED_SECONDS_MAX = 5.0


def rows(*, full: bool) -> list[Row]:
    found: list[Row] = []
    cases = [("503", DOWN_SECONDS), *([("refuse", DOWN_SECONDS), ("503", LONG_SECONDS)] if full else [])]
    for mode, seconds in cases:
        ours = measured("outage", "job", mode=mode, seconds=seconds)
        theirs = measured("outage", "retrying_loop", mode=mode, seconds=seconds)
        name = f"{mode}, {seconds:g} s"
        found += [
            row(f"{name}: items lost, job", [ours["lost"]], "items", at_most(0)),
            row(f"{name}: items lost, loop with 3 retries", [theirs["lost"]], "items"),
            row(f"{name}: requests into the outage, job", [ours["requests"]], "requests"),
            row(f"{name}: requests into the outage, loop", [theirs["requests"]], "requests"),
            row(f"{name}: requests into the worst second, job", [ours["worst"]], "requests", at_most(CONCURRENCY + 1)),
            row(f"{name}: requests into the worst second, loop", [theirs["worst"]], "requests"),
            row(f"{name}: from recovery to the next page, job", [ours["resumed"]], "s", at_most(RESUMED_SECONDS_MAX)),
        ]
    return found


def job(*, mode: str, seconds: float) -> Numbers:
    with scratch() as directory:
        return asyncio.run(_job(directory, mode, seconds))


def retrying_loop(*, mode: str, seconds: float) -> Numbers:
    return asyncio.run(_retrying_loop(mode, seconds))


async def _job(directory: Path, mode: str, down: float) -> Numbers:
    output = directory / "pages.jsonl"
    async with _site(mode, down) as site:
        async with Run(
            "outage", store=directory, output=output, concurrency=CONCURRENCY, resources={"http": http_session}
        ) as run:
            summary = await run.process(_page, _urls(site))
        kept = set(output.read_text().splitlines())
        assert len(kept) == summary.done, summary
        return {**_seen(site), "lost": PAGES - len(kept), "resumed": _resumed(site, down)}


async def _retrying_loop(mode: str, down: float) -> Numbers:
    kept: list[Any] = []
    async with _site(mode, down) as site, aiohttp.ClientSession() as http:
        urls = iter(_urls(site))

        async def work() -> None:
            for url in urls:
                for _ in range(TRIES):
                    try:
                        kept.append(await _page(url, http))
                        break
                    except aiohttp.ClientError:
                        continue

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
        return {**_seen(site), "lost": PAGES - len(kept)}


async def _page(url: str, http: aiohttp.ClientSession) -> Any:
    async with http.get(url) as response:
        response.raise_for_status()
        return {"url": url, "size": len(await response.read())}


def _site(mode: str, seconds: float) -> FlakySite:
    down = Outage(DOWN_AFTER, seconds, mode)  # type: ignore[arg-type] # checked by Outage
    return FlakySite(
        lambda path: path.encode(), Faults(unavailable=0, reset=0, hang=0, latency=LATENCY, outages=(down,))
    )


def _urls(site: FlakySite) -> list[str]:
    return [f"{site.url}/page/{number}" for number in range(PAGES)]


def _seen(site: FlakySite) -> Numbers:
    """How many requests met the outage, and how many of them in its worst second."""
    began = _began(site)
    seconds = Counter(int(visit.time - began) for visit in site.requests if visit.status != 200)
    assert sum(seconds.values()) == site.requests_while_down > 0
    return {"requests": site.requests_while_down, "worst": max(seconds.values())}


def _resumed(site: FlakySite, down: float) -> float:
    recovered = _began(site) + down
    return min(visit.time for visit in site.requests if visit.time >= recovered) - recovered


def _began(site: FlakySite) -> float:
    # The outage begins with the answer after which the site is down, so at the last good one before the first bad.
    good = 0.0
    for visit in site.requests:
        if visit.status != 200:
            return good
        good = visit.time
    raise AssertionError("no request met the outage")
