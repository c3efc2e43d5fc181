"""Bodies of work beside each other in one real Chromium: nothing that comes from a crashed page counts, and each pays for its own alone."""

import asyncio
import os
import signal
from collections import Counter

import pytest

from outlast import BrowserCrashedError, BrowserLifecycle
from outlast.browser.processes import Process, command, group
from outlast.integrations.playwright import playwright_launcher
from outlast.testing import BrowserSite

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(110)]

KINDS = ("page", "context", "browser")
CRASHES = 12


@pytest.fixture
async def site():
    async with BrowserSite(pages=20) as site:
        yield site


@pytest.fixture
async def lifecycle():
    async with BrowserLifecycle(playwright_launcher()) as lifecycle:
        yield lifecycle


async def opened_in(kind, lent):
    return await (lent.context if kind == "page" else lent).new_page()


def kill_renderers(lifecycle):
    for each in group(Process(*lifecycle.roots()[0])):
        if "--type=renderer" in command(each):
            os.kill(each.pid, signal.SIGKILL)


async def test_no_result_of_a_page_that_crashed_is_accepted(lifecycle, site):
    crashed, false = Counter(), []

    async def visit(kind, number):
        try:
            async with getattr(lifecycle, kind)(deadline=10) as lent:
                page = await opened_in(kind, lent)
                await page.goto(site.urls[number])
                kill_renderers(lifecycle)
                # Of a crashed page it is an empty text, and no error.
                title = await page.title()
        except BrowserCrashedError as error:
            crashed[kind] += error.is_page_alone
        except Exception:
            pass  # a page that crashed before it was there; nothing is accepted then either
        else:
            false.extend([title] if title != site.record(number)["title"] else [])

    async def visits(kind, number):
        while crashed[kind] < CRASHES // len(KINDS) and not false:
            await visit(kind, number)

    await asyncio.gather(*(visits(kind, number) for number, kind in enumerate(KINDS)))
    assert false == []
    assert lifecycle.generation == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_body_does_to_its_pages_and_to_all_that_it_was_lent_costs_nobody_else(lifecycle, site, kind):
    there, over = asyncio.Barrier(3), asyncio.Event()

    async def visit(number, what):
        async with getattr(lifecycle, kind)() as lent:
            page = await opened_in(kind, lent)
            await page.goto(site.urls[number])
            await there.wait()
            return await what(page)

    async def crashes(page):
        await page.goto("chrome://crash")

    async def closes(page):
        title = await page.title()
        await page.context.close()
        await page.context.browser.close()
        return title

    async def stays(page):
        await over.wait()
        return await page.title()

    staying = asyncio.create_task(visit(2, stays))
    crashed, closed = await asyncio.gather(visit(0, crashes), visit(1, closes), return_exceptions=True)
    over.set()
    assert isinstance(crashed, BrowserCrashedError)
    assert [closed, await staying] == [site.record(number)["title"] for number in (1, 2)]
    assert lifecycle.generation == 1


async def test_whatever_a_body_opened_is_closed_with_it_and_what_was_closed_beneath_it_counts_as_lost(lifecycle, site):
    async with lifecycle.page() as kept:
        async with lifecycle.page() as page:
            await page.goto(site.urls[0])
            await (await page.context.new_page()).goto(site.urls[1])
            await page.context.browser.new_page()
            window = page
            for number in range(3):
                async with window.expect_popup() as popup:
                    await window.evaluate("number => { open('/popup/' + number); }", number)
                window = await popup.value
            assert len(kept.context.pages) == 6
        assert kept.context.pages == [kept]
        assert kept.context.browser.contexts == [kept.context]
    with pytest.raises(BrowserCrashedError, match="closed while it was in use"):
        async with lifecycle.page() as page:
            async with page.expect_event("close"):
                await page.evaluate("setTimeout(() => close(), 0)")
