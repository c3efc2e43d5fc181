"""The disk refuses, at each step; what existed is untouched, and nothing partial is seen."""

import asyncio
import errno
import os
import threading

import pytest

from outlast.errors import CheckpointCorruptionError, CheckpointCreationError, CheckpointError
from outlast.storage.files import OsDisk

# One create over two kept checkpoints where one goes: write, publish, tidy up, then delete the oldest.
WRITING = ["create", "write", "fsync", "close", "link", "unlink", "sync_directory"]
DELETING = ["unlink", "sync_directory"]


def everything(tmp_path):
    return {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


async def test_the_steps_of_a_create_are_these(manager, faulty_disk):
    disk = faulty_disk()
    checkpoints = manager(disk=disk, retention_count=1)
    await checkpoints.create_checkpoint("job", {})
    assert disk.steps == ["sync_directory"] * 2 + WRITING
    disk.steps.clear()
    await checkpoints.create_checkpoint("job", {})
    assert disk.steps == WRITING + DELETING


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 7])
async def test_a_refused_write_changes_nothing_and_is_told(manager, faulty_disk, tmp_path, seen, number, code):
    for n in range(2):
        await manager().create_checkpoint("job", {"n": n})
    before = everything(tmp_path)
    seen.clear()
    checkpoints = manager(disk=faulty_disk(fails_at=number, code=code), retention_count=2)
    with pytest.raises(CheckpointCreationError) as caught:
        await checkpoints.create_checkpoint("job", {"n": 2})
    assert caught.value.context["errno"] == code
    assert isinstance(caught.value.__cause__, OSError)
    assert everything(tmp_path) == before
    assert seen == []
    assert (await checkpoints.load_latest("job")).data == {"n": 1}
    await checkpoints.create_checkpoint("job", {"n": 3})
    assert (await manager().load_latest("job")).data == {"n": 3}


@pytest.mark.parametrize("number", [1, 2])
async def test_a_directory_that_cannot_be_made_durable_is_a_refused_write(manager, faulty_disk, number):
    with pytest.raises(CheckpointCreationError):
        await manager(disk=faulty_disk(fails_at=number)).create_checkpoint("job", {})
    assert await manager().list_checkpoints("job") == []


@pytest.mark.parametrize("number", [6, 8, 9])
async def test_what_fails_after_the_checkpoint_is_safe_does_not_undo_it(manager, faulty_disk, files, number):
    for n in range(2):
        await manager().create_checkpoint("job", {"n": n})
    checkpoints = manager(disk=faulty_disk(fails_at=number), retention_count=2)
    checkpoint_id = await checkpoints.create_checkpoint("job", {"n": 2})
    assert await manager().load_checkpoint(checkpoint_id) == {"n": 2}
    await checkpoints.create_checkpoint("job", {"n": 3})
    assert list(files()) == [3, 4]
    assert all(path.suffix == ".ckpt" for path in files()[4].parent.iterdir()), "what was left behind is gone by now"


@pytest.mark.parametrize("number", range(1, 11))
async def test_a_process_that_dies_at_any_step_takes_no_earlier_checkpoint_with_it(
    manager, faulty_disk, tmp_path, number
):
    ids = [await manager().create_checkpoint("job", {"n": n}) for n in range(2)]
    disk = faulty_disk(dies_at=number)
    checkpoints = manager(disk=disk, retention_count=2)
    if number < 10:
        with pytest.raises(disk.PowerCut):
            await checkpoints.create_checkpoint("job", {"n": 2})
    else:
        await checkpoints.create_checkpoint("job", {"n": 2})
    survivors = manager()
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
    ids = [await manager().create_checkpoint("job", {}) for _ in range(2)]
    seen.clear()
    with pytest.raises(CheckpointError, match="could not be deleted"):
        await manager(disk=faulty_disk(fails_at=1)).delete_checkpoint(ids[0])
    assert await manager().load_checkpoint(ids[0]) == {}
    assert [kind for kind, _, _ in seen] == ["checkpoint_loaded"]


async def test_damage_that_cannot_be_moved_is_damage_all_the_same(manager, faulty_disk, files, seen):
    checkpoint_id = await manager().create_checkpoint("job", {})
    files()[1].write_bytes(b"")
    told = []
    # Its directory cannot be made, then it cannot be moved, then the move is not made durable.
    for fails_at in (1, 1, 2):
        with pytest.raises(CheckpointCorruptionError):
            await manager(disk=faulty_disk(fails_at=fails_at)).load_checkpoint(checkpoint_id)
        told.append((files()[1].parent.name == "quarantine", seen[-1][2]["quarantined_to"]))
    assert told == [(False, None), (False, None), (True, str(files()[1]))]


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
