"""A session's context: who may close it, who waits for whom when it changes, and which state counts."""

import asyncio

import pytest

from outlast.browser.state import empty
from outlast.errors import BrowserCrashedError
from outlast.testing import HANG, FakeBrowserError

COOKIE = {"name": "sid", "value": "s3cret", "domain": "x", "path": "/", "expires": -1}


def holding(name):
    return {**empty("default"), "storage_state": {"cookies": [{**COOKIE, "name": name}], "origins": []}}


async def names_of_cookies(lifecycle):
    return [each["name"] for each in (await lifecycle.get_browser_state("default"))["storage_state"]["cookies"]]


async def visit(lifecycle, seconds=0, session_id="default"):
    async with lifecycle.page(session_id) as page:
        await page.wait_for_timeout(seconds * 1_000)
        assert await page.title()
        return page.context


async def visit_later(lifecycle):
    # Begun outside of all leases: what a body begins counts as within its lease.
    await asyncio.sleep(1)
    return await visit(lifecycle)


async def close_for_good(context):
    # As something else would: a command to the browser itself, say.
    await type(context).close(context)


class TestClosing:
    async def test_a_body_may_close_its_context_and_costs_nobody_anything(self, stage):
        it = stage()
        async with it.lifecycle as lifecycle:
            neighbour = asyncio.create_task(visit(lifecycle, 5))
            await asyncio.sleep(1)
            async with lifecycle.page() as page:
                await page.context.add_cookies([COOKIE])
                await page.context.close()
            async with lifecycle.context() as context:
                await context.close(reason="done")
            assert await visit(lifecycle) is await neighbour
            assert await names_of_cookies(lifecycle) == ["sid"]
        assert it.launcher.open_contexts == 0

    async def test_a_context_that_was_closed_all_the_same_is_opened_anew_from_the_last_state(self, stage):
        it = stage()
        async with it.lifecycle as lifecycle:
            async with lifecycle.page() as page:
                await page.context.add_cookies([COOKIE])
            await lifecycle.get_browser_state("default")
            await close_for_good(page.context)
            assert await visit(lifecycle) is not page.context
            assert await names_of_cookies(lifecycle) == ["sid"]


class TestLeaving:
    async def test_a_page_that_does_not_close_costs_its_neighbours_nothing(self, stage):
        it = stage(policy={"browser_age": None})
        async with it.lifecycle as lifecycle:
            neighbour = asyncio.create_task(visit(lifecycle, 100))
            await asyncio.sleep(1)
            it.launcher.next("page.close", HANG)
            first, second = await visit(lifecycle), await visit(lifecycle)
            assert second is not first
            # Longer than a restart would wait for it.
            assert await neighbour is first
            await asyncio.sleep(1)
            assert it.launcher.browser.contexts == [second]

    async def test_a_page_that_does_not_close_is_gone_with_its_context_although_nobody_needs_another(self, stage):
        it = stage()
        async with it.lifecycle as lifecycle:
            it.launcher.next("page.close", HANG)
            await visit(lifecycle)
            await asyncio.sleep(1)
            assert not it.launcher.browser.contexts
            async with lifecycle.page(None) as page:
                it.launcher.next("page.close", HANG)
            assert page.context not in it.launcher.browser.contexts

    async def test_a_state_is_given_to_those_who_come_beside_one_who_stays(self, stage):
        it = stage(policy={"browser_age": None})
        async with it.lifecycle as lifecycle:
            neighbour = asyncio.create_task(visit(lifecycle, 100))
            await asyncio.sleep(1)
            assert await lifecycle.restore_browser_state("default", holding("new"))
            assert await names_of_cookies(lifecycle) == ["new"]
            second = await visit(lifecycle)
            assert await neighbour is not second
            await asyncio.sleep(1)
            assert it.launcher.browser.contexts == [second]

    @pytest.mark.parametrize("breaks", [False, True])
    async def test_a_lease_within_a_lease_does_not_wait_for_a_renewal_that_waits_for_it(self, stage, breaks):
        it = stage(policy={"context_pages": 2})
        loop = asyncio.get_running_loop()
        async with it.lifecycle as lifecycle:
            first = await visit(lifecycle)
            other = asyncio.create_task(visit_later(lifecycle))
            async with lifecycle.page() as outer:
                assert outer.context is first
                await asyncio.sleep(2)
                if breaks:
                    it.launcher.next("page.close", HANG)
                    assert await visit(lifecycle) is first
                began = loop.time()
                async with lifecycle.page() as inner:
                    assert (inner.context is first) is not breaks
                assert loop.time() - began < 1
                assert not other.done()
            assert await other is not first
            assert loop.time() - began < 1

    async def test_one_that_got_in_at_the_last_moment_keeps_its_context(self, stage):
        it = stage(policy={"context_pages": 1})
        async with it.lifecycle as lifecycle:
            other = asyncio.create_task(visit_later(lifecycle))
            async with lifecycle.page("elsewhere"):
                async with lifecycle.page():
                    await asyncio.sleep(2)
                async with lifecycle.page() as inner:
                    await other
                    assert await inner.title()


class TestStates:
    async def test_what_is_read_while_a_state_is_restored_does_not_take_its_place(self, stage):
        it = stage()
        async with it.lifecycle as lifecycle:
            await lifecycle.restore_browser_state("default", holding("old"))
            at_work = asyncio.create_task(visit(lifecycle, 5))
            await asyncio.sleep(1)
            restoring = asyncio.create_task(lifecycle.restore_browser_state("default", holding("new")))
            await asyncio.sleep(1)
            assert await names_of_cookies(lifecycle) == ["old"]
            await at_work
            assert await restoring
            assert await names_of_cookies(lifecycle) == ["new"]

    async def test_what_was_being_read_of_a_context_that_is_replaced_is_dropped(self, stage):
        it = stage()
        async with it.lifecycle as lifecycle:
            await lifecycle.restore_browser_state("default", holding("old"))
            neighbour = asyncio.create_task(visit(lifecycle, 100))
            await asyncio.sleep(1)
            restoring = asyncio.create_task(lifecycle.restore_browser_state("default", holding("new")))
            await asyncio.sleep(29.5)
            it.launcher.next("cookies", 1)
            it.launcher.next("new_context", 2)
            assert await names_of_cookies(lifecycle) == ["new"]
            assert await restoring
            await neighbour

    async def test_a_session_whose_context_could_not_be_opened_anew_is_restored_with_the_next_browser(self, stage):
        it = stage()
        async with it.lifecycle as lifecycle:
            async with lifecycle.page() as page:
                await page.context.add_cookies([COOKIE])
            await lifecycle.get_browser_state("default")
            await close_for_good(page.context)
            it.launcher.next("new_context", FakeBrowserError("no"))
            with pytest.raises(FakeBrowserError):
                await visit(lifecycle)
            assert await lifecycle.on_browser_restart_required("test", {})
            [context] = it.launcher.browser.contexts
            assert context.storage["cookies"] == [COOKIE]

    async def test_a_restoring_whose_browser_goes_meanwhile_is_done_in_the_next(self, stage):
        it = stage()
        async with it.lifecycle as lifecycle:
            await lifecycle.restore_browser_state("default", holding("old"))
            at_work = asyncio.create_task(visit(lifecycle, 5))
            await asyncio.sleep(1)
            restoring = asyncio.create_task(lifecycle.restore_browser_state("default", holding("new")))
            await asyncio.sleep(1)
            it.launcher.browser.crash()
            assert await restoring
            assert (lifecycle.generation, await names_of_cookies(lifecycle)) == (2, ["new"])
            with pytest.raises(BrowserCrashedError):
                await at_work

    async def test_a_restoring_that_was_given_up_has_changed_nothing(self, stage):
        it = stage()
        async with it.lifecycle as lifecycle:
            await lifecycle.restore_browser_state("default", holding("old"))
            async with lifecycle.page():
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(5):
                        await lifecycle.restore_browser_state("default", holding("new"))
            it.launcher.browser.crash()
            assert await names_of_cookies(lifecycle) == ["old"]
