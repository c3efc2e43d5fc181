"""The output file holds every record once, whatever became of it between two runs."""

import json

import pytest

from outlast.jobs.output import Output
from outlast.jobs.records import written
from outlast.ledger import ItemStatus, MemoryLedger, NewItem, Record


@pytest.fixture
def ledger():
    return MemoryLedger()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "out.jsonl"


async def record(ledger, *values):
    for value in values:
        await ledger.add([NewItem(json.dumps(value))])
        [lease] = await ledger.lease("me", 1, 0.0, 1.0)
        shape, lines = written(value)
        await ledger.record(Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=shape, lines=lines))


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


async def written_to(path, ledger, clock):
    output = await Output.open(path, ledger, clock)
    await output.finish()


async def test_what_is_recorded_stands_in_the_file(path, ledger, virtual_clock):
    await record(ledger, 1, [2, 3], None, {"four": 4})
    await written_to(path, ledger, virtual_clock)
    assert read(path) == [1, 2, 3, {"four": 4}]


async def test_what_was_written_but_not_noted_is_cut_off_and_written_once(path, ledger, virtual_clock):
    await record(ledger, 1)
    await written_to(path, ledger, virtual_clock)
    await record(ledger, 2)
    with path.open("a") as file:
        file.write('2\n{"half a li')
    await written_to(path, ledger, virtual_clock)
    assert read(path) == [1, 2]


@pytest.mark.parametrize("loss", ["gone", "shorter", "empty"])
async def test_a_file_that_lost_something_is_written_anew_from_the_ledger(path, ledger, virtual_clock, loss):
    await record(ledger, 1, 2, 3)
    await written_to(path, ledger, virtual_clock)
    path.unlink() if loss == "gone" else path.write_text("1\n" if loss == "shorter" else "")
    await written_to(path, ledger, virtual_clock)
    assert read(path) == [1, 2, 3]


async def test_another_name_gets_everything_and_the_first_file_stays(path, ledger, virtual_clock):
    await record(ledger, 1, 2)
    await written_to(path, ledger, virtual_clock)
    other = path.with_name("other.jsonl")
    await written_to(other, ledger, virtual_clock)
    assert read(other) == read(path) == [1, 2]


async def test_the_file_follows_the_ledger_while_the_job_runs(path, ledger, virtual_clock):
    import asyncio

    output = await Output.open(path, ledger, virtual_clock)
    follower = asyncio.create_task(output.follow())
    await record(ledger, 1)
    await asyncio.sleep(10)
    assert read(path) == [1]
    assert await ledger.get("output") == {"path": str(path), "position": 1, "size": 2}
    await record(ledger, 2)
    follower.cancel()
    await asyncio.wait([follower])
    await output.finish()
    assert read(path) == [1, 2]


async def test_more_results_than_one_batch_keep_their_order(path, ledger, virtual_clock):
    await record(ledger, *range(450))
    await written_to(path, ledger, virtual_clock)
    assert read(path) == list(range(450))
