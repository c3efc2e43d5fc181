"""`kill -9` of a job with a browser: nothing of the browser outlives it for long, and the job goes on as if nothing had been."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from outlast.browser import find_browser

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(300)]

PAGES, FEW = 80, 16
BEFORE, AGAIN, SOON = 20, 50, 6
CONCURRENCY = 4
GONE_SECONDS = 60.0
"""The shell that ends what is left begins after a second; the rest is for a busy machine."""

SCRAPE = """
import asyncio

async def scrape(url, page):
    await page.goto(url)
    await asyncio.sleep(0.1)
    made = await page.text_content("#made")
    return {
        "page": int(url.rpartition("/")[2]),
        "title": await page.title(),
        "token": await page.text_content("#token"),
        "made": made,
    }
"""


class Job:
    """The job in a process of its own, and every process that descends from it."""

    def __init__(self, directory, site):
        self.directory, self.site = directory, site
        self.temporary = directory / "tmp"
        self.temporary.mkdir()
        (directory / "scrape.py").write_text(SCRAPE)
        (directory / "urls.txt").write_text("".join(f"{url}\n" for url in site.urls))
        self.process = None

    def start(self):
        environ = {name: value for name, value in os.environ.items() if not name.startswith("OUTLAST_")}
        command = [
            "run",
            "scrape.py:scrape",
            "urls.txt",
            "-o",
            "out.jsonl",
            "--quiet",
            "--concurrency",
            str(CONCURRENCY),
        ]
        with (self.directory / "printed").open("ab") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "outlast", *command],
                cwd=self.directory,
                env=environ | {"TMPDIR": str(self.temporary)},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def printed(self):
        return (self.directory / "printed").read_text()

    def reach(self, pages):
        """Wait until so many pages have been asked for."""
        deadline = time.monotonic() + 60
        while sum(self.site.requests.values()) < pages:
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.01)

    def family(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def finish(self):
        """Type the same command again, and let it end."""
        self.start()
        assert self.process.wait(90) == 0, self.printed

    def records(self):
        told = [json.loads(line) for line in (self.directory / "out.jsonl").read_text().splitlines()]
        return sorted(told, key=lambda each: each["page"])


@pytest.fixture
def job(tmp_path, browser_site):
    yield from watched(Job(tmp_path, browser_site(FEW)))


@pytest.fixture
def large_job(tmp_path, browser_site):
    yield from watched(Job(tmp_path, browser_site(PAGES)))


def watched(job):
    """The job; what a test that failed has left of it is ended."""
    seen = []
    family = job.family
    job.family = lambda: [seen.append(each) or each for each in family()]
    yield job
    if job.process.poll() is None:
        family_now = family()
        job.kill()
        seen.extend(family_now)
    # psutil tells a process from another that has got its number.
    for each in living(seen):
        with suppress(psutil.Error):
            each.kill()


def living(processes):
    def lives(process):
        with suppress(psutil.Error):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    return [each for each in processes if lives(each)]


def left_after(processes, seconds=GONE_SECONDS):
    """What of them still lives after that time, at most."""
    deadline = time.monotonic() + seconds
    while (left := living(processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [" ".join(told)[:100] for each in left if (told := words(each))]


def words(process):
    with suppress(psutil.Error):  # it has ended meanwhile
        return process.cmdline()
    return []


def is_gone_after(path, seconds=GONE_SECONDS):
    deadline = time.monotonic() + seconds
    while list(path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return list(path.iterdir()) == []


def browser_of(family):
    [browser] = [each for each in family if is_browser(each)]
    return browser


def is_browser(process):
    told = words(process)
    return any(word.startswith("--outlast-owner=") for word in told) and not any("--type=" in word for word in told)


def reaper_of(family):
    [reaper] = [each for each in family if words(each)[:2] == ["/bin/sh", "-c"]]
    return reaper


def assert_whole(job, kills=1):
    pages = job.site.pages
    assert job.records() == [job.site.record(number) for number in range(pages)], job.printed
    # What was in flight when the process was killed is fetched again, and nothing else.
    assert sum(job.site.requests.values()) <= pages + kills * CONCURRENCY
    assert list(job.temporary.iterdir()) == []


def test_a_job_that_is_killed_and_killed_again_with_a_frozen_browser_leaves_none_and_goes_on(large_job):
    job = large_job
    for pages, is_frozen in ((BEFORE, False), (AGAIN, True)):
        job.start()
        job.reach(pages)
        family = job.family()
        browser = browser_of(family)
        if is_frozen:
            browser.suspend()
        job.kill()
        assert left_after(family) == []
        assert is_gone_after(job.temporary)
    job.finish()
    assert_whole(job, kills=2)


def test_what_nobody_could_end_is_ended_by_the_next_start(job):
    job.start()
    job.reach(SOON)
    family = job.family()
    browser = browser_of(family)
    browser.suspend()
    reaper_of(family).kill()
    job.kill()
    # Frozen, and nobody is there who would end it: it stays for as long as nothing is started.
    assert left_after(family, seconds=1.5)
    assert browser.is_running()
    assert list(job.temporary.iterdir())
    job.finish()
    assert left_after(family) == []
    assert_whole(job)


def test_the_whole_group_may_be_killed_and_other_peoples_browsers_live(job, tmp_path):
    stranger = subprocess.Popen(
        [find_browser().path, "--headless", "--no-sandbox", f"--user-data-dir={tmp_path}/profile", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        job.start()
        job.reach(SOON)
        family = job.family()
        os.killpg(job.process.pid, signal.SIGKILL)
        job.process.wait()
        assert left_after(family) == []
        assert is_gone_after(job.temporary)
        job.finish()
        assert_whole(job)
        assert stranger.poll() is None
    finally:
        os.killpg(stranger.pid, signal.SIGKILL)
        stranger.wait()
