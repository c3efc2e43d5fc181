"""Each field of the configuration changes what happens."""

import os

import pytest

from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.errors import CheckpointCorruptionError, CheckpointCreationError


async def numbers(checkpoints):
    return [row["sequence_number"] for row in await checkpoints.list_checkpoints("job")]


async def test_switched_off_nothing_is_created_and_that_is_said(manager, tmp_path):
    earlier = await manager().create_checkpoint("job", {"n": 1})
    checkpoints = manager(enabled=False)
    with pytest.raises(CheckpointCreationError, match="switched off"):
        await checkpoints.create_checkpoint("job", {"n": 2})
    assert await checkpoints.load_checkpoint(earlier) == {"n": 1}
    assert await numbers(checkpoints) == [1]


@pytest.mark.parametrize("keep", [1, 3])
async def test_as_many_are_kept_as_retention_says(manager, files, keep):
    checkpoints = manager(retention_count=keep)
    for n in range(6):
        await checkpoints.create_checkpoint("job", {"n": n})
        assert len(files()) == min(n + 1, keep)
    assert list(files()) == [1, 2, 3, 4, 5, 6][-keep:]
    assert (await checkpoints.load_latest("job")).data == {"n": 5}


async def test_retention_is_each_job_s_own(manager):
    checkpoints = manager(retention_count=1)
    await checkpoints.create_checkpoint("job", {})
    await checkpoints.create_checkpoint("other", {})
    assert await numbers(checkpoints) == [1]


@pytest.mark.parametrize("fresh", [False, True], ids=["same process", "new process"])
async def test_damaged_checkpoints_do_not_count_as_kept(manager, files, fresh):
    checkpoints = manager(retention_count=2)
    for n in range(2):
        await checkpoints.create_checkpoint("job", {"n": n})
    blob = bytearray(files()[2].read_bytes())
    blob[-1] ^= 1
    files()[2].write_bytes(bytes(blob))
    os.utime(files()[2], ns=(1, 1))
    checkpoints = manager(retention_count=2) if fresh else checkpoints
    await checkpoints.create_checkpoint("job", {"n": 2})
    assert list(files()) == [1, 2, 3]
    await checkpoints.create_checkpoint("job", {"n": 3})
    assert list(files()) == [2, 3, 4]


@pytest.mark.parametrize("compressed", [True, False])
async def test_compression_is_done_as_asked_and_both_kinds_are_read(manager, files, compressed):
    checkpoint_id = await manager(compression_enabled=compressed).create_checkpoint("job", {"text": "x" * 9_000})
    assert (files()[1].stat().st_size < 2_000) is compressed
    (row,) = await manager().list_checkpoints("job")
    assert row["compressed"] is compressed
    for other in (True, False):
        assert await manager(compression_enabled=other).load_checkpoint(checkpoint_id) == {"text": "x" * 9_000}


@pytest.mark.parametrize("encrypted", [True, False])
async def test_encryption_is_done_as_asked(manager, files, encrypted):
    await manager(encryption_enabled=encrypted, keys=lambda: [bytes(32)]).create_checkpoint("job", {})
    (row,) = await manager().list_checkpoints("job")
    assert (row["encrypted"], row["status"]) == (encrypted, "locked" if encrypted else "available")


async def test_the_storage_path_is_where_the_files_are(tmp_path):
    for name in ("here", "there/deep"):
        checkpoints = CheckpointManager(CheckpointConfiguration(storage_path=str(tmp_path / name)))
        assert not (tmp_path / name).exists(), "nothing is written before the first checkpoint"
        await checkpoints.create_checkpoint("job", {})
        assert len(list((tmp_path / name).rglob("*.ckpt"))) == 1


async def test_without_validation_checksums_are_not_compared_on_load(manager, files):
    settings = {"compression_enabled": False, "validation_enabled": False}
    checkpoint_id = await manager(**settings).create_checkpoint("job", {"n": 17})
    files()[1].write_bytes(files()[1].read_bytes().replace(b'{"n":17}', b'{"n":71}'))
    assert await manager(**settings).load_checkpoint(checkpoint_id) == {"n": 71}
    assert await manager(**settings).validate_checkpoint(checkpoint_id) is False
    with pytest.raises(CheckpointCorruptionError):
        await manager(compression_enabled=False).load_checkpoint(checkpoint_id)


async def test_without_validation_framing_is_still_verified(manager, files):
    settings = {"validation_enabled": False, "retention_count": 1}
    ids = [await manager(**settings).create_checkpoint("job", {"n": 17})]
    files()[1].write_bytes(files()[1].read_bytes()[:-1])
    ids.append(await manager(**settings).create_checkpoint("job", {"n": 18}))
    assert list(files()) == [1, 2], "what is cut does not count as kept"
    with pytest.raises(CheckpointCorruptionError):
        await manager(**settings).load_checkpoint(ids[0])


async def test_without_validation_retention_does_not_read_bodies(manager, files):
    settings = {"compression_enabled": False, "validation_enabled": False, "retention_count": 1}
    await manager(**settings).create_checkpoint("job", {"n": 17})
    files()[1].write_bytes(files()[1].read_bytes().replace(b'{"n":17}', b'{"n":71}'))
    await manager(**settings).create_checkpoint("job", {"n": 18})
    assert list(files()) == [2]
