"""A whole state through the bare checkpoint contract: create and load, beside LangGraph's SqliteSaver and json+gzip.

The floor is what nobody can leave out who keeps the same promise: orjson, sha256, igzip at level 1, and write aside, fsync, rename,
fsync the directory. `json+gzip` is what people write by hand: `json.dump` into a `gzip.open` file, in place, nothing fsynced.
"""

import asyncio
import gzip
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from isal import igzip

from benchmarks.fresh import Numbers, measured
from benchmarks.machine import ROOT, scratch
from benchmarks.states import state
from benchmarks.table import Row, at_most, row
from outlast import CheckpointManager
from outlast.config import CheckpointConfiguration

__all__ = ["floor", "json_gzip", "langgraph", "manager", "rows"]

SIZES = (1_000, 10_000, 100_000)
TIMES = {1_000: 40, 10_000: 15, 100_000: 5}
ROUNDS = 3
RATIO_MAX = 1.5
STALL_MS_MAX = 50.0
PEER_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
KEY = "OUTLAST_ENCRYPTION_KEY"
LOOP_TURN_SECONDS = 0.001


def rows(*, full: bool) -> list[Row]:
    """All sizes in every run; `full` takes more rounds."""
    found = []
    for size in SIZES:
        found += _size(size, ROUNDS * (2 if full else 1))
    return found


def _size(size: int, rounds: int) -> list[Row]:
    names = ["manager", "sealed", "floor", "json_gzip", *(["langgraph"] if PEER_PYTHON.exists() else [])]
    numbers: dict[str, list[Numbers]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            arguments = {"items": size, "times": TIMES[size]} | ({"encrypted": True} if name == "sealed" else {})
            function = "manager" if name == "sealed" else name
            numbers[name].append(measured("checkpoint", function, **arguments))
    table = [*_rows(f"{size:,}: outlast", numbers["manager"], stall=True)]
    table += _rows(f"{size:,}: outlast, encrypted", numbers["sealed"], stall=False)
    table += _rows(f"{size:,}: floor", numbers["floor"], stall=False)
    table += _rows(f"{size:,}: json+gzip", numbers["json_gzip"], stall=False)
    if "langgraph" in numbers:
        table += _rows(f"{size:,}: LangGraph SqliteSaver", numbers["langgraph"], stall=False)
    ratio = [mine["put"] / base["put"] for mine, base in zip(numbers["manager"], numbers["floor"], strict=True)]
    bar = at_most(RATIO_MAX) if size == SIZES[-1] else None
    return [*table, row(f"{size:,}: create, outlast / floor", ratio, "x", bar)]


def _rows(what: str, numbers: list[Numbers], *, stall: bool) -> list[Row]:
    found = [
        row(f"{what}: create p50", [each["put"] for each in numbers], "ms"),
        row(f"{what}: load p50", [each["get"] for each in numbers], "ms"),
        row(f"{what}: bytes", [each["kb"] for each in numbers], "KiB"),
    ]
    if stall:
        bar = at_most(STALL_MS_MAX)
        found.append(
            row(f"{what}: longest stall of the loop in a create", [each["stall"] for each in numbers], "ms", bar)
        )
    return found


def manager(*, items: int, times: int, encrypted: bool = False) -> Numbers:
    """p50 of `create_checkpoint` and `load_checkpoint`, and the median of the longest stalls of the loop in each create."""
    if encrypted:
        os.environ[KEY] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    with scratch() as directory:
        return asyncio.run(_manager(directory, state(items), times, encrypted))


async def _manager(directory: Path, data: dict[str, Any], times: int, encrypted: bool) -> Numbers:
    puts, gets, stalls = [], [], []
    config = CheckpointConfiguration(storage_path=str(directory), encryption_enabled=encrypted)
    async with CheckpointManager(config) as checkpoints:
        made = ""
        for _ in range(times + 1):
            watch = asyncio.create_task(_longest_stall())
            await asyncio.sleep(0.01)
            before = time.perf_counter()
            made = await checkpoints.create_checkpoint("bench", data)
            puts.append(time.perf_counter() - before)
            watch.cancel()
            stalls.append(await watch)
            before = time.perf_counter()
            loaded = await checkpoints.load_checkpoint(made)
            gets.append(time.perf_counter() - before)
            assert loaded == data
            del loaded
    size = sum(path.stat().st_size for path in directory.rglob(f"{made}*"))
    # The first create loads what is loaded on first use.
    return {
        "put": median(puts[1:]) * 1e3,
        "get": median(gets[1:]) * 1e3,
        "kb": size / 1024,
        "stall": median(stalls[1:]) * 1e3,
    }


async def _longest_stall() -> float:
    longest = 0.0
    try:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LOOP_TURN_SECONDS)
            longest = max(longest, time.perf_counter() - before - LOOP_TURN_SECONDS)
    except asyncio.CancelledError:
        return longest


def floor(*, items: int, times: int) -> Numbers:
    """The least that the same promise costs, on one thread."""
    return _timed(_floor_put, _floor_get, items, times)


def json_gzip(*, items: int, times: int) -> Numbers:
    """By hand: no checksum, nothing fsynced, the old file overwritten in place."""
    return _timed(_json_put, _json_get, items, times)


def langgraph(*, items: int, times: int) -> Numbers:
    """In the interpreter that has LangGraph."""
    with scratch() as directory:
        command = [str(PEER_PYTHON), "-m", "benchmarks.langgraph_peer", str(directory), str(items), str(times)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    numbers: Numbers = json.loads(done.stdout.splitlines()[-1])
    return numbers


def _timed(
    put: Callable[[Path, dict[str, Any]], None], get: Callable[[Path], dict[str, Any]], items: int, times: int
) -> Numbers:
    data = state(items)
    puts, gets = [], []
    with scratch() as directory:
        path = directory / "state"
        for _ in range(times + 1):
            before = time.perf_counter()
            put(path, data)
            puts.append(time.perf_counter() - before)
            before = time.perf_counter()
            loaded = get(path)
            gets.append(time.perf_counter() - before)
            assert loaded == data
            del loaded
        size = path.stat().st_size
    return {"put": median(puts[1:]) * 1e3, "get": median(gets[1:]) * 1e3, "kb": size / 1024}


def _floor_put(path: Path, data: dict[str, Any]) -> None:
    text = orjson.dumps(data)
    digest = hashlib.sha256(text).hexdigest().encode()
    aside = path.with_suffix(".tmp")
    with aside.open("wb", buffering=0) as file:
        file.write(digest + b"\n" + igzip.compress(text, 1))
        os.fsync(file.fileno())
    aside.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def _floor_get(path: Path) -> dict[str, Any]:
    digest, _, body = path.read_bytes().partition(b"\n")
    text = igzip.decompress(body)
    assert hashlib.sha256(text).hexdigest().encode() == digest
    data: dict[str, Any] = orjson.loads(text)
    return data


def _json_put(path: Path, data: dict[str, Any]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        json.dump(data, file)


def _json_get(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        data: dict[str, Any] = json.load(file)
    return data
