"""5,000 pages of twenty hosts: one is dead, one throttles, one is behind a wall, one is slow, and of the rest one try in twenty fails."""

import asyncio
import json
import signal
import sys
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from outlast.jobs import Outcome, job
from outlast.runtime import Runtime
from outlast.testing import Faults, FlakySite, Throttle

pytestmark = pytest.mark.real_time

HOSTS = 20
PAGES_EACH = 250
CONCURRENCY = 24
PATIENCE = 5
DEAD, THROTTLING, WALLED, SLOW = range(4)

FAULTS = {
    THROTTLING: Faults(unavailable=0.05, reset=0, hang=0, throttle=Throttle(per_second=40, retry_after=1)),
    WALLED: Faults(unavailable=0.05, reset=0, hang=0, wall=True),
    SLOW: Faults(unavailable=0.05, reset=0, hang=0, latency=0.3),
}
USUAL = Faults(unavailable=0.05, reset=0, hang=0)

HANDLER = """
import aiohttp, outlast

async def fetch(url, http):
    async with http.get(url) as response:
        text = await response.text()
        outlast.refuse_blocked(response, text)
        response.raise_for_status()
        return {"url": url, "text": text}

async def log_in(http, host):
    async with http.get(f"http://{host}/login") as response:
        response.raise_for_status()
"""
exec(HANDLER)
# ruff: noqa: F821 - it defines `fetch` and `log_in`


def page(path):
    return f"page {path}".encode() if path[1:].isdigit() and int(path[1:]) < PAGES_EACH else None


def pages(number):
    return {f"/{n}": ("text/plain", f"host {number} page {n}".encode()) for n in range(PAGES_EACH)}


@pytest.fixture
async def sites():
    """The sites by number; the dead one is down from the beginning."""
    async with AsyncExitStack() as stack:
        found = []
        for number in range(HOSTS):
            site = FlakySite(pages(number), FAULTS.get(number, USUAL), host=f"127.0.0.{number + 1}")
            found.append(await stack.enter_async_context(site))
        found[DEAD].outage("refuse")
        yield found


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def items(sites):
    """As a crawl meets them: host by host in blocks, the dead one first."""
    return [f"{site.url}/{n}" for first in range(0, PAGES_EACH, 50) for site in sites for n in range(first, first + 50)]


def obtainable(sites):
    return {f"{site.url}/{n}" for number, site in enumerate(sites) for n in range(PAGES_EACH) if number != DEAD}


def recorded(path):
    return Counter(json.loads(line)["url"] for line in path.read_text().splitlines())


def check_the_sites(sites, seconds):
    dead = sites[DEAD]
    assert dead.requests_while_down <= 40 + seconds / 5, f"{dead.requests_while_down} requests in {seconds} s"
    assert sites[THROTTLING].throttled
    assert sites[THROTTLING].asked_too_early == 0


async def test_all_that_can_be_had_is_recorded_once_and_nobody_is_bothered(sites, tmp_path):
    loop = asyncio.get_running_loop()
    runtime, parked, applied = Runtime(), [], []
    runtime.bus.subscribe(parked.append, ["host_parked"])
    runtime.bus.subscribe(applied.append, ["remedy_applied"])
    crawl = job("twenty", concurrency=CONCURRENCY, patience=PATIENCE, timeout=10)(fetch)
    began = loop.time()
    async with crawl.open(output="out.jsonl", remedies={"rotate_proxy": log_in}, runtime=runtime) as run:
        summary = await run.process(fetch, items(sites))
        failures = await run.failures()
    seconds = loop.time() - began
    assert recorded(tmp_path / "out.jsonl") == Counter(obtainable(sites))
    check_the_sites(sites, seconds)
    # The walled host was logged in to once, and of the others each page was served once.
    assert [event.data["error"] for event in applied] == [None]
    for number, site in enumerate(sites):
        served = Counter({path: count for path, count in site.served.items() if path != "/login"})
        assert served == (Counter() if number == DEAD else Counter({f"/{n}": 1 for n in range(PAGES_EACH)}))
    # What is left is the dead host's, and waits for it.
    assert {event.data["host"] for event in parked} == {sites[DEAD].url.removeprefix("http://")}
    assert all("ServerDisconnected" in event.data["error"] or "Connect" in event.data["error"] for event in parked)
    assert failures == []
    assert (summary.outcome, summary.exit_code) == (Outcome.ABORTED, 3)
    assert (summary.done, summary.failed, summary.deferred) == (len(obtainable(sites)), 0, PAGES_EACH)
    sites[DEAD].restore()
    after = await crawl.run(items(sites), remedies={"rotate_proxy": log_in})
    assert (after.outcome, after.done) == (Outcome.COMPLETED, HOSTS * PAGES_EACH)
    assert recorded(tmp_path / "out.jsonl") == Counter(items(sites))


PROGRAM = (
    HANDLER
    + """
import asyncio, json, sys
urls = json.load(open("urls.json"))
crawl = outlast.job("twenty", concurrency=24, patience=5, timeout=10, crash_loop_limit=0)(fetch)
asyncio.run(crawl.run(urls, output="out.jsonl", remedies={"rotate_proxy": log_in}))
"""
)


async def test_killed_in_the_middle_the_same_command_goes_on(sites, tmp_path):
    loop = asyncio.get_running_loop()
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "urls.json").write_text(json.dumps(items(sites)))
    began, kills = loop.time(), 0
    while True:
        process = await asyncio.create_subprocess_exec(sys.executable, "program.py")
        if kills == 3:
            assert await process.wait() == 0
            break
        served = sum(sum(site.served.values()) for site in sites)
        while sum(sum(site.served.values()) for site in sites) < served + 700:
            assert process.returncode is None
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        kills += 1
    seconds = loop.time() - began
    assert recorded(tmp_path / "out.jsonl") == Counter(obtainable(sites))
    assert sites[DEAD].requests_while_down <= 40 * (kills + 1) + seconds / 5
    again = sum(count - 1 for site in sites for path, count in site.served.items() if path != "/login")
    assert again <= kills * CONCURRENCY
