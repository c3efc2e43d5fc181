"""Time in which the process, or its ledger, stood still is nobody's silence: a run is not aborted for it."""

import asyncio

import pytest

from outlast.config import JobConfiguration
from outlast.jobs import Outcome, Run
from outlast.ledger import MemoryLedger
from outlast.runtime import Runtime

HOSTS = 10
EACH = 80
BLOCK = 20
PATIENCE = 5.0


class Ledger(MemoryLedger):
    """One whose disk may stand still: whoever asks it then waits until it moves again."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock
        self.still_until = 0.0

    async def _moving(self):
        await self._clock.sleep(max(0.0, self.still_until - self._clock.monotonic()))

    async def lease(self, *given):
        await self._moving()
        return await super().lease(*given)

    async def record(self, record):
        await self._moving()
        return await super().record(record)

    async def position(self):
        await self._moving()
        return await super().position()

    async def counts(self):
        await self._moving()
        return await super().counts()


def stall(seconds):
    """Hold up the event loop, as a machine does that has no time for this process."""
    asyncio.get_running_loop()._now += seconds


@pytest.fixture
def ledger(virtual_clock):
    return Ledger(virtual_clock)


@pytest.fixture
def options(ledger, virtual_clock, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {"ledger": ledger, "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5), "concurrency": 8}


@pytest.fixture
def triggered(options):
    found = []
    options["runtime"].bus.subscribe(found.append, ["abort_triggered", "abort_executed"])
    return found


async def run(handler, items, options, **settings):
    config = JobConfiguration(checkpoint={"enabled": False}, **settings)
    async with Run("still", config=config, **options) as run:
        return await run.process(handler, items)


def urls():
    """As a crawl meets them: host by host, in blocks."""
    blocks = range(0, EACH, BLOCK)
    return [f"http://h{host}/{n}" for first in blocks for host in range(HOSTS) for n in range(first, first + BLOCK)]


@pytest.mark.parametrize("at", [8.0, 9.5, 11.0, 12.5])
@pytest.mark.parametrize("what", ["loop", "ledger"])
async def test_a_machine_that_stands_still_is_not_taken_for_hosts_that_are_silent(
    ledger, virtual_clock, options, what, at
):
    began, stood = virtual_clock.monotonic(), []

    async def fetch(url):
        if url.startswith("http://h0/"):
            raise ConnectionRefusedError("down")
        for _ in range(10):  # an answer comes in pieces
            await virtual_clock.sleep(0.005)
        if not stood and virtual_clock.monotonic() - began >= at:
            stood.append(url)
            if what == "loop":
                stall(PATIENCE + 1)
            else:
                ledger.still_until = virtual_clock.monotonic() + PATIENCE + 1
        return {"url": url}

    summary = await run(fetch, urls(), options, patience=PATIENCE, rate={"*": "5/s"})
    assert stood
    assert summary.done == (HOSTS - 1) * EACH


async def test_a_process_that_was_stopped_for_longer_than_its_patience_still_has_patience(
    virtual_clock, options, triggered
):
    began, stood = virtual_clock.monotonic(), []

    async def fetch(url):
        await virtual_clock.sleep(0.05)
        seconds = virtual_clock.monotonic() - began
        if seconds >= 30 and not stood:
            stood.append(url)
            stall(3_600)
        if 1 <= seconds < 3_800:
            raise ConnectionRefusedError("down")
        return {"url": url}

    summary = await run(fetch, urls(), options)
    assert (summary.outcome, summary.done, triggered) == (Outcome.COMPLETED, HOSTS * EACH, [])


async def test_hosts_that_take_their_time_are_not_silent_because_another_is_down(virtual_clock, options):
    async def fetch(url):
        if url.startswith("http://down/"):
            raise ConnectionRefusedError("down")
        await virtual_clock.sleep(2_000)
        return {"url": url}

    items = [*(f"http://down/{n}" for n in range(50)), *(f"http://slow/{n}" for n in range(20))]
    summary = await run(fetch, items, options, timeout=None)
    assert summary.done == 20


async def test_hosts_that_may_seldom_be_asked_are_not_silent_because_another_is_down(virtual_clock, options):
    async def fetch(url):
        if url.startswith("http://down/"):
            raise ConnectionRefusedError("down")
        return {"url": url}

    items = [*(f"http://down/{n}" for n in range(50)), *(f"http://rated/{n}" for n in range(5))]
    summary = await run(fetch, items, options, rate={"rated": "2/h"})
    assert summary.done == 5
