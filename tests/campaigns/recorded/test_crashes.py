"""Real system calls of the real code, and the disks that a power cut at any moment may leave: every promise holds on each.

The recordings are made anew in each run; a failure keeps its recording and prints the command that replays it.
"""

import errno
import os
from base64 import b64encode
from random import Random

import pytest

pytestmark = pytest.mark.timeout(1_800)

KEY = bytes(range(32))
NEW_KEY = bytes(range(100, 132))
VARIABLE = "OUTLAST_ENCRYPTION_KEY"
PAGES = 40
CONCURRENCY = 4


def texts(*keys):
    return ",".join(b64encode(key).decode() for key in keys)


@pytest.fixture
def sealed_checkpoints(promises, monkeypatch):
    """`check_checkpoints` with the keys that must do: the new one alone once everything is wrapped by it."""

    async def check(root, told):
        rewraps = [step.answer is not None for step in promises.steps(told) if step.do == "rewrap"]
        monkeypatch.setenv(VARIABLE, texts(NEW_KEY) if rewraps == [True, True] else texts(NEW_KEY, KEY))
        await promises.check_checkpoints(root, told, {"encryption_enabled": True})

    return check


@pytest.fixture
def sealed_ledger(promises):
    async def check(root, told):
        from outlast.storage.keys import Keyring

        await promises.check_ledger(root, told, Keyring.of([KEY]))

    return check


@pytest.fixture
def whole_job(promises):
    async def check(root, told):
        await promises.check_job(root, told, concurrency=CONCURRENCY, pages=PAGES)

    return check


async def test_checkpoints_survive_every_power_cut(crashes, campaign_size, promises):
    def record(recorder):
        for _ in range(3):
            recorder.run("checkpoints", 9)

    await crashes.judge(record, promises.check_checkpoints, campaign_size(500))
    crashes.fail_if_broken()


async def test_sealed_checkpoints_survive_every_power_cut_and_a_change_of_keys(
    crashes, campaign_size, sealed_checkpoints
):
    def record(recorder):
        recorder.run("checkpoints", 9, env={VARIABLE: texts(KEY)})
        recorder.run("checkpoints", 9, "rewrap", env={VARIABLE: texts(NEW_KEY, KEY)})

    await crashes.judge(record, sealed_checkpoints, campaign_size(300))
    crashes.fail_if_broken()


async def test_a_ledger_survives_every_power_cut(crashes, campaign_size, promises):
    def record(recorder):
        for _ in range(5):
            recorder.run("ledger", 15)

    await crashes.judge(record, promises.check_ledger, campaign_size(700))
    crashes.fail_if_broken()


async def test_a_sealed_ledger_survives_every_power_cut(crashes, campaign_size, sealed_ledger):
    def record(recorder):
        for _ in range(4):
            recorder.run("ledger", 12, env={VARIABLE: texts(KEY)})

    await crashes.judge(record, sealed_ledger, campaign_size(300))
    crashes.fail_if_broken()


async def test_a_job_goes_on_after_every_power_cut_and_its_output_holds_each_record_once(
    crashes, campaign_size, whole_job
):
    await crashes.judge(lambda recorder: recorder.run("job", PAGES), whole_job, campaign_size(250))
    crashes.fail_if_broken()


@pytest.mark.parametrize("workload", ["checkpoints", "ledger", "job"])
async def test_a_power_cut_after_the_recovery_from_a_power_cut(
    workload, crashes, campaign_size, recording, recorder, promises, whole_job
):
    check = {"checkpoints": promises.check_checkpoints, "ledger": promises.check_ledger, "job": whole_job}[workload]
    argument = {"checkpoints": 9, "ledger": 15, "job": PAGES}[workload]
    if "OUTLAST_RECORDING" in os.environ:
        await crashes.judge(None, check, 1)
    else:
        recorder.run(workload, argument)
        for _, told, disk in recording.crash_states(recorder.calls(), crashes.label(), range(campaign_size(3))):
            recorder.begin_with(disk, told)
            await crashes.judge(lambda recorder: recorder.run(workload, argument), check, 30)
    crashes.fail_if_broken()


@pytest.mark.parametrize(
    ("workload", "call", "fault"),
    [
        ("checkpoints", "fsync", errno.EIO),
        ("checkpoints", "dirsync", errno.EIO),
        ("checkpoints", "write", "full"),
        ("ledger", "fsync", errno.EIO),
        ("ledger", "write", "full"),
    ],
)
async def test_what_is_acknowledged_after_a_failed_sync_or_write_holds_as_well(
    workload, call, fault, crashes, campaign_size, recording, recorder, promises
):
    check = {"checkpoints": promises.check_checkpoints, "ledger": promises.check_ledger}[workload]
    if "OUTLAST_RECORDING" in os.environ:
        await crashes.judge(None, check, 1)
    for round_ in range(0 if "OUTLAST_RECORDING" in os.environ else campaign_size(3)):
        number = 1 + int(40 * Random(round_).random() ** 2)

        def record(recorder, number=number):
            recorder.run(workload, 12, fault=f"{call}:{number}:{fault}", ends=(0, 3), troubled=True)
            before = len(recorder.told.read_bytes())
            recorder.run(workload, 5, troubled=True)
            assert b'"message"' not in recorder.told.read_bytes()[before:], "with a sound disk it does not go on"

        recorder.begin_with(recording.DiskModel(), [])
        await crashes.judge(record, check, 30)
    crashes.fail_if_broken()


# What the method must be able to see


@pytest.mark.parametrize("way", ["in-place", "rename", "rename-fsync"])
async def test_a_way_of_replacing_files_that_forgets_a_sync_is_caught(way, crashes, campaign_size, promises):
    await crashes.judge(lambda recorder: recorder.run("files", way), promises.check_files, campaign_size(100))
    assert len(crashes.broken) > crashes.states / 4


async def test_the_right_way_of_replacing_files_is_not_accused(crashes, campaign_size, promises):
    await crashes.judge(
        lambda recorder: recorder.run("files", "rename-fsync-directory"), promises.check_files, campaign_size(100)
    )
    crashes.fail_if_broken()


@pytest.mark.parametrize("lie", ["file", "directory"])
async def test_checkpoints_on_a_drive_that_lies_about_fsync_are_lost(lie, crashes, campaign_size, promises):
    await crashes.judge(
        lambda recorder: recorder.run("checkpoints", 9, lie=lie), promises.check_checkpoints, campaign_size(60)
    )
    assert len(crashes.broken) > crashes.states / 10


async def test_a_ledger_that_does_not_sync_each_commit_loses_records(crashes, campaign_size, promises):
    def record(recorder):
        for _ in range(3):
            recorder.run("ledger", 15, "NORMAL")

    await crashes.judge(record, promises.check_ledger, campaign_size(60))
    assert len(crashes.broken) > crashes.states / 10
