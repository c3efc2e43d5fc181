"""Handlers that ask for a page: what they are given, what a crash costs, and how a run ends that has no browser."""

import asyncio
import json
import shutil
from collections import Counter

import pytest

from outlast.browser.keeping import Keeping
from outlast.config import JobConfiguration
from outlast.errors import BrowserUnavailableError, ConfigurationError, TargetError
from outlast.events import EventBus
from outlast.failure.rule import FailureRule
from outlast.jobs import Outcome, Run, job
from outlast.jobs.recall import BROWSER_STATE
from outlast.runtime import Runtime
from outlast.testing import FakeLauncher

URLS = [f"https://shop.example/{number}" for number in range(12)]


@pytest.fixture
def launcher():
    return FakeLauncher()


@pytest.fixture
def events():
    return []


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch, launcher, events):
    monkeypatch.chdir(tmp_path)
    bus = EventBus()
    bus.subscribe(events.append)
    runtime = Runtime(clock=virtual_clock, roll=lambda: 0.5, bus=bus)
    return {"store": tmp_path / "store", "runtime": runtime, "browser": launcher, "concurrency": 4}


def kinds(events):
    return Counter(event.event_type for event in events)


async def visit(url, page):
    await page.goto(url)
    return {"url": url, "title": await page.title()}


async def results(name, options, handler=visit, urls=URLS):
    async with Run(name, output="out.jsonl", **options) as run:
        summary = await run.process(handler, urls)
    with open("out.jsonl") as file:
        return summary, [json.loads(line) for line in file]


# What is given


async def test_every_item_has_a_page_and_nothing_is_open_afterwards(options, launcher):
    summary, records = await results("pages", options)
    assert (summary.done, summary.outcome) == (12, Outcome.COMPLETED)
    assert sorted(each["url"] for each in records) == sorted(URLS)
    assert all(each["title"] == f"title of {each['url']}" for each in records)
    assert (len(launcher.browsers), launcher.open_browsers, launcher.drivers_stopped) == (1, 0, 1)


async def test_a_run_with_nothing_to_do_starts_no_browser(options, launcher):
    await results("idle", options)
    started = len(launcher.browsers)
    summary, _ = await results("idle", options)
    assert (summary.done, len(launcher.browsers)) == (12, started)


async def test_page_context_and_browser_are_parts_of_one_another(options):
    async def see(url, page, context, browser):
        assert page.context is context
        assert context.browser is browser

    assert (await results("parts", options, see, URLS[:1]))[0].done == 1


async def test_a_context_or_a_browser_alone_can_be_asked_for(options, launcher):
    async def by_context(url, context):
        page = await context.new_page()
        await page.goto(url)

    async def by_browser(url, browser):
        await (await browser.new_context()).new_page()

    assert (await results("context", options, by_context))[0].done == 12
    assert (await results("browser", options, by_browser))[0].done == 12
    assert launcher.open_browsers == 0


async def test_a_parameter_that_has_a_default_is_left_alone(options, launcher):
    async def numbered(url, page=7, browser=None):
        return {"page": page, "browser": browser}

    _, records = await results("defaults", options, numbered, URLS[:1])
    assert records == [{"page": 7, "browser": None}]
    assert not launcher.browsers


async def test_a_resource_of_the_users_own_comes_before_the_browsers(options, launcher):
    async def scrape(url, page):
        return {"page": page}

    _, records = await results("own", {**options, "resources": {"page": lambda: "mine"}}, scrape, URLS[:1])
    assert records == [{"page": "mine"}]
    assert not launcher.browsers


async def test_a_plain_function_cannot_have_a_page(options):
    def scrape(url, page):
        raise AssertionError

    with pytest.raises(TargetError, match=r"asks for 'page', which belongs to the event loop: make it `async def`"):
        await results("plain", options, scrape)


async def test_an_async_generator_has_its_page_until_it_ends(options):
    async def scrape(url, page):
        await page.goto(url)
        for number in range(3):
            yield {"n": number, "title": await page.title()}

    _, records = await results("generator", options, scrape, URLS[:2])
    assert len(records) == 6


async def test_no_more_pages_are_open_than_the_section_says(options, launcher):
    most = 0

    async def scrape(url, page):
        nonlocal most
        most = max(most, launcher.open_pages)
        await page.goto(url)

    config = JobConfiguration(browser={"concurrency": 2}, concurrency=8)
    del options["concurrency"]
    await results("few", {**options, "config": config}, scrape)
    assert most == 2


async def test_the_next_work_of_a_run_is_bound_by_none_of_that(options, launcher):
    most = now = 0

    async def without(url):
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(1)
        now -= 1

    config = JobConfiguration(browser={"concurrency": 2}, concurrency=8)
    del options["concurrency"]
    async with Run("both", config=config, **options) as run:
        await run.process(visit, URLS[:3])
        await run.process(without, URLS[3:])
    assert most == 8


async def test_a_run_that_had_no_browser_may_go_on_when_there_is_one(options, launcher):
    launcher.always("launch", OSError("not yet"))
    async with Run("then", **options) as run:
        assert (await run.process(visit, URLS)).exit_code == 2
        launcher.heal()
        summary = await run.process(visit, URLS)
        launcher.always("launch", OSError("gone again"))
        again = await run.process(visit, [*URLS, "https://shop.example/new"])
    assert (summary.done, summary.reason) == (12, None)
    assert "gone again" in again.reason


async def test_what_is_not_asked_for_by_name_is_said_with_the_names_there_are(options):
    async def scrape(url, pgae):
        raise AssertionError

    with pytest.raises(TargetError, match=r"asks for 'pgae', which nobody provides.*did you mean 'page'"):
        await results("typo", options, scrape)


# What a crash costs


async def attempts_of(options, trouble, *, timeout="30s", urls=URLS):
    """The number of the attempt at which each item was done; `trouble(url, attempt, page)` happens once the page is there."""
    attempts, tries = {}, Counter()

    async def scrape(url, page, ctx):
        tries[url] += 1
        await page.goto(url)
        await trouble(url, ctx.attempt, page)
        attempts[url] = ctx.attempt
        return {"url": url, "title": await page.title()}

    summary, records = await results("trouble", {**options, "timeout": timeout}, scrape, urls)
    assert (summary.done, summary.failed, summary.exit_code) == (len(urls), 0, 0)
    assert all(each["title"] == f"title of {each['url']}" for each in records)
    assert len(records) == len(urls)
    assert max(tries.values()) <= 2
    return attempts


async def test_a_browser_that_crashes_costs_nobody_an_attempt_and_is_one_incident(options, launcher, events):
    async def trouble(url, attempt, page):
        if url == URLS[5] and len(launcher.browsers) == 1:
            page.context.browser.crash()

    assert set((await attempts_of(options, trouble)).values()) == {1}
    assert kinds(events)["browser_crashed"] == kinds(events)["browser_restarted"] == 1
    assert (len(launcher.browsers), launcher.open_browsers) == (2, 0)


async def test_a_page_that_crashes_alone_costs_its_item_an_attempt_and_no_other_anything(options, launcher):
    async def trouble(url, attempt, page):
        if url == URLS[5] and attempt == 1:
            page.crash()

    attempts = await attempts_of(options, trouble)
    assert attempts.pop(URLS[5]) == 2
    assert set(attempts.values()) == {1}
    assert len(launcher.browsers) == 1


async def test_what_a_crashed_page_has_returned_is_never_recorded(options):
    crashed = False

    async def scrape(url, page):
        nonlocal crashed
        await page.goto(url)
        if not crashed:
            crashed = True
            page.crash()
        return {"title": await page.title()}  # empty, and no error: that is how it is

    _, records = await results("fenced", options, scrape, URLS[:1])
    assert records == [{"title": f"title of {URLS[0]}"}]


async def test_a_page_that_hangs_costs_its_item_an_attempt_and_no_other_anything(options, launcher):
    async def trouble(url, attempt, page):
        if url == URLS[5] and attempt == 1:
            page.hang()
            await page.wait_for_timeout(3_600_000)

    attempts = await attempts_of(options, trouble)
    assert attempts.pop(URLS[5]) <= 2
    assert set(attempts.values()) == {1}
    assert len(launcher.browsers) == 1


async def test_a_browser_that_freezes_is_replaced_and_costs_nobody_an_attempt(options, launcher, events):
    async def trouble(url, attempt, page):
        if url == URLS[5] and len(launcher.browsers) == 1:
            page.context.browser.freeze()

    # Sooner than anybody would have looked whether it lives.
    assert set((await attempts_of(options, trouble, timeout="4s")).values()) == {1}
    assert len(launcher.browsers) == 2
    assert kinds(events)["browser_crashed"] == 1
    assert not kinds(events)["host_parked"]


async def test_the_time_of_an_attempt_begins_when_it_has_its_page(options, launcher):
    launcher.always("launch", 20.0)

    async def trouble(url, attempt, page):
        await asyncio.sleep(4.0)

    assert set((await attempts_of(options, trouble, timeout="5s")).values()) == {1}


@pytest.mark.parametrize("setting", [{"timeout": 5}, {"timeout": 50, "page_timeout": 5}])
async def test_the_shorter_of_the_two_times_counts(options, setting):
    async def scrape(url, page):
        await asyncio.sleep(10.0)

    browser = {"page_timeout": setting.pop("page_timeout")} if "page_timeout" in setting else {}
    config = JobConfiguration(browser=browser, retry={"default_policy": "none"}, **setting)
    async with Run("short", config=config, **options) as run:
        summary = await run.process(scrape, URLS[:1])
        assert "did not end within 5 s" in (await run.failures())[0]["message"]
    assert summary.failed == 1


async def test_a_run_that_is_stopped_lets_its_pages_end_and_closes_the_browser(options, launcher):
    async def scrape(url, page):
        await page.goto(url)
        if url == URLS[3]:
            run.stop()
        await asyncio.sleep(1.0)

    async with Run("stopped", **options) as run:
        summary = await run.process(scrape, URLS)
    assert (summary.outcome, summary.failed) == (Outcome.STOPPED, 0)
    assert 0 < summary.done < 12
    assert launcher.open_browsers == 0


async def test_a_run_that_is_cancelled_closes_the_browser(options, launcher):
    async def scrape(url, page):
        await asyncio.sleep(3_600)

    async def whole():
        async with Run("cancelled", **{**options, "timeout": "none"}) as run:
            await run.process(scrape, URLS)

    task = asyncio.create_task(whole())
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (len(launcher.browsers), launcher.open_browsers) == (1, 0)


# No browser


async def test_a_run_for_which_no_browser_can_be_started_says_so_and_blames_no_item(options, launcher):
    launcher.always("launch", BrowserUnavailableError("there is no browser here: install one"))
    async with Run("none", **options) as run:
        summary = await run.process(visit, URLS)
    assert (summary.outcome, summary.exit_code, summary.reason) == (
        Outcome.STOPPED,
        2,
        "there is no browser here: install one",
    )
    assert (summary.done, summary.failed, summary.deferred) == (0, 0, 12)


async def test_such_a_job_goes_on_when_there_is_one_however_often_it_was_tried_before(options, launcher):
    launcher.always("launch", OSError("exec format error"))
    for _ in range(8):
        async with Run("later", **options) as run:
            summary = await run.process(visit, URLS)
        assert summary.exit_code == 2
    assert "exec format error" in summary.reason
    launcher.heal()
    async with Run("later", **options) as run:
        summary = await run.process(visit, URLS)
    assert (summary.done, summary.exit_code, summary.reason) == (12, 0, None)


async def test_a_browser_that_crashes_again_and_again_ends_the_run_without_using_up_the_items(options, launcher):
    async def scrape(url, page):
        await page.goto(url)
        page.context.browser.crash()

    async with Run("again", **options) as run:
        summary = await run.process(scrape, URLS)
    assert summary.outcome is not Outcome.COMPLETED
    assert (summary.done, summary.failed, summary.deferred) == (0, 0, 12)
    assert summary.exit_code in {3, 7}
    assert len(launcher.browsers) <= 11


async def test_a_browser_that_crashes_now_and_then_does_not_end_a_run_that_gets_things_done(options, launcher):
    crashed = set()

    async def scrape(url, page):
        await page.goto(url)
        if int(url.rpartition("/")[2]) % 2 and url not in crashed:
            crashed.add(url)
            page.context.browser.crash()
        return {"url": url}

    async with Run("now and then", **{**options, "concurrency": 1}) as run:
        summary = await run.process(scrape, URLS)
    assert (summary.done, summary.exit_code, summary.reason) == (12, 0, None)
    assert len(launcher.browsers) == 1 + len(crashed) == 7


async def test_a_run_whose_browser_is_gone_and_cannot_be_replaced_ends_with_7(options, launcher):
    async def scrape(url, page):
        await page.goto(url)
        if url == URLS[6]:
            launcher.always("launch", OSError("no memory"))
            page.context.browser.crash()

    async with Run("gone", **options) as run:
        summary = await run.process(scrape, URLS)
    assert (summary.outcome, summary.exit_code) == (Outcome.STOPPED, 7)
    assert "no memory" in summary.reason
    assert summary.failed == 0
    assert summary.done >= 4


# The session


async def log_in(url, page):
    await page.goto(url)
    await page.context.add_cookies([{"name": "session", "value": "s3cret", "domain": "shop.example", "path": "/"}])


async def cookies_of(url, page):
    return {"cookies": [each["name"] for each in await page.context.cookies()]}


async def test_the_session_is_there_in_the_next_work_of_the_run_and_in_the_next_run(options, launcher):
    async with Run("session", **options) as run:
        await run.process(log_in, URLS[:1])
        await run.process(cookies_of, URLS[1:2])
    summary, records = await results("session", options, cookies_of, URLS[2:3])
    assert records == [{"cookies": ["session"]}] * 2
    assert (summary.done, len(launcher.browsers)) == (3, 3)


async def test_the_session_is_carried_into_the_next_browser_by_a_restart(options, launcher):
    async def scrape(url, page):
        if len(launcher.browsers) == 1:
            await log_in(url, page)
            await asyncio.sleep(100)  # within that time the session is looked at
            page.context.browser.crash()
        return await cookies_of(url, page)

    told = {**options, "timeout": "10m", "concurrency": 1}
    _, records = await results("carried", told, scrape, [URLS[0]])
    assert records == [{"cookies": ["session"]}]
    assert len(launcher.browsers) == 2


async def test_the_session_is_in_the_checkpoint_and_nowhere_in_what_is_told(options, events, tmp_path):
    config = JobConfiguration(checkpoint={"compression_enabled": False})
    async with Run("told", config=config, **options) as run:
        await run.process(log_in, URLS[:3])
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("store/jobs/*/checkpoints/**/*.ckpt"))
    assert BROWSER_STATE.encode() in stored
    assert b"s3cret" in stored
    assert "s3cret" not in "".join(str(event.data) for event in events)


async def test_a_browser_that_is_renewed_has_its_session_in_a_checkpoint_first(options, launcher, events):
    async def slowly(url, page):
        await asyncio.sleep(8)
        await log_in(url, page)

    config = JobConfiguration(browser={"max_pages": 4}, checkpoint={"interval": "1h"})
    del options["concurrency"]
    async with Run("renewed", config=config, concurrency=1, **options) as run:
        await run.process(slowly, URLS)
    assert len(launcher.browsers) > 1
    done = [event.event_type for event in events if event.event_type in {"checkpoint_created", "browser_restarted"}]
    # One before each, and the one at the end.
    assert done == ["checkpoint_created", "browser_restarted"] * (len(launcher.browsers) - 1) + ["checkpoint_created"]


async def test_what_was_written_down_after_the_last_checkpoint_is_what_the_next_run_begins_with(options, tmp_path):
    async with Run("newer", **options) as run:
        await run.process(log_in, URLS[:1])
    state = {"version": 1, "session_id": "default", "captured_at": "2999-01-01T00:00:00+00:00", "pages": []}
    cookie = {"name": "newer", "value": "x", "domain": "shop.example", "path": "/"}
    [directory] = tmp_path.glob("store/jobs/*")
    kept = Keeping(directory / "browsers", None)
    await kept.keep({"default": {**state, "storage_state": {"cookies": [cookie], "origins": []}}})
    _, records = await results("newer", options, cookies_of, URLS[1:2])
    assert records == [{"cookies": ["newer"]}]


async def test_a_run_that_was_killed_before_its_first_checkpoint_has_not_lost_its_session(options, tmp_path):
    async with Run("early", **options) as run:
        await run.process(log_in, URLS[:1])
    [directory] = tmp_path.glob("store/jobs/*")
    state = {"version": 1, "session_id": "default", "captured_at": "2020-01-01T00:00:00+00:00", "pages": []}
    cookie = {"name": "written", "value": "x", "domain": "shop.example", "path": "/"}
    kept = {"default": {**state, "storage_state": {"cookies": [cookie], "origins": []}}}
    shutil.rmtree(directory / "checkpoints")
    await Keeping(directory / "browsers", None).keep(kept)
    given = {**cookie, "name": "given"}
    (tmp_path / "session.json").write_text(json.dumps({"cookies": [given], "origins": []}))
    for number, browser in enumerate(({}, {"storage_state": "session.json"}), start=1):
        config = JobConfiguration(browser=browser)
        async with Run("early", config=config, output="out.jsonl", **options) as run:
            await run.process(cookies_of, URLS[number : number + 1])
        shutil.rmtree(directory / "checkpoints")
        await Keeping(directory / "browsers", None).keep(kept)
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    # A session that the job has had itself counts, and not the file that it began with.
    assert records == [{"cookies": ["written"]}] * 2


async def test_what_was_written_down_and_is_torn_leaves_the_checkpoints_session(options, tmp_path):
    async with Run("torn", **options) as run:
        await run.process(log_in, URLS[:1])
    [directory] = tmp_path.glob("store/jobs/*")
    await Keeping(directory / "browsers", None).keep({"default": {"version": 1}})
    [path] = [each for each in (directory / "browsers").iterdir() if each.is_file() and each.suffix != ".jsonl"]
    path.write_bytes(path.read_bytes()[:5])
    _, records = await results("torn", options, cookies_of, URLS[1:2])
    assert records == [{"cookies": ["session"]}]


@pytest.mark.parametrize("is_sealed", [False, True])
async def test_of_an_encrypted_job_the_session_is_nowhere_in_clear(options, launcher, tmp_path, is_sealed):
    async def scrape(url, page):
        await log_in(url, page)
        await asyncio.sleep(100)  # within that time the session is written down

    config = JobConfiguration(checkpoint={"compression_enabled": False, "encryption_enabled": is_sealed})
    keys = {"keys": lambda: [b"k" * 32]} if is_sealed else {}
    async with Run("sealed", config=config, timeout="10m", **options, **keys) as run:
        await run.process(scrape, URLS[:1])
    [directory] = tmp_path.glob("store/jobs/*")
    holding = {path.parent.name for path in directory.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()}
    assert ("browsers" in holding) is not is_sealed
    assert not is_sealed or not holding
    assert all(path.stat().st_mode & 0o077 == 0 for path in (directory / "browsers").rglob("*"))
    async with Run("sealed", config=config, output="out.jsonl", **options, **keys) as run:
        await run.process(cookies_of, URLS[1:2])
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {"cookies": ["session"]}


async def test_a_fresh_start_begins_without_the_session(options, tmp_path):
    async with Run("anew", **options) as run:
        await run.process(log_in, URLS[:1])
    [directory] = tmp_path.glob("store/jobs/*")
    state = {"version": 1, "session_id": "default", "captured_at": "2999-01-01T00:00:00+00:00", "pages": []}
    cookie = {"name": "old", "value": "x", "domain": "shop.example", "path": "/"}
    await Keeping(directory / "browsers", None).keep({"default": {**state, "storage_state": {"cookies": [cookie]}}})
    (directory / "browsers" / "started.jsonl").write_text("")
    _, records = await results("anew", {**options, "fresh": True}, cookies_of, URLS[2:3])
    assert records == [{"cookies": []}]
    _, records = await results("anew", options, cookies_of, URLS[3:4])
    assert records == [{"cookies": []}] * 2
    # What it was is kept with the rest of the old run; what it started is for the next run to look at.
    [kept] = directory.glob("old/*/browsers/*")
    assert kept.stat().st_mode & 0o077 == 0
    assert (directory / "browsers" / "started.jsonl").exists()


async def test_a_clean_session_for_each_item_shares_and_keeps_nothing(options, tmp_path):
    async def both(url, page):
        await log_in(url, page)
        return await cookies_of(url, page)

    config = JobConfiguration(browser={"storage_state": "fresh"}, checkpoint={"compression_enabled": False})
    _, records = await results("clean", {**options, "config": config}, both)
    assert records == [{"cookies": ["session"]}] * 12
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("store/jobs/*/checkpoints/**/*.ckpt"))
    assert b"s3cret" not in stored


async def test_a_job_begins_with_the_session_of_a_file(options, tmp_path):
    cookie = {"name": "given", "value": "x", "domain": "shop.example", "path": "/"}
    (tmp_path / "session.json").write_text(json.dumps({"cookies": [cookie], "origins": []}))
    config = JobConfiguration(browser={"storage_state": "session.json"})
    _, records = await results("file", {**options, "config": config}, cookies_of, URLS[:1])
    assert records == [{"cookies": ["given"]}]


@pytest.mark.parametrize("text", [None, "not json", '{"cookies": 7}'])
async def test_a_file_that_is_no_session_is_said_before_anything_is_tried(options, tmp_path, text):
    if text is not None:
        (tmp_path / "shraed").write_text(text)
    config = JobConfiguration(browser={"storage_state": "shraed"})
    with pytest.raises(ConfigurationError, match=r"browser.storage_state: 'shraed' is neither 'shared' nor 'fresh'"):
        await results("no file", {**options, "config": config})


async def test_an_installation_that_launches_no_browser_says_so_in_one_line(options, monkeypatch):
    monkeypatch.setattr("outlast.jobs.browser.GROUP", "outlast.nothing")
    with pytest.raises(ConfigurationError, match="nothing that is installed launches a browser.*pip install"):
        await results("bare", {**options, "browser": "chromium"})


async def test_an_option_that_contexts_do_not_have_is_found_before_a_browser_is_started(options):
    config = JobConfiguration(browser={"context": {"locle": "de-DE"}})
    with pytest.raises(ConfigurationError, match="no 'locle', did you mean 'locale'"):
        await results("mistyped", {**options, "browser": "chromium", "config": config})


async def test_settings_that_no_page_can_be_opened_with_are_no_items_fault(options, launcher, monkeypatch):
    async def refused(self, **given):
        raise TypeError("new_context() got an unexpected keyword argument 'local'")

    monkeypatch.setattr("outlast.testing.fake_browser.FakeBrowser.new_context", refused)
    async with Run("mistyped", **options) as run:
        summary = await run.process(visit, URLS)
    assert (summary.failed, summary.deferred, summary.exit_code) == (0, 12, 2)
    assert summary.reason.startswith("no page can be opened with these settings ([browser]): new_context() got")


async def test_a_first_page_that_cannot_be_opened_only_once_ends_nothing(options, launcher):
    launcher.next("new_page", OSError("no page for once"))
    summary, _ = await results("first", {**options, "concurrency": 1})
    assert (summary.done, summary.retries, summary.exit_code) == (12, 0, 0)


async def test_a_page_that_cannot_be_opened_once_others_were_is_a_failure_like_any_other(options, launcher):
    seen = []

    async def scrape(url, page):
        seen.append(url)
        if len(seen) == 4:
            launcher.next("new_page", OSError("no page for once"))
        return {"url": url}

    summary, _ = await results("later on", {**options, "concurrency": 1}, scrape)
    assert (summary.done, summary.failed, summary.retries) == (12, 0, 1)


async def test_a_remedy_may_ask_for_a_page(options):
    class LoggedOut(Exception):
        pass

    async def guarded(url, page, ctx):
        if not await page.context.cookies():
            raise LoggedOut(url)
        return {"attempt": ctx.attempt}

    async def refresh(page, host):
        assert host == "shop.example"
        await log_in(f"https://{host}/login", page)

    rules = [FailureRule(failure_class="auth_expired", types=("LoggedOut",), transient=True)]
    told = {**options, "rules": rules, "remedies": {"refresh_session": refresh}}
    summary, records = await results("remedy", told, guarded)
    assert (summary.done, summary.failed) == (12, 0)
    assert records == [{"attempt": 1}] * 12


async def test_the_decorated_function_is_still_an_ordinary_one(options, launcher):
    @job("ordinary", browser=launcher)
    async def scrape(url, page):
        return (url, page)

    assert await scrape("u", "p") == ("u", "p")


async def test_a_browser_that_is_lost_while_the_run_stops_is_not_replaced(options, launcher, events, virtual_clock):
    async def stay(url, page):
        await page.goto(url)
        await page.wait_for_timeout(10_000)
        return {"url": url}

    async with Run("leaving", **options) as run:
        work = asyncio.create_task(run.process(stay, URLS))
        await virtual_clock.sleep(5)
        run.stop()
        launcher.browser.crash()
        summary = await work
    assert (summary.done, summary.deferred, summary.failed) == (0, 12, 0)
    [crashed] = [event.data for event in events if event.event_type == "browser_crashed"]
    assert crashed["replaced"] is False
    assert (len(launcher.browsers), launcher.open_browsers) == (1, 0)
    assert (await results("leaving", options))[0].done == 12
