"""The lifecycle with a real Chromium, whose processes are killed and frozen with real signals."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from outlast import BrowserCrashedError, BrowserError, BrowserLifecycle, BrowserPolicy, BrowserTimeoutError, EventBus
from outlast.browser import Deadlines
from outlast.browser.processes import Process, command, group, is_alive
from outlast.integrations.playwright import playwright_launcher
from outlast.testing import BrowserSite

pytestmark = pytest.mark.real_time

SECONDS_MAX = 60.0


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where the driver, the browser and this process put their temporary files."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return directory


@pytest.fixture
async def site():
    async with BrowserSite(pages=20) as site:
        yield site


class Stage:
    def __init__(self, **options):
        self.told = []
        bus = EventBus()
        bus.subscribe(lambda event: self.told.append((event.event_type, dict(event.data))))
        policy = options.pop("policy", {})
        deadlines = Deadlines(probe=policy.pop("probe", 2.0), drain=policy.pop("drain", 10.0))
        self.launcher = playwright_launcher()
        self.lifecycle = BrowserLifecycle(
            self.launcher, policy=BrowserPolicy(deadlines=deadlines, **policy), events=bus, **options
        )

    @property
    def browser(self):
        return Process(*self.lifecycle.roots()[0])

    @property
    def driver(self):
        return Process(*self.lifecycle.roots()[1])

    def of_kind(self, kind):
        return [data for each, data in self.told if each == kind]

    def nothing_is_left(self, temporary):
        mark = f"--outlast-owner={self.launcher.owner}"
        left = [
            int(each.name)
            for each in Path("/proc").iterdir()
            if each.name.isdigit() and mark in command(Process(int(each.name), 0))
        ]
        assert not left
        assert not list(temporary.iterdir())


def kill_renderers(stage):
    for each in group(stage.browser):
        if "--type=renderer" in command(each):
            os.kill(each.pid, signal.SIGKILL)


FAULTS = {
    "browser killed": lambda it: os.kill(it.browser.pid, signal.SIGKILL),
    "driver killed": lambda it: os.kill(it.driver.pid, signal.SIGKILL),
    "renderers killed": kill_renderers,
    "browser frozen": lambda it: os.kill(it.browser.pid, signal.SIGSTOP),
    "driver frozen": lambda it: os.kill(it.driver.pid, signal.SIGSTOP),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_pages_in_use_are_told_and_the_next_ones_work(fault, temporary, site, tmp_path):
    it = Stage(policy={"probe": 1.0, "health_interval": 0.5}, storage=tmp_path / "store")
    results, errors, ready = [], [], []

    async def visit(number):
        try:
            async with it.lifecycle.page() as page:
                await page.goto(site.urls[number])
                token = await page.inner_text("#token")
                if number < 4:
                    ready.append(number)
                    await page.wait_for_timeout(30_000)
        except BrowserError as error:
            errors.append(error)
        else:
            results.append((number, token))

    async with asyncio.timeout(SECONDS_MAX), it.lifecycle:
        victims = [asyncio.create_task(visit(number)) for number in range(4)]
        while len(ready) < 4:
            await asyncio.sleep(0.05)
        processes = [*group(it.browser), it.driver]
        FAULTS[fault](it)
        await asyncio.gather(*victims)
        assert len(errors) == 4
        assert all(isinstance(error, BrowserCrashedError) for error in errors)
        assert not results
        await asyncio.gather(*(visit(number) for number in range(10, 14)))
        assert sorted(results) == [(number, site.record(number)["token"]) for number in range(10, 14)]
        if fault != "renderers killed":
            assert len({error.context["incident_id"] for error in errors}) == 1
            [told] = it.of_kind("browser_restarted")
            assert (told["generation"], told["forced"]) == (2, True)
            assert not [each for each in processes if is_alive(each) and each.pid not in dict(it.lifecycle.roots())]
        else:
            assert all(error.is_page_alone for error in errors)
    it.nothing_is_left(temporary)
    assert not list((tmp_path / "store" / "browsers").glob("*.jsonl"))


async def test_a_page_in_an_endless_loop_ends_at_its_deadline_and_takes_nobody_along(temporary, site):
    it = Stage()
    async with asyncio.timeout(SECONDS_MAX), it.lifecycle as lifecycle:
        async with lifecycle.page() as other:
            await other.goto(site.urls[1])
            with pytest.raises(BrowserTimeoutError):
                async with lifecycle.page(deadline=1) as page:
                    await page.goto(f"{site.url}/hangjs")
                    await page.title()
            assert await other.inner_text("#token") == site.record(1)["token"]
        assert lifecycle.generation == 1
    it.nothing_is_left(temporary)


async def test_a_body_may_close_its_page_and_its_context_and_the_session_goes_on(temporary, site):
    cookie = {"name": "sid", "value": "s3cret", "url": site.url}
    it = Stage()
    async with asyncio.timeout(SECONDS_MAX), it.lifecycle as lifecycle:
        async with lifecycle.page() as neighbour:
            async with lifecycle.page() as page, page.context as context:
                await context.add_cookies([cookie])
                await page.close()
            await neighbour.goto(site.urls[1])
            assert await neighbour.inner_text("#token") == site.record(1)["token"]
            assert neighbour.context is context
        await lifecycle.get_browser_state("default")
        # What closes it all the same: a command to the browser itself, say.
        await type(context).close(context)
        async with lifecycle.page() as page:
            await page.goto(site.urls[2])
            assert [each["name"] for each in await page.context.cookies()] == ["sid"]
        assert lifecycle.generation == 1
    it.nothing_is_left(temporary)


async def test_a_restart_does_not_wait_for_a_page_in_an_endless_loop(temporary, site):
    it = Stage(policy={"drain": 1.0})

    async def hang():
        async with it.lifecycle.page() as page:
            await page.goto(f"{site.url}/hangjs")
            await page.evaluate("1")

    async with asyncio.timeout(SECONDS_MAX), it.lifecycle as lifecycle:
        async with lifecycle.page() as page:
            await page.goto(f"{site.url}/cookie")
        body = asyncio.create_task(hang())
        await asyncio.sleep(1)
        assert await lifecycle.on_browser_restart_required("memory", {})
        with pytest.raises(BrowserCrashedError):
            await body
        [told] = it.of_kind("browser_restarted")
        assert (told["redone"], told["partial"]) == (1, False)
    it.nothing_is_left(temporary)


async def test_a_hundred_calls_that_were_given_up_leak_nothing(temporary, site):
    it = Stage()

    async def use(session_id):
        async with it.lifecycle.page(session_id) as page:
            await page.evaluate("1")

    async with asyncio.timeout(SECONDS_MAX), it.lifecycle as lifecycle:
        await use("default")
        for round_ in range(10):
            bodies = [asyncio.create_task(use(None if number % 2 else "default")) for number in range(10)]
            for number, body in enumerate(bodies):
                await asyncio.sleep(0.001 * round_ * number)
                body.cancel()
            await asyncio.wait(bodies)
        async with lifecycle.browser() as browser:
            for _ in range(100):
                if len(browser.contexts) == 1 and not browser.contexts[0].pages:
                    break
                await asyncio.sleep(0.1)
            assert len(browser.contexts) == 1
            assert not browser.contexts[0].pages
        assert lifecycle.generation == 1
    it.nothing_is_left(temporary)


READ = """() => ({ scroll: window.scrollY, session: Object.fromEntries(Object.entries(sessionStorage)), url: location.href })"""


async def test_a_session_is_as_it_was_after_a_restart(temporary, site, tmp_path):
    it = Stage(storage=tmp_path)
    async with asyncio.timeout(SECONDS_MAX), it.lifecycle as lifecycle:
        async with lifecycle.page() as page:
            await page.goto(f"{site.url}/cookie")
            await page.goto(f"{site.url}/storage?write=kept")
            await page.wait_for_selector("body[data-ready]")
            before_stored = json.loads(await page.inner_text("#stored"))
        async with lifecycle.page(name="long") as page:
            await page.goto(f"{site.url}/tall")
            await page.evaluate("() => { sessionStorage.setItem('step', '7'); window.scrollTo(0, 1234) }")
            before = await page.evaluate(READ)
        cookies = await page.context.cookies()
        assert {each["httpOnly"] for each in cookies} == {True, False}
        assert before["scroll"] == 1234
        assert await lifecycle.on_browser_restart_required("memory", {})
        async with lifecycle.page(name="long") as after:
            assert after is not page
            assert await after.evaluate(READ) == before
            assert await after.context.cookies() == cookies
            # Whoever clears it has cleared it: the next page is not filled again.
            await after.evaluate("() => sessionStorage.clear()")
            await after.goto(f"{site.url}/tall?again")
            assert (await after.evaluate(READ))["session"] == {}
        async with lifecycle.page() as page:
            await page.goto(f"{site.url}/storage")
            await page.wait_for_selector("body[data-ready]")
            stored = json.loads(await page.inner_text("#stored"))
            # Session storage is a page's own, and this is another page.
            assert (stored["local"], stored["session"], stored["indexed"]) == ("kept", None, before_stored["indexed"])
            assert stored["indexed"]["text"] == "kept"
        [told] = it.of_kind("browser_restarted")
        assert (told["partial"], told["missing"], told["pages"], told["forced"]) == (False, [], 1, False)
    [kept] = (tmp_path / "browsers").glob("state-*.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    it.nothing_is_left(temporary)


async def test_a_state_is_restored_by_another_process_that_comes_later(temporary, site, tmp_path):
    first, second = Stage(storage=tmp_path), Stage(storage=tmp_path)
    async with asyncio.timeout(SECONDS_MAX):
        async with first.lifecycle as lifecycle:
            async with lifecycle.page() as page:
                await page.goto(f"{site.url}/cookie")
            state = json.loads(json.dumps(await lifecycle.get_browser_state("default")))
        async with second.lifecycle as lifecycle:
            assert await lifecycle.restore_browser_state("default", state)
            async with lifecycle.page() as page:
                await page.goto(f"{site.url}/cookie?set=no")
                assert "hidden" in await page.inner_text("#cookies")
    second.nothing_is_left(temporary)


@pytest.mark.parametrize("path", ["alert?times=5", "popups?times=30", "beforeunload"])
async def test_tricks_of_a_page_leave_nothing_open(path, temporary, site):
    it = Stage(policy={"popups_max": 3})
    async with asyncio.timeout(SECONDS_MAX), it.lifecycle as lifecycle:
        async with lifecycle.page() as page:
            await page.goto(f"{site.url}/{path}")
            assert await page.title()
        async with lifecycle.browser() as browser:
            for _ in range(100):
                if not browser.contexts[0].pages:
                    break
                await asyncio.sleep(0.05)
            assert not browser.contexts[0].pages
    it.nothing_is_left(temporary)


KILLED = """
import asyncio, sys
from outlast import BrowserLifecycle, BrowserPolicy
from outlast.integrations.playwright import playwright_launcher

async def main():
    policy = BrowserPolicy(reaper=sys.argv[2] == "reaper")
    async with BrowserLifecycle(playwright_launcher(), policy=policy, storage=sys.argv[1]) as lifecycle:
        async with lifecycle.page() as page:
            await page.evaluate("1")
            print(*(number for root in lifecycle.roots() for number in root), flush=True)
            await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("guard", ["reaper", "sweep"])
async def test_nothing_outlives_a_killed_process_even_of_a_frozen_browser(guard, temporary, tmp_path):
    store = tmp_path / "store"
    started = subprocess.Popen([sys.executable, "-c", KILLED, store, guard], stdout=subprocess.PIPE, text=True)
    try:
        numbers = [int(each) for each in (await asyncio.to_thread(started.stdout.readline)).split()]
        browser, driver = Process(*numbers[:2]), Process(*numbers[2:])
        tree = [*group(browser), driver]
        os.kill(browser.pid, signal.SIGSTOP)
        started.kill()
    finally:
        started.kill()
        started.stdout.close()
        await asyncio.to_thread(started.wait)
    if guard == "sweep":
        assert is_alive(browser)
        async with asyncio.timeout(SECONDS_MAX), Stage(storage=store).lifecycle:
            assert not [each for each in tree if is_alive(each)]
            assert not list(temporary.iterdir())
    else:
        deadline = time.monotonic() + 60
        while [each for each in tree if is_alive(each)] or list(temporary.iterdir()):
            assert time.monotonic() < deadline, (tree, list(temporary.iterdir()))
            await asyncio.sleep(0.1)
