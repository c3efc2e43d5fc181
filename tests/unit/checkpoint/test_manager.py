"""The contract's promises, one by one."""

import asyncio
import json
import os
import stat

import pytest

from outlast.correlation import correlated
from outlast.contracts import ICheckpointManager
from outlast.errors import (
    CheckpointCorruptionError,
    CheckpointError,
    CheckpointNotFoundError,
    CheckpointValidationError,
    ValidationError,
)
from outlast.storage.strictjson import encode

ROW_KEYS = [
    "id", "job_id", "sequence_number", "timestamp", "status", "size_bytes", "compressed", "encrypted", "checksum", "version",
    "metadata",
]  # fmt: skip


def flip(path, position=-1):
    blob = bytearray(path.read_bytes())
    blob[position] ^= 1
    path.write_bytes(bytes(blob))


def numbers(rows):
    return [row["sequence_number"] for row in rows]


async def filled(manager, count, job_id="job", **settings):
    checkpoints = manager(**settings)
    return checkpoints, [await checkpoints.create_checkpoint(job_id, {"n": n}) for n in range(1, count + 1)]


async def test_what_went_in_comes_back_also_to_another_process(manager):
    data = {"page": 17, "deep": {"list": [1, 2.5, None, True, "é"]}, "": {}}
    async with manager() as checkpoints:
        assert isinstance(checkpoints, ICheckpointManager)
        checkpoint_id = await checkpoints.create_checkpoint("job", data, {"why": "test"})
        assert await checkpoints.load_checkpoint(checkpoint_id) == data
    async with manager() as others:
        assert await others.load_checkpoint(checkpoint_id) == data
        assert await others.validate_checkpoint(checkpoint_id) is True


async def test_a_later_change_by_the_caller_does_not_reach_the_file(manager):
    checkpoints = manager()
    data, metadata = {"items": [1]}, {"tags": ["a"]}
    creating = asyncio.create_task(checkpoints.create_checkpoint("job", data, metadata))
    await asyncio.sleep(0)
    data["items"].append(2)
    metadata["tags"].append("b")
    assert await checkpoints.load_checkpoint(await creating) == {"items": [1]}
    assert (await checkpoints.list_checkpoints("job"))[0]["metadata"] == {"tags": ["a"]}


@pytest.mark.parametrize("job_id", ["a/b", "../../x", "..", "日本語", "a\u0000b", "x" * 512, " ", "."], ids=ascii)
async def test_any_job_id_is_safe(manager, tmp_path, job_id):
    checkpoints = manager()
    checkpoint_id = await checkpoints.create_checkpoint(job_id, {"a": 1})
    assert await checkpoints.load_checkpoint(checkpoint_id) == {"a": 1}
    assert [row["job_id"] for row in await checkpoints.list_checkpoints(job_id)] == [job_id]
    assert os.listdir(tmp_path) == ["store"]
    (directory,) = (tmp_path / "store").iterdir()
    assert os.listdir(directory) == [f"{checkpoint_id}.ckpt"]


async def test_jobs_do_not_see_each_other(manager):
    checkpoints = manager()
    await checkpoints.create_checkpoint("a/b", {"n": 1})
    await checkpoints.create_checkpoint("a-b", {"n": 2})
    assert (await checkpoints.load_latest("a/b")).data == {"n": 1}
    assert (await checkpoints.load_latest("a-b")).data == {"n": 2}


@pytest.mark.parametrize("job_id", ["", "x" * 513, None], ids=ascii)
async def test_what_is_no_job_id_is_refused_everywhere(manager, tmp_path, job_id):
    checkpoints = manager()
    for call in (
        checkpoints.create_checkpoint(job_id, {}),
        checkpoints.list_checkpoints(job_id),
        checkpoints.load_latest(job_id),
    ):
        with pytest.raises(ValidationError):
            await call
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("data", "metadata", "message"),
    [
        ({"items": [{"cookie": object()}]}, None, r"\$\.items\[0\]\.cookie: object"),
        ({"a": float("nan")}, None, r"\$\.a: nan"),
        ([1], None, r"\$: list is not a JSON object"),
        (None, None, r"\$: NoneType is not a JSON object"),
        ({}, {"when": {1}}, r"metadata\.when: set"),
        ({}, [1], "metadata: list is not a JSON object"),
        ({}, [], "metadata: list is not a JSON object"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_what_is_not_json_is_refused_before_the_disk_is_touched(manager, tmp_path, data, metadata, message):
    with pytest.raises(ValidationError, match=message):
        await manager().create_checkpoint("job", data, metadata)
    assert os.listdir(tmp_path) == []


async def test_files_and_directories_are_private(manager, tmp_path):
    await filled(manager, 1)
    for path in (tmp_path / "store").rglob("*"):
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600)


async def test_a_row_says_what_is_known(manager, files):
    checkpoints = manager()
    checkpoint_id = await checkpoints.create_checkpoint("job", {"a": 1}, {"why": "test"})
    (row,) = await checkpoints.list_checkpoints("job")
    assert list(row) == ROW_KEYS
    assert row == row | {
        "id": checkpoint_id,
        "job_id": "job",
        "sequence_number": 1,
        "timestamp": "2026-01-01T00:00:00+00:00",
        "status": "available",
        "size_bytes": files()[1].stat().st_size,
        "compressed": True,
        "encrypted": False,
        "version": "2.0",
        "metadata": {"why": "test"},
    }
    assert len(row["checksum"]) == 64
    assert json.loads(encode(row)) == row


async def test_rows_come_newest_first_by_number_whatever_the_clocks_say(manager, files):
    checkpoints, ids = await filled(manager, 12, retention_count=20)
    for number, path in files().items():
        os.utime(path, (1_000_000 - number, 1_000_000 - number))
    rows = await checkpoints.list_checkpoints("job")
    assert [row["id"] for row in rows] == ids[::-1]
    assert numbers(rows) == list(range(12, 0, -1))
    assert (await checkpoints.list_checkpoints("job", limit=1))[0]["id"] == ids[-1]


@pytest.mark.parametrize(("limit", "count"), [(None, 3), (0, 0), (1, 1), (3, 3), (99, 3)])
async def test_a_limit_limits(manager, limit, count):
    checkpoints, _ = await filled(manager, 3)
    assert numbers(await checkpoints.list_checkpoints("job", limit)) == [3, 2, 1][:count]


async def test_a_negative_limit_is_refused(manager):
    with pytest.raises(ValidationError, match="limit"):
        await manager().list_checkpoints("job", -1)


async def test_listing_does_not_read_bodies(manager, files):
    checkpoints = manager(compression_enabled=False)
    await checkpoints.create_checkpoint("job", {"long": "x" * 100_000}, {"long": "y" * 10_000})
    # A body that cannot be read without an error would show, were it read.
    flip(files()[1])
    (row,) = await checkpoints.list_checkpoints("job")
    assert row["status"] == "available"
    assert row["metadata"] == {"long": "y" * 10_000}


async def test_an_unknown_job_has_no_rows(manager):
    assert await manager().list_checkpoints("nobody") == []


@pytest.mark.parametrize(
    "checkpoint_id",
    ["nothing", "", "../../etc/passwd", "/etc/passwd", "job-37b5e9d4b4f5ab72-00000001", "a\u0000b"],
    ids=ascii,
)
async def test_what_does_not_exist_is_none_or_false(manager, checkpoint_id):
    checkpoints, _ = await filled(manager, 1, job_id="another")
    assert await checkpoints.load_checkpoint(checkpoint_id) is None
    assert await checkpoints.validate_checkpoint(checkpoint_id) is False
    assert await checkpoints.delete_checkpoint(checkpoint_id) is False


async def test_deleting_deletes_once(manager, files):
    checkpoints, ids = await filled(manager, 2)
    assert await checkpoints.delete_checkpoint(ids[0]) is True
    assert await checkpoints.delete_checkpoint(ids[0]) is False
    assert await checkpoints.load_checkpoint(ids[0]) is None
    assert list(files()) == [2]


async def test_the_id_of_a_deleted_checkpoint_is_never_given_again(manager, files):
    checkpoints, ids = await filled(manager, 3)
    for checkpoint_id in reversed(ids):
        await checkpoints.delete_checkpoint(checkpoint_id)
    assert await checkpoints.list_checkpoints("job") == []
    again = [await manager().create_checkpoint("job", {}) for _ in range(2)]
    assert not set(again) & set(ids)
    assert list(files()) == [4, 5]
    await checkpoints.delete_checkpoint(again[-1])
    assert list(files("*.gone")) == [5], "one mark is enough"


async def test_the_latest_is_the_newest(manager):
    checkpoints, ids = await filled(manager, 3)
    latest = await checkpoints.load_latest("job")
    assert (latest.id, latest.sequence_number, latest.data, latest.metadata, latest.skipped) == (
        ids[2],
        3,
        {"n": 3},
        {},
        (),
    )


async def test_without_any_there_is_no_latest(manager):
    with pytest.raises(CheckpointNotFoundError, match="'job' has no intact") as caught:
        await manager().load_latest("job")
    assert isinstance(caught.value, LookupError)


async def test_damage_is_an_error_not_an_absence_and_goes_to_quarantine(manager, files):
    checkpoints, ids = await filled(manager, 1)
    before = files()[1]
    flip(before)
    for _ in range(2):
        with pytest.raises(CheckpointCorruptionError, match=ids[0]) as caught:
            await checkpoints.load_checkpoint(ids[0])
        assert caught.value.context["checkpoint_id"] == ids[0]
    assert not before.exists()
    assert files()[1].parent.name == "quarantine"
    assert await checkpoints.validate_checkpoint(ids[0]) is False
    (row,) = await checkpoints.list_checkpoints("job")
    assert (row["id"], row["status"]) == (ids[0], "corrupted")


async def test_an_error_belongs_to_the_caller_s_chain_of_work(manager, files):
    checkpoints, ids = await filled(manager, 1)
    flip(files()[1])
    with correlated() as trace:
        with pytest.raises(CheckpointCorruptionError) as caught:
            await checkpoints.load_checkpoint(ids[0])
        with pytest.raises(ValidationError) as refused:
            await checkpoints.create_checkpoint("job", {"a": float("inf")})
    assert caught.value.correlation_id == refused.value.correlation_id == trace


async def test_the_number_of_a_quarantined_checkpoint_is_never_given_again(manager, files):
    checkpoints, ids = await filled(manager, 1)
    flip(files()[1])
    with pytest.raises(CheckpointNotFoundError) as caught:
        await checkpoints.load_latest("job")
    assert caught.value.context["skipped"] == ids
    assert (await checkpoints.create_checkpoint("job", {})).endswith("2")


async def test_a_quarantined_checkpoint_can_be_deleted(manager, files):
    checkpoints, ids = await filled(manager, 1)
    flip(files()[1])
    with pytest.raises(CheckpointCorruptionError):
        await checkpoints.load_checkpoint(ids[0])
    assert await checkpoints.delete_checkpoint(ids[0]) is True
    assert files() == {}


@pytest.mark.parametrize("damage", ["cut", "empty", "header", "first line", "swapped"])
async def test_a_damaged_file_is_listed_as_corrupted(manager, files, damage):
    checkpoints, ids = await filled(manager, 2)
    path = files()[2]
    blob = path.read_bytes()
    if damage == "swapped":
        path.write_bytes(files()[1].read_bytes())
    elif damage in ("cut", "empty"):
        path.write_bytes(blob[: -1 if damage == "cut" else 0])
    else:
        flip(path, 150 if damage == "header" else 3)
    rows = await checkpoints.list_checkpoints("job")
    assert [row["status"] for row in rows] == ["corrupted", "available"]
    assert [list(row) for row in rows] == [ROW_KEYS] * 2
    assert rows[0]["id"] == ids[1]
    with pytest.raises(CheckpointCorruptionError):
        await checkpoints.load_checkpoint(ids[1])


async def test_the_latest_moves_on_past_damage_and_says_so(manager, files):
    checkpoints, ids = await filled(manager, 4)
    flip(files()[4])
    files()[3].write_bytes(b"something else altogether")
    for _ in range(2):
        latest = await checkpoints.load_latest("job")
        assert (latest.id, latest.data) == (ids[1], {"n": 2})
        assert latest.skipped == (ids[3], ids[2])
    assert [row["status"] for row in await checkpoints.list_checkpoints("job")] == ["corrupted"] * 2 + ["available"] * 2


async def test_a_file_that_is_no_checkpoint_is_refused_as_that(manager, files):
    checkpoints, ids = await filled(manager, 1)
    files()[1].write_bytes(b"something else altogether")
    with pytest.raises(CheckpointValidationError, match="not a checkpoint"):
        await checkpoints.load_checkpoint(ids[0])
    assert await checkpoints.validate_checkpoint(ids[0]) is False


def from_the_future(path):
    """Give the file the next major version, with checksums that hold."""
    import hashlib

    first, rest = path.read_bytes().split(b"\n", 1)
    opening = first.replace(b"2.0", b"3.0").rsplit(b" ", 1)[0]
    header = rest[: int(opening.rsplit(b" ", 1)[1])]
    digest = hashlib.sha256(opening + b"\n" + header).hexdigest().encode()
    path.write_bytes(opening + b" " + digest + b"\n" + rest)


async def test_a_checkpoint_from_the_future_is_not_damaged_and_not_skipped(manager, files, seen):
    checkpoints, ids = await filled(manager, 2)
    from_the_future(files()[2])
    seen.clear()
    for call in (checkpoints.load_checkpoint(ids[1]), checkpoints.load_latest("job")):
        with pytest.raises(CheckpointValidationError, match="version 3.0"):
            await call
    assert await checkpoints.validate_checkpoint(ids[1]) is False
    row = (await checkpoints.list_checkpoints("job"))[0]
    assert (row["status"], row["version"]) == ("unsupported", "3.0")
    assert files()[2].parent.name != "quarantine"
    assert seen == []


async def test_validation_moves_nothing(manager, files):
    checkpoints, ids = await filled(manager, 1)
    flip(files()[1])
    assert await checkpoints.validate_checkpoint(ids[0]) is False
    assert files()[1].parent.name != "quarantine"


async def test_links_are_not_followed(manager, tmp_path, files):
    checkpoints, ids = await filled(manager, 1)
    secret = tmp_path / "secret.ckpt"
    files()[1].rename(secret)
    (tmp_path / "store" / ids[0].rsplit("-", 1)[0] / f"{ids[0]}.ckpt").symlink_to(secret)
    assert await checkpoints.load_checkpoint(ids[0]) is None
    assert await checkpoints.list_checkpoints("job") == []


async def test_strange_files_in_the_store_are_left_alone(manager, tmp_path, files):
    checkpoints, _ = await filled(manager, 1)
    directory = files()[1].parent
    strange = ["notes.txt", "job.ckpt", f"{directory.name}-00000002.bak", "other-37b5e9d4b4f5ab72-00000009.ckpt"]
    for name in strange:
        (directory / name).write_bytes(b"mine")
    (directory / f"{directory.name}-00000009.ckpt").mkdir()
    (tmp_path / "store" / "file").write_bytes(b"mine")
    assert len(await checkpoints.list_checkpoints("job")) == 1
    assert (await checkpoints.load_latest("job")).sequence_number == 1
    assert await checkpoints.create_checkpoint("job", {}) == f"{directory.name}-00000010"
    assert all((directory / name).read_bytes() == b"mine" for name in strange)


async def test_a_file_where_the_job_s_directory_should_be_is_an_error_and_not_an_absence(manager, tmp_path, files):
    checkpoints, ids = await filled(manager, 1)
    files()[1].unlink()
    directory = tmp_path / "store" / ids[0].rsplit("-", 1)[0]
    directory.rmdir()
    directory.write_bytes(b"in the way")
    for call in (checkpoints.list_checkpoints("job"), checkpoints.load_checkpoint(ids[0])):
        with pytest.raises(CheckpointError, match="Not a directory"):
            await call


@pytest.mark.parametrize("limit", [-1, True, 1.5, float("nan"), "x"])
async def test_a_limit_that_is_none_is_refused(manager, limit):
    checkpoints, _ = await filled(manager, 1)
    with pytest.raises(ValidationError, match="limit"):
        await checkpoints.list_checkpoints("job", limit)


async def test_a_store_that_cannot_be_read_is_an_error_and_not_empty(manager, files):
    checkpoints, ids = await filled(manager, 1)
    directory = files()[1].parent
    directory.rename(directory.with_name("aside"))
    directory.symlink_to(directory)  # reading it fails for root too
    for call in (
        checkpoints.load_checkpoint(ids[0]),
        checkpoints.list_checkpoints("job"),
        checkpoints.load_latest("job"),
        checkpoints.validate_checkpoint(ids[0]),
        checkpoints.delete_checkpoint(ids[0]),
    ):
        with pytest.raises(CheckpointError, match="could not be"):
            await call


async def test_what_is_created_at_once_keeps_the_order_of_the_calls(manager):
    checkpoints = manager(retention_count=50)
    ids = await asyncio.gather(*(checkpoints.create_checkpoint("job", {"n": n}) for n in range(20)))
    assert ids == sorted(ids)
    assert len(set(ids)) == 20
    assert (await checkpoints.load_latest("job")).data == {"n": 19}


async def test_two_managers_at_once_overwrite_nothing(manager):
    pair = [manager(retention_count=50), manager(retention_count=50)]
    ids = await asyncio.gather(*(pair[n % 2].create_checkpoint("job", {"n": n}) for n in range(30)))
    assert len(set(ids)) == 30
    assert [await pair[0].load_checkpoint(each) for each in ids] == [{"n": n} for n in range(30)]


async def test_a_checkpoint_that_goes_while_the_latest_is_sought_is_not_skipped_damage(manager, files):
    checkpoints, ids = await filled(manager, 3)
    rival = manager()
    seek = rival._checkpointer._shelf.open_entry

    def beaten(entry):
        if entry.sequence == 3:
            entry.path.unlink()
        return seek(entry)

    rival._checkpointer._shelf.open_entry = beaten
    latest = await rival.load_latest("job")
    assert (latest.id, latest.skipped) == (ids[1], ())
