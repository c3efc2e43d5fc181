"""What judging a job costs for each operation, from the first to the millionth: CPU of telling the guard and asking for its decision.

Beside it an empty call, and the windowed circuit breaker of resilix. Without `make peers` the peer is left out. Then what the manager
needs for a failure that it is told of, history and all, at its worst; and how long the failure analysis holds up the event loop.
"""

import asyncio
import gc
import json
import os
import subprocess
import random
import sys
import time
from statistics import mean

from benchmarks.checkpoint import PEER_PYTHON
from benchmarks.fresh import Numbers, measured
from benchmarks.machine import ROOT
from benchmarks.table import Row, at_most, row
from outlast import AbortConfiguration, AbortManager
from outlast.testing import ManualClock

__all__ = ["recorded", "rows"]

ROUNDS = 9
NANOSECONDS_MAX = 1_000.0
FLAT_MAX = 1.3
SECONDS_MAX = 600.0
FAILURES = 100_000
STALL_MS_MAX = 50.0
HOUR = 3_600


def rows(*, full: bool) -> list[Row]:
    """`full` takes more rounds."""
    python = PEER_PYTHON if PEER_PYTHON.exists() else sys.executable
    done = subprocess.run(
        [python, "-m", "benchmarks.abort_subjects", str(ROUNDS * (3 if full else 1))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"benchmarks.abort_subjects failed:\n{done.stderr.strip()}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    barred = {name for name in found if name.startswith(("success, ", "92 %"))}
    table = [
        row(name, numbers, "ns", at_most(NANOSECONDS_MAX) if name in barred else None)
        for name, numbers in found.items()
    ]
    for kind in ("success", "92 % successes"):
        first, last = found[f"{kind}, after 1"], found[f"{kind}, after 1,000,000"]
        ratios = [late / early for late, early in zip(last, first, strict=True)]
        table.append(row(f"{kind}: after a million / after the first", ratios, "x", at_most(FLAT_MAX)))
    peer = found.get("resilix, window")
    if peer is not None:
        ratios = [ours / theirs for ours, theirs in zip(found["success, after 1,000"], peer, strict=True)]
        table.append(row("success, after 1,000 / resilix, window", ratios, "x"))
    return table + _recording(FAILURES * (10 if full else 1))


def recorded(*, failures: int) -> Numbers:
    """So many failures, with 64 signatures at 200 hosts, over 28 hours: CPU of telling the manager of one, and of its analysis, in ms."""
    return asyncio.run(_recorded(failures))


async def _recorded(failures: int) -> Numbers:
    rng, clock = random.Random(1), ManualClock(1_000.0)
    manager, spent = AbortManager(AbortConfiguration(), clock=clock), []
    gc.collect()
    gc.freeze()  # what the collector needs for the modules is nobody's here; what it needs for the history counts
    for _ in range(failures):
        clock.seconds += 28 * HOUR / failures
        told = {"error_type": "E", "host": f"host{rng.randrange(200)}", "signature": f"signature {rng.randrange(64)}"}
        began = time.thread_time_ns()
        await manager.record_failure("job", told)
        spent.append((time.thread_time_ns() - began) / 1e6)
    found = {"mean": mean(spent), "worst": max(spent)}
    for name, window in (("of all time", None), ("of the last hour", HOUR), ("of the last 28 h", 28 * HOUR)):
        began = time.thread_time_ns()
        await manager.get_failure_analysis("job", window)
        found[name] = (time.thread_time_ns() - began) / 1e6
    return found


def _recording(failures: int) -> list[Row]:
    found = measured("abort", "recorded", failures=failures)
    name = f"record_failure, {failures:,} times"
    return [
        row(f"{name}: each, in the mean", [found.pop("mean") * 1_000], "us"),
        row(f"{name}: the worst", [found.pop("worst")], "ms", at_most(STALL_MS_MAX)),
        *(row(f"analysis {which}", [took], "ms", at_most(STALL_MS_MAX)) for which, took in found.items()),
    ]
