"""Whatever happens to a browser and whenever somebody gives up: nobody waits for ever, nothing is leaked, no false result counts."""

import asyncio
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from outlast import BrowserLifecycle, BrowserPolicy
from outlast.errors import BrowserError
from outlast.testing import HANG, FakeBrowserError, FakeLauncher, VirtualClock, VirtualTimeLoop

WORKERS = 4
CALLS = (
    "launch",
    "new_context",
    "new_page",
    "evaluate",
    "storage_state",
    "close",
    "page.close",
    "context.close",
    "stop",
)

moments = st.floats(0, 20, allow_nan=False)
actions = st.one_of(
    st.tuples(st.just("crash")),
    st.tuples(st.just("freeze")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("recycle")),
    st.tuples(st.just("page crash")),
    st.tuples(st.just("page hang")),
    st.tuples(st.just("cancel worker"), st.integers(0, WORKERS - 1)),
    st.tuples(st.just("cancel restart")),
    st.tuples(st.just("fault"), st.sampled_from(CALLS), st.sampled_from([HANG, FakeBrowserError("broken"), 3.0])),
)
stories = st.lists(st.tuples(moments, actions), max_size=8)


class Story:
    """Four workers who use pages, while things happen."""

    def __init__(self, seed):
        self.launcher = FakeLauncher()
        policy = BrowserPolicy(restarts_max=1_000, context_pages=5, browser_pages=40)
        self.lifecycle = BrowserLifecycle(self.launcher, policy=policy, clock=VirtualClock(), rng=Random(seed))
        self.restarts, self.false_results, self.ended = [], 0, 0

    async def work(self):
        for number in range(6):
            try:
                async with self.lifecycle.page(None if number % 3 == 2 else "shared", deadline=30) as page:
                    await page.goto(f"http://x/{number}")
                    await page.wait_for_timeout(700)
                    title = await page.title()
            except (BrowserError, FakeBrowserError):
                continue
            self.false_results += title != f"title of http://x/{number}"
        self.ended += 1

    async def happen(self, moment, action, workers):
        await asyncio.sleep(moment)
        browser = self.launcher.browsers[-1] if self.launcher.browsers else None
        pages = [page for context in browser.contexts for page in context.pages] if browser is not None else []
        match action:
            case ("crash",) if browser is not None:
                browser.crash()
            case ("freeze",) if browser is not None:
                browser.freeze()
            case ("page crash",) if pages:
                pages[0].crash()
            case ("page hang",) if pages:
                pages[-1].hang()
            case ("restart",):
                asked = self.lifecycle.on_browser_restart_required("test", {"drain": 2})
                self.restarts.append(asyncio.ensure_future(asked))
            case ("recycle",):
                await self.lifecycle.relieve(2)
            case ("cancel worker", number):
                workers[number].cancel()
            case ("cancel restart",) if self.restarts:
                self.restarts[-1].cancel()
            case ("fault", call, fault):
                self.launcher.next(call, fault)

    async def run(self, story):
        async with self.lifecycle as lifecycle:
            workers = [asyncio.create_task(self.work()) for _ in range(WORKERS)]
            events = [asyncio.create_task(self.happen(*each, workers)) for each in story]
            async with asyncio.timeout(2_000):
                await asyncio.wait([*workers, *events])
                if self.restarts:
                    await asyncio.wait(self.restarts)
            for task in events:
                task.result()
            for task in workers:
                assert task.cancelled() or task.exception() is None
            self.launcher.heal()
            # Afterwards a page can be had, and every other one is closed.
            async with asyncio.timeout(500), lifecycle.page("shared") as page:
                await page.goto("http://x")
            await asyncio.sleep(100)
            if self.launcher.open_pages or self.launcher.open_contexts > 1:
                await asyncio.sleep(0.5)  # a health check was just under way
            assert self.launcher.open_pages == 0
            assert self.launcher.open_contexts <= 1
        assert self.false_results == 0
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        assert self.launcher.open_browsers == 0


@given(story=stories, seed=st.integers(0, 2**32 - 1))
def test_whatever_happens_the_work_goes_on_and_nothing_is_left(story, seed):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(Story(seed).run(story))


@given(moment=st.floats(0, 4, allow_nan=False), who=st.sampled_from(["asker", "worker", "closer"]))
def test_giving_up_at_any_moment_of_a_restart_leaves_the_gate_open(moment, who):
    async def run():
        story = Story(1)
        async with story.lifecycle as lifecycle:
            async with lifecycle.page("shared") as page:
                await page.goto("http://x")
            asker = asyncio.create_task(lifecycle.on_browser_restart_required("test", {}))

            async def use():
                async with lifecycle.page("shared") as page:
                    await page.goto("http://x")

            worker = asyncio.create_task(use())
            await asyncio.sleep(moment / 10)
            if who == "closer":
                await lifecycle.close()
                assert story.launcher.open_browsers == 0
                await asyncio.gather(asker, worker, return_exceptions=True)
                return
            (asker if who == "asker" else worker).cancel()
            await asyncio.wait({asker, worker})
            async with asyncio.timeout(100):
                await use()
            assert story.launcher.open_browsers == 1

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run())
