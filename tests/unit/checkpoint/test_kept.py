"""Which checkpoints stay: by age, by bytes, by the hour, when asked, and while they are in use."""

import asyncio
import errno
import subprocess
import sys

import pytest

from outlast.errors import CheckpointError, CheckpointNotFoundError
from outlast.storage.disk import OsDisk


def sequences(files):
    return sorted(files())


async def test_older_ones_go_by_age_and_the_newest_does_not(manager, wall_clock, files):
    checkpoints = manager(clock=wall_clock, retention_age="2h")
    for _ in range(4):
        await checkpoints.create_checkpoint("job", {})
        wall_clock.pass_(hours=1)
    assert sequences(files) == [2, 3, 4]
    wall_clock.pass_(days=9)
    assert (await checkpoints.prune("job")).kept == ((await checkpoints.load_latest("job")).id,)
    assert sequences(files) == [4]


async def test_the_oldest_go_until_the_rest_fits(manager, files):
    one = manager(compression_enabled=False)
    await one.create_checkpoint("job", {"long": "x" * 1_000})
    size = files()[1].stat().st_size
    checkpoints = manager(compression_enabled=False, retention_bytes=3 * size)
    for _ in range(4):
        await checkpoints.create_checkpoint("job", {"long": "x" * 1_000})
    assert sequences(files) == [3, 4, 5]


async def test_beyond_the_count_the_newest_of_each_hour_stays(manager, wall_clock, files):
    checkpoints = manager(clock=wall_clock, retention_count=1, keep_hourly=3)
    for _ in range(10):
        await checkpoints.create_checkpoint("job", {})
        wall_clock.pass_(minutes=20)
    assert sequences(files) == [6, 9, 10]


@pytest.mark.parametrize("hours", [-9_999, 9_999])
async def test_a_clock_that_jumps_takes_nothing_that_counts(manager, wall_clock, hours):
    checkpoints = manager(clock=wall_clock, retention_count=3)
    ids = [await checkpoints.create_checkpoint("job", {}) for _ in range(2)]
    wall_clock.pass_(hours=hours)
    ids += [await checkpoints.create_checkpoint("job", {}) for _ in range(2)]
    rows = await checkpoints.list_checkpoints("job")
    assert [row["id"] for row in rows] == ids[:0:-1]
    assert (await checkpoints.load_latest("job")).id == ids[-1]


async def test_a_job_s_moments_are_read_from_its_files_by_a_new_process(manager, wall_clock, files):
    for _ in range(3):
        await manager(clock=wall_clock).create_checkpoint("job", {})
        wall_clock.pass_(hours=1)
    await manager(clock=wall_clock, retention_age=4000).prune("job")
    assert sequences(files) == [3]


async def test_pruning_says_what_it_did_and_a_dry_run_what_it_would(manager, files, seen):
    ids = [await manager().create_checkpoint("job", {"n": n}) for n in range(4)]
    sizes = {number: path.stat().st_size for number, path in files().items()}
    seen.clear()
    checkpoints = manager(retention_count=2)
    before = {path: path.read_bytes() for path in files.everywhere("*") if path.is_file()}
    would = await checkpoints.prune("job", dry_run=True)
    assert {path: path.read_bytes() for path in files.everywhere("*") if path.is_file()} == before
    assert seen == []
    assert (would.kept, would.deleted, would.freed_bytes) == ((ids[3], ids[2]), (ids[0], ids[1]), sizes[1] + sizes[2])
    assert await checkpoints.prune("job") == would
    assert sequences(files) == [3, 4]
    assert [(kind, data["checkpoint_id"], data["reason"]) for kind, _, data in seen] == [
        ("checkpoint_deleted", ids[0], "retention"),
        ("checkpoint_deleted", ids[1], "retention"),
    ]
    assert (await checkpoints.prune("job")).deleted == ()


async def test_pruning_tells_what_it_deleted_before_the_disk_refused(manager, faulty_disk, seen):
    for _ in range(3):
        await manager().create_checkpoint("job", {})
    clean = faulty_disk()
    await manager(disk=clean, retention_count=1).prune("job", dry_run=True)
    seen.clear()
    disk = faulty_disk(fails_at=clean.steps.index("is_held") + 2)
    with pytest.raises(CheckpointError, match="could not be deleted"):
        await manager(disk=disk, retention_count=1).prune("job")
    assert [data["sequence_number"] for _, _, data in seen] == [2], "one that fails does not save the others"


async def test_damaged_ones_neither_count_nor_go(manager, files, flip):
    for _ in range(4):
        await manager().create_checkpoint("job", {})
    flip(files()[3])
    flip(files()[4])
    await manager(retention_count=1).prune("job")
    assert sequences(files) == [2, 3, 4]


async def test_what_is_pinned_stays_until_it_is_let_go(manager, files):
    checkpoints = manager(retention_count=1)
    first = await checkpoints.create_checkpoint("job", {"n": 1})
    async with checkpoints.pin(first), manager().pin(first):
        for _ in range(2):
            await checkpoints.create_checkpoint("job", {})
        assert sequences(files) == [1, 3]
        # To other processes too.
        assert (await manager(retention_count=1).prune("job", dry_run=True)).deleted == ()
        assert (await manager(retention_count=1).prune("job")).deleted == ()
        with pytest.raises(CheckpointError, match=f"{first} is in use"):
            await manager().delete_checkpoint(first)
        assert await manager().load_checkpoint(first) == {"n": 1}
    assert (await manager(retention_count=1).prune("job")).deleted == (first,)


async def test_a_pin_is_let_go_by_an_error_inside_too(manager):
    checkpoint_id = await manager().create_checkpoint("job", {})
    with pytest.raises(ZeroDivisionError):
        async with manager().pin(checkpoint_id):
            raise ZeroDivisionError
    assert await manager().delete_checkpoint(checkpoint_id) is True


@pytest.mark.parametrize("checkpoint_id", ["nothing", "job-37b5e9d4b4f5ab72-00000001"])
async def test_what_does_not_exist_cannot_be_pinned(manager, checkpoint_id):
    with pytest.raises(CheckpointNotFoundError, match=checkpoint_id):
        async with manager().pin(checkpoint_id):
            raise AssertionError


async def test_a_pin_whose_awaiter_is_cancelled_leaves_nothing_locked(manager, faulty_disk):
    checkpoint_id = await manager().create_checkpoint("job", {})

    async def pinning():
        async with manager().pin(checkpoint_id):
            raise AssertionError

    for turns in range(1, 6):
        task = asyncio.create_task(pinning())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, AssertionError)):
            await task
    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)
    assert await manager().delete_checkpoint(checkpoint_id) is True


class LocklessDisk(OsDisk):
    """A network disk that knows no locks."""

    def hold(self, path, /):
        raise OSError(errno.ENOLCK, "No locks available")

    is_held = unlink_unheld = hold

    def replace_unheld(self, source, target, /):
        self.hold(target)


async def test_on_a_disk_without_locks_nothing_is_pinned_and_all_else_works(manager):
    checkpoints = manager(disk=LocklessDisk(), retention_count=1, keys=lambda: [bytes(32)], encryption_enabled=True)
    ids = [await checkpoints.create_checkpoint("job", {}) for _ in range(3)]
    assert [row["id"] for row in await checkpoints.list_checkpoints("job")] == ids[2:]
    assert (await checkpoints.prune("job", dry_run=True)).deleted == ()
    await manager(keys=lambda: [bytes(32)], encryption_enabled=True).create_checkpoint("job", {})
    assert (await checkpoints.prune("job", dry_run=True)).deleted == (ids[2],)
    with pytest.raises(CheckpointError, match="could not be pinned"):
        async with checkpoints.pin(ids[2]):
            raise AssertionError
    rotated = manager(disk=LocklessDisk(), keys=lambda: [b"n" * 32, bytes(32)], encryption_enabled=True)
    assert await rotated.rewrap("job") == 2
    assert await rotated.delete_checkpoint(ids[2]) is True


PINNING = """
import asyncio, sys
from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration

async def main(root, checkpoint_id):
    async with CheckpointManager(CheckpointConfiguration(storage_path=root)).pin(checkpoint_id):
        print("pinned", flush=True)
        sys.stdin.read()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.real_time
async def test_a_pin_ends_with_its_process(manager):
    checkpoints = manager(retention_count=1)
    first = await checkpoints.create_checkpoint("job", {})
    with subprocess.Popen(
        [sys.executable, "-c", PINNING, str(manager.root), first], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"pinned\n"
        await checkpoints.create_checkpoint("job", {})
        assert len(await checkpoints.list_checkpoints("job")) == 2
        other.kill()
        other.wait()
    await checkpoints.create_checkpoint("job", {})
    assert len(await checkpoints.list_checkpoints("job")) == 1


async def test_an_older_state_is_restored_as_the_newest(manager, seen):
    checkpoints = manager()
    ids = [await checkpoints.create_checkpoint("job", {"n": n}, {"why": n}) for n in range(3)]
    restored = await checkpoints.restore(ids[0])
    latest = await checkpoints.load_latest("job")
    assert (latest.id, latest.sequence_number, latest.job_id) == (restored, 4, "job")
    assert (latest.data, latest.metadata) == ({"n": 0}, {"why": 0, "restored_from": ids[0]})
    assert (await checkpoints.open_checkpoint(ids[0])).data == {"n": 0}
    with pytest.raises(CheckpointNotFoundError, match="nothing"):
        await checkpoints.restore("nothing")
    with pytest.raises(CheckpointNotFoundError):
        await checkpoints.open_checkpoint("nothing")


async def test_every_checkpoint_of_a_job_is_judged_by_its_header_or_by_every_byte(manager, files, flip, seen):
    checkpoints = manager()
    ids = [await checkpoints.create_checkpoint("job", {}) for _ in range(4)]
    flip(files()[1])
    flip(files()[2], 150)
    files()[3].write_bytes(b"")
    with pytest.raises(CheckpointError):
        await checkpoints.load_checkpoint(ids[2])
    seen.clear()
    told = {deep: await checkpoints.verify_all("job", deep=deep) for deep in (False, True)}
    assert {deep: [str(each.status) for each in each] for deep, each in told.items()} == {
        False: ["available", "corrupted", "corrupted", "available"],
        True: ["available", "corrupted", "corrupted", "corrupted"],
    }
    assert [(each.id, each.sequence) for each in told[True]] == [(each, int(each[-8:])) for each in ids[::-1]]
    assert [each.problem is None for each in told[True]] == [True, False, False, False]
    assert "does not match its checksum" in told[True][3].problem
    assert [data["checkpoint_id"] for _, _, data in seen] == [ids[1], ids[0]], "told when every byte is read"
    assert sequences(files) == [1, 2, 3, 4]
    assert await checkpoints.verify_all("nobody", deep=True) == []
