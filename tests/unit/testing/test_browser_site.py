"""The site for browsers, visited over real sockets and by a real browser."""

import asyncio
import json
import urllib.request
from contextlib import asynccontextmanager

import aiohttp
import pytest
from playwright.async_api import Error, async_playwright

from outlast.browser import find_browser
from outlast.testing import BrowserSite, PageFault, Trick
from outlast.testing.browser_tricks import TRICKS, script_of

pytestmark = pytest.mark.real_time


@pytest.fixture
async def fetch():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:

        async def get(url, method="GET", **options):
            async with session.request(method, url, **options) as response:
                return response.status, await response.text(), response.headers

        yield get


@asynccontextmanager
async def browsing():
    """A page of a real browser, and what it may do for the test."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser().path)
        try:
            yield await (await browser.new_context()).new_page()
        finally:
            await browser.close()


async def test_every_page_holds_a_token_that_no_other_has(fetch):
    async with BrowserSite(5) as site:
        for number, url in enumerate(site.urls):
            status, text, _ = await fetch(url)
            assert (status, text.count(site.record(number)["token"])) == (200, 1)
        assert len({site.record(number)["token"] for number in range(5)}) == 5
        assert site.requests == {f"/page/{number}": 1 for number in range(5)}


async def test_another_seed_has_other_tokens():
    assert BrowserSite(seed=1).record(3)["token"] != BrowserSite(seed=2).record(3)["token"]


async def test_there_are_so_many_pages_and_all_of_them_are_linked(fetch):
    async with BrowserSite(3) as site:
        assert (await fetch(f"{site.url}/"))[1].count("<a href='/page/") == 3
        assert "/page/0'" in (await fetch(f"{site.url}/page/1"))[1]
        assert (await fetch(f"{site.url}/page/3"))[0] == 404
        assert (await fetch(f"{site.url}/nothing"))[0] == 404
        assert (await fetch(f"{site.url}/page/x"))[0] == 400


async def test_a_page_fails_as_often_as_was_said(fetch):
    async with BrowserSite(3, [PageFault(1, "error", times=2)]) as site:
        assert [(await fetch(f"{site.url}/page/1"))[0] for _ in range(3)] == [500, 500, 200]
        assert (await fetch(f"{site.url}/page/0"))[0] == 200
        site.fail(PageFault(1, Trick.ERROR))
        assert [(await fetch(f"{site.url}/page/1"))[0] for _ in range(2)] == [500, 200]


async def test_a_page_can_be_silent_slow_or_cut(fetch):
    async with BrowserSite(3, [PageFault(0, "silent"), PageFault(1, "reset")]) as site:
        with pytest.raises(TimeoutError):
            await fetch(f"{site.url}/page/0", timeout=aiohttp.ClientTimeout(total=0.2))
        with pytest.raises(aiohttp.ClientError):
            await fetch(f"{site.url}/page/1")
        assert (await fetch(f"{site.url}/slow?seconds=0.01"))[0] == 200
        assert (await fetch(f"{site.url}/page/0"))[0] == 200


def test_a_fault_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="'explode' is no trick; there are hangjs, "):
        PageFault(1, "explode")


@pytest.mark.parametrize(
    "path",
    ["/leak?mib=1e9", "/leak?times=3", "/alert?times=x", "/slow?seconds=1e9", "/slow?seconds=-1", "/alert?times=nan"],
)
async def test_a_number_that_is_out_of_bounds_is_refused(fetch, path):
    async with BrowserSite() as site:
        assert (await fetch(site.url + path))[0] == 400


async def test_a_body_that_is_too_long_ends_the_connection(fetch):
    async with BrowserSite() as site:
        with pytest.raises(aiohttp.ClientError):
            await fetch(f"{site.url}/login", "POST", data=b"x" * 100_000)


def test_the_scripts_say_their_numbers():
    assert "n <= 7" in script_of(Trick.ALERTS, {"times": 7})
    assert "n <= 20" in script_of(Trick.ALERTS)
    assert all(script_of(trick) for trick in TRICKS)


async def test_a_browser_reads_what_the_record_says():
    async with BrowserSite(2) as site, browsing() as page:
        await page.goto(site.urls[1])
        record = {"page": 1, "title": await page.title()}
        record |= {name: await page.text_content(f"#{name}") for name in ("token", "made")}
        assert record == site.record(1)


@pytest.mark.parametrize("trick", ["hangjs", "crash"])
async def test_a_page_hangs_or_crashes_once_after_it_has_loaded(trick):
    async with BrowserSite(2, [PageFault(1, trick)]) as site, browsing() as page:
        crashed = asyncio.Event()
        page.on("crash", lambda _: crashed.set())
        await page.goto(site.urls[1])
        if trick == "crash":
            async with asyncio.timeout(20):
                await crashed.wait()
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await page.evaluate("1")
        other = await page.context.new_page()
        await other.goto(site.urls[1])
        assert await other.text_content("#made") == site.record(1)["made"]


async def test_the_named_tricks_do_what_they_say():
    async with BrowserSite() as site, browsing() as page:
        alerts, popups = [], []
        page.on("dialog", lambda dialog: alerts.append(dialog.message) or asyncio.ensure_future(dialog.dismiss()))
        page.context.on("page", lambda popup: popups.append(popup))
        await page.goto(f"{site.url}/alert?times=3")
        assert alerts == ["alert 1", "alert 2", "alert 3"]
        await page.goto(f"{site.url}/popups?times=2")
        async with asyncio.timeout(10):
            while len(popups) < 2:
                await asyncio.sleep(0.01)
        with pytest.raises(Error, match="Download is starting"):
            await page.goto(f"{site.url}/download")
        await page.goto(f"{site.url}/tall")
        assert await page.evaluate("document.body.scrollHeight") > 20_000
        await page.goto(f"{site.url}/leak?mib=20")
        await page.wait_for_function("kept.length > 2")
        assert await page.evaluate("kept[0].length") == 2 * 2**20


async def test_storage_of_every_kind_is_written_and_read_back():
    async with BrowserSite() as site, browsing() as page:

        async def stored(query=""):
            await page.goto(f"{site.url}/storage{query}")
            await page.wait_for_selector("body[data-ready]")
            return json.loads(await page.text_content("#stored"))

        assert await stored() == {"local": None, "session": None, "indexed": None}
        written = await stored("?write=hello")
        assert await stored() == written
        indexed = {
            "text": "hello",
            "when": "1970-01-02T00:00:00.000Z",
            "map": [["a", 1]],
            "bytes": [1, 2, 3],
            "version": 3,
        }
        assert written == {"local": "hello", "session": "hello", "indexed": indexed}


async def test_cookies_are_set_and_shown():
    async with BrowserSite() as site, browsing() as page:
        await page.goto(f"{site.url}/cookie")
        await page.goto(f"{site.url}/cookie?set=no")
        assert json.loads(await page.text_content("#cookies")) == {"hidden": "1", "plain": "1"}
        assert await page.evaluate("document.cookie") == "plain=1"


async def test_members_are_those_who_have_logged_in():
    async with BrowserSite() as site, browsing() as page:
        await page.goto(f"{site.url}/members/3")
        assert await page.title() == "Log in"
        await page.fill("[name=user]", "ann")
        await page.fill("[name=password]", "wrong")
        await page.click("button")
        assert await page.text_content("#wrong")
        await page.fill("[name=user]", "ann")
        await page.fill("[name=password]", "correct horse")
        await page.click("button")
        assert page.url == f"{site.url}/members/3"
        assert await page.text_content("#token") == site.record(3)["token"]
        assert site.logins == 1
        site.log_everyone_out()
        await page.goto(f"{site.url}/members/4")
        assert await page.title() == "Log in"


@pytest.mark.parametrize("onward", ["http://elsewhere.test/", "/a%0d%0aX-Other: 1", "/\u00fc", ""])
async def test_a_login_leads_to_this_site_and_nowhere_else(fetch, onward):
    async with BrowserSite() as site:
        form = {"user": "ann", "password": "correct horse", "next": onward.replace("%0d%0a", "\r\n")}
        status, _, headers = await fetch(f"{site.url}/login", "POST", data=form, allow_redirects=False)
        assert (status, headers["Location"], "X-Other" in headers) == (303, "/members/0", False)


def test_the_fixture_serves_until_the_test_ends(browser_site):
    site = browser_site(3, [PageFault(1, "error")])
    with urllib.request.urlopen(site.urls[0]) as answer:
        assert site.record(0)["token"] in answer.read().decode()
