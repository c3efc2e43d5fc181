"""Real crawls in trouble: what is lost, how much is sent at what is down, how soon they go on, and how they end.

The same crawl without the guard stands beside some of them.
"""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import pytest

import outlast
from outlast.jobs import Outcome, job
from outlast.testing import Faults, FlakySite

pytestmark = pytest.mark.real_time

CONCURRENCY = 8
SITES = 5
PAGES_EACH = 80
WELL = Faults(unavailable=0, reset=0, hang=0, latency=0.02)
OUTAGE = 20.0
EVIDENCE = 40
"""More failures than this are not needed to suspect a job that fails altogether, with what is in flight at that moment."""
SOON = 60.0
"""A try is due every five seconds at most, as the tests on the virtual clock say; here a busy machine has a part in it."""


@job("guarded", concurrency=CONCURRENCY, timeout=10)
async def crawl(url, http):
    async with http.get(url) as response:
        text = await response.text()
        outlast.refuse_blocked(response, text)
        response.raise_for_status()
        if "price" not in text:
            raise ValueError("no price")
        return {"url": url, "text": text}


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class World:
    """Five sites, whose pages have a price as long as `is_well`."""

    def __init__(self):
        self.is_well = True
        self.sites = []

    def page(self, path):
        return b"price 1" if self.is_well else b"an empty shop"

    @property
    def urls(self):
        return [f"{site.url}/{n}" for n in range(PAGES_EACH) for site in self.sites]

    @property
    def served(self):
        return sum(sum(site.served.values()) for site in self.sites)

    def visits(self, since):
        return sorted(visit for site in self.sites for visit in site.requests if visit.time >= since)

    async def until(self, served):
        while self.served < served:
            await asyncio.sleep(0.01)


@pytest.fixture
async def world():
    world = World()
    async with AsyncExitStack() as stack:
        for _ in range(SITES):
            world.sites.append(await stack.enter_async_context(FlakySite(world.page, WELL)))
        yield world


async def begun(world, **options):
    """The crawl, at work, with a quarter of the pages done."""
    crawling = asyncio.create_task(crawl.run(world.urls, **options))
    await world.until(len(world.urls) // 4)
    return crawling


async def test_an_outage_of_all_sites_costs_nothing_and_is_over_soon_after_it_is_over(world):
    crawling = await begun(world)
    down = time.monotonic()
    for site in world.sites:
        site.outage("refuse", OUTAGE)
    summary = await crawling
    assert (summary.done, summary.failed, summary.exit_code) == (PAGES_EACH * SITES, 0, 0)
    visits = world.visits(down)
    bad = [visit.time for visit in visits if visit.status != 200]
    seconds = Counter(int(at - down) for at in bad)
    assert seconds.pop(0) <= EVIDENCE
    assert max(seconds.values(), default=0) <= CONCURRENCY + 1
    assert (
        min(visit.time for visit in visits if visit.time >= down + OUTAGE and visit.status == 200) - down - OUTAGE
        <= SOON
    )


async def test_a_site_that_is_down_for_good_aborts_the_job_and_the_same_call_goes_on_when_it_is_back(world):
    [site, *_] = world.sites
    world.sites = [site]
    crawling = await begun(world, patience=4)
    site.outage("503")
    down = time.monotonic()
    aborted = await crawling
    took = time.monotonic() - down
    assert (aborted.outcome, aborted.exit_code, aborted.failed) == (Outcome.ABORTED, 3, 0)
    assert 4 <= took <= 60
    into_it = Counter(int(visit.time - down) for visit in world.visits(down) if visit.status != 200)
    assert max(into_it.values()) <= CONCURRENCY + 1
    site.restore()
    after = await crawl.run(world.urls)
    assert (after.outcome, after.done, after.failed) == (Outcome.COMPLETED, PAGES_EACH, 0)


async def test_a_wall_aborts_the_job_before_the_pages_are_burnt_and_without_the_guard_all_are(world):
    crawling = await begun(world, patience=3)
    for site in world.sites:
        site.walled = True
    aborted = await crawling
    assert (aborted.outcome, aborted.exit_code, aborted.failed) == (Outcome.ABORTED, 3, 0)
    assert aborted.taken_back <= EVIDENCE
    again = await crawl.run(world.urls, patience=1)
    assert (again.outcome, again.done, again.failed) == (Outcome.ABORTED, aborted.done, 0)
    for site in world.sites:
        site.walled = False
    after = await crawl.run(world.urls)
    assert (after.outcome, after.done) == (Outcome.COMPLETED, PAGES_EACH * SITES)
    for site in world.sites:
        site.walled = True
    unguarded = await crawl.run([f"{url}?again" for url in world.urls], abort={"enabled": False}, fresh=True)
    assert (unguarded.outcome, unguarded.failed) == (Outcome.COMPLETED_WITH_FAILURES, PAGES_EACH * SITES)


async def test_pages_that_lost_their_price_for_a_moment_cost_few_items_and_the_crawl_goes_on_soon(world):
    crawling = await begun(world)
    world.is_well = False
    await asyncio.sleep(3.0)
    world.is_well, mended = True, time.monotonic()
    summary = await crawling
    assert summary.outcome is Outcome.COMPLETED_WITH_FAILURES
    assert summary.failed <= EVIDENCE
    assert world.visits(mended)[0].time - mended <= SOON


async def test_one_dead_site_of_five_stops_nobody(world):
    dead = world.sites[2]
    dead.outage("refuse")
    summary = await crawl.run(world.urls, patience=3)
    assert summary.done == PAGES_EACH * (SITES - 1)
    last = max(visit.time for site in world.sites if site is not dead for visit in site.requests)
    # While the others were crawled.
    assert len([visit for visit in dead.requests if visit.time < last]) <= EVIDENCE
