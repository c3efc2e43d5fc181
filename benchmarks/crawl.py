"""Small pages over loopback: a durable job, and bare aiohttp workers that keep nothing."""

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.fresh import Numbers, interleaved
from benchmarks.machine import scratch
from benchmarks.pages import served
from benchmarks.stopwatch import Stopwatch
from benchmarks.table import Row, row
from outlast import Run
from outlast.integrations.aiohttp import http_session

__all__ = ["bare", "job", "rows"]

PAGES = 5_000
CONCURRENCY = 64
ROUNDS = 5
_TITLE = re.compile(r"<title>(.*?)</title>")


def rows(*, full: bool) -> list[Row]:
    size = {"pages": 4 * PAGES if full else PAGES, "concurrency": CONCURRENCY}
    found = interleaved("crawl", {"job": ("job", size), "bare": ("bare", size)}, rounds=ROUNDS)

    def values(name: str, number: str) -> list[float]:
        return [each[number] for each in found[name]]

    share = [mine / theirs for mine, theirs in zip(values("job", "rate"), values("bare", "rate"), strict=True)]
    return [
        row("durable job with an output file", values("job", "rate"), "pages/s"),
        row("bare aiohttp workers", values("bare", "rate"), "pages/s"),
        row("job / bare", share, "x"),
        row("CPU a page, job", values("job", "cpu_us"), "us"),
        row("CPU a page, bare", values("bare", "cpu_us"), "us"),
    ]


def job(*, pages: int, concurrency: int) -> Numbers:
    """A whole run, from the opening of its store to the last fsync of its output."""
    with served() as url, scratch() as directory:
        return asyncio.run(_job(url, directory, pages, concurrency))


def bare(*, pages: int, concurrency: int) -> Numbers:
    """The same function in so many tasks, with its results in a list."""
    with served() as url:
        return asyncio.run(_bare(url, pages, concurrency))


async def _page(url: str, http: aiohttp.ClientSession) -> Any:
    async with http.get(url) as response:
        response.raise_for_status()
        match = _TITLE.search(await response.text())
    return {"url": url, "title": match and match[1]}


async def _job(url: str, directory: Path, pages: int, concurrency: int) -> Numbers:
    output = directory / "pages.jsonl"
    watch = Stopwatch()
    with watch:
        async with Run(
            "crawl", store=directory, output=output, concurrency=concurrency, resources={"http": http_session}
        ) as run:
            summary = await run.process(_page, (f"{url}/page/{number}" for number in range(pages)))
    assert summary.done == pages, summary
    assert output.read_bytes().count(b"\n") == pages
    return watch.per_item(pages)


async def _bare(url: str, pages: int, concurrency: int) -> Numbers:
    urls = iter([f"{url}/page/{number}" for number in range(pages)])
    found: list[Any] = []

    async def work(http: aiohttp.ClientSession) -> None:
        for each in urls:
            found.append(await _page(each, http))

    watch = Stopwatch()
    with watch:
        async with http_session() as http:
            await asyncio.gather(*(work(http) for _ in range(concurrency)))
    assert len(found) == pages
    return watch.per_item(pages)
