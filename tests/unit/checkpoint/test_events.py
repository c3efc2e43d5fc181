"""What is told to the bus, and that it is what happened."""

import pytest

from outlast.errors import CheckpointCorruptionError
from outlast.events import EVENTS, EventType


def of(seen, kind):
    return [(job_id, data) for event, job_id, data in seen if event == kind]


async def test_creating_and_loading_are_told(manager, seen, files):
    checkpoints = manager()
    checkpoint_id = await checkpoints.create_checkpoint("job", {"n": 1})
    saved = {"checkpoint_id": checkpoint_id, "sequence_number": 1, "size_bytes": files()[1].stat().st_size}
    (told,) = seen
    took = told[2].pop("duration")
    assert told == ("checkpoint_created", "job", {**saved, "compressed": True, "encrypted": False})
    assert 0 <= took < 60
    seen.clear()
    await checkpoints.load_checkpoint(checkpoint_id)
    await checkpoints.load_latest("job")
    assert seen == [("checkpoint_loaded", "job", saved)] * 2


async def test_deleting_is_told_with_its_reason(manager, seen):
    checkpoints = manager(retention_count=1)
    first = await checkpoints.create_checkpoint("job", {})
    second = await checkpoints.create_checkpoint("job", {})
    await checkpoints.delete_checkpoint(second)
    await checkpoints.delete_checkpoint(second)
    assert of(seen, "checkpoint_deleted") == [
        ("job", {"checkpoint_id": first, "sequence_number": 1, "reason": "retention"}),
        ("job", {"checkpoint_id": second, "sequence_number": 2, "reason": "requested"}),
    ]


async def test_damage_is_told_with_where_it_went(manager, seen, files):
    checkpoints = manager()
    checkpoint_id = await checkpoints.create_checkpoint("job", {})
    files()[1].write_bytes(files()[1].read_bytes()[:-1])
    with pytest.raises(CheckpointCorruptionError) as caught:
        await checkpoints.load_checkpoint(checkpoint_id)
    quarantined = str(files()[1])
    ((job_id, data),) = of(seen, "checkpoint_corrupted")
    assert data == {"checkpoint_id": checkpoint_id, "reason": caught.value.message, "quarantined_to": quarantined}
    assert job_id == checkpoint_id.rsplit("-", 1)[0], "the header is cut off from its size, and cannot be trusted"


async def test_where_the_header_is_lost_another_checkpoint_tells_whose_it_is(manager, seen, files):
    checkpoints = manager()
    ids = [await checkpoints.create_checkpoint("My Job", {}) for _ in range(2)]
    files()[2].write_bytes(b"")
    with pytest.raises(CheckpointCorruptionError):
        await checkpoints.load_checkpoint(ids[1])
    ((job_id, data),) = of(seen, "checkpoint_corrupted")
    assert (job_id, data["checkpoint_id"]) == ("My Job", ids[1])


async def test_damage_in_the_body_is_told_under_its_job(manager, seen, files):
    checkpoints = manager()
    checkpoint_id = await checkpoints.create_checkpoint("job", {})
    blob = bytearray(files()[1].read_bytes())
    blob[-1] ^= 1
    files()[1].write_bytes(bytes(blob))
    assert await checkpoints.validate_checkpoint(checkpoint_id) is False
    ((job_id, data),) = of(seen, "checkpoint_corrupted")
    assert (job_id, data["quarantined_to"]) == ("job", None)


async def test_each_damaged_checkpoint_is_told_once_by_the_search_for_the_latest(manager, seen, files):
    checkpoints = manager()
    ids = [await checkpoints.create_checkpoint("job", {}) for _ in range(3)]
    for number in (2, 3):
        files()[number].write_bytes(b"")
    await checkpoints.load_latest("job")
    await checkpoints.load_latest("job")
    assert [data["checkpoint_id"] for _, data in of(seen, "checkpoint_corrupted")] == [ids[2], ids[1]]


async def test_the_data_has_the_keys_of_the_event_table(manager, seen, files):
    checkpoints = manager(retention_count=1)
    for _ in range(2):
        checkpoint_id = await checkpoints.create_checkpoint("job", {})
    await checkpoints.load_checkpoint(checkpoint_id)
    files()[2].write_bytes(b"")
    with pytest.raises(CheckpointCorruptionError):
        await checkpoints.load_checkpoint(checkpoint_id)
    assert {kind for kind, _, _ in seen} == {
        f"checkpoint_{what}" for what in ("created", "loaded", "corrupted", "deleted")
    }
    for kind, _, data in seen:
        assert set(data) == set(EVENTS[EventType(kind)].data)
