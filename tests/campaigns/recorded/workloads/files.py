"""The usual ways of replacing a file, most of them wrong: `python files.py ROOT WAY`. What the method must be able to see."""

import json
import os
from pathlib import Path

from saying import begin

TIMES = 12


def synced(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def replaced(path, blob, way):
    aside = path if way == "in-place" else Path(f"{path}.tmp")
    aside.write_bytes(blob)
    if way in {"rename-fsync", "rename-fsync-directory"}:
        synced(aside)
    if way != "in-place":
        aside.replace(path)
    if way == "rename-fsync-directory":
        synced(path.parent)


async def work(root, voice, chance, way):
    for number in range(TIMES):
        name = f"state-{number % 3}.json"
        data = {"number": number, "weight": "w" * chance.choice([10, 700, 6000])}
        async with voice.doing("replace", name=name, data=data):
            replaced(root / name, json.dumps(data).encode(), way)


begin(work)
