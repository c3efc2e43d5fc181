"""Encrypted checkpoints: nothing readable, nothing exchangeable, keys that come and go."""

import os
from base64 import b64encode

import pytest

from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.errors import (
    CheckpointCorruptionError,
    CheckpointError,
    CheckpointNotFoundError,
    CheckpointValidationError,
    ConfigurationError,
    KeyMissingError,
)
from outlast.storage.keys import Keyring

OLD, NEW, LOST = (bytes(range(start, start + 32)) for start in (0, 32, 64))
SECRET = {"cookie": "sesame-open", "pages": ["sesame-street"]}


def text_of(*keys):
    return ",".join(b64encode(key).decode() for key in keys)


@pytest.fixture(autouse=True)
def _without_keys(monkeypatch):
    for name in ("OUTLAST_ENCRYPTION_KEY", "OUTLAST_ENCRYPTION_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sealed(manager):
    """Builds managers that encrypt with these keys."""

    def build(*keys, **settings):
        return manager(keys=lambda: keys, encryption_enabled=True, **settings)

    return build


async def statuses(checkpoints):
    return [row["status"] for row in await checkpoints.list_checkpoints("job")]


async def test_what_is_sealed_comes_back_and_is_not_readable_on_disk(sealed, files, seen):
    checkpoint_id = await sealed(OLD).create_checkpoint("job", SECRET, {"note": "sesame-seed"})
    assert seen[0][2]["encrypted"] is True
    others = sealed(OLD)
    opened = await others.open_checkpoint(checkpoint_id)
    assert (opened.data, opened.metadata) == (SECRET, {"note": "sesame-seed"})
    assert await others.validate_checkpoint(checkpoint_id) is True
    (row,) = await others.list_checkpoints("job")
    assert (row["status"], row["encrypted"], row["metadata"]) == ("available", True, {"note": "sesame-seed"})
    assert b"sesame" not in files()[1].read_bytes()


@pytest.mark.parametrize("compressed", [True, False])
async def test_nothing_of_the_data_is_readable_whether_compressed_or_not(sealed, files, compressed):
    await sealed(OLD, compression_enabled=compressed).create_checkpoint("job", SECRET)
    assert b"sesame" not in files()[1].read_bytes()


async def test_without_a_key_it_refuses_to_start(tmp_path):
    with pytest.raises(ConfigurationError, match="OUTLAST_ENCRYPTION_KEY .*OUTLAST_ENCRYPTION_KEY_FILE"):
        CheckpointManager(CheckpointConfiguration(storage_path=str(tmp_path / "store"), encryption_enabled=True))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("where", ["environment", "file", "provider", "keyring"])
async def test_keys_come_from_where_they_are_given(manager, sealed, tmp_path, monkeypatch, where):
    checkpoint_id = await sealed(OLD).create_checkpoint("job", SECRET)
    keys = None
    if where == "environment":
        monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", text_of(NEW, OLD))
    elif where == "file":
        (tmp_path / "keys").write_text(text_of(NEW) + "\n" + text_of(OLD))
        monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY_FILE", str(tmp_path / "keys"))
    else:
        keys = Keyring.of([OLD]) if where == "keyring" else lambda: [NEW, OLD]
    assert await manager(encryption_enabled=True, keys=keys).load_checkpoint(checkpoint_id) == SECRET


async def test_without_its_key_a_checkpoint_is_locked_and_not_damaged(manager, sealed, files, seen):
    ids = [await sealed(key).create_checkpoint("job", SECRET, {"a": 1}) for key in (NEW, OLD)]
    seen.clear()
    for others in (sealed(NEW), manager()):
        for call in (others.load_checkpoint(ids[1]), others.load_latest("job")):
            with pytest.raises(CheckpointValidationError, match=ids[1]) as caught:
                await call
            assert "key_id" in caught.value.context
        assert await others.validate_checkpoint(ids[1]) is False
        row = (await others.list_checkpoints("job"))[0]
        assert (row["status"], row["encrypted"], row["metadata"]) == ("locked", True, {})
        for deep in (True, False):
            verdict = (await others.verify_all("job", deep=deep))[0]
            assert (verdict.status, "sealed by the key" in verdict.problem) == ("locked", True)
    assert [path.parent.name != "quarantine" for path in files().values()] == [True, True]
    assert seen == []


async def test_damage_is_seen_without_the_key_too(sealed, files, flip):
    checkpoint_id = await sealed(OLD).create_checkpoint("job", SECRET)
    flip(files()[1])
    (verdict,) = await sealed(NEW).verify_all("job", deep=True)
    assert verdict.status == "corrupted"
    with pytest.raises(CheckpointCorruptionError):
        await sealed(NEW).load_checkpoint(checkpoint_id)


async def test_a_plaintext_file_in_an_encrypted_store_is_refused_as_damage(manager, sealed, files):
    ids = [await sealed(OLD).create_checkpoint("job", SECRET), await manager().create_checkpoint("job", {"forged": 1})]
    assert await statuses(sealed(OLD)) == ["corrupted", "available"]
    with pytest.raises(CheckpointCorruptionError):
        await sealed(OLD).load_checkpoint(ids[1])
    latest = await sealed(OLD).load_latest("job")
    assert (latest.id, latest.skipped) == (ids[0], (ids[1],))


async def test_a_plaintext_file_in_an_encrypted_store_stays_where_it_is(manager, sealed, files):
    # It is not rotten: whoever switched encryption on over checkpoints of before gets them back by switching it off.
    await manager().create_checkpoint("job", {"n": 1})
    with pytest.raises(CheckpointNotFoundError):
        await sealed(OLD).load_latest("job")
    assert files()[1].parent.name != "quarantine"
    assert (await manager().load_latest("job")).data == {"n": 1}


async def test_who_only_looks_needs_no_key_to_tell_what_is_locked_from_what_was_planted(manager, sealed):
    checkpoint_id = await sealed(OLD).create_checkpoint("job", SECRET)
    await manager().create_checkpoint("job", {"forged": 1})
    looking = manager(keys=Keyring({}), encryption_enabled=True)
    assert [each.status for each in await looking.verify_all("job", deep=True)] == ["corrupted", "locked"]
    with pytest.raises(CheckpointValidationError, match="at hand: none"):
        await looking.load_checkpoint(checkpoint_id)
    with pytest.raises(KeyMissingError):
        await looking.create_checkpoint("job", {})


async def test_a_sealed_file_in_another_s_place_is_refused(sealed, files):
    ids = [await sealed(OLD).create_checkpoint("job", {"n": n}) for n in range(2)]
    files()[2].write_bytes(files()[1].read_bytes())
    with pytest.raises(CheckpointCorruptionError):
        await sealed(OLD).load_checkpoint(ids[1])
    assert await sealed(OLD).load_checkpoint(ids[0]) == {"n": 0}


async def test_rotation_wraps_keys_and_leaves_bodies_as_they_are(sealed, files):
    ids = [await sealed(OLD).create_checkpoint("job", {"n": n}, {"m": n}) for n in range(2)]
    bodies = {number: path.read_bytes()[-40:] for number, path in files().items()}
    both = sealed(NEW, OLD)
    ids.append(await both.create_checkpoint("job", {"n": 2}, {"m": 2}))
    assert await sealed(NEW).load_checkpoint(ids[2]) == {"n": 2}, "the first key writes"
    assert await both.rewrap("job") == 2
    assert await both.rewrap("job") == 0
    alone = sealed(NEW)
    assert [await alone.load_checkpoint(each) for each in ids] == [{"n": n} for n in range(3)]
    assert [row["metadata"] for row in await alone.list_checkpoints("job")] == [{"m": 2}, {"m": 1}, {"m": 0}]
    assert {number: files()[number].read_bytes()[-40:] for number in bodies} == bodies
    assert await statuses(sealed(OLD)) == ["locked"] * 3


async def test_what_cannot_be_rewrapped_is_told_after_the_others_are(sealed, files):
    ids = [await sealed(key).create_checkpoint("job", {}) for key in (OLD, LOST, OLD)]
    both = sealed(NEW, OLD)
    async with sealed(OLD).pin(ids[0]):
        with pytest.raises(CheckpointValidationError, match=ids[1]):
            await both.rewrap("job")
        await both.delete_checkpoint(ids[1])
        with pytest.raises(CheckpointError, match=f"{ids[0]} is in use"):
            await both.rewrap("job")
        assert await statuses(sealed(NEW)) == ["available", "locked"]
    assert await both.rewrap("job") == 1
    assert await statuses(sealed(NEW)) == ["available"] * 2


async def test_nothing_is_rewrapped_without_a_key_and_damage_stays_as_it_is(manager, sealed, files, flip):
    await sealed(OLD).create_checkpoint("job", {})
    with pytest.raises(ConfigurationError, match="no encryption key"):
        await manager().rewrap("job")
    flip(files()[1], 150)
    before = files()[1].read_bytes()
    assert await sealed(NEW, OLD).rewrap("job") == 0
    assert files()[1].read_bytes() == before


async def test_a_rewrap_that_fails_or_dies_at_any_step_leaves_the_old_or_the_new(manager, sealed, faulty_disk):
    settings = {"keys": lambda: [NEW, OLD], "encryption_enabled": True}
    clean = faulty_disk()
    await sealed(OLD).create_checkpoint("clean", SECRET)
    assert await manager(disk=clean, **settings).rewrap("clean") == 1
    for number, step in enumerate(clean.steps, 1):
        for kind in ("fails_at", "dies_at"):
            job = f"{kind} {number}"
            checkpoint_id = await sealed(OLD).create_checkpoint(job, SECRET)
            disk = faulty_disk(**{kind: number})
            if (kind, step) != ("fails_at", "read"):
                with pytest.raises((CheckpointError, disk.PowerCut)):
                    await manager(disk=disk, **settings).rewrap(job)
            assert await sealed(NEW, OLD).load_checkpoint(checkpoint_id) == SECRET
            assert await sealed(NEW, OLD).rewrap(job) in {0, 1}
            assert await sealed(NEW).load_checkpoint(checkpoint_id) == SECRET


async def test_with_encryption_off_sealed_ones_are_read_and_clear_ones_written(manager, sealed, monkeypatch, files):
    checkpoint_id = await sealed(OLD).create_checkpoint("job", SECRET, {"a": 1})
    monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", text_of(OLD))
    clear = manager()
    assert await clear.load_checkpoint(checkpoint_id) == SECRET
    second = await clear.create_checkpoint("job", {"in": "clear"})
    assert await clear.load_checkpoint(second) == {"in": "clear"}
    rows = await clear.list_checkpoints("job")
    assert [(row["encrypted"], row["status"], row["metadata"]) for row in rows] == [
        (False, "available", {}),
        (True, "available", {"a": 1}),
    ]
    assert await clear.rewrap("job") == 0


async def test_a_key_that_is_none_is_an_error_although_encryption_is_off(manager, monkeypatch):
    monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", "c2hvcnQ=")
    with pytest.raises(ConfigurationError, match="OUTLAST_ENCRYPTION_KEY"):
        manager()


async def test_locked_ones_neither_count_as_kept_nor_go(sealed, files):
    for _ in range(3):
        await sealed(LOST).create_checkpoint("job", {})
    checkpoints = sealed(OLD, retention_count=2)
    for _ in range(3):
        await checkpoints.create_checkpoint("job", {})
    assert list(files()) == [1, 2, 3, 5, 6]
    await sealed(LOST, OLD, retention_count=1).prune("job")
    assert list(files()) == [6], "with its key at hand it is one like the others"
