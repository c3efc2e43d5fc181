"""A disk that fills up, for real: clear errors, nothing acknowledged is lost, and with room again it goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(1_800)]

# In a mount namespace of its own: a disk of so many KiB, filled by the first command; then there is room for the second one.
FILLED = """
set -e
mount -t tmpfs -o size=$SIZE none "$ROOT"
$WORK || [ $? = 3 ]
cp -a "$ROOT" "$PLACE/full"
cp "$ROOT.told" "$PLACE/full.told"
mount -o remount,size=64m "$ROOT"
$WORK
cp -a "$ROOT" "$PLACE/with-room"
"""
ROOM = {"checkpoints": (12, 44), "ledger": (60, 900)}


@pytest.mark.parametrize("workload", ["checkpoints", "ledger"])
async def test_a_full_disk_loses_nothing_and_with_room_it_goes_on(workload, promises, campaign_size, tmp_path):
    check = {"checkpoints": promises.check_checkpoints, "ledger": promises.check_ledger}[workload]
    full = acknowledged = 0
    seeds = [int(os.environ["OUTLAST_SEED"])] if "OUTLAST_SEED" in os.environ else range(campaign_size(6))
    for seed in seeds:
        size = Random(f"{workload}:{seed}").randint(*ROOM[workload])
        told = filled(tmp_path / str(seed), workload, size)
        again = f"{size} KiB; OUTLAST_SEED={seed} .venv/bin/pytest -k {workload} {__file__}"
        try:
            await check(tmp_path / str(seed) / "full", told[0])
            await check(tmp_path / str(seed) / "with-room", told[1])
        except AssertionError as error:
            pytest.fail(f"{error}: {again}")
        errors = [line for line in told[0] if "message" in line]
        assert all("full" in line["message"] or "No space left" in line["message"] for line in errors), (errors, again)
        full += bool(errors)
        acknowledged += sum(step.answer is not None for step in promises.steps(told[1]))
        assert not [line for line in told[1][len(told[0]) :] if "message" in line], again
    print(f"{workload}: {full} of {len(seeds)} disks filled up, {acknowledged} steps acknowledged")
    assert full or len(seeds) == 1


def filled(place, workload, size):
    """What was told when the disk was full, and at the end."""
    root, script = place / "disk", Path(__file__).with_name("workloads") / f"{workload}.py"
    root.mkdir(parents=True)
    work = f"{sys.executable} {script} {root} 40"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", FILLED],
        env={**plain, "SIZE": f"{size}k", "ROOT": str(root), "PLACE": str(place), "WORK": work},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [
        [json.loads(line) for line in path.read_text().splitlines()]
        for path in (place / "full.told", place / "disk.told")
    ]
