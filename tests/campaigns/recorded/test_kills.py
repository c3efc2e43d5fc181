"""`kill -9` of real processes on a real disk, at random moments and in the middle of chosen system calls: nothing is lost.

What the dead process had acknowledged is checked on a copy of its files; the next process goes on with the files themselves.
"""

import json
import os
import shutil
import signal
import subprocess
from random import Random

import pytest

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(1_800)]

PAGES = 600
CONCURRENCY = 4
CALLS = ["any", "any", "write", "write", "fsync", "create", "link", "unlink", "mkdir"]
KILLS_A_JOB = 6
MOMENTS = ["before", "half", "after"]


@pytest.fixture
def seed():
    return int(os.environ.get("OUTLAST_SEED", 0))


@pytest.fixture
def recorder(recording, recorder_library, tmp_path):
    return recording.Recorder(recorder_library, tmp_path / "store")


@pytest.fixture
def killed(recorder):
    """Runs a workload that is killed in a call chosen by `chance`, or after a while; whether it was, and did not end before."""

    def run(chance, *command, calls=CALLS):
        if chance.random() < 0.7:
            # The first calls of a process are the rarer ones: directories, files, their names.
            fault = f"{chance.choice(calls)}:{1 + int(100 * chance.random() ** 2)}:{chance.choice(MOMENTS)}"
            return recorder.run(*command, fault=fault, ends=(0, -signal.SIGKILL)) == -signal.SIGKILL
        with recorder.start(*command) as process:
            try:
                process.communicate(timeout=chance.uniform(0.2, 0.5))
            except subprocess.TimeoutExpired:
                process.kill()
        return process.returncode == -signal.SIGKILL

    return run


@pytest.fixture
def told(recorder):
    # A line that a kill has cut off was never heard.
    return lambda: [
        json.loads(line) for line in recorder.told.read_text().splitlines(keepends=True) if line.endswith("\n")
    ]


@pytest.mark.parametrize("workload", ["checkpoints", "ledger"])
async def test_what_was_acknowledged_is_there_after_every_kill(
    workload, killed, told, recorder, promises, campaign_size, seed, tmp_path
):
    check = {"checkpoints": promises.check_checkpoints, "ledger": promises.check_ledger}[workload]
    chance, kills = Random(f"{workload}:{seed}"), 0
    while kills < campaign_size(8):
        kills += killed(chance, workload, 15)
        copy = tmp_path / "copy"
        shutil.copytree(recorder.root, copy)
        try:
            await check(copy, told())
        except AssertionError as error:
            pytest.fail(f"after {kills} kills: {error}\nOUTLAST_SEED={seed} .venv/bin/pytest -k {workload} {__file__}")
        shutil.rmtree(copy)
    print(
        f"{kills} kills of {workload}, {sum(step.answer is not None for step in promises.steps(told()))} steps acknowledged"
    )


async def test_a_job_that_is_killed_again_and_again_ends_with_every_record_once(
    killed, told, recorder, promises, campaign_size, seed
):
    kills = 0
    for round_ in range(campaign_size(3)):
        chance = Random(f"job:{seed}:{round_}")
        shutil.rmtree(recorder.root)
        recorder.root.mkdir()
        recorder.told.unlink(missing_ok=True)
        deaths = 0
        while deaths < KILLS_A_JOB and killed(chance, "job", PAGES, calls=["any", "write", "fsync"]):
            deaths += 1
        recorder.run("job", PAGES)
        fetched = [line["fetched"] for line in told() if "fetched" in line]
        again = len(fetched) - PAGES
        assert again <= CONCURRENCY * deaths, f"seed {seed}, round {round_}: {again} fetched again after {deaths} kills"
        await promises.check_job(recorder.root, told(), concurrency=CONCURRENCY, pages=PAGES)
        kills += deaths
    print(f"{kills} kills of jobs with {PAGES} pages and an output")


async def test_a_fresh_start_that_is_killed_loses_nothing_of_what_it_puts_aside(
    recorder, promises, campaign_size, seed
):
    kills, pages, whole = 0, 12, 1
    recorder.run("job", pages)
    for round_ in range(campaign_size(4)):
        chance = Random(f"fresh:{seed}:{round_}")
        fault = f"{chance.choice(['any', 'rename'])}:{chance.randint(1, 30)}:{chance.choice(MOMENTS)}"
        kills += recorder.run("job", pages, "fresh", fault=fault, ends=(0, -signal.SIGKILL)) == -signal.SIGKILL
        [directory] = recorder.root.glob("store/jobs/*")
        contents = [await promises.contents_of(path) for path in directory.rglob("ledger.db")]
        before, whole = whole, sum(len(each["done"]) == pages for each in contents)
        assert whole >= before, f"seed {seed}, round {round_}: {fault}"
        recorder.run("job", pages)
        whole = before + 1 if len(contents) > before else before
    print(f"{kills} kills of fresh starts, {whole} whole ledgers kept")
    assert kills
