"""Closing leaves nothing, whoever gives up waiting for it and whatever is under way."""

import asyncio

import pytest

from outlast.errors import BrowserUnavailableError


@pytest.mark.parametrize("seconds", [0, 0.005, 0.015, 1, 3])
async def test_closing_goes_on_when_who_waits_for_it_gives_up(stage, seconds):
    it = stage()
    lifecycle = it.lifecycle
    async with lifecycle.page() as page:
        page.hang()
    it.launcher.next("close", 2)
    it.launcher.next("stop", 2)
    closing = asyncio.create_task(lifecycle.close())
    await asyncio.sleep(seconds)
    closing.cancel()
    await asyncio.wait({closing})
    with pytest.raises(BrowserUnavailableError, match="closed"):
        async with lifecycle.page():
            pytest.fail("it was lent")
    await asyncio.gather(lifecycle.close(), lifecycle.close())
    assert it.launcher.open_browsers == 0
    assert it.launcher.drivers_stopped == 1
    assert not lifecycle._keeper.calls._running


async def test_a_browser_that_is_being_launched_when_all_is_closed_leaves_nothing(stage):
    it = stage()
    it.launcher.next("launch", 2)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1), it.lifecycle as lifecycle, lifecycle.page():
            pytest.fail("it was lent")
    assert len(it.launcher.browsers) == 1
    assert it.launcher.open_browsers == 0
    assert it.launcher.drivers_stopped == 1
