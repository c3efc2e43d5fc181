"""What a body opens is its own: its crashes are told to it alone, it is closed with it, and nobody closes what is another's."""

import asyncio
from contextlib import asynccontextmanager, nullcontext

import pytest

from outlast.browser.lent import held
from outlast.errors import BrowserCrashedError, BrowserTimeoutError
from outlast.testing import HANG, FakePage

KINDS = ("page", "context", "browser")


async def opened_in(lent):
    """A page of one's own in whatever was lent."""
    return await (lent.context if hasattr(lent, "context") else lent).new_page()


async def visited(lent, url="http://x/1"):
    page = await opened_in(lent)
    await page.goto(url)
    return page


@pytest.mark.parametrize("kind", KINDS)
async def test_what_comes_from_a_page_that_the_body_opened_and_that_crashed_is_never_accepted(stage, kind):
    async with stage().lifecycle as lifecycle:
        with pytest.raises(BrowserCrashedError, match="the page crashed") as caught:
            async with getattr(lifecycle, kind)() as lent:
                page = await visited(lent)
                asyncio.get_running_loop().call_soon(page.crash)
                await page.title()
        assert caught.value.is_page_alone
        assert lifecycle.generation == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_crash_of_one_body_s_page_is_no_other_body_s(stage, kind):
    async with stage().lifecycle as lifecycle:

        async def use(*, crashing):
            async with getattr(lifecycle, kind)() as lent:
                page = await visited(lent)
                await page.wait_for_timeout(1_000)
                if crashing:
                    page.crash()
                await page.wait_for_timeout(1_000)
                return await page.title()

        bodies = (use(crashing=number == 1) for number in range(3))
        first, second, third = await asyncio.gather(*bodies, return_exceptions=True)
        assert isinstance(second, BrowserCrashedError)
        assert first == third == "title of http://x/1"


async def test_a_window_that_crashed_counts_too(stage):
    async with stage().lifecycle as lifecycle:
        with pytest.raises(BrowserCrashedError):
            async with lifecycle.page() as page:
                page.popup().popup().crash()


@pytest.mark.parametrize("fails", [False, True])
async def test_a_page_that_somebody_else_closed_beneath_its_body_is_worth_nothing(stage, fails):
    async with stage().lifecycle as lifecycle:
        with pytest.raises(BrowserCrashedError, match="closed while it was in use") as caught:
            async with lifecycle.page() as page:
                await page.goto("http://x/1")
                page.shut()  # as a script of its own does with `window.close()`
                if fails:
                    await page.title()
        assert caught.value.is_page_alone
        async with lifecycle.page() as page:
            assert not page.is_closed()


@pytest.mark.parametrize("closes", ["page", "context", "browser"])
async def test_closing_it_as_well_makes_no_difference(stage, closes):
    async with stage().lifecycle as lifecycle:
        with pytest.raises(BrowserCrashedError, match="closed while it was in use"):
            async with lifecycle.page() as page:
                asyncio.get_running_loop().call_later(0.005, page.shut)
                assert await page.title() == ""  # as Playwright has it
                await {"page": page, "context": page.context, "browser": page.context.browser}[closes].close()


async def test_a_page_that_went_with_its_browser_is_told_as_the_loss_of_the_browser(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        with pytest.raises(BrowserCrashedError, match="it disconnected") as caught:
            async with lifecycle.page() as page:
                # Its pages are told of before it is.
                page.shut()
                asyncio.get_running_loop().call_later(0.005, it.launcher.browser.crash)
        assert not caught.value.is_page_alone


@pytest.fixture
def beside():
    """Somebody else's page, in use as long as the block lasts; what it shows is what it should."""

    @asynccontextmanager
    async def at_work(lifecycle):
        begun, ended = asyncio.Event(), asyncio.Event()

        async def use():
            async with lifecycle.page() as page:
                await page.goto("http://x/2")
                begun.set()
                await ended.wait()
                return await page.title()

        body = asyncio.create_task(use())
        await begun.wait()
        yield
        ended.set()
        assert await body == "title of http://x/2"

    return at_work


@pytest.mark.parametrize("closes", ["page", "context", "browser"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_body_may_close_whatever_it_was_lent_and_the_others_keep_theirs(stage, beside, kind, closes):
    it = stage()

    async def body():
        async with getattr(it.lifecycle, kind)() as lent:
            page = await visited(lent)
            title = await page.title()
            await {"page": page, "context": page.context, "browser": page.context.browser}[closes].close()
            assert page.is_closed()
            return title

    async with it.lifecycle as lifecycle, beside(lifecycle):
        assert await asyncio.gather(*(body() for _ in range(3))) == ["title of http://x/1"] * 3
        assert (it.launcher.open_pages, it.launcher.open_contexts, len(it.launcher.browsers)) == (1, 1, 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_body_that_closes_all_it_can_find_closes_what_is_its_own(stage, beside, kind):
    it = stage()
    async with it.lifecycle as lifecycle, beside(lifecycle), getattr(lifecycle, kind)() as lent:
        page = await visited(lent)
        for context in tuple(it.launcher.browser.contexts):
            for each in tuple(context.pages):
                await each.close()
            await context.close()
        assert page.is_closed()


async def test_a_body_that_is_cut_off_closes_nothing_of_the_others_either(stage, beside):
    async with stage().lifecycle as lifecycle, beside(lifecycle):
        with pytest.raises(BrowserTimeoutError):
            async with lifecycle.context(deadline=1) as context:
                try:
                    await (await context.new_page()).wait_for_timeout(5_000)
                finally:
                    await context.close()


async def test_who_holds_nothing_closes_for_good(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page() as page:
            context = page.context
        await context.close()
        assert it.launcher.open_contexts == 0
        await context.browser.close()
        assert it.launcher.open_browsers == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_all_that_a_body_opened_is_closed_with_it_also_windows_of_windows(stage, kind):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page() as kept:
            async with getattr(lifecycle, kind)() as lent:
                page = await visited(lent)
                await (await page.context.browser.new_context()).new_page()
                await page.context.browser.new_page()
                page.popup().popup().popup()
            assert it.launcher.browser.contexts == [kept.context]
            assert kept.context.pages == [kept]
        assert it.launcher.open_pages == 0


async def test_windows_of_windows_count_against_their_number(stage):
    it = stage(policy={"popups_max": 3})
    async with it.lifecycle as lifecycle, lifecycle.page() as page:
        window, chain = page, []
        for _ in range(20):
            window = window.popup()
            chain.append(window)
        await asyncio.sleep(1)
        assert [each.is_closed() for each in chain] == [False] * 3 + [True] * 17
        chain[0].shut()
        another = page.popup()
        await asyncio.sleep(1)
        assert not another.is_closed()


async def test_what_is_opened_after_the_end_by_a_task_that_stayed_is_closed(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        late = []

        async def stay(context):
            await asyncio.sleep(1)
            late.extend([await context.new_page(), await context.browser.new_context()])

        async with lifecycle.page() as page:
            staying = asyncio.create_task(stay(page.context))
        await staying
        await asyncio.sleep(1)
        assert (it.launcher.open_pages, it.launcher.open_contexts) == (0, 1)


async def test_a_page_that_is_nobody_s_is_closed_when_nobody_is_there(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page(name="inbox") as kept, lifecycle.page() as page:
            # As a window that its opener did not live to be told of.
            page.context.pages.append(FakePage(page.context))
        await asyncio.sleep(1)
        assert kept.context.pages == [kept]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_long_body_has_closed_is_not_kept(stage, kind):
    async with stage().lifecycle as lifecycle, getattr(lifecycle, kind)() as lent:
        for _ in range(20):
            page = await opened_in(lent)
            await (page.context if kind == "browser" else page).close()
        has = held.get()[-1].belongings
        assert (has.contexts, has.pages, has.lost) == ([], [lent] if kind == "page" else [], [])


@pytest.mark.parametrize("kind", KINDS)
async def test_pages_that_a_body_opens_count_for_the_renewal_of_the_browser(stage, kind):
    async with stage(policy={"browser_pages": 5}).lifecycle as lifecycle:
        for _ in range(12):
            async with getattr(lifecycle, kind)() as lent:
                await opened_in(lent)
        assert lifecycle.generation > 1


@pytest.mark.parametrize("closes", ["page", "context", "browser"])
@pytest.mark.parametrize("crashes", [False, True])
async def test_a_body_that_closes_what_never_answers_comes_to_an_end(stage, closes, crashes):
    it = stage()
    async with it.lifecycle as lifecycle, asyncio.timeout(60):
        with pytest.raises(BrowserCrashedError) if crashes else nullcontext():
            async with lifecycle.page() as page:
                it.launcher.next("page.close", HANG)
                try:
                    if crashes:
                        page.crash()
                        await page.wait_for_timeout(1_000)
                finally:
                    await {"page": page, "context": page.context, "browser": page.context.browser}[closes].close()
        async with lifecycle.page() as page:
            assert not page.is_closed()
