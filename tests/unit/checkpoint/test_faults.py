"""The disk refuses, at each step; what existed is untouched, and nothing partial is seen."""

import asyncio
import errno
import os
import threading

import pytest

from outlast.errors import CheckpointCorruptionError, CheckpointCreationError, CheckpointError
from outlast.storage.files import OsDisk

# What a create changes on the disk, in this order: write, publish, tidy up, then delete the oldest.
WRITING = ["create", "write", "fsync", "close", "link", "unlink", "sync_directory"]
DELETING = ["unlink_unheld", "sync_directory"]
LOOKING = {"names", "stat", "read", "is_directory"}


def everything(tmp_path):
    return {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def changes(disk):
    return [step for step in disk.steps if step not in LOOKING]


@pytest.fixture
def each_step(manager, faulty_disk, tmp_path):
    """Every step of a third create where the first goes: its number, its name, and a fresh store of two to try it on."""

    async def prepared(name):
        root = tmp_path / name
        ids = [await manager(storage_path=str(root)).create_checkpoint("job", {"n": n}) for n in range(2)]
        return root, ids

    async def steps():
        disk = faulty_disk()
        root, _ = await prepared("clean")
        await manager(storage_path=str(root), disk=disk, retention_count=2).create_checkpoint("job", {"n": 2})
        assert changes(disk) == ["sync_directory", *WRITING, "unlink_unheld"]
        for number, step in enumerate(disk.steps, 1):
            yield number, step, *await prepared(str(number))

    return steps


async def test_the_steps_of_a_create_are_these(manager, faulty_disk):
    disk = faulty_disk()
    checkpoints = manager(disk=disk, retention_count=1)
    await checkpoints.create_checkpoint("job", {})
    assert changes(disk) == ["sync_directory"] + ["make_directory", "sync_directory"] * 2 + WRITING
    disk.steps.clear()
    await checkpoints.create_checkpoint("job", {})
    # What retention took may come back after a power cut, until the next create syncs the directory.
    assert changes(disk) == [*WRITING, "unlink_unheld"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
async def test_whatever_step_fails_a_create_is_done_and_told_or_refused_and_nothing(
    manager, faulty_disk, each_step, seen, code
):
    refused = {True: 0, False: 0}
    async for number, _, root, _ids in each_step():
        before, told = everything(root), len(seen)
        checkpoints = manager(storage_path=str(root), disk=faulty_disk(fails_at=number, code=code), retention_count=2)
        others = manager(storage_path=str(root))
        try:
            made = await checkpoints.create_checkpoint("job", {"n": 2})
        except CheckpointCreationError as error:
            refused[True] += 1
            assert error.context["errno"] == code
            assert isinstance(error.__cause__, OSError)
            assert everything(root) == before
            assert len(seen) == told
            assert (await others.load_latest("job")).data == {"n": 1}
        else:
            refused[False] += 1
            assert await others.load_checkpoint(made) == {"n": 2}
        made = await checkpoints.create_checkpoint("job", {"n": 3})
        assert await others.load_checkpoint(made) == {"n": 3}
        left = [path for path in root.rglob("*") if path.is_file()]
        assert [path.suffix for path in left] == [".ckpt"] * 2, "what was left behind is gone by now"
    assert min(refused.values()) >= 6


async def test_a_directory_that_cannot_be_made_durable_is_a_refused_write(manager, faulty_disk):
    disk = faulty_disk()
    await manager(disk=disk).create_checkpoint("job", {})
    numbers = [n for n, step in enumerate(disk.steps, 1) if step in {"make_directory", "sync_directory"}]
    assert len(numbers) == 6
    for number in numbers:
        job = f"job {number}"
        with pytest.raises(CheckpointCreationError):
            await manager(disk=faulty_disk(fails_at=number), storage_path=f"{manager.root}{number}").create_checkpoint(
                job, {}
            )
        assert await manager().list_checkpoints(job) == []


async def test_a_directory_that_a_killed_process_made_is_made_durable_by_the_next(manager, faulty_disk):
    # The one that made it may have died before it synced the name.
    await manager().create_checkpoint("job", {})
    disk = faulty_disk()
    checkpoints = manager(disk=disk)
    for expected in (["sync_directory", *WRITING], WRITING):
        disk.steps.clear()
        await checkpoints.create_checkpoint("job", {})
        assert changes(disk) == expected


async def test_a_process_that_dies_at_any_step_takes_no_earlier_checkpoint_with_it(manager, faulty_disk, each_step):
    async for number, _, root, ids in each_step():
        disk = faulty_disk(dies_at=number)
        with pytest.raises(disk.PowerCut):
            await manager(storage_path=str(root), disk=disk, retention_count=2).create_checkpoint("job", {"n": 2})
        survivors = manager(storage_path=str(root))
        assert await survivors.load_checkpoint(ids[1]) == {"n": 1}
        rows = await survivors.list_checkpoints("job")
        assert all([await survivors.validate_checkpoint(row["id"]) for row in rows])
        assert (await survivors.load_latest("job")).data in ({"n": 1}, {"n": 2})
        assert len(rows) >= 2


async def test_a_store_on_a_file_is_told(manager, tmp_path):
    (tmp_path / "store").write_bytes(b"in the way")
    with pytest.raises(CheckpointCreationError, match="store"):
        await manager().create_checkpoint("job", {})


async def test_a_deletion_that_fails_is_an_error_and_not_an_absence(manager, faulty_disk, seen):
    await manager().create_checkpoint("job", {})
    for clean in (faulty_disk(), faulty_disk()):
        checkpoint_id = await manager().create_checkpoint("job", {})
        assert await manager(disk=clean).delete_checkpoint(checkpoint_id) is True
    # The mark is durable before the file and the older mark go: a power cut must not leave neither.
    assert changes(clean) == ["create", "close", "sync_directory", "unlink", *DELETING]
    for number, step in enumerate(clean.steps, 1):
        checkpoint_id = await manager().create_checkpoint("job", {})
        seen.clear()
        disk = faulty_disk(fails_at=number)
        if step == "read":
            # The header cannot be read: it is deleted all the same, and another checkpoint says whose it was.
            assert await manager(disk=disk).delete_checkpoint(checkpoint_id) is True
            assert seen[0][1] == "job"
            continue
        with pytest.raises(CheckpointError, match="could not be deleted"):
            await manager(disk=disk).delete_checkpoint(checkpoint_id)
        assert seen == []
        gone = number == len(clean.steps)  # then only its durability is in doubt
        assert (await manager().load_checkpoint(checkpoint_id)) == (None if gone else {})
        assert await manager().delete_checkpoint(checkpoint_id) is not gone


async def test_damage_that_cannot_be_moved_is_damage_all_the_same(manager, faulty_disk, files, seen):
    checkpoint_id = await manager().create_checkpoint("job", {})
    files()[1].write_bytes(b"")
    clean = faulty_disk()
    with pytest.raises(CheckpointCorruptionError):
        await manager(disk=clean).load_checkpoint(checkpoint_id)
    numbers = [number for number, step in enumerate(clean.steps, 1) if step not in LOOKING]
    assert changes(clean) == ["sync_directory", "make_directory", "sync_directory", "rename"] + ["sync_directory"] * 2
    told = []
    for number in numbers:
        checkpoint_id = await manager().create_checkpoint(f"job {number}", {})
        (path,) = [path for path in files.everywhere() if path.stem == checkpoint_id]
        path.write_bytes(b"")
        with pytest.raises(CheckpointCorruptionError):
            await manager(disk=faulty_disk(fails_at=number)).load_checkpoint(checkpoint_id)
        told.append((path.exists(), seen[-1][2]["quarantined_to"] is None))
    assert told == [(True, True)] * 4 + [(False, False)] * 2


class SlowDisk(OsDisk):
    """Stops before it publishes, until it is let go."""

    def __init__(self):
        self.reached, self.go = threading.Event(), threading.Event()

    def link(self, source, target, /):
        self.reached.set()
        assert self.go.wait(10)
        super().link(source, target)


async def test_a_write_that_has_begun_is_completed_although_nobody_waits(manager, files):
    disk = SlowDisk()
    checkpoints = manager(disk=disk)
    begun = asyncio.create_task(checkpoints.create_checkpoint("job", {"n": 1}))
    await asyncio.to_thread(disk.reached.wait, 10)
    waiting = asyncio.create_task(checkpoints.create_checkpoint("job", {"n": 2}))
    await asyncio.sleep(0)
    for task in (begun, waiting):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert files() == {}
    leaving = asyncio.create_task(checkpoints.__aexit__(None, None, None))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not leaving.done()
    disk.go.set()
    await leaving
    assert list(files()) == [1], "the second had not begun, and left nothing"
    assert (await manager().load_latest("job")).data == {"n": 1}


async def test_the_loop_goes_on_while_the_disk_is_slow(manager):
    disk = SlowDisk()
    creating = asyncio.create_task(manager(disk=disk).create_checkpoint("job", {}))
    await asyncio.to_thread(disk.reached.wait, 10)
    assert await manager().list_checkpoints("job") == []
    disk.go.set()
    assert (await creating).endswith("1")


class RivalDisk(OsDisk):
    """Another process is always a moment faster."""

    def __init__(self, rival, times):
        self.rival, self.times = rival, times

    def link(self, source, target, /):
        if self.times:
            self.times -= 1
            self.rival(source, target)
        super().link(source, target)


async def test_a_taken_number_is_not_overwritten_but_passed_over(manager, files):
    disk = RivalDisk(lambda _, target: target.write_bytes(b"the other's"), times=3)
    assert (await manager(disk=disk).create_checkpoint("job", {})).endswith("4")
    assert [files()[number].read_bytes() for number in (1, 2, 3)] == [b"the other's"] * 3


async def test_a_temporary_file_that_was_swept_away_is_written_again(manager):
    disk = RivalDisk(lambda source, _: source.unlink(), times=2)
    checkpoint_id = await manager(disk=disk).create_checkpoint("job", {"n": 1})
    assert checkpoint_id.endswith("1")
    assert await manager().load_checkpoint(checkpoint_id) == {"n": 1}


async def test_a_number_that_never_comes_free_is_an_error(manager):
    disk = RivalDisk(lambda source, _: source.unlink(), times=1_000)
    with pytest.raises(CheckpointCreationError, match="no free number"):
        await manager(disk=disk).create_checkpoint("job", {})


async def test_what_killed_writers_left_is_swept_by_the_next(manager, files):
    await manager().create_checkpoint("job", {})
    left = files()[1].with_name(f".outlast-{'0' * 16}.tmp")
    left.write_bytes(b"half a checkp")
    await manager().create_checkpoint("job", {})
    assert not left.exists()
    assert sorted(os.listdir(files()[1].parent)) == [path.name for path in files().values()]
