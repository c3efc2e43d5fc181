"""Expectations on the command line: what is shown, noted and exited with, also after a kill -9."""

import json
import os
import signal

import pytest

from outlast.testing import wait_until

pytestmark = pytest.mark.real_time

SCRAPE = """
import asyncio

async def half(item):
    return {"item": item, "price": 1 if item.endswith(("0", "2", "4")) else None}

async def silent(item):
    return None

async def slow(item):
    await asyncio.sleep(0.02)
    return {"item": item, "price": 1}

async def very_slow(item):
    await asyncio.sleep(30)
"""


@pytest.fixture
def shop(tmp_path):
    """Write the function and a job file with these lines in it."""

    def write(function, *lines):
        (tmp_path / "shop.py").write_text(SCRAPE)
        top = f'name = "shop"\ntarget = "shop.py:{function}"\nitems = "urls.txt"\n'
        (tmp_path / "job.toml").write_text(top + "".join(f"{line}\n" for line in lines))

    return write


def test_a_run_that_is_not_as_expected_exits_with_1_and_says_why_everywhere(outlast, shop):
    shop("half", "[expect]", "min_items = 7", "fields = { price = 0.9, item = 1.0 }")
    unmet = [
        "min_items: 6 records, expected at least 7",
        "fields.price: it is in 3 of 6 records (50%), expected in 90%",
    ]
    code, _, err = outlast("run", "job.toml")
    assert code == 1
    assert "ERROR not as expected" not in err  # the last lines say it
    assert "FINISHED, NOT AS EXPECTED, in " in err
    assert [line for line in err.splitlines() if line.startswith("Not as expected")] == [
        f"Not as expected: {each}." for each in unmet
    ]
    code, out, _ = outlast("run", "job.toml", "--json")
    document = json.loads(out)
    assert (code, document["outcome"], document["records"], document["unmet"]) == (
        1,
        "completed_with_failures",
        6,
        unmet,
    )
    assert f"Not as expected: {unmet[1]}." in outlast("status", "shop")[1]
    noted = json.loads(outlast("status", "shop", "--json")[1])["notes"]["unmet"]["unmet"]
    assert [each["name"] for each in noted] == ["min_items", "fields.price"]
    assert outlast("run", "job.toml", "--quiet")[2].startswith("Nothing left to do")


BROKEN = """
import time
from pathlib import Path

began = time.monotonic()

def told():
    return any(b"expectation_failed" in each.read_bytes() for each in Path().glob("**/events.ndjson"))

def broken(url):
    while url.endswith("5") and {}:
        time.sleep(0.05)
    raise KeyError(url)
"""


@pytest.mark.parametrize(
    ("lines", "announced"),
    [
        (("[expect]", "check_every = 0.1"), False),
        (('max_failed = "1%"', "[expect]", "check_every = 0.1"), True),
        (("[expect]", "max_failed = 1", "check_every = 0.1"), True),
        (('max_failed = "1%"',), False),  # it is found when all is over, and the last lines say it
    ],
)
def test_failures_are_announced_to_those_who_have_said_how_many_there_may_be(outlast, shop, tmp_path, lines, announced):
    shop("broken", *lines)
    (tmp_path / "shop.py").write_text(BROKEN.format("not told()" if announced else "time.monotonic() < began + 0.8"))
    code, _, err = outlast("run", "job.toml")
    assert (code, "FINISHED WITH FAILURES" in err) == (1, True)
    assert ("ERROR not as expected: max_failed" in err) is announced


def test_a_job_that_gave_nothing_exits_with_1_until_it_says_that_this_is_meant(outlast, shop, monkeypatch):
    shop("silent")
    code, _, err = outlast("run", "job.toml")
    assert code == 1
    assert "EMPTY after " in err
    assert "OUTLAST_EXPECT__RESULTS=false" in err
    assert "outlast resume shop --fresh" in err
    monkeypatch.setenv("OUTLAST_EXPECT__RESULTS", "false")
    code, _, err = outlast("resume", "shop", "--fresh")
    assert code == 0
    assert "6 of 6 done, none failed" in err


def test_a_job_that_shrank_since_the_last_time_exits_with_1(outlast, shop, tmp_path):
    shop("half", "[expect]", 'compared_with_last = "20%"')
    assert outlast("run", "job.toml")[0] == 0
    (tmp_path / "urls.txt").write_text("https://a.test/0\n")
    code, _, err = outlast("run", "job.toml", "--fresh")
    assert code == 1
    assert "Not as expected: compared_with_last: 1 record, 83% fewer than the 6 of 2" in err


def test_a_run_out_of_time_exits_with_7_and_the_next_one_has_as_much_again(outlast, shop, tmp_path):
    (tmp_path / "urls.txt").write_text("".join(f"https://a.test/{n}\n" for n in range(40)))
    shop("slow", "concurrency = 1", 'max_time = "400ms"')
    code, _, err = outlast("run", "job.toml")
    assert code == 7
    assert "OUT OF TIME after " in err
    assert "outlast resume shop" in err
    code, out, _ = outlast("resume", "shop", "--json")
    assert json.loads(out)["outcome"] in {"timed_out", "completed"}
    code, out, _ = outlast("resume", "shop", "--max-time", "none", "--json")
    document = json.loads(out)
    assert (code, document["outcome"], document["done"], document["records"]) == (0, "completed", 40, 40)
    assert outlast("run", "job.toml", "--max-time", "soon")[0] == 2


def test_what_a_killed_run_recorded_is_counted_by_the_next(start, shop, tmp_path):
    shop("slow", "concurrency = 2", "[expect]", "min_items = 61", "fields = { price = 1.0 }")
    process = start("run", "job.toml", "-o", "items.jsonl")
    output = tmp_path / "items.jsonl"
    wait_until(lambda: output.exists() and len(output.read_text().splitlines()) >= 10)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    again = start("run", "job.toml", "--json")
    out, err = again.communicate(timeout=60)
    document = json.loads(out)
    assert again.returncode == 1, err
    assert (document["done"], document["records"]) == (60, 60)
    assert document["unmet"] == ["min_items: 60 records, expected at least 61"]
