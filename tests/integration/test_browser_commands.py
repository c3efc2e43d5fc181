"""The command line and a real browser: Ctrl-C for the whole terminal, no browser at all, a disk without room."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from outlast.testing import BrowserSite

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(100)]

OUTLAST = Path(sys.executable).parent / "outlast"
SCRAPE = """
import os

async def scrape(url, page):
    await page.goto(url)
    print("there", flush=True)
    await page.wait_for_timeout(1000)
    while not os.path.exists("go"):
        await page.wait_for_timeout(100)
    return {"url": url, "title": await page.title()}
"""


class Typed:
    """A command in a session of its own, as a terminal starts it."""

    def __init__(self, directory):
        self._directory = directory
        (directory / "scrape.py").write_text(SCRAPE)

    async def __call__(self, *arguments, signalled=None, **environ):
        """The exit code, and what was said; with a signal, that is sent to the whole group once two pages are open.

        They stay open until it is said that the run stops.
        """
        said = b""
        if signalled is None:
            (self._directory / "go").touch()
        process = await asyncio.create_subprocess_exec(
            str(OUTLAST),
            *arguments,
            "--progress",
            "plain",
            cwd=self._directory,
            env={**os.environ, "TMPDIR": str(self._directory), **environ},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        if signalled is not None:
            for _ in range(2):
                await process.stdout.readline()
            os.killpg(process.pid, signalled)
            while b"stopping" not in said and (line := await process.stderr.readline()):
                said += line
            (self._directory / "go").touch()
        _, rest = await process.communicate()
        return process.returncode, (said + rest).decode()

    def left(self):
        """What a browser has left: processes and directories for a while."""
        mark = f"TMPDIR={self._directory}".encode()
        processes = [pid for pid in os.listdir("/proc") if pid.isdigit() and mark in content(pid)]
        return [*processes, *self._directory.glob("*playwright*"), *self._directory.glob(".org.chromium*")]


def content(pid):
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def typed(tmp_path):
    return Typed(tmp_path)


async def test_ctrl_c_in_a_terminal_lets_the_open_pages_end(typed):
    async with BrowserSite(pages=40) as site:
        code, said = await typed("run", "scrape.py:scrape", *site.urls, "--pages", "2", signalled=signal.SIGINT)
    assert code == 130
    assert "Stopped by you (SIGINT)" in said
    assert "the browser is gone" not in said
    # What was open was done, not fetched for nothing.
    done = int(said.partition(" of 40 done")[0].split()[-1])
    assert done >= 2
    assert sum(site.requests[f"/page/{number}"] for number in range(40)) == done
    assert typed.left() == []


async def test_a_service_manager_that_ends_every_process_of_it_loses_nothing(typed):
    async with BrowserSite(pages=6) as site:
        command = ("run", "scrape.py:scrape", *site.urls, "--pages", "2", "-o", "out.jsonl")
        code, _ = await typed(*command, signalled=signal.SIGTERM)
        assert code == 143
        assert typed.left() == []
        code, said = await typed(*command)
    assert code == 0, said
    assert len((typed._directory / "out.jsonl").read_text().splitlines()) == 6


async def test_without_a_browser_nothing_is_tried_and_it_is_said_what_to_do(typed):
    code, said = await typed(
        "run", "scrape.py:scrape", "https://a.example/", "--job", "none", OUTLAST_CHROMIUM="/no/such/browser"
    )
    assert code == 2
    assert "NOT STARTED" in said
    assert "OUTLAST_CHROMIUM names /no/such/browser" in said
    assert "0 of 1 done, 1 still to do" in said
    assert "outlast resume none" in said
    code, said = await typed("status", "none")
    assert code == 0


async def test_a_browser_that_does_not_start_is_told_with_its_own_last_words(typed, tmp_path):
    broken = tmp_path / "broken.sh"
    broken.write_text("#!/bin/sh\necho 'cannot open shared object file: libnss3.so' >&2\nexit 127\n")
    broken.chmod(0o755)
    code, said = await typed("run", "scrape.py:scrape", "https://a.example/", OUTLAST_CHROMIUM=str(broken))
    assert code == 2
    told = next(line for line in said.splitlines() if line.startswith("the browser cannot be started"))
    assert told.endswith("(cannot open shared object file: libnss3.so)")
    assert len(told) < 300


async def test_a_disk_without_room_ends_the_run_in_order_with_7(typed, tmp_path):
    # No disk has so much room: the same as a disk that has none left.
    (tmp_path / "job.toml").write_text(
        'target = "scrape.py:scrape"\nname = "full"\n[resource]\nmonitoring_interval = 1\ndefault_threshold = "huge"\n'
        'auto_cleanup_enabled = false\n[[resource.threshold]]\nname = "huge"\ndisk_space = 1e12\n'
    )
    async with BrowserSite(pages=400) as site:
        code, said = await typed("run", "job.toml", *site.urls, "--pages", "1")
    assert code == 7, said
    assert "STOPPED BY A LIMIT" in said
    assert "MB are free on the disk of the job, which wants at least 1e+12 (disk_space)" in said
    assert "outlast resume full" in said
    assert typed.left() == []
