"""The launcher of Playwright's browsers: one driver for several, what it passes on, and what it says when something is missing."""

import asyncio
import os
import subprocess
import sys

import pytest

from outlast.browser.processes import children, command, end, look
from outlast.errors import BrowserError, BrowserUnavailableError
from outlast.integrations.playwright import playwright_launcher

pytestmark = pytest.mark.real_time


async def test_browsers_come_from_one_driver_until_it_is_stopped_or_dies(tmp_path, monkeypatch):
    # A driver that is killed leaves its directories: here they are pytest's to remove.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    launcher = playwright_launcher(args=["--outlast-test"])
    try:
        first, second = await asyncio.gather(launcher(), launcher())
        assert first.driver_pid == second.driver_pid
        assert "run-driver" in command(look(first.driver_pid))
        assert first.marker == second.marker == f"--outlast-owner={launcher.owner}"
        assert all("playwright-artifacts-" in each for each in first.directories)
        end(look(first.driver_pid))
        while look(first.driver_pid) is not None:
            await asyncio.sleep(0.02)
        third = await launcher()
        assert third.driver_pid != first.driver_pid
        await third.stop()
        assert look(third.driver_pid) is None
        await third.stop()
    finally:
        await launcher.stop()


async def test_launchers_that_start_at_once_know_their_drivers_which_no_signal_for_our_group_reaches():
    launchers, others = [playwright_launcher(), playwright_launcher()], []

    async def start(*_):
        others.append(await asyncio.create_subprocess_exec("sleep", "60"))

    try:
        first, second, _ = await asyncio.gather(*(each() for each in launchers), start())
        assert first.driver_pid != second.driver_pid
        for each in (first, second):
            assert any(each.marker in command(child) for child in children(look(each.driver_pid)))
            assert os.getsid(each.driver_pid) == each.driver_pid
        # A callback of a page runs where its driver was started: what it starts is no driver either.
        page = await first.browser.new_page()
        page.on("close", start)
        await page.close()
        async with asyncio.timeout(60):
            while len(others) < 2:
                await asyncio.sleep(0.02)
        assert {os.getsid(each.pid) for each in others} == {os.getsid(0)}
    finally:
        for child in others:
            child.kill()
            await child.wait()
        for each in launchers:
            await each.stop()


async def test_a_browser_that_is_not_there_is_said():
    with pytest.raises(BrowserUnavailableError, match="/nowhere/chromium"):
        await playwright_launcher(executable="/nowhere/chromium")()


async def test_a_launch_that_fails_leaves_no_directory(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    launcher = playwright_launcher(executable="/bin/false")
    try:
        with pytest.raises(BrowserError, match="/bin/false: .*(closed|exit)"):
            await launcher()
        assert not list(tmp_path.iterdir())
    finally:
        await launcher.stop()


MISSING = """
import asyncio, sys
sys.modules["playwright.async_api"] = None
from outlast.integrations.playwright import playwright_launcher
try:
    asyncio.run(playwright_launcher(executable="/bin/true")())
except Exception as error:
    print(type(error).__name__, error)
"""


async def test_a_missing_extra_is_one_line_with_what_to_type():
    done = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "BrowserUnavailableError browsers need Playwright: pip install 'outlast[browser]'\n"


DYING = """
import asyncio, os, signal
from outlast.integrations.playwright import playwright_launcher

async def main():
    launcher = playwright_launcher()
    os.kill((await launcher()).driver_pid, signal.SIGKILL)
    await asyncio.sleep(0.2)

asyncio.run(main())
"""


async def test_a_driver_that_dies_is_told_of_in_our_words_and_not_in_asyncios_too(tmp_path):
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", DYING], capture_output=True, text=True, timeout=60, check=True, env=environ
    )
    assert done.stderr == ""
