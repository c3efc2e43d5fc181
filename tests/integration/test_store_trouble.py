"""A store that is locked, not writable, full or damaged: a clear error, and nothing recorded is lost."""

import json
import subprocess
import sys
import textwrap

import pytest

from outlast.errors import (
    JobError,
    JobLockedError,
    LedgerCorruptionError,
    LedgerError,
    LedgerUnavailableError,
    OutputError,
)
from outlast.events import EventBus
from outlast.jobs import Run, job
from outlast.ledger import SqliteLedger
from outlast.runtime import Runtime

pytestmark = pytest.mark.real_time


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "store"


@job("numbers", concurrency=4)
async def numbers(number):
    return {"n": number}


def ledger_of(store):
    [path] = store.glob("jobs/*/ledger.db")
    return path


async def test_a_second_run_of_a_job_is_refused_and_says_who_holds_it(store):
    async with numbers.open(store=store):
        with pytest.raises(
            JobLockedError, match=r"job 'numbers' is being run by another process \(pid \d+ on .*, since "
        ):
            await numbers.run([1], store=store)
    assert (await numbers.run([1], store=store)).done == 1


async def test_two_jobs_of_a_store_do_not_lock_each_other(store):
    async with numbers.open("one", store=store), numbers.open("two", store=store) as run:
        assert (await run.process(numbers.handler, [1])).done == 1


async def test_a_store_that_cannot_be_written_is_said_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JobError, match=r"the store .*file cannot be written: Not a directory"):
        await numbers.run([1], store=tmp_path / "file")


async def test_a_file_that_is_no_database_is_damage_not_an_empty_job(store):
    await numbers.run(range(3), store=store)
    ledger_of(store).write_bytes(b"not a database at all" * 500)
    with pytest.raises(LedgerCorruptionError, match=r"ledger\.db is damaged"):
        await numbers.run(range(3), store=store)


async def test_another_program_s_database_is_left_alone(store):
    await numbers.run(range(3), store=store)
    path = ledger_of(store)
    path.unlink()
    foreign = __import__("sqlite3").connect(path)
    with foreign:
        foreign.execute("CREATE TABLE recipes (name)")
    foreign.close()
    with pytest.raises(LedgerCorruptionError, match="is not a ledger of outlast"):
        await numbers.run(range(3), store=store)


async def test_a_ledger_of_a_later_version_is_not_touched(store):
    await numbers.run(range(3), store=store)
    path = ledger_of(store)
    later = __import__("sqlite3").connect(path)
    with later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(LedgerError, match="schema 99; this one reads 1"):
        await numbers.run(range(3), store=store)


async def test_pages_that_rot_are_reported_as_damage(store):
    await numbers.run(range(2_000), store=store)
    path = ledger_of(store)
    blob = bytearray(path.read_bytes())
    for place in range(4096 * 2, len(blob), 4096):
        blob[place : place + 64] = b"\xff" * 64
    path.write_bytes(blob)
    with pytest.raises(LedgerCorruptionError, match="is damaged"):
        await numbers.run(range(4_000), store=store)
    assert path.read_bytes() == blob


def alter(store, sql):
    """Change the ledger behind its back, as rot would."""
    ledger = __import__("sqlite3").connect(ledger_of(store))
    with ledger:
        assert ledger.execute(sql).rowcount > 0
    ledger.close()


@pytest.fixture
def damage_told():
    bus = EventBus()
    told = []
    bus.subscribe(lambda event: told.extend(event.data["findings"]), ["ledger_damaged"])
    return Runtime(bus=bus), told


async def test_a_row_that_rotted_is_found_and_done_again_in_the_same_run(store, damage_told):
    runtime, told = damage_told
    await numbers.run(range(200), store=store)
    alter(store, "UPDATE items SET attempts = 7 WHERE key = '42'")
    alter(store, "DELETE FROM results WHERE item = (SELECT id FROM items WHERE key = '77')")
    summary = await numbers.run((), store=store, runtime=runtime)
    assert (summary.done, summary.exit_code) == (200, 0)
    assert summary.damaged == len(told) >= 2
    assert {(each["key"], each["remedy"]) for each in told} == {("42", "done"), ("77", "pending")}
    again = await numbers.run((), store=store)
    assert (again.done, again.damaged) == (200, 0)


@pytest.mark.parametrize(
    "change",
    ["UPDATE results SET lines = '{\"n\":-1}\n' WHERE position = 5", "DELETE FROM results WHERE position = 5"],
    ids=["changed", "gone"],
)
async def test_a_result_that_rotted_stands_in_the_output_once(store, tmp_path, damage_told, change):
    runtime, told = damage_told
    await numbers.run(range(50), store=store, output="out.jsonl")
    before = (tmp_path / "out.jsonl").read_text()
    alter(store, change)
    summary = await numbers.run((), store=store, output="out.jsonl", runtime=runtime)
    assert (summary.done, summary.damaged > 0) == (50, True)
    assert sorted(json.loads(line)["n"] for line in (tmp_path / "out.jsonl").read_text().splitlines()) == list(
        range(50)
    )
    [kept] = tmp_path.glob("out.*.jsonl")
    assert kept.read_text() == before


async def test_a_result_that_rotted_before_it_reached_the_output_is_not_written(store, tmp_path, damage_told):
    runtime, _ = damage_told
    await numbers.run(range(50), store=store)
    alter(store, "UPDATE results SET lines = '{\"n\":-1}\n' WHERE position = 5")
    summary = await numbers.run((), store=store, output="out.jsonl", runtime=runtime)
    assert (summary.done, summary.damaged > 0) == (50, True)
    assert sorted(json.loads(line)["n"] for line in (tmp_path / "out.jsonl").read_text().splitlines()) == list(
        range(50)
    )


async def test_an_item_whose_payload_rotted_is_given_up_and_the_source_brings_it_back(store, damage_told):
    runtime, told = damage_told

    async def fetch(item):
        return {"n": item["id"]}

    def items(last):
        return [{"id": str(number)} for number in range(last)]

    async with Run("payloads", store=store, key="id", concurrency=1) as run:

        async def only(item):
            run.stop()

        await run.process(only, items(9))
    alter(store, "UPDATE items SET payload = '{\"id\":\"evil\"}' WHERE key = '8'")
    async with Run("payloads", store=store, key="id", max_failed=3, runtime=runtime) as run:
        lost = await run.process(fetch, [])
    assert (lost.failed, lost.exit_code) == (1, 1)
    assert [(each["key"], each["remedy"]) for each in told] == [("8", "failed")]
    async with Run("payloads", store=store, key="id", runtime=runtime) as run:
        assert (await run.process(fetch, items(9))).done == 9


async def test_an_output_somebody_else_wrote_is_not_overwritten(store, tmp_path):
    (tmp_path / "mine.jsonl").write_text("precious\n")
    with pytest.raises(OutputError, match=r"mine\.jsonl exists and is not the file that this job is writing"):
        await numbers.run([1], store=store, output="mine.jsonl")
    assert (tmp_path / "mine.jsonl").read_text() == "precious\n"
    [directory] = store.glob("jobs/*")
    assert [each.name for each in directory.iterdir()] == ["LOCK"], "what the refused start has made is taken back"
    assert (await numbers.run([1], store=store, output="other.jsonl")).done == 1


async def test_a_refused_start_takes_back_nothing_that_was_there_before(store, tmp_path):
    await numbers.run([1], store=store, output="other.jsonl")
    [directory] = store.glob("jobs/*")
    log = (directory / "events.ndjson").read_bytes()
    for part in directory.glob("ledger.db*"):
        part.unlink()
    for part in directory.rglob("*.ckpt"):
        part.unlink()
    (tmp_path / "mine.jsonl").write_text("precious\n")
    with pytest.raises(OutputError):
        await numbers.run([1], store=store, output="mine.jsonl")
    assert (directory / "events.ndjson").read_bytes().startswith(log)
    assert not (directory / "ledger.db").exists()


async def test_an_output_that_cannot_be_written_loses_nothing(store, tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        await numbers.run([1], store=store, output="/proc/nowhere/out.jsonl")
    summary = await numbers.run([1], store=store, output="out.jsonl")
    assert summary.done == 1
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {"n": 1}


async def test_a_closed_ledger_says_so(tmp_path):
    ledger = await SqliteLedger.open(tmp_path / "ledger.db")
    await ledger.close()
    await ledger.close()
    with pytest.raises(LedgerUnavailableError, match="closed"):
        await ledger.counts()


FULL_DISK = """
    import asyncio, json, subprocess, sys
    from pathlib import Path
    import outlast

    disk = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "none", disk], check=True)

    @outlast.job("full", concurrency=8)
    async def fill(number):
        return {"n": number, "text": "x" * 2_000}

    def run():
        return asyncio.run(fill.run(range(1_000), store=disk / "store", output=disk / "out.jsonl"))

    async def recorded():
        async with fill.open(store=disk / "store") as run:
            return (await run.progress()).counts.done

    told = ""
    try:
        run()
    except outlast.ResilienceException as error:
        told = f"{error.error_code}: {error}"
    subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
    before = asyncio.run(recorded())
    summary = run()
    lines = [json.loads(line)["n"] for line in (disk / "out.jsonl").open()]
    print(json.dumps({"told": told, "before": before, "done": summary.done, "lines": sorted(lines)}))
"""


def test_a_full_disk_ends_the_run_and_with_space_again_it_goes_on(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "job.py").write_text(textwrap.dedent(FULL_DISK))
    # A mount namespace of its own: needs neither root nor cleaning up.
    command = ["unshare", "--map-root-user", "--mount", sys.executable, "job.py", "disk"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert "full" in told["told"] or "No space left" in told["told"]
    assert 0 < told["before"] < 1_000
    assert told["done"] == 1_000
    assert told["lines"] == list(range(1_000))
