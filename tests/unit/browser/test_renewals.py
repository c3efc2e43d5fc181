"""Contexts, browsers and drivers that have served enough are renewed, and memory is given back when it is asked for."""

import asyncio
import os

import pytest

from outlast.browser import processes, restart
from outlast.browser.custody import Custody
from outlast.browser.launched import Launched
from outlast.testing import HANG, FakeBrowserError, FakeLauncher

COOKIE = {"name": "sid", "value": "s3cret", "domain": "x", "path": "/", "expires": -1}


async def visit(lifecycle, session_id="default"):
    async with lifecycle.page(session_id) as page:
        return page.context


async def test_a_context_is_renewed_after_so_many_pages_with_all_that_it_holds(stage):
    it = stage(policy={"context_pages": 3})
    async with it.lifecycle as lifecycle:
        async with lifecycle.page() as page:
            await page.context.add_cookies([COOKIE])
            first = page.context
        assert [await visit(lifecycle) for _ in range(2)] == [first, first]
        second = await visit(lifecycle)
        assert second is not first
        assert second.storage["cookies"] == [COOKIE]
        assert it.launcher.browser.contexts == [second]


async def test_a_context_is_renewed_after_so_long(stage):
    it = stage(policy={"context_age": 100})
    async with it.lifecycle as lifecycle:
        first = await visit(lifecycle)
        await asyncio.sleep(90)
        assert await visit(lifecycle) is first
        await asyncio.sleep(20)
        assert await visit(lifecycle) is not first


async def test_a_context_that_is_due_waits_for_those_who_are_in_it(stage):
    it = stage(policy={"context_pages": 2})
    ended = []

    async def work():
        async with it.lifecycle.page() as page:
            await page.wait_for_timeout(5_000)
            assert await page.title()
            ended.append(page.context)

    async with it.lifecycle:
        await asyncio.gather(*(work() for _ in range(6)))
        assert len(ended) == 6
        assert len(set(ended)) == 3


async def test_a_context_that_is_never_left_is_renewed_another_time(stage):
    it = stage(policy={"context_pages": 1, "browser_age": None})
    async with it.lifecycle as lifecycle:
        async with lifecycle.page() as page:
            other = asyncio.create_task(visit(lifecycle))
            # It is waited for as long as a restart would wait, and no longer.
            await asyncio.sleep(31)
            assert await other is page.context
            assert not page.is_closed()


async def test_a_lease_within_a_lease_does_not_wait_for_the_renewal_that_waits_for_it(stage):
    it = stage(policy={"context_pages": 1})
    async with it.lifecycle as lifecycle, lifecycle.page() as outer:
        began = asyncio.get_running_loop().time()
        async with lifecycle.page() as inner:
            assert inner.context is outer.context
        assert asyncio.get_running_loop().time() - began < 1


async def test_memory_is_given_back_page_by_page_and_then_context_by_context(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        await lifecycle.relieve(2)
        async with lifecycle.page("busy") as page:
            idle = await visit(lifecycle, "idle")
            it.launcher.next("request_gc", HANG, FakeBrowserError("broken"))
            began = asyncio.get_running_loop().time()
            await lifecycle.relieve(1)
            assert asyncio.get_running_loop().time() - began == pytest.approx(1, abs=0.2)
            assert idle in it.launcher.browser.contexts
            await lifecycle.relieve(2)
            assert idle not in it.launcher.browser.contexts
            assert page.context in it.launcher.browser.contexts
            assert it.launcher.open_contexts == 2


class OwnProcess(FakeLauncher):
    """A fake browser whose driver is this very process, so that there is something to measure."""

    async def __call__(self):
        launched = await super().__call__()
        return Launched(launched.browser, launched.stop, os.getpid(), "no browser has this mark")


@pytest.mark.parametrize(
    ("policy", "reason"),
    [({"driver_memory": 1}, "driver memory"), ({"driver_age": 15, "driver_memory": None}, "driver age")],
)
async def test_a_driver_that_has_served_enough_is_replaced_with_its_browser(
    stage, of_kind, policy, reason, monkeypatch
):
    from outlast.browser import launching

    monkeypatch.setattr(launching, "end", lambda process: None)  # it is the process of this test
    it = stage(launcher=OwnProcess(), policy=policy)
    async with it.lifecycle as lifecycle:
        await visit(lifecycle)
        await asyncio.sleep(25)
        assert of_kind(it.told, "browser_restarted")[0]["reason"] == reason
        assert it.launcher.drivers_stopped >= 1


async def test_a_browser_above_its_memory_is_renewed(stage, of_kind, monkeypatch):
    it = stage(policy={"browser_memory": 500})

    async def measured(self, generation):
        return 600.0 if generation.number == 1 and asyncio.get_running_loop().time() > 15 else 100.0

    monkeypatch.setattr(restart.Restart, "_memory", measured)
    async with it.lifecycle as lifecycle:
        await visit(lifecycle)
        await asyncio.sleep(15)
        assert not of_kind(it.told, "browser_restarted")
        await asyncio.sleep(10)
        assert [each["reason"] for each in of_kind(it.told, "browser_restarted")] == ["memory"]


async def test_an_attempt_to_launch_is_made_so_often_and_with_a_new_driver_at_last(stage):
    it = stage(policy={"launch_attempts": 2})
    async with it.lifecycle as lifecycle:
        await visit(lifecycle)
        it.launcher.next("launch", FakeBrowserError("no"), FakeBrowserError("no"))
        assert await lifecycle.on_browser_restart_required("test", {})
        assert it.launcher.drivers_stopped == 1
        it.launcher.next("launch", *[FakeBrowserError("no")] * 3)
        assert not await lifecycle.on_browser_restart_required("test", {})


async def test_a_late_browser_is_closed(stage):
    it = stage()
    it.launcher.next("launch", 40)
    async with it.lifecycle as lifecycle:
        await visit(lifecycle)
        await asyncio.sleep(60)
        assert len(it.launcher.browsers) == 2
        assert it.launcher.open_browsers == 1


async def test_a_shell_guards_only_where_it_is_wanted(stage):
    for wanted in (True, False):
        it = stage(policy={"reaper": wanted})
        custody = it.lifecycle._custody
        assert isinstance(custody, Custody)
        assert (custody._reaper is not None) is wanted


SUBREAPER = """
import asyncio, ctypes
from outlast import BrowserLifecycle, BrowserPolicy
from outlast.testing import FakeLauncher

def is_subreaper():
    found = ctypes.c_int(0)
    ctypes.CDLL(None).prctl(37, ctypes.byref(found), 0, 0, 0)
    return bool(found.value)

async def main(wanted):
    async with BrowserLifecycle(FakeLauncher(), policy=BrowserPolicy(subreaper=wanted)) as lifecycle:
        async with lifecycle.page():
            return is_subreaper()

print(asyncio.run(main(False)), asyncio.run(main(True)))
"""


@pytest.mark.real_time
async def test_orphans_are_adopted_only_when_that_is_wanted():
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", SUBREAPER], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True"]
    assert processes.PROC.exists()


async def test_a_renewal_that_cannot_read_all_keeps_the_cookies_of_now(stage):
    it = stage(policy={"context_pages": 2})
    async with it.lifecycle as lifecycle:
        await lifecycle.get_browser_state("default")
        async with lifecycle.page() as page:
            await lifecycle.get_browser_state("default")
            await page.context.add_cookies([COOKIE])
            first = page.context
        it.launcher.always("storage_state", FakeBrowserError("broken"))
        await visit(lifecycle)
        second = await visit(lifecycle)
        assert second is not first
        assert second.storage["cookies"] == [COOKIE]
