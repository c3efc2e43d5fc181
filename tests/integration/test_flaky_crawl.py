"""A crawl over real sockets, of a site that fails in every way it can."""

import json
from collections import Counter

import httpx
import pytest

from outlast.jobs import job
from outlast.testing import FlakySite, Faults, Outage

pytestmark = pytest.mark.real_time

CONCURRENCY = 16


def pages(count):
    return {f"/{n}": ("text/plain", f"page {n}".encode()) for n in range(count)}


@job("crawl", concurrency=CONCURRENCY, timeout=5)
async def crawl(url, http):
    async with http.get(url, raise_for_status=True) as response:
        return {"url": url, "text": await response.text()}


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def texts(path):
    return Counter(json.loads(line)["text"] for line in path.read_text().splitlines())


async def test_every_page_of_a_flaky_site_is_recorded_once(tmp_path):
    faults = Faults(unavailable=0.10, reset=0.05, hang=0.02, retry_after=0.02, gone=frozenset({"/7", "/8"}))
    async with FlakySite(pages(300), faults) as site:
        summary = await crawl.run([f"{site.url}/{n}" for n in range(300)], output=tmp_path / "out.jsonl")
    assert (summary.done, summary.failed, summary.exit_code) == (298, 2, 1)
    assert texts(tmp_path / "out.jsonl") == Counter(f"page {n}" for n in range(300) if n not in {7, 8})
    assert site.served == Counter({f"/{n}": 1 for n in range(300) if n not in {7, 8}})
    assert summary.retries >= 30


@pytest.mark.parametrize("mode", ["503", "refuse", "hang"])
async def test_an_outage_loses_nothing_and_is_not_hammered(tmp_path, mode):
    down = 6.0
    faults = Faults(unavailable=0, reset=0, hang=0, latency=0.01, outages=(Outage(100, down, mode),))
    async with FlakySite(pages(300), faults) as site:
        summary = await crawl.run([f"{site.url}/{n}" for n in range(300)], output=tmp_path / "out.jsonl")
    assert (summary.done, summary.failed) == (300, 0)
    assert texts(tmp_path / "out.jsonl") == Counter(f"page {n}" for n in range(300))
    assert site.requests_while_down <= (CONCURRENCY + 1) * down
    assert sum(site.served.values()) == 300


async def test_any_client_will_do(tmp_path):
    @job("httpx", concurrency=4, resources={"http": httpx.AsyncClient})
    async def fetch(url, http):
        response = await http.get(url)
        response.raise_for_status()
        return response.text

    async with FlakySite(pages(40), Faults(unavailable=0.2, reset=0.1, hang=0)) as site:
        summary = await fetch.run([f"{site.url}/{n}" for n in range(40)], output=tmp_path / "out.jsonl")
    assert (summary.done, summary.failed) == (40, 0)
    assert sorted((tmp_path / "out.jsonl").read_text().splitlines()) == sorted(f'"page {n}"' for n in range(40))


async def test_a_page_that_asks_to_be_left_alone_is(tmp_path):
    async with FlakySite(pages(20), Faults(unavailable=0, reset=0, hang=0, retry_after=0.3)) as site:
        summary = await crawl.run([f"{site.url}/{n}" for n in range(20)])
        asked = {}
        for visit in site.requests:
            asked.setdefault(visit.path, []).append(visit.time)
    assert summary.done == 20
    assert all(times[1] - times[0] >= 1.0 for times in asked.values() if len(times) > 1)
    assert any(len(times) > 1 for times in asked.values())
