"""A call that is retried if need be, against a bare await and the libraries that do the same: CPU of a call.

The bar is for a success with breaker, budget and evidence on. Without `make peers` the peers are left out.
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
RATIO_MAX = 5.0
SECONDS_MAX = 600.0
BARE = "bare await"
# Those that the bar is for; the one with an attempt timeout pays for a timer.
BARRED = {"outlast: for_host", "outlast: for_host, failures to pay back"}


def rows(*, full: bool) -> list[Row]:
    """Both paths in one process; `full` takes more rounds."""
    python = PEER_PYTHON if PEER_PYTHON.exists() else sys.executable
    done = subprocess.run(
        [python, "-m", "benchmarks.retry_subjects", str(ROUNDS * (3 if full else 1))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"benchmarks.retry_subjects failed:\n{done.stderr.strip()}")
    found = json.loads(done.stdout.splitlines()[-1])
    return [*_of_success(found["success"]), *_of_failures(found["failures"])]


def _of_success(found: dict[str, list[float]]) -> list[Row]:
    bare = found[BARE]
    table = [row(f"success: {name}", numbers, "ns") for name, numbers in found.items()]
    for name in list(found)[1:]:
        ratios = [mine / base for mine, base in zip(found[name], bare, strict=True)]
        table.append(row(f"success: {name} / {BARE}", ratios, "x", at_most(RATIO_MAX) if name in BARRED else None))
    return table


def _of_failures(found: dict[str, list[float]]) -> list[Row]:
    table = [row(f"two failures: {name}", [each / 1e3 for each in numbers], "us") for name, numbers in found.items()]
    ours = found["outlast: for_host"]
    for name in ("tenacity", "stamina", "backoff", "resilix"):
        if name in found:
            ratios = [theirs / mine for theirs, mine in zip(found[name], ours, strict=True)]
            table.append(row(f"two failures: {name} / outlast: for_host", ratios, "x"))
    return table
