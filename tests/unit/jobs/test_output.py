"""The output file holds every record once, whatever became of it between two runs."""

import json

import pytest

from outlast.errors import LedgerUnavailableError
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


@pytest.fixture
def written_to(virtual_clock, watcher):
    async def write(path, ledger):
        output = await Output.open(path, ledger, virtual_clock, watcher)
        await output.finish()

    return write


async def test_what_is_recorded_stands_in_the_file(path, ledger, written_to):
    await record(ledger, 1, [2, 3], None, {"four": 4})
    await written_to(path, ledger)
    assert read(path) == [1, 2, 3, {"four": 4}]


async def test_what_was_written_but_not_noted_is_cut_off_and_written_once(path, ledger, written_to):
    await record(ledger, 1)
    await written_to(path, ledger)
    await record(ledger, 2)
    with path.open("a") as file:
        file.write("2")
    await written_to(path, ledger)
    assert read(path) == [1, 2]


@pytest.mark.parametrize("loss", ["gone", "shorter", "empty"])
async def test_a_file_that_lost_something_is_written_anew_from_the_ledger(path, ledger, written_to, loss):
    await record(ledger, 1, 2, 3)
    await written_to(path, ledger)
    path.unlink() if loss == "gone" else path.write_text("1\n" if loss == "shorter" else "")
    await written_to(path, ledger)
    assert read(path) == [1, 2, 3]


async def test_another_name_gets_everything_and_the_first_file_stays(path, ledger, written_to):
    await record(ledger, 1, 2)
    await written_to(path, ledger)
    other = path.with_name("other.jsonl")
    await written_to(other, ledger)
    assert read(other) == read(path) == [1, 2]


async def test_the_file_follows_the_ledger_while_the_job_runs(path, ledger, virtual_clock, watcher):
    import asyncio

    output = await Output.open(path, ledger, virtual_clock, watcher)
    follower = asyncio.create_task(output.follow())
    await record(ledger, 1)
    await asyncio.sleep(10)
    assert read(path) == [1]
    assert await ledger.get("output") == {"path": str(path), "position": 1, "size": 2, "damaged": 0}
    await record(ledger, 2)
    follower.cancel()
    await asyncio.wait([follower])
    await output.finish()
    assert read(path) == [1, 2]


async def test_more_results_than_one_batch_keep_their_order(path, ledger, written_to):
    await record(ledger, *range(450))
    await written_to(path, ledger)
    assert read(path) == list(range(450))


class FullDisk:
    """A file on a disk without space."""

    def write(self, blob):
        raise OSError(28, "No space left on device")

    def fileno(self):
        raise OSError(28, "No space left on device")

    def close(self):
        self.closed = True


async def test_a_full_disk_is_said_and_the_ledger_keeps_the_records(path, ledger, virtual_clock, watcher, written_to):
    from outlast.errors import OutputError
    from outlast.jobs.outputfile import OutputFile, Place

    await record(ledger, 1)
    for have in (1, 0):
        file = FullDisk()
        output = Output(OutputFile(path, file, Place(position=1 - have)), ledger, virtual_clock, watcher)
        with pytest.raises(OutputError, match=r"out\.jsonl cannot be written: No space left on device"):
            await output.finish()
        assert file.closed
    await written_to(path, ledger)
    assert read(path) == [1]


async def test_a_device_is_no_output(ledger, virtual_clock, watcher, tmp_path):
    from outlast.errors import OutputError

    (tmp_path / "device").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="device cannot be written"):
        await Output.open(tmp_path / "device", ledger, virtual_clock, watcher)


def rotated(path):
    path.rename(path.with_name("out.1"))
    path.write_text("")


TAKEN = {
    "removed": lambda path: path.unlink(),
    "cut": lambda path: path.write_text("1\n"),
    "truncated": lambda path: path.write_text(""),
    "rotated": rotated,
    "moved away": lambda path: path.rename(path.with_name("out.1")),
}


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
async def test_a_file_that_is_taken_away_before_the_end_is_written_anew(path, ledger, virtual_clock, watcher, taken):
    await record(ledger, 1, 2)
    output = await Output.open(path, ledger, virtual_clock, watcher)
    await output._advance()
    taken(path)
    await record(ledger, 3)
    await output.finish()
    assert read(path) == [1, 2, 3]
    assert watcher.kept_as == []
    assert (await ledger.get("output"))["size"] == path.stat().st_size


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
async def test_a_file_that_is_taken_away_is_back_within_seconds(path, ledger, virtual_clock, watcher, taken):
    import asyncio

    await record(ledger, 1, 2)
    output = await Output.open(path, ledger, virtual_clock, watcher)
    follower = asyncio.create_task(output.follow())
    await asyncio.sleep(10)
    taken(path)
    await asyncio.sleep(10)
    assert read(path) == [1, 2]
    follower.cancel()
    await asyncio.wait([follower])
    await output.finish()
    assert read(path) == [1, 2]


async def test_what_somebody_else_has_put_in_its_place_is_kept(path, ledger, virtual_clock, watcher):
    await record(ledger, 1)
    output = await Output.open(path, ledger, virtual_clock, watcher)
    await output._advance()
    path.write_text("mine\n")
    output.doubt()
    await output.finish()
    assert read(path) == [1]
    assert [each.read_text() for each in watcher.kept_as] == ["mine\n"]


class Nagging(MemoryLedger):
    """A ledger whose every answer finds the output removed."""

    async def results(self, after, limit, /):
        self.path.unlink(missing_ok=True)
        return await super().results(after, limit)


async def test_who_takes_it_away_again_and_again_is_told(path, virtual_clock, watcher):
    from outlast.errors import OutputError

    ledger = Nagging()
    ledger.path = path
    await record(ledger, 1)
    output = await Output.open(path, ledger, virtual_clock, watcher)
    with pytest.raises(OutputError, match="again and again: choose another output"):
        await output.finish()


async def test_two_jobs_do_not_write_one_file(path, ledger, virtual_clock, watcher, written_to):
    from outlast.errors import OutputError

    other = MemoryLedger()
    await record(ledger, 1)
    await record(other, 2)
    for _ in range(2):
        output = await Output.open(path, ledger, virtual_clock, watcher)
        with pytest.raises(OutputError, match=r"out\.jsonl is being written by another job"):
            await Output.open(path, other, virtual_clock, watcher)
        with pytest.raises(OutputError, match=r"out\.jsonl (is being written by another|exists and is not)"):
            await Output.put_aside(path, other, "label")
        await output.finish()
        assert read(path) == [1]
    path.unlink()
    await written_to(path, other)
    assert read(path) == [2]


class Unnoting(MemoryLedger):
    """A ledger that cannot be written."""

    async def put(self, name, value, /):
        raise LedgerUnavailableError("the disk is full")


async def test_a_start_that_fails_lets_go_of_the_file(path, ledger, virtual_clock, watcher, written_to):
    with pytest.raises(LedgerUnavailableError) as kept:
        await Output.open(path, Unnoting(), virtual_clock, watcher)
    await record(ledger, 1)
    await written_to(path, ledger)
    assert read(path) == [1]
    assert kept.value.__traceback__ is not None
