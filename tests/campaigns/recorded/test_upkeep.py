"""A power cut or `kill -9` in a migration, a repair or a backup of a ledger: what was recorded is there, before and after."""

import gzip
import os
import signal
from pathlib import Path
from random import Random

import pytest

from outlast.ledger import SqliteLedger
from outlast.ledger.port import ItemStatus, NewItem, Record, Shape
from outlast.ledger.repair import repair

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(1_800)]

GOLDEN = Path(__file__).parents[2] / "golden" / "ledger-1.db.gz"
MOMENTS = ["before", "half", "after"]
ITEMS = 120


@pytest.fixture
async def old_ledger(tmp_path, promises):
    """A ledger of version 1, and what is in it."""
    image = {"/ledger.db": gzip.decompress(GOLDEN.read_bytes())}
    return image, await contents(tmp_path, image, promises)


@pytest.fixture
async def sound_ledger(tmp_path):
    """A ledger of this version; its file."""
    path = tmp_path / "ledger.db"
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem(f"item {n}", f'{{"n":{n}}}') for n in range(ITEMS)])
    for lease in await ledger.lease("me", ITEMS // 2, 1.0, 1e9):
        await ledger.record(Record(lease, ItemStatus.DONE, 1, Shape.ONE, f'{{"of":"{lease.key}"}}\n'))
    await ledger.close()
    return path


@pytest.fixture(params=["a row", "a page"])
async def damaged_ledger(request, sound_ledger, tmp_path, promises):
    """A ledger that is damaged, in a row or so that SQLite cannot read it, and what an undisturbed repair makes of it."""
    path = sound_ledger
    blob = bytearray(path.read_bytes())
    if request.param == "a row":
        place = blob.rindex(b'{"of":"item 7"}')
        blob[place : place + 4] = b"rot!"
    else:
        blob[:4096] = bytes(4096)
    image = {"/ledger.db": bytes(blob)}
    path.write_bytes(blob)
    repaired = repair(path, aside=tmp_path / "aside")
    assert not repaired.sound
    assert repaired.rebuilt is (request.param == "a page")
    return image, await contents(tmp_path, {"/ledger.db": path.read_bytes()}, promises)


async def contents(place, image, promises):
    path = place / "contents.db"
    path.write_bytes(image["/ledger.db"])
    return await promises.contents_of(path)


async def survives_power_cuts(what, image, expected, crashes, recording, recorder, promises, count):
    async def check(root, told):
        path = root / "ledger.db"
        if what == "repair":
            kept = [each.read_bytes() for each in (path, *root.glob("aside-*/ledger.db"))]
            assert image["/ledger.db"] in kept, "the damaged file is not kept"
            # The first one was interrupted, so it is done again.
            repair(path, aside=root / "aside-again")
        assert await promises.contents_of(path) == expected

    recorder.begin_with(recording.DiskModel.from_image(image), [])
    await crashes.judge(lambda recorder: recorder.run("upkeep", what), check, count)
    crashes.fail_if_broken()


async def survives_kills(what, image, expected, recording, recorder, promises, count):
    kills = 0
    seeds = [int(os.environ["OUTLAST_SEED"])] if "OUTLAST_SEED" in os.environ else range(count)
    recorder.begin_with(recording.DiskModel.from_image(image), [])
    recorder.run("upkeep", what)
    calls = len(recorder.calls()) - recorder.calls()[0].number
    for seed in seeds:
        chance = Random(f"{what}:{seed}")
        recorder.begin_with(recording.DiskModel.from_image(image), [])
        fault = f"any:{chance.randint(1, calls)}:{chance.choice(MOMENTS)}"
        kills += recorder.run("upkeep", what, fault=fault, ends=(0, -signal.SIGKILL)) == -signal.SIGKILL
        recorder.run("upkeep", what)
        assert await promises.contents_of(recorder.root / "ledger.db") == expected, f"seed {seed}: {fault}"
    print(f"{kills} kills in a {what} of {calls} calls")
    assert kills


async def test_a_migration_survives_every_power_cut(old_ledger, crashes, recording, recorder, promises, campaign_size):
    await survives_power_cuts("migrate", *old_ledger, crashes, recording, recorder, promises, campaign_size(60))


async def test_a_repair_survives_every_power_cut(damaged_ledger, crashes, recording, recorder, promises, campaign_size):
    await survives_power_cuts("repair", *damaged_ledger, crashes, recording, recorder, promises, campaign_size(60))


async def test_a_migration_survives_every_kill(old_ledger, recording, recorder, promises, campaign_size):
    await survives_kills("migrate", *old_ledger, recording, recorder, promises, campaign_size(3))


async def test_a_repair_survives_every_kill(damaged_ledger, recording, recorder, promises, campaign_size):
    await survives_kills("repair", *damaged_ledger, recording, recorder, promises, campaign_size(3))


async def test_a_backup_is_whole_or_not_there_after_every_power_cut(
    sound_ledger, tmp_path, crashes, recording, recorder, promises, campaign_size
):
    image = {"/ledger.db": sound_ledger.read_bytes()}
    expected = await contents(tmp_path, image, promises)

    async def check(root, told):
        [step] = promises.steps(told) or [None]
        made = (root / "backup.db").exists()
        assert made or step is None or step.answer is None, "the backup is lost"
        for name in ["ledger.db", "backup.db"] if made else ["ledger.db"]:
            assert await promises.contents_of(root / name) == expected

    recorder.begin_with(recording.DiskModel.from_image(image), [])
    await crashes.judge(lambda recorder: recorder.run("upkeep", "backup"), check, campaign_size(40))
    crashes.fail_if_broken()
