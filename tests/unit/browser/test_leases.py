"""What is lent is worth nothing once it crashed, ends at its deadline, and is closed whatever happened."""

import asyncio
import contextvars
import dataclasses

import pytest

from outlast.browser.calls import Calls
from outlast.errors import BrowserCrashedError, BrowserTimeoutError, BrowserUnavailableError, ValidationError
from outlast.testing import FakeBrowserError, FakeContext, FakeLauncher, FakePage, HANG


async def test_a_page_is_lent_from_a_browser_that_starts_at_the_first_need(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        assert not it.launcher.browsers
        assert (lifecycle.generation, lifecycle.uptime, lifecycle.roots()) == (0, None, [])
        async with lifecycle.page() as page:
            await page.goto("http://x/1")
            assert await page.title() == "title of http://x/1"
        assert it.launcher.open_pages == 0
        assert (lifecycle.generation, lifecycle.pages_served) == (1, 1)
    assert it.launcher.open_browsers == 0
    assert it.launcher.drivers_stopped == 1


async def test_a_hundred_at_once_start_one_browser(stage):
    it = stage()

    async def use():
        async with it.lifecycle.page() as page:
            await page.goto("http://x")

    async with it.lifecycle:
        await asyncio.gather(*(use() for _ in range(100)))
        assert len(it.launcher.browsers) == 1
        assert (it.launcher.open_pages, it.launcher.open_contexts) == (0, 1)


async def test_what_a_crashed_page_returned_is_never_accepted(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        titles = []
        with pytest.raises(BrowserCrashedError) as caught:
            async with lifecycle.page() as page:
                await page.goto("http://x/1")
                # The listener is called between two calls; the body does not notice and returns.
                asyncio.get_running_loop().call_soon(page.crash)
                try:
                    await page.title()
                except asyncio.CancelledError:
                    titles.append("swallowed")
        assert titles == ["swallowed"]
        assert caught.value.is_page_alone
        assert asyncio.current_task().cancelling() == 0
        # The browser goes on, and nobody else's page is concerned.
        assert it.launcher.browser.is_connected()
        assert not it.crashes


async def test_a_crash_that_is_told_after_the_body_returned_still_counts(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        with pytest.raises(BrowserCrashedError):
            async with lifecycle.page() as page:
                # It arrives while the lease asks the page whether it still lives.
                asyncio.get_running_loop().call_later(0.005, page.crash)


async def test_a_lost_browser_is_one_incident_for_all_its_pages(stage, of_kind):
    it = stage()
    errors = []

    async def use():
        try:
            async with it.lifecycle.page() as page:
                await page.wait_for_timeout(10_000)
        except BrowserCrashedError as error:
            errors.append(error)

    async with it.lifecycle:
        bodies = [asyncio.create_task(use()) for _ in range(4)]
        await asyncio.sleep(1)
        it.launcher.browser.crash()
        await asyncio.gather(*bodies)
        assert len({error.context["incident_id"] for error in errors}) == 1
        assert not any(error.is_page_alone for error in errors)
        assert [incident for incident, _ in it.crashes] == [errors[0].context["incident_id"]]
        assert len(of_kind(it.told, "browser_crashed")) == 1
        async with it.lifecycle.page() as page:
            await page.goto("http://x")
        assert it.lifecycle.generation == 2


async def test_an_error_of_the_body_is_told_as_the_crash_that_caused_it(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        with pytest.raises(BrowserCrashedError) as caught:
            async with lifecycle.page():
                it.launcher.browser.crash()
                raise RuntimeError("Target closed")
        assert isinstance(caught.value.__cause__, RuntimeError)


async def test_an_error_of_the_body_alone_stays_as_it_is(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        with pytest.raises(KeyError):
            async with lifecycle.page():
                raise KeyError("price")
        assert it.launcher.open_pages == 0


async def test_a_body_is_cancelled_at_its_deadline(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        loop = asyncio.get_running_loop()
        with pytest.raises(BrowserTimeoutError, match="within 5 s") as caught:
            async with lifecycle.page(deadline=5) as page:
                began = loop.time()
                page.hang()
                await page.evaluate("for (;;) {}")
        assert loop.time() - began == pytest.approx(5, abs=0.5)
        assert caught.value.is_page_alone
        assert it.launcher.open_pages == 0
        assert lifecycle.generation == 1


async def test_a_cancellation_from_outside_passes_through(stage):
    it = stage()
    async with it.lifecycle as lifecycle:

        async def use():
            async with lifecycle.page(deadline=60) as page:
                await page.wait_for_timeout(30_000)

        body = asyncio.create_task(use())
        await asyncio.sleep(1)
        body.cancel()
        with pytest.raises(asyncio.CancelledError):
            await body
        await asyncio.sleep(1)
        assert it.launcher.open_pages == 0


async def test_a_cancellation_that_meets_a_crash_is_still_a_cancellation(stage):
    it = stage()
    async with it.lifecycle as lifecycle:

        async def use():
            async with lifecycle.page() as page:
                await page.wait_for_timeout(30_000)

        body = asyncio.create_task(use())
        await asyncio.sleep(1)
        it.launcher.browser.crash()
        body.cancel()
        with pytest.raises(asyncio.CancelledError):
            await body


@pytest.mark.parametrize("call", ["new_page", "new_context"])
async def test_what_arrives_too_late_is_closed(stage, call):
    it = stage(policy={"idle_before_probe": 1_000, "health_interval": 1_000})
    async with it.lifecycle as lifecycle:
        async with lifecycle.page():
            await asyncio.sleep(0)
        it.launcher.next(call, 15)
        with pytest.raises(BrowserTimeoutError, match=call):
            async with lifecycle.page(None):
                pytest.fail("it was lent")
        await asyncio.sleep(30)
        assert it.launcher.open_pages == 0
        assert it.launcher.open_contexts == 1


@pytest.mark.parametrize("call", ["new_page", "new_context", "evaluate", "page.close", "context.close"])
async def test_a_hundred_cancelled_calls_leak_nothing(stage, call):
    it = stage(policy={"health_interval": 1_000, "idle_before_probe": 1_000})

    async def use():
        async with it.lifecycle.page(None) as page:
            await page.evaluate("work")

    async with it.lifecycle as lifecycle:
        async with lifecycle.page():
            await asyncio.sleep(0)
        it.launcher.always(call, 1.0)
        for number in range(100):
            body = asyncio.create_task(use())
            await asyncio.sleep(0.02 * number)
            body.cancel()
            await asyncio.wait({body})
        it.launcher.always(call, None)
        await asyncio.sleep(10)
        assert (it.launcher.open_pages, it.launcher.open_contexts) == (0, 1)
        assert lifecycle.generation == 1


async def test_a_page_that_cannot_be_closed_is_left_with_its_context(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page() as page:
            first = page.context
            it.launcher.next("page.close", HANG)
        async with lifecycle.page() as page:
            assert page.context is not first
        await asyncio.sleep(60)
        assert it.launcher.open_contexts == 1
        assert lifecycle.generation == 1


async def test_a_clean_page_has_a_context_of_its_own(stage):
    it = stage()
    async with it.lifecycle as lifecycle, lifecycle.page(None) as one, lifecycle.page(None) as other:
        assert one.context is not other.context
        assert it.launcher.open_contexts == 2
    assert it.launcher.open_contexts == 0


async def test_downloads_are_refused_unless_the_options_say_otherwise(stage):
    it, wanted = stage(context_options={"locale": "de-DE"}), stage(context_options={"accept_downloads": True})
    async with it.lifecycle as lifecycle, lifecycle.page() as page:
        assert page.context.options == {"accept_downloads": False, "locale": "de-DE"}
    async with wanted.lifecycle as lifecycle, lifecycle.page() as page:
        assert page.context.options["accept_downloads"] is True


async def test_windows_that_a_page_opens_are_closed_with_it_and_never_become_many(stage):
    it = stage(policy={"popups_max": 3})
    async with it.lifecycle as lifecycle:
        async with lifecycle.page() as page:
            opened = [page.popup() for _ in range(50)]
            await asyncio.sleep(1)
            assert [each.is_closed() for each in opened] == [False] * 3 + [True] * 47
        await asyncio.sleep(1)
        assert it.launcher.open_pages == 0


async def test_a_named_page_stays_where_it_stands_and_is_used_by_one_at_a_time(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page(name="inbox") as first:
            await first.goto("http://x/inbox")

            async def other():
                async with lifecycle.page(name="inbox") as page:
                    return page

            waiting = asyncio.create_task(other())
            await asyncio.sleep(1)
            assert not waiting.done()
        assert await waiting is first
        assert first.url == "http://x/inbox"
        # After a failure nobody knows what it is doing.
        with pytest.raises(RuntimeError):
            async with lifecycle.page(name="inbox"):
                raise RuntimeError
        assert first.is_closed()


async def test_a_page_that_lasts_belongs_to_a_session(stage):
    with pytest.raises(ValidationError):
        stage().lifecycle.page(None, name="inbox")


async def test_pages_of_a_lent_context_are_closed_and_count_when_they_crash(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page() as lent:
            async with lifecycle.context() as context:
                page = await context.new_page()
                await page.goto("http://x")
            assert page.is_closed()
            assert not lent.is_closed()
        with pytest.raises(BrowserCrashedError):
            async with lifecycle.context() as context:
                page = await context.new_page()
                page.crash()
        assert it.launcher.open_pages == 0


async def test_contexts_of_a_lent_browser_are_closed_and_ours_are_not(stage):
    it = stage()
    async with it.lifecycle as lifecycle, lifecycle.page() as page:
        async with lifecycle.browser() as browser:
            await browser.new_context()
        assert it.launcher.browser.contexts == [page.context]


async def test_a_lease_within_a_lease_does_not_wait_for_itself(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page() as outer:
            restart = asyncio.create_task(lifecycle.on_browser_restart_required("test", {}))
            await asyncio.sleep(1)
            async with lifecycle.page() as inner:
                assert inner.context is outer.context
            assert not restart.done()
        assert await restart


async def test_who_comes_after_the_end_is_told_and_so_is_who_is_still_there(stage):
    it = stage()
    lifecycle = it.lifecycle

    async def use():
        async with lifecycle.page() as page:
            await page.wait_for_timeout(60_000)

    body = asyncio.create_task(use())
    await asyncio.sleep(1)
    await lifecycle.close()
    await lifecycle.close()
    with pytest.raises(BrowserUnavailableError, match="was closed"):
        await body
    with pytest.raises(BrowserUnavailableError, match="was closed"):
        async with lifecycle.page():
            pytest.fail("it was lent")
    assert not await lifecycle.on_browser_restart_required("test", {})
    assert it.launcher.open_browsers == 0


async def test_a_lease_that_is_just_being_taken_from_a_lost_browser_is_taken_from_the_next(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page():
            await asyncio.sleep(0)
        it.launcher.next("new_page", 9)

        async def use():
            async with lifecycle.page() as page:
                await page.goto("http://x")

        body = asyncio.create_task(use())
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        it.launcher.browser.crash()
        await body
        assert asyncio.get_running_loop().time() - began < 1
        assert asyncio.current_task().cancelling() == 0
        assert lifecycle.generation == 2


@pytest.fixture
def happens_when_lent(monkeypatch):
    """Something happens to the first page at the very moment at which it is handed out, when nothing is waited for any more."""

    def ordered(what):
        subscribe, done = FakePage.on, []

        def on(page, event, listener):
            subscribe(page, event, listener)
            if event == "crash" and not done:
                done.append(page)
                what(page)

        monkeypatch.setattr(FakePage, "on", on)
        return done

    return ordered


async def test_nothing_is_lent_of_a_browser_that_is_lost_at_the_last_moment(stage, happens_when_lent):
    it = stage()
    happens_when_lent(lambda page: page.context.browser.crash())
    async with it.lifecycle as lifecycle, lifecycle.page() as page:
        # The body of a page that is worth nothing would be begun only to be cancelled.
        assert page.context.browser is it.launcher.browsers[1]
        await page.goto("http://x")


async def test_a_page_that_goes_at_the_last_moment_cancels_nobody(stage, happens_when_lent):
    it = stage()

    def crash(page):
        page.crash()
        page.shut()

    lost = happens_when_lent(crash)
    async with it.lifecycle as lifecycle, lifecycle.page() as page:
        assert page not in lost
        await page.goto("http://x")
    assert asyncio.current_task().cancelling() == 0


@pytest.mark.parametrize("happens", ["crash", "hang"])
async def test_a_named_page_that_went_while_nobody_had_it_is_not_lent_again(stage, happens):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page(name="inbox") as first:
            await first.goto("http://x/inbox")
        getattr(first, happens)()
        async with lifecycle.page(name="inbox") as second:
            assert second is not first
            await second.goto("http://x/inbox")
            assert await second.title() == "title of http://x/inbox"
        assert it.launcher.browser.contexts[0].pages == [second]


async def test_a_crash_that_came_before_anybody_listened_counts(stage, monkeypatch):
    it = stage()
    new_page = FakeContext.new_page

    async def crashed(context):
        page = await new_page(context)
        page.crash()
        return page

    monkeypatch.setattr(FakeContext, "new_page", crashed)
    async with it.lifecycle as lifecycle:
        with pytest.raises(BrowserCrashedError):
            async with lifecycle.page() as page:
                await page.goto("http://x")
                assert await page.title() == ""


async def test_a_page_that_is_on_its_way_elsewhere_when_it_comes_back_has_not_crashed(stage):
    it = stage()
    async with it.lifecycle as lifecycle, lifecycle.page() as page:
        await page.goto("http://x")
        it.launcher.next("evaluate", FakeBrowserError("Page.evaluate: Execution context was destroyed"))


async def test_a_browser_that_arrives_too_late_is_closed_and_leaves_no_directory(stage, tmp_path):
    artifacts = tmp_path / "playwright-artifacts-late"

    class Slow(FakeLauncher):
        async def __call__(self):
            is_first = not artifacts.exists()
            artifacts.mkdir(exist_ok=True)
            launched = await super().__call__()
            return dataclasses.replace(launched, directories=(str(artifacts),) if is_first else ())

    it = stage(launcher=Slow())
    it.launcher.next("launch", 40)
    async with it.lifecycle as lifecycle:
        async with lifecycle.page():
            await asyncio.sleep(30)
        assert it.launcher.open_browsers == 1
        assert not artifacts.exists()


async def test_what_outlives_its_caller_is_not_done_in_the_name_of_the_caller_s_item():
    item = contextvars.ContextVar("item", default="")
    calls, seen = Calls(), []

    async def watch():
        seen.append(item.get())

    async def use():
        item.set("first")
        calls.spawn(watch())

    await asyncio.create_task(use())
    await calls.end(1)
    assert seen == [""]


async def test_a_body_that_waits_for_ever_at_its_own_end_is_interrupted_once_more(stage):
    async with stage().lifecycle as lifecycle, asyncio.timeout(60):
        with pytest.raises(BrowserCrashedError):
            async with lifecycle.page(deadline=1) as page:
                try:
                    page.crash()
                    await page.wait_for_timeout(5_000)
                finally:
                    await asyncio.Event().wait()
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        async with lifecycle.page() as page:
            assert not page.is_closed()
