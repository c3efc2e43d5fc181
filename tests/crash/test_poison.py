"""An item that kills its process is found out and given up; kills from outside cost nobody anything."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections import Counter
from contextlib import closing

import pytest

from outlast.jobs import Run
from outlast.ledger import ItemStatus, SqliteLedger
from outlast.jobs.store import job_directory
from outlast.testing import wait_until

pytestmark = pytest.mark.real_time

PROGRAM = textwrap.dedent(
    """
    import asyncio, json, os, signal, sys
    import outlast

    mode, items = sys.argv[1], int(sys.argv[2])

    async def handle(n):
        with open("tried.txt", "a") as file:
            file.write(f"{os.getpid()} {n}\\n")
        await asyncio.sleep(0 if mode == "first" else 0.05)
        if mode == "every" or (mode == "poison" and n == 5) or (mode == "first" and n == 0):
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "outside" and n == 9:
            await asyncio.sleep(60)
        return n

    async def main():
        bus = outlast.EventBus()
        bus.subscribe(lambda event: print(json.dumps(event.to_dict()), flush=True), ["item_quarantined"])
        from outlast.runtime import Runtime
        async with outlast.Run("job", store="store", concurrency=4, runtime=Runtime(bus=bus), max_failed=5, drain=1,
                               poison_after=int(sys.argv[3])) as run:
            await run.process(handle, range(items))
        summary = run.summary()
        print(json.dumps({"done": summary.done, "failed": summary.failed, "repeated": summary.repeated}))

    asyncio.run(main())
    """
)


@pytest.fixture
def start(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)

    def call(mode, items=30, after=3, **more):
        return subprocess.Popen(
            [sys.executable, "program.py", mode, str(items), str(after)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    return call


def tried(tmp_path):
    """What each process tried, in the order of the processes."""
    found = {}
    for line in (tmp_path / "tried.txt").read_text().splitlines():
        pid, item = line.split()
        found.setdefault(pid, []).append(int(item))
    return list(found.values())


def recorded(tmp_path):
    """How many results another process has committed."""
    path = job_directory(tmp_path / "store", "job").ledger
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            return ledger.execute("SELECT count(*) FROM results").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def code_of(process):
    process.communicate(timeout=60)
    return process.returncode


def finished(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


def test_an_item_that_kills_the_process_is_tried_alone_and_then_given_up(start, tmp_path):
    for _ in range(5):
        assert code_of(start("poison")) == -signal.SIGKILL
    quarantined, summary = finished(start("poison"))
    assert quarantined["data"] == {"key": "5", "kills": 5}
    assert summary == {"done": 29, "failed": 1, "repeated": 1}
    runs = tried(tmp_path)
    assert len(runs) == 6
    # The third time the suspects went first, one by one, and 5 was alone when the process died.
    assert runs[2][-1] == 5
    assert set(runs[2]) <= set(runs[1]) | set(runs[0])
    assert runs[3] == runs[4] == [5]
    assert 5 not in runs[5]
    assert Counter(item for run in runs for item in run)[5] == 5

    async def failed():
        async with Run("job", store=tmp_path / "store") as run:
            return await run.failures()

    [failure] = asyncio.run(failed())
    assert (failure["key"], failure["class"]) == ("5", "poison")
    assert "killed 5 times while this item was in hand, the last 3 with it alone" in failure["message"]


def test_it_is_found_out_before_the_job_is_held_although_nothing_gets_done_at_any_start(start):
    for _ in range(5):
        assert code_of(start("first")) == -signal.SIGKILL
    quarantined, summary = finished(start("first"))
    assert quarantined["data"]["key"] == "0"
    assert (summary["done"], summary["failed"]) == (29, 1)


def test_where_every_item_kills_the_process_the_job_is_held_and_not_one_item_after_the_other_given_up(start, tmp_path):
    codes = [code_of(start("every")) for _ in range(9)]
    assert codes[:5] == [-signal.SIGKILL] * 5
    assert codes[-1] == 1, "a CrashLoopError"
    held = codes.index(1)
    assert held <= 8
    assert set(codes[held:]) == {1}

    async def given_up():
        ledger = await SqliteLedger.open(job_directory(tmp_path / "store", "job").ledger)
        try:
            return (await ledger.counts()).failed
        finally:
            await ledger.close()

    assert asyncio.run(given_up()) <= 1


def test_where_that_is_switched_off_it_kills_for_ever(start, tmp_path):
    for _ in range(4):
        assert code_of(start("poison", after=0)) == -signal.SIGKILL
    assert all(5 in run for run in tried(tmp_path))


def test_kills_from_outside_cost_a_lone_try_and_nothing_else(start, tmp_path):
    for number in range(1, 4):
        process = start("outside")
        while not (tmp_path / "tried.txt").exists() or len(tried(tmp_path)) < number or 9 not in tried(tmp_path)[-1]:
            assert process.poll() is None, process.communicate()
            asyncio.run(asyncio.sleep(0.05))
        if number < 3:
            process.kill()
            process.communicate()
        else:  # it is alone now; this time nobody kills it while it is
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert finished(start("well")) == [{"done": 30, "failed": 0, "repeated": 0}]


def test_what_was_fetched_twice_is_told_exactly(start, tmp_path):
    process = start("outside", items=12)
    wait_until(lambda: recorded(tmp_path) == 11)  # all but 9
    process.kill()
    process.communicate()
    assert finished(start("well", items=12)) == [{"done": 12, "failed": 0, "repeated": 1}]


def test_the_ledger_says_who_was_in_hand_when_the_process_was_killed_twice(start, tmp_path):
    for _ in range(2):
        assert code_of(start("poison")) == -signal.SIGKILL

    async def look():
        ledger = await SqliteLedger.open(job_directory(tmp_path / "store", "job").ledger)
        try:
            return await ledger.get("suspicion"), await ledger.items(5, 1)
        finally:
            await ledger.close()

    suspicion, [item] = asyncio.run(look())
    assert item.key == "5"
    assert item.status is ItemStatus.PENDING
    assert suspicion["kills"][str(item.item)] == 1  # the second kill is counted by the next start
