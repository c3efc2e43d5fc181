"""One measurement, one interpreter: nothing that ran before has warmed it, filled its memory or left a thread in it.

`measured("noop", "job", concurrency=64)` runs `benchmarks.noop.job(concurrency=64)` in a new process and returns the dict of
numbers that it returned.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from statistics import median
from typing import Any

__all__ = ["Numbers", "interleaved", "measured", "middle"]

ONE_MEASUREMENT_SECONDS_MAX = 600.0

Numbers = dict[str, float]


def measured(module: str, function: str, **arguments: Any) -> Numbers:
    """The numbers that `benchmarks.MODULE.FUNCTION(**arguments)` returns in a process of its own.

    `arguments` are JSON; `started`, the monotonic clock just before the process was created, is added to them where the
    function asks for it. Raises `RuntimeError` with what the process wrote when it fails.
    """
    command = [sys.executable, "-m", "benchmarks.fresh", module, function, json.dumps(arguments)]
    done = subprocess.run(
        [*command, repr(time.monotonic())],
        capture_output=True,
        text=True,
        timeout=ONE_MEASUREMENT_SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module}.{function}({arguments}) failed:\n{done.stderr.strip() or done.stdout.strip()}")
    numbers: Numbers = json.loads(done.stdout.splitlines()[-1])
    return numbers


def interleaved(
    module: str, variants: dict[str, tuple[str, dict[str, Any]]], *, rounds: int
) -> dict[str, list[Numbers]]:
    """Each variant once a round, so that what the machine does meanwhile strikes all alike; the numbers of each, by name."""
    found: dict[str, list[Numbers]] = {name: [] for name in variants}
    order = list(variants)
    for number in range(rounds):
        # Every other round runs backwards: nobody is always the one that follows the heaviest.
        for name in order if number % 2 == 0 else reversed(order):
            function, arguments = variants[name]
            found[name].append(measured(module, function, **arguments))
    return found


def middle(rounds: Sequence[Numbers], name: str) -> float:
    return median(each[name] for each in rounds)


def _main(module: str, function: str, arguments: str, started: str) -> None:
    call = getattr(import_module(f"benchmarks.{module}"), function)
    given = json.loads(arguments)
    if "started" in call.__annotations__:
        given["started"] = float(started)
    print(json.dumps(call(**given)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
