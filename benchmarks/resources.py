"""Looking at the memory of a tree of twenty processes: this monitor, resident sizes by psutil, proportional sizes by psutil.

A process of its own has twenty children of some megabytes each and looks at them a hundred times, each way in turn. What counts is CPU, the
kernel's share included, so a busy machine matters little.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from benchmarks.table import Row, at_least, at_most, row

__all__ = ["rows"]

ROUNDS = 5
CHILDREN = 20
CHILD = "x = bytearray(8 << 20); print(flush=True); input()"


def rows(*, full: bool) -> list[Row]:
    """CPU for a sample, the share of a core at one sample a second, and how many times as much the peers take."""
    found = [_measured(looks=500 if full else 100) for _ in range(ROUNDS)]
    ours, rss, pss = ([each[name] for each in found] for name in ("ours", "rss", "pss"))
    return [
        row("a sample of the monitor, CPU", ours, "ms", at_most(1.5)),
        row("at one sample a second, of a core", [each["steady"] for each in found], "%", at_most(0.5)),
        row(
            "resident sizes by psutil",
            [theirs / mine for theirs, mine in zip(rss, ours, strict=True)],
            "x",
            at_least(1.5),
        ),
        row(
            "proportional sizes by psutil",
            [theirs / mine for theirs, mine in zip(pss, ours, strict=True)],
            "x",
            at_least(5),
        ),
        row("the loop stands still for a sample, at most", [each["stall"] for each in found], "ms", at_most(5)),
    ]


def _measured(*, looks: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.resources", str(looks)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def main(looks: int) -> None:
    """Measure in this process and print the numbers as JSON."""
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(CHILDREN)
    ]
    try:
        for child in children:
            child.stdout.readline()
        print(json.dumps(asyncio.run(_all(looks))))
    finally:
        for child in children:
            child.kill()
            child.communicate()


async def _all(looks: int) -> dict[str, float]:
    from outlast import ResourceConfiguration, ResourceMonitor

    async with ResourceMonitor(ResourceConfiguration(monitoring_interval=1)) as monitor:
        await monitor.get_current_metrics()
        costs = [(await monitor.get_current_metrics())["sample_cost_ms"] for _ in range(looks)]
        stalls = [await _stall(monitor) for _ in range(20)]
        await monitor.start_monitoring("production", lambda told: None)
        began, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(5)
        steady = 100 * (time.process_time() - cpu) / (time.monotonic() - began)
    few = max(5, looks // 10)
    return {
        "ours": median(costs),
        "stall": median(stalls),
        "steady": steady,
        "rss": _peer(lambda process: process.memory_info().rss, looks),
        "pss": _peer(lambda process: process.memory_full_info().pss, few),
    }


async def _stall(monitor: object) -> float:
    """The longest that another task had to wait for its turn while a sample was taken, in milliseconds."""
    worst, last = 0.0, time.perf_counter()

    async def turn() -> None:
        nonlocal worst, last
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            worst, last = max(worst, now - last), now

    task = asyncio.create_task(turn())
    await asyncio.sleep(0)
    await monitor.get_current_metrics()
    task.cancel()
    return 1_000 * worst


def _peer(size_of: Callable[[object], int], looks: int) -> float:
    import psutil

    own, costs = psutil.Process(), []
    for _ in range(looks):
        began = time.process_time()
        processes = [own, *own.children(recursive=True)]
        assert sum(size_of(each) for each in processes) > CHILDREN * 8 << 20
        psutil.virtual_memory()
        costs.append(1_000 * (time.process_time() - began))
    return median(costs)


if __name__ == "__main__":
    main(int(sys.argv[1]))
