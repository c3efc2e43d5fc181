"""Real processes, really killed: every checkpoint that was acknowledged is there, and intact."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration

pytestmark = pytest.mark.real_time

KILLS = 10
KEEP = 3

# Writes an id when its checkpoint is acknowledged; three jobs, so that the kill also hits directories being made.
WRITER = """
import asyncio, os, sys
from datetime import timedelta
from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.runtime import SystemClock

class WrongClock(SystemClock):
    def now(self):
        return super().now() - timedelta(hours=next(hours))

hours = iter(range(1_000_000_000)) if "back" in sys.argv else iter(int, 1)

async def main(root, name, count, keep):
    config = CheckpointConfiguration(storage_path=root, retention_count=keep, encryption_enabled="sealed" in sys.argv)
    manager = CheckpointManager(config, clock=WrongClock(), keys=lambda: [bytes(32)])
    for n in range(count):
        job = f"job-{n % 3}" if name == "any" else "shared"
        made = await manager.create_checkpoint(job, {"by": name, "n": n, "weight": "x" * (n * 997 % 60_000)})
        os.write(1, f"{made} {job} {n}\\n".encode())

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


@contextlib.contextmanager
def writer(root, name, count, keep, *flags):
    arguments = [str(root), name, str(count), str(keep), *flags]
    process = subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def acknowledged(text):
    return [tuple(line.split()) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def manager(root, keep=KEEP):
    config = CheckpointConfiguration(storage_path=str(root), retention_count=keep)
    return CheckpointManager(config, keys=lambda: [bytes(32)])


async def check(root, told):
    checkpoints = manager(root)
    for job in {job for _, job, _ in told}:
        of_job = {checkpoint_id: int(n) for checkpoint_id, owner, n in told if owner == job}
        present = [row["id"] for row in await checkpoints.list_checkpoints(job)]
        assert all([await checkpoints.validate_checkpoint(each) for each in present]), "a partial file is visible"
        # Only retention takes any away: older ones, for as many newer ones as are to be kept.
        missing = of_job.keys() - set(present)
        assert not missing or (len(present) >= KEEP and max(missing) < min(present))
        for checkpoint_id in of_job.keys() & set(present):
            assert (await checkpoints.load_checkpoint(checkpoint_id))["n"] == of_job[checkpoint_id]
        latest = await checkpoints.load_latest(job)
        assert latest.id == present[0] >= max(of_job)
        assert latest.skipped == ()


@pytest.mark.parametrize("flags", [(), ("sealed", "back")], ids=["plain", "sealed, the clock going back"])
async def test_nothing_acknowledged_is_lost_to_kill_9(tmp_path, flags):
    chance = random.Random(20260101)
    told = []
    for number in range(KILLS):
        with writer(tmp_path, "any", 100_000, KEEP, *flags) as process:
            # One of them has had time for more than its first.
            first = "".join(process.stdout.readline() for _ in range(2 if number == 0 else 1))
            time.sleep(chance.uniform(0, 0.06))
            os.kill(process.pid, signal.SIGKILL)
            told += acknowledged(first + process.stdout.read())
        await check(tmp_path, told)
    assert len(told) > KILLS
    for job in ("job-0", "job-1", "job-2"):
        await manager(tmp_path).create_checkpoint(job, {"n": -1})
    assert not list(tmp_path.rglob("*.tmp")), "the next writer sweeps what the killed ones left"


async def test_two_processes_at_once_overwrite_nothing(tmp_path):
    count = 40
    with writer(tmp_path, "one", count, 1_000) as one, writer(tmp_path, "two", count, 1_000, "back") as two:
        outputs = await asyncio.gather(*(asyncio.to_thread(process.communicate) for process in (one, two)))
    assert (one.returncode, two.returncode) == (0, 0)
    checkpoints = manager(tmp_path, keep=1_000)
    by = {name: acknowledged(text) for name, (text, _) in zip(("one", "two"), outputs, strict=True)}
    ids = [checkpoint_id for told in by.values() for checkpoint_id, _, _ in told]
    assert len(set(ids)) == 2 * count
    for name, told in by.items():
        for checkpoint_id, _, n in told:
            data = await checkpoints.load_checkpoint(checkpoint_id)
            assert (data["by"], data["n"]) == (name, int(n))
    rows = await checkpoints.list_checkpoints("shared")
    # Who finds a higher number beside the one it has just taken gives that up: there may be gaps, and never two of a number.
    numbers = [row["sequence_number"] for row in rows]
    assert len(numbers) == 2 * count
    assert numbers == sorted(set(numbers), reverse=True)


async def test_two_processes_that_prune_leave_what_is_to_be_kept(tmp_path):
    count = 40
    with writer(tmp_path, "one", count, KEEP) as one, writer(tmp_path, "two", count, KEEP, "sealed") as two:
        await asyncio.gather(*(asyncio.to_thread(process.communicate) for process in (one, two)))
    assert (one.returncode, two.returncode) == (0, 0)
    checkpoints = manager(tmp_path)
    await checkpoints.prune("shared")
    rows = await checkpoints.list_checkpoints("shared")
    assert len(rows) == KEEP
    assert min(row["sequence_number"] for row in rows) > 2 * count - KEEP
    assert all([await checkpoints.validate_checkpoint(row["id"]) for row in rows])


def allowed_bytes_run_out():
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


FULL = """
import asyncio, sys
from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.errors import CheckpointCreationError

async def main(root):
    manager = CheckpointManager(CheckpointConfiguration(storage_path=root, compression_enabled=False))
    await manager.create_checkpoint("job", {"n": 1})
    try:
        await manager.create_checkpoint("job", {"long": "x" * 60_000})
    except CheckpointCreationError as error:
        print(error.error_code, (await manager.load_latest("job")).data)

asyncio.run(main(sys.argv[1]))
"""


def test_a_file_that_the_kernel_cuts_short_is_refused_whole(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        preexec_fn=allowed_bytes_run_out,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "CHECKPOINT_CREATION_ERROR {'n': 1}\n"
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".ckpt"]
