"""A browser restarted under load, killed, and losing its driver; against Playwright alone, which starts one and opens a page.

Four workers use a page after the other all the while. Bars are those for chromium-headless-shell on a quiet machine.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from statistics import quantiles
from typing import Any

from benchmarks.fresh import Numbers, measured
from benchmarks.machine import scratch
from benchmarks.table import Row, at_most, row
from outlast import BrowserError, BrowserLifecycle, BrowserPolicy, EventBus
from outlast.browser import find_browser
from outlast.integrations.playwright import playwright_launcher
from outlast.testing import BrowserSite

__all__ = ["bare", "killed", "restarted", "rows"]

WORKERS = 4
PAUSE = 1.5


def rows(*, full: bool) -> list[Row]:
    rounds = 20 if full else 8
    restarts = measured("browser", "restarted", rounds=rounds)
    browser = measured("browser", "killed", rounds=rounds, what="browser")
    driver = measured("browser", "killed", rounds=max(3, rounds // 2), what="driver")
    alone = measured("browser", "bare", rounds=rounds)
    found = [
        row("restart under load, p50", restarts["totals"], "ms", at_most(600)),
        row("restart under load, p95", [_p95(restarts["totals"])], "ms", at_most(1_000)),
        row("operations lost to restarts", [restarts["lost"]], "", at_most(0)),
        row("longest time without a finished operation", [restarts["gap"]], "ms"),
        row("SIGKILL browser -> next operation, p95", [_p95(browser["totals"])], "ms", at_most(1_500)),
        row("SIGKILL driver -> next operation, p95", [_p95(driver["totals"])], "ms", at_most(3_000)),
        row(
            "results of a killed browser that were taken for good", [browser["false"] + driver["false"]], "", at_most(0)
        ),
        row("Playwright alone: launch, context, page", alone["totals"], "ms"),
    ]
    found.append(row("restart under load, of Playwright alone", [found[0].value / found[-1].value], "times"))
    return found


def restarted(*, rounds: int) -> Numbers:
    return asyncio.run(_restarted(rounds))


def killed(*, rounds: int, what: str) -> Numbers:
    return asyncio.run(_killed(rounds, what))


def bare(*, rounds: int) -> Numbers:
    return asyncio.run(_bare(rounds))


class _Load:
    """Workers who visit pages, and what became of their visits."""

    def __init__(self, lifecycle: BrowserLifecycle, site: BrowserSite) -> None:
        self.lifecycle = lifecycle
        self.site = site
        self.finished: list[float] = []
        self.lost = 0
        self.false = 0

    async def work(self) -> None:
        number = 0
        while True:
            number = (number + 1) % self.site.pages
            try:
                async with self.lifecycle.page() as page:
                    await page.goto(self.site.urls[number])
                    token = await page.inner_text("#token")
                    # Of a crashed page it is an empty text, where most other calls are errors.
                    title = await page.title()
            except BrowserError:
                self.lost += 1
            else:
                record = self.site.record(number)
                self.false += (token, title) != (record["token"], record["title"])
                self.finished.append(time.perf_counter())

    async def next_finished(self, since: float) -> float:
        while not self.finished or self.finished[-1] <= since:
            await asyncio.sleep(0.005)
        return next(each for each in self.finished if each > since)

    @property
    def gap(self) -> float:
        return max(1_000 * (later - earlier) for earlier, later in zip(self.finished, self.finished[1:], strict=False))


async def _under_load(story: Callable[[_Load, list[dict[str, Any]]], Any]) -> _Load:
    bus, told = EventBus(), []
    bus.subscribe(lambda event: told.append(dict(event.data)), ["browser_restarted"])
    with scratch() as directory:
        async with BrowserSite() as site:
            policy = BrowserPolicy(restarts_max=1_000)
            async with BrowserLifecycle(
                playwright_launcher(), policy=policy, storage=directory, events=bus
            ) as lifecycle:
                load = _Load(lifecycle, site)
                async with lifecycle.page() as page:
                    await page.goto(f"{site.url}/storage?write=kept")
                    await page.wait_for_selector("body[data-ready]")
                workers = [asyncio.create_task(load.work()) for _ in range(WORKERS)]
                await load.next_finished(time.perf_counter())
                await story(load, told)
                for each in workers:
                    each.cancel()
                await asyncio.wait(workers)
    return load


async def _restarted(rounds: int) -> Numbers:
    totals: list[float] = []

    async def story(load: _Load, told: list[dict[str, Any]]) -> None:
        for _ in range(rounds):
            await asyncio.sleep(PAUSE)
            assert await load.lifecycle.on_browser_restart_required("measured", {})
        totals.extend(1_000 * each["duration"] for each in told)

    load = await _under_load(story)
    return {"totals": totals, "lost": load.lost, "gap": load.gap}


async def _killed(rounds: int, what: str) -> Numbers:
    totals: list[float] = []

    async def story(load: _Load, _: list[dict[str, Any]]) -> None:
        for _ in range(rounds):
            await asyncio.sleep(PAUSE)
            roots = load.lifecycle.roots()
            generation = load.lifecycle.generation
            killed_at = time.perf_counter()
            os.kill(roots[0 if what == "browser" else 1][0], signal.SIGKILL)
            while load.lifecycle.generation in {generation, 0}:
                await asyncio.sleep(0.002)
            totals.append(1_000 * (await load.next_finished(time.perf_counter()) - killed_at))

    load = await _under_load(story)
    return {"totals": totals, "false": load.false}


async def _bare(rounds: int) -> Numbers:
    from playwright.async_api import async_playwright

    totals = []
    async with async_playwright() as playwright:
        for _ in range(rounds):
            began = time.perf_counter()
            browser = await playwright.chromium.launch(executable_path=find_browser().path)
            page = await (await browser.new_context()).new_page()
            await page.evaluate("1")
            totals.append(1_000 * (time.perf_counter() - began))
            await browser.close()
    return {"totals": totals}


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]
