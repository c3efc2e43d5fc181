"""Checkpoints of two jobs, created and deleted: `python checkpoints.py ROOT STEPS [rewrap]`.

A key in the environment seals them; with `rewrap` those that are there are first wrapped by the first key.
"""

import os

from saying import begin

from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration

KEEP = 3
JOBS = ["a", "b/ü"]


async def work(root, voice, chance, steps, rewrap=""):
    sealed = "OUTLAST_ENCRYPTION_KEY" in os.environ
    settings = CheckpointConfiguration(
        storage_path=str(root / "checkpoints"),
        retention_count=KEEP,
        encryption_enabled=sealed,
        compression_enabled=chance.random() < 0.5,
    )
    async with CheckpointManager(settings) as checkpoints:
        for job in JOBS if rewrap else []:
            async with voice.doing("rewrap", job=job):
                await checkpoints.rewrap(job)
        for step in range(int(steps)):
            job = chance.choice(JOBS)
            if chance.random() < 0.12 and (rows := await checkpoints.list_checkpoints(job)):
                victim = chance.choice(rows)["id"]
                async with voice.doing("delete", job=job, id=victim):
                    assert await checkpoints.delete_checkpoint(victim)
            else:
                data = {"by": f"{os.getpid()}-{step}", "weight": f"{chance.random()} " * chance.choice([1, 20, 300])}
                async with voice.doing("create", job=job, keep=KEEP, data=data, metadata={"step": step}) as answer:
                    answer["id"] = await checkpoints.create_checkpoint(job, data, {"step": step})


begin(work)
