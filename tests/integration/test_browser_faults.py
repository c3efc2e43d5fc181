"""A crawl with a real Chromium goes on, whatever happens to its browser: every page once, each with what stood on it, nothing left behind."""

import asyncio
import json
import os
import signal
import tempfile
from collections import Counter
from dataclasses import dataclass, field

import psutil
import pytest

from outlast.events import EventBus
from outlast.jobs import Run
from outlast.runtime import Runtime
from outlast.testing import BrowserSite, PageFault

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(110)]

PAGES = 80
AFTER = 20
CONCURRENCY = 4


@dataclass
class Crawl:
    """What came of a crawl: its records, what was announced, what was still there when it had ended."""

    summary: object
    records: list
    events: list
    failures: list
    processes: list
    temporary: list
    requests: Counter = field(default_factory=Counter)

    def happened(self, kind):
        return [event for event in self.events if event.event_type == kind]


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where the browser and its driver put what they make for a while."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place


@pytest.fixture
def crawl(tmp_path, temporary, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def crawled(site, *, fault=None, pages=PAGES, **options):
        events, bus, seen = [], EventBus(), 0
        bus.subscribe(events.append)

        async def scrape(url, page):
            nonlocal seen
            await page.goto(url)
            token, made = await page.inner_text("#token"), await page.inner_text("#made")
            seen += 1
            if fault is not None and seen == AFTER:
                fault()
            return {"page": int(url.rpartition("/")[2]), "title": await page.title(), "token": token, "made": made}

        settings = {"browser": "chromium", "concurrency": CONCURRENCY, "timeout": 6, **options}
        runtime = Runtime(bus=bus)
        async with Run("crawl", runtime=runtime, output="pages.jsonl", store="store", **settings) as run:
            summary = await run.process(scrape, site.urls[:pages])
            failures = await run.failures()
        records = [json.loads(line) for line in (tmp_path / "pages.jsonl").read_text().splitlines()]
        left = await gone(browsers)
        return Crawl(summary, records, events, failures, left, sorted(os.listdir(temporary)), site.requests)

    return crawled


def descendants():
    return psutil.Process().children(recursive=True)


def command(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def browsers():
    """The main processes of the browsers that this process has started, also where their driver is gone."""
    owned = [each for each in psutil.process_iter() if "--outlast-owner=" in command(each)]
    own = {each.pid for each in descendants()}
    return [each for each in owned if "--type=" not in command(each) and each.pid in own]


def drivers():
    return [each for each in descendants() if "run-driver" in command(each)]


def renderers():
    return [each for each in descendants() if "--type=renderer" in command(each)]


async def gone(what, seconds=5.0):
    """What is still there after that time, at most."""
    for _ in range(int(seconds / 0.1)):
        if not [each for each in (*what(), *renderers(), *drivers()) if each.status() != psutil.STATUS_ZOMBIE]:
            return []
        await asyncio.sleep(0.1)
    return [command(each) for each in what()]


def strike(number, victims):
    def struck():
        found = victims()
        assert found, "nobody is there to be struck"
        for each in found:
            os.kill(each.pid, number)

    return struck


def assert_whole(done, site, pages=PAGES):
    assert (done.summary.done, done.summary.failed, done.summary.exit_code) == (pages, 0, 0), done.failures
    assert sorted(done.records, key=lambda each: each["page"]) == [site.record(number) for number in range(pages)]
    assert done.processes == []
    assert done.temporary == []


@pytest.mark.parametrize(
    ("number", "victims"),
    [
        pytest.param(signal.SIGKILL, browsers, id="the browser is killed"),
        pytest.param(signal.SIGKILL, drivers, id="the driver is killed"),
        pytest.param(signal.SIGKILL, renderers, id="every renderer is killed"),
        pytest.param(signal.SIGSTOP, browsers, id="the browser is frozen"),
    ],
)
async def test_a_crawl_survives_what_happens_to_its_browser(crawl, number, victims):
    async with BrowserSite(pages=PAGES) as site:
        done = await crawl(site, fault=strike(number, victims))
    assert_whole(done, site)
    # At most what was in flight was fetched again.
    assert sum(done.requests.values()) <= PAGES + 2 * CONCURRENCY
    if victims is not renderers:
        assert len(done.happened("browser_crashed")) == 1
        assert len(done.happened("browser_restarted")) == 1


@pytest.mark.parametrize("trick", ["hangjs", "hangjs-early", "alert", "popups", "download", "crash", "beforeunload"])
async def test_a_crawl_survives_what_a_page_does_to_it(crawl, trick):
    async with BrowserSite(pages=PAGES, faults=[PageFault(AFTER, trick)]) as site:
        done = await crawl(site)
    assert_whole(done, site)
    again = {path: count for path, count in done.requests.items() if path.startswith("/page/") and count > 1}
    # It costs its own item an attempt at most, and no other item anything.
    assert again in ({}, {f"/page/{AFTER}": 2})
    assert not done.happened("browser_crashed")
