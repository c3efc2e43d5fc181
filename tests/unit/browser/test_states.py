"""States are read whole or said to be partial, checked when they come back, and kept as secrets."""

import asyncio
import json
from pathlib import Path

import pytest

from outlast.browser import described
from outlast.browser.state import checked, cookie_names, empty, missing_after, reduced
from outlast.errors import KeyMissingError, SealError, ValidationError
from outlast.storage.keys import Keyring
from outlast.testing import HANG, FakeBrowserError

COOKIE = {"name": "sid", "value": "s3cret", "domain": "x", "path": "/", "expires": -1}
ORIGIN = {"origin": "http://x", "localStorage": [{"name": "theme", "value": "dark"}], "indexedDB": [{"name": "db"}]}
STATE = {**empty("default"), "storage_state": {"cookies": [COOKIE], "origins": [ORIGIN]}, "engine": "fake"}


def storing(**changed):
    return {**STATE, "storage_state": {**STATE["storage_state"], **changed}}


def standing(**changed):
    return {**STATE, "pages": [{"name": "inbox", "url": "http://x", **changed}]}


async def log_in(lifecycle):
    async with lifecycle.page() as page:
        await page.context.add_cookies([COOKIE])
        page.context.storage["origins"].append(ORIGIN)


async def test_a_session_that_was_never_used_is_empty(stage):
    async with stage().lifecycle as lifecycle:
        assert await lifecycle.get_browser_state("ann") == empty("ann")


async def test_a_state_is_plain_data_and_says_whose_it_is(stage):
    async with stage().lifecycle as lifecycle:
        await log_in(lifecycle)
        state = await lifecycle.get_browser_state("default")
        assert json.loads(json.dumps(state)) == state
        assert state["storage_state"] == {"cookies": [COOKIE], "origins": [ORIGIN]}
        assert (state["session_id"], state["generation"], state["engine"]) == ("default", 1, "fake")
        assert (state["partial"], state["missing"], state["source"]) == (False, [], "live")
        assert described(state) == {
            "cookies": 1,
            "origins": 1,
            "pages": 0,
            "partial": False,
            "missing": [],
            "source": "live",
        }


async def test_a_page_that_hangs_costs_the_storage_of_now_and_keeps_that_of_before(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        await log_in(lifecycle)
        await lifecycle.get_browser_state("default")
        async with lifecycle.page() as page:
            page.hang()
            await page.context.add_cookies([{**COOKIE, "name": "late"}])
            state = await lifecycle.get_browser_state("default")
            # Somebody is at work there: it is not closed for a snapshot.
            assert not page.is_closed()
        assert (state["partial"], state["missing"], state["source"]) == (True, ["storage"], "last_good")
        assert [each["name"] for each in state["storage_state"]["cookies"]] == ["sid", "late"]
        assert state["storage_state"]["origins"] == [ORIGIN]


@pytest.mark.parametrize("fault", [HANG, FakeBrowserError("broken")], ids=["hangs", "fails"])
async def test_cookies_that_cannot_be_read_are_said_to_be_missing(stage, fault):
    it = stage()
    async with it.lifecycle as lifecycle:
        await log_in(lifecycle)
        it.launcher.next("cookies", fault)
        state = await lifecycle.get_browser_state("default")
        assert (state["partial"], state["missing"]) == (True, ["cookies"])
        assert state["storage_state"]["cookies"] == [COOKIE]


async def test_what_indexeddb_cannot_say_does_not_cost_the_rest(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        await log_in(lifecycle)
        it.launcher.next("storage_state", FakeBrowserError("not serializable"))
        state = await lifecycle.get_browser_state("default")
        assert state["missing"] == ["indexed_db"]
        assert state["storage_state"]["origins"] == [{key: ORIGIN[key] for key in ("origin", "localStorage")}]


async def test_a_named_page_is_recorded_with_all_that_is_its_own(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page(name="inbox") as page:
            await page.goto("http://x/inbox")
            page.scroll, page.session_storage = [0, 1234], [["step", "7"]]
        [recorded] = (await lifecycle.get_browser_state("default"))["pages"]
        assert recorded == {
            "name": "inbox",
            "url": "http://x/inbox",
            "origin": "http://x",
            "scroll": [0, 1234],
            "session_storage": [["step", "7"]],
        }
        assert await lifecycle.on_browser_restart_required("test", {})
        async with lifecycle.page(name="inbox") as again:
            assert again is not page
            assert (again.url, again.scroll) == ("http://x/inbox", [0, 1234])
            assert again.session_storage == [["step", "7"]]


async def test_session_storage_that_a_named_page_does_not_have_afterwards_is_said_to_be_missing(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        for origin, is_whole in (("http://x", True), ("http://elsewhere", False)):
            page = {"name": "inbox", "url": "http://x", "origin": origin, "session_storage": [["step", "s3cret"]]}
            assert await lifecycle.restore_browser_state("default", {**STATE, "pages": [page]}) is is_whole
        it.launcher.always("evaluate", FakeBrowserError("it does not answer"))
        for entries, is_whole in (([], True), ([["step", "s3cret"]], False)):
            page = {"name": "inbox", "url": "http://x", "origin": "http://x", "session_storage": entries}
            assert await lifecycle.restore_browser_state("default", {**STATE, "pages": [page]}) is is_whole


async def test_a_state_is_restored_whole_or_the_answer_is_no(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        assert await lifecycle.restore_browser_state("ann", STATE)
        async with lifecycle.page("ann") as page:
            assert page.context.storage == STATE["storage_state"]
        assert not await lifecycle.restore_browser_state("ann", {**STATE, "missing": ["storage"], "partial": True})
        it.launcher.always("goto", FakeBrowserError("refused"))
        standing = {"name": "inbox", "url": "http://x", "origin": "http://x", "session_storage": [], "scroll": [0, 0]}
        assert not await lifecycle.restore_browser_state("ann", {**STATE, "pages": [standing]})


async def test_restoring_waits_for_those_who_are_at_work_in_the_session(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page() as page:
            first = page.context
            restoring = asyncio.create_task(lifecycle.restore_browser_state("default", STATE))
            await asyncio.sleep(5)
            assert first in it.launcher.browser.contexts
            assert not page.is_closed()
        assert await restoring
        assert first not in it.launcher.browser.contexts


async def test_a_primed_session_begins_with_its_state_and_starts_no_browser(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        lifecycle.prime("default", STATE)
        assert not it.launcher.browsers
        async with lifecycle.page() as page:
            assert page.context.storage == STATE["storage_state"]
        with pytest.raises(ValidationError):
            lifecycle.prime("default", {"version": 2})


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (None, "is a mapping"),
        ({"version": 2}, "version 2"),
        ({**STATE, "storage_state": []}, r"\$\.storage_state: must be a mapping"),
        ({**STATE, "storage_state": {"cookies": {}}}, r"\$\.storage_state\.cookies: must be a list"),
        ({**STATE, "storage_state": {"cookies": [{"value": "s3cret"}]}}, r"cookies\[0\]: needs name, domain, path"),
        ({**STATE, "storage_state": {"origins": [{}]}}, r"origins\[0\]: needs origin"),
        ({**STATE, "pages": {}}, r"\$\.pages: must be a list"),
        ({**STATE, "pages": [{"url": "s3cret"}]}, r"\$\.pages\[0\]: needs name, url"),
        ({**STATE, "pages": None}, r"\$\.pages: must be a list"),
        ({**STATE, "missing": None}, r"\$\.missing: must be a list of texts"),
        (storing(cookies=[{**COOKIE, "expires": "s3cret"}]), r"cookies\[0\]\.expires: must be a number"),
        (storing(cookies=[{**COOKIE, "expires": True}]), r"cookies\[0\]\.expires: must be a number"),
        (
            storing(origins=[{**ORIGIN, "localStorage": None}]),
            r"origins\[0\]\.localStorage: must be a list of mappings",
        ),
        (storing(origins=[{**ORIGIN, "localStorage": ["s3cret"]}]), r"localStorage: must be a list of mappings"),
        (storing(origins=[{**ORIGIN, "indexedDB": {}}]), r"origins\[0\]\.indexedDB: must be a list of mappings"),
        (standing(session_storage=5), r"\$\.pages\[0\]\.session_storage: must be a list of pairs of texts"),
        (standing(session_storage=[["s3cret"]]), r"session_storage: must be a list of pairs of texts"),
        (standing(session_storage=[["s3cret", 1]]), r"session_storage: must be a list of pairs of texts"),
        (standing(scroll=7), r"\$\.pages\[0\]\.scroll: must be two numbers"),
        (standing(scroll=[0, "s3cret"]), r"\$\.pages\[0\]\.scroll: must be two numbers"),
        (standing(origin=None), r"\$\.pages\[0\]\.origin: must be a text"),
    ],
)
def test_what_is_no_state_is_refused_without_its_values(state, complaint):
    with pytest.raises(ValidationError, match=complaint) as caught:
        checked(state)
    assert "s3cret" not in str(caught.value)


def test_what_a_state_need_not_have_is_there_once_it_was_checked():
    bare = {"version": 1, "storage_state": {"origins": [{"origin": "http://x"}]}, "pages": [{"name": "a", "url": "b"}]}
    state = checked(bare)
    assert state["storage_state"] == {"cookies": [], "origins": [{"origin": "http://x"}]}
    assert (state["missing"], state["engine"], state["session_id"]) == ([], None, "")


async def test_a_state_without_cookies_does_not_cost_a_restart(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        lifecycle.prime("default", {"version": 1, "storage_state": {"origins": []}})
        async with lifecycle.page():
            it.launcher.always("cookies", FakeBrowserError("broken"))
            it.launcher.always("storage_state", FakeBrowserError("broken"))
        assert await lifecycle.on_browser_restart_required("test", {})


async def test_what_a_hostile_page_says_of_itself_is_not_kept_unless_it_can_be_restored(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page(name="inbox") as page:
            await page.goto("http://x/inbox")
            page.session_storage, page.scroll = "all yours", [0, 1234]
        state = await lifecycle.get_browser_state("default")
        assert "session storage of page inbox" in state["missing"]
        assert checked(state) == state
        assert await lifecycle.on_browser_restart_required("test", {})
        async with lifecycle.page(name="inbox") as again:
            assert again.url == "http://x/inbox"


async def test_a_session_that_cannot_be_read_at_all_takes_the_browser_from_nobody(stage, of_kind):
    it = stage()
    async with it.lifecycle as lifecycle:
        await log_in(lifecycle)
        async with lifecycle.page("odd") as page:
            page.context.storage["cookies"] = [5]
        assert await lifecycle.on_browser_restart_required("test", {})
        assert of_kind(it.told, "checkpoint_failed") == [{"reason": "the browser's state: TypeError"}]
        async with lifecycle.page() as page:
            assert page.context.storage["cookies"] == [COOKIE]
        async with lifecycle.page("odd") as page:
            assert page.context.storage["cookies"] == []


def test_another_engine_takes_cookies_and_storage_and_says_what_it_does_not():
    state = {**STATE, "pages": [{"name": "inbox", "url": "http://x"}]}
    assert reduced(state, "fake") is state
    assert reduced(STATE, "other") is STATE
    assert reduced(state, "other") == {**state, "pages": [], "partial": True, "missing": ["pages"]}


def test_a_cookie_of_the_session_never_expires_and_an_expired_one_is_none():
    cookies = [{**COOKIE, "name": str(each), "expires": each} for each in (-1, 0, 99, 100, 101)]
    assert {name for name, *_ in cookie_names(cookies, 100)} == {"-1", "0", "101"}


def test_what_is_missing_is_told_without_values():
    wanted = {"cookies": [COOKIE], "origins": [ORIGIN]}
    assert missing_after(wanted, wanted, 0) == []
    assert missing_after(wanted, {"cookies": [], "origins": []}, 0) == ["1 cookies", "local storage of http://x"]


class TestOnDisk:
    KEY, OTHER = bytes(32), bytes([1]) * 32

    async def kept(self, stage, tmp_path, **options):
        async with stage(storage=tmp_path, **options).lifecycle as lifecycle:
            await log_in(lifecycle)
            await asyncio.sleep(75)
        return next((tmp_path / "browsers").glob("state-*.json"))

    async def test_the_last_good_state_outlives_the_process(self, stage, tmp_path):
        file = await self.kept(stage, tmp_path)
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
        async with stage(storage=tmp_path).lifecycle as lifecycle:
            state = await lifecycle.kept_state()
            assert state["storage_state"]["cookies"] == [COOKIE]
            assert await lifecycle.kept_state("nobody") is None

    async def test_with_keys_it_is_sealed(self, stage, tmp_path):
        file = await self.kept(stage, tmp_path, keys=Keyring.of([self.KEY]))
        assert b"s3cret" not in file.read_bytes()
        assert b'"sid"' not in file.read_bytes(), "without the quotes it would be in some base64 by chance"
        async with stage(storage=tmp_path, keys=Keyring.of([self.OTHER, self.KEY])).lifecycle as lifecycle:
            assert (await lifecycle.kept_state())["storage_state"]["cookies"] == [COOKIE]
        for keys in (None, Keyring.of([self.OTHER])):
            async with stage(storage=tmp_path, keys=keys).lifecycle as lifecycle:
                with pytest.raises(KeyMissingError):
                    await lifecycle.kept_state()

    async def test_one_in_clear_is_refused_where_it_has_to_be_sealed(self, stage, tmp_path):
        await self.kept(stage, tmp_path)
        async with stage(storage=tmp_path, keys=Keyring.of([self.KEY])).lifecycle as lifecycle:
            with pytest.raises(SealError, match="in clear"):
                await lifecycle.kept_state()

    async def test_without_a_directory_nothing_is_kept(self, stage, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        it = stage()
        async with it.lifecycle as lifecycle:
            await log_in(lifecycle)
            await asyncio.sleep(75)
            assert await lifecycle.kept_state() is None
        assert not list(Path().iterdir())

    async def test_a_file_that_cannot_be_written_is_told_and_stops_nothing(self, stage, tmp_path, of_kind):
        (tmp_path / "browsers").write_text("in the way")
        it = stage(storage=tmp_path, policy={"reaper": False})
        async with it.lifecycle as lifecycle:
            await log_in(lifecycle)
            await asyncio.sleep(75)
            assert of_kind(it.told, "checkpoint_failed")
            assert await lifecycle.on_browser_restart_required("memory", {})
            async with lifecycle.page() as page:
                assert page.context.storage["cookies"] == [COOKIE]
            await asyncio.sleep(10)
            it.launcher.browser.freeze()
            await asyncio.sleep(30)
            assert lifecycle.generation == 3


async def test_a_state_that_somebody_brought_and_the_browser_refuses_is_an_error(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        lifecycle.prime("default", STATE)
        it.launcher.next("new_context", FakeBrowserError("Error setting storage state"))
        # To go on without what it was given for would be to scrape as somebody else.
        with pytest.raises(FakeBrowserError, match="storage state"):
            async with lifecycle.page():
                pytest.fail("it was lent")
        assert not await restored_with(it, lifecycle, FakeBrowserError("Error setting storage state"))
        assert await restored_with(it, lifecycle, None)


async def restored_with(it, lifecycle, fault):
    it.launcher.next("new_context", fault)
    return await lifecycle.restore_browser_state("default", STATE)


async def test_a_named_page_that_does_not_answer_keeps_what_was_known_of_it(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        async with lifecycle.page(name="inbox") as page:
            await page.goto("http://x/inbox")
            page.scroll, page.session_storage = [0, 1234], [["step", "7"]]
        before = (await lifecycle.get_browser_state("default"))["pages"]
        page.hang()
        state = await lifecycle.get_browser_state("default")
        assert (state["pages"], state["partial"]) == (before, True)
        assert "session storage of page inbox" in state["missing"]


async def test_many_pages_that_do_not_answer_take_the_time_of_one(stage):
    it = stage()
    async with it.lifecycle as lifecycle:
        pages = []
        for name in "abcdef":
            async with lifecycle.page(name=name) as page:
                pages.append(page)
        for page in pages:
            page.hang()
        began = asyncio.get_running_loop().time()
        assert len((await lifecycle.get_browser_state("default"))["pages"]) == 6
        # Three seconds for the storage, two for the pages.
        assert asyncio.get_running_loop().time() - began < 6
