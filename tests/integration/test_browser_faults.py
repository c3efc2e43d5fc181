"""A crawl with a real Chromium goes on, whatever happens to its browser: every page once, each with what stood on it, nothing left behind."""

import asyncio
import json
import os
import signal
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from outlast.config import JobConfiguration
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
    """Where the browser and its driver put what they make for a while. Whoever has it in its environment is of this test."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place


@pytest.fixture
def processes(temporary):
    """The processes of this test whose command line holds a text, also those whose parents are gone.

    The children of a browser have written over their environment, and are known by its process group.
    """
    mark, groups = f"TMPDIR={temporary}".encode(), set()

    def found(*texts, without=()):
        there = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))]
        marked = {pid for pid in there if mark in content(pid, "environ")}
        groups.update(pid for pid in marked if "--outlast-owner=" in command_of(pid) and group_of(pid) == pid)
        own = [pid for pid in there if pid in marked or group_of(pid) in groups]
        lines = {pid: command_of(pid) for pid in own}
        return [
            pid
            for pid, line in lines.items()
            if line and all(text in line for text in texts) and not any(text in line for text in without)
        ]

    return found


@pytest.fixture
def victims(processes):
    return {
        "browser": lambda: processes("--outlast-owner=", without=["--type="]),
        "driver": lambda: processes("run-driver"),
        "renderers": lambda: processes("--type=renderer"),
    }


def content(pid, name):
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


def command_of(pid):
    return content(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def group_of(pid):
    fields = content(pid, "stat").rpartition(b")")[2].split()
    return int(fields[2]) if fields else None


@pytest.fixture
def crawl(tmp_path, temporary, processes, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def crawled(site, *, fault=None, before=None, between=None, pages=PAGES, **options):
        events, bus, seen = [], EventBus(), 0
        bus.subscribe(events.append)

        async def scrape(url, page):
            nonlocal seen
            if before is not None:
                await before(url, page)
            await page.goto(url)
            if between is not None:
                await between(url, page)
            token, made = await page.inner_text("#token"), await page.inner_text("#made")
            seen += 1
            if fault is not None and seen == AFTER:
                fault()
            return {"page": int(url.rpartition("/")[2]), "title": await page.title(), "token": token, "made": made}

        settings = {"browser": "chromium", "concurrency": CONCURRENCY, "timeout": 20, **options}
        runtime = Runtime(bus=bus)
        async with Run("crawl", runtime=runtime, output="pages.jsonl", store="store", **settings) as run:
            summary = await run.process(scrape, site.urls[:pages])
            failures = await run.failures()
        records = [json.loads(line) for line in (tmp_path / "pages.jsonl").read_text().splitlines()]
        left = await gone(processes)
        return Crawl(summary, records, events, failures, left, sorted(os.listdir(temporary)), site.requests)

    return crawled


async def gone(processes, seconds=60.0):
    """What is still there after that time, at most."""
    for _ in range(int(seconds / 0.1)):
        if not processes():
            return []
        await asyncio.sleep(0.1)
    return [command_of(pid) for pid in processes()]


def strike(number, victims):
    def struck():
        found = victims()
        assert found, "nobody is there to be struck"
        for pid in found:
            os.kill(pid, number)

    return struck


def assert_whole(done, site, pages=PAGES):
    assert (done.summary.done, done.summary.failed, done.summary.exit_code) == (pages, 0, 0), done.failures
    assert sorted(done.records, key=lambda each: each["page"]) == [site.record(number) for number in range(pages)]
    assert done.processes == []
    assert done.temporary == []


@pytest.mark.parametrize(
    ("number", "victim"),
    [
        pytest.param(signal.SIGKILL, "browser", id="the browser is killed"),
        pytest.param(signal.SIGKILL, "driver", id="the driver is killed"),
        pytest.param(signal.SIGKILL, "renderers", id="every renderer is killed"),
        pytest.param(signal.SIGSTOP, "browser", id="the browser is frozen"),
    ],
)
async def test_a_crawl_survives_what_happens_to_its_browser(crawl, victims, number, victim):
    timeout = 10 if number == signal.SIGSTOP else 30
    async with BrowserSite(pages=PAGES) as site:
        done = await crawl(site, fault=strike(number, victims[victim]), timeout=timeout)
    assert_whole(done, site)
    # At most what was in flight was fetched again.
    assert sum(done.requests.values()) <= PAGES + 2 * CONCURRENCY
    if victim != "renderers":
        assert len(done.happened("browser_crashed")) == 1
        assert len(done.happened("browser_restarted")) == 1


# What a page does, and how often it is fetched then: what only bothers the browser costs its item nothing. One of the two endless
# loops begins before the page is there, the other when its handler is at work on it; far apart, so that each has a core to itself.
TRICKS = {
    "hangjs-early": 2,
    "alert": 1,
    "popups": 1,
    "download": 2,
    "crash": 2,
    "beforeunload": 1,
    "reset": 2,
    "error": 2,
    "hangjs": 2,
}
COUNTING = "const real = alert; window.alerts = 0; window.alert = text => { window.alerts++; real(text); };"


async def test_a_crawl_survives_all_that_its_pages_do_to_it(crawl):
    faults = [PageFault(AFTER + 4 * number, trick) for number, trick in enumerate(TRICKS)]
    path_of = {fault.trick: f"/page/{fault.page}" for fault in faults}
    alerts = []

    async def before(url, page):
        if url.endswith(path_of["alert"]):
            await page.add_init_script(COUNTING)

    async def between(url, page):
        if url.endswith(path_of["alert"]):
            alerts.append(await page.evaluate("alerts"))

    async with BrowserSite(pages=PAGES, faults=faults) as site:
        # Long enough for a flood of popups on a busy machine.
        done = await crawl(site, before=before, between=between, timeout=12)
    assert_whole(done, site)
    # Each has met its page, and cost that one what it may and no other anything.
    assert {trick: done.requests[path] for trick, path in path_of.items()} == TRICKS
    assert fetched_again(done).keys() <= set(path_of.values())
    assert alerts == [20]
    assert sum(count for path, count in done.requests.items() if path.startswith("/popup/")) > 0
    assert not done.happened("browser_crashed")


async def test_a_page_that_leaks_has_the_browser_restarted_in_order_and_the_crawl_goes_on(crawl):
    limit = 1_024
    config = JobConfiguration(resource={"monitoring_interval": 1, "memory_limit_mb": limit})

    lingered = []

    async def linger(url, page):
        if url.endswith(f"/page/{AFTER}"):
            lingered.append(url)
            if len(lingered) == 1:
                await page.wait_for_timeout(60_000)

    async with BrowserSite(pages=PAGES, faults=[PageFault(AFTER, "leak")]) as site:
        done = await crawl(site, between=linger, config=config, timeout=90)
    assert_whole(done, site)
    breached = done.happened("threshold_breached")
    assert {name for event in breached for name in event.data["breached"]} >= {"memory_limit"}
    recovered = done.happened("threshold_recovered")
    seen = [event.data["metrics"]["memory_usage"] for event in breached] + [event.data["peak"] for event in recovered]
    assert limit < max(seen) < 1.3 * limit
    restarted = done.happened("browser_restarted")
    assert [event.data["reason"] for event in restarted] == ["memory_limit"]
    assert restarted[0].data["memory_after"] < restarted[0].data["memory_before"]
    # The item that was cut off by it, and what was beside it, at no cost: nothing else was fetched again.
    assert sum(done.requests.values()) <= PAGES + CONCURRENCY


def fetched_again(done):
    return {path: count for path, count in done.requests.items() if path.startswith("/page/") and count > 1}
