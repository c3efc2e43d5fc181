"""The examples: a scraper before and after, of which three lines are new."""

import asyncio
import difflib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from outlast.browser import find_browser
from outlast.testing import BrowserSite

EXAMPLES = Path(__file__).parents[2] / "examples"
NEW = [
    "import outlast",
    '@outlast.job("titles", browser="chromium", concurrency=4, output="titles.jsonl")',
    "asyncio.run(scrape.run(sys.argv[1:]))",
]


def code_of(name):
    """The lines of an example without its docstring and its empty lines."""
    return [line for line in (EXAMPLES / name).read_text().split('"""', 2)[2].splitlines() if line.strip()]


def test_three_lines_are_new_and_the_work_is_the_same():
    diff = list(difflib.ndiff(code_of("before.py"), code_of("after.py")))
    assert [line[2:] for line in diff if line.startswith("+ ")] == NEW
    kept = [line[2:] for line in diff if line.startswith("  ")]
    work = code_of("before.py")
    assert kept[-3:] == work[work.index("async def scrape(url, page):") :][:3]
    assert all(line in (EXAMPLES / "README.md").read_text() for line in NEW)


def run(name, directory, *arguments):
    environ = {key: value for key, value in os.environ.items() if not key.startswith("OUTLAST_")}
    environ["OUTLAST_CHROMIUM"] = find_browser("chromium", None).path
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=directory,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.real_time
async def test_both_read_the_same_and_the_job_does_nothing_twice(tmp_path):
    async with BrowserSite(pages=6) as site:
        wanted = [{"url": site.urls[number], "title": site.record(number)["title"]} for number in range(6)]
        before = await asyncio.to_thread(run, "before.py", tmp_path, *site.urls)
        assert before.returncode == 0, before.stderr
        assert before.stdout.splitlines() == [str(each) for each in wanted]
        for _ in range(2):
            after = await asyncio.to_thread(run, "after.py", tmp_path, *site.urls)
            assert after.returncode == 0, after.stderr
        assert site.requests["/page/0"] == 2
    records = [json.loads(line) for line in (tmp_path / "titles.jsonl").read_text().splitlines()]
    assert sorted(records, key=lambda each: each["url"]) == wanted
