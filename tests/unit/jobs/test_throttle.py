"""How many items are in flight at once: no more than anybody allows, whoever it is."""

import asyncio
from collections import Counter

import pytest

from outlast.jobs import Run
from outlast.jobs.throttle import Throttle
from outlast.runtime import Runtime


def test_the_least_of_the_bounds_is_the_limit():
    throttle = Throttle()
    assert throttle.limit is None
    throttle.bound("memory", 3)
    throttle.bound("recovery", 8)
    assert throttle.limit == 3
    throttle.bound("memory", None)
    assert throttle.limit == 8
    throttle.bound("recovery", None)
    throttle.bound("recovery", None)
    assert throttle.limit is None


def test_only_what_lets_more_into_flight_wakes_anybody():
    throttle, woken = Throttle(), []
    throttle.bound("memory", 3)
    throttle.bound("memory", None)  # nobody listens yet
    throttle.wakes(lambda: woken.append(throttle.limit))
    throttle.bound("memory", 3)
    throttle.bound("recovery", 5)
    throttle.bound("memory", 4)
    throttle.bound("memory", 4)
    throttle.bound("recovery", None)
    assert woken == [4]
    throttle.bound("memory", None)
    assert woken == [4, None]


class Watched:
    """A handler that knows how many of it are at work."""

    def __init__(self, clock):
        self._clock = clock
        self.now = self.most = 0

    async def __call__(self, number):
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self._clock.sleep(0.1)
        finally:
            self.now -= 1
        return number


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {"store": tmp_path, "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5), "concurrency": 8}


async def test_a_bound_that_comes_and_goes_is_obeyed_at_once_and_every_item_is_done(options, virtual_clock):
    handler, seen = Watched(virtual_clock), Counter()

    async def tighten(throttle):
        for name, limit in (("wide", None), ("tight", 2), ("closed", 0), ("wide again", None)):
            throttle.bound("memory", limit)
            await virtual_clock.sleep(0.15)  # what was in flight has ended by then
            handler.most = handler.now
            await virtual_clock.sleep(1.0)
            seen[name] = handler.most

    async with Run("bounded", **options) as run:
        async with asyncio.TaskGroup() as group:
            group.create_task(tighten(run._throttle))
            work = group.create_task(run.process(handler, range(400)))
    assert dict(seen) == {"wide": 8, "tight": 2, "closed": 0, "wide again": 8}
    assert work.result().done == 400


async def test_nothing_is_begun_while_the_bound_is_nothing(options, virtual_clock):
    handler = Watched(virtual_clock)
    async with Run("bounded", **options) as run:
        run._throttle.bound("memory", 0)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(run.process(handler, range(8)))
            await virtual_clock.sleep(60)
            assert handler.most == 0
            run._throttle.bound("memory", 3)
    assert (work.result().done, handler.most) == (8, 3)
