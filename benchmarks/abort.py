"""What judging a job costs for each operation, from the first to the millionth: CPU of telling the guard and asking for its decision.

Beside it an empty call, and the windowed circuit breaker of resilix. Without `make peers` the peer is left out.
"""

import json
import os
import subprocess
import sys

from benchmarks.checkpoint import PEER_PYTHON
from benchmarks.machine import ROOT
from benchmarks.table import Row, at_most, row

__all__ = ["rows"]

ROUNDS = 9
NANOSECONDS_MAX = 1_000.0
FLAT_MAX = 1.3
SECONDS_MAX = 600.0


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
    return table
