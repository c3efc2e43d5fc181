"""The subjects of the abort benchmark, in one process: nanoseconds of CPU for telling a judge of one operation and asking what follows."""

import gc
import json
import random
import sys
import time
from collections.abc import Callable

from outlast.abort import AbortPolicy, Decision, Guard

CALLS = 20_000
SIZES = (1, 1_000, 100_000, 1_000_000)
HOSTS = [f"host{n}.example" for n in range(20)]

Step = Callable[[int], object]


def main(rounds: int) -> None:
    subjects: dict[str, Step] = {"an empty call": lambda n: None}
    for size in SIZES:
        guard = fed(size)
        subjects[f"success, after {size:,}"] = succeeds(guard)
        subjects[f"92 % successes, after {size:,}"] = mixed(fed(size))
    subjects["success with the whole verdict, after 1,000"] = looked_at(fed(1_000))
    try:
        from resilix.dsl.circuit import CircuitBreaker
    except ImportError:
        pass
    else:
        subjects["resilix, window"] = windowed(CircuitBreaker(failures=50, window=60.0))
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds):
        order = list(subjects.items())
        for name, step in order if number % 2 == 0 else reversed(order):
            found[name].append(nanoseconds(step))
    print(json.dumps(found))


def fed(size: int) -> Guard:
    """A guard that has seen so many operations, 8 % of them failures, at twenty hosts."""
    rng, guard = random.Random(size), Guard(AbortPolicy(name="default"))
    for n in range(size):
        host = rng.choice(HOSTS)
        if rng.random() < 0.08:
            guard.failed(n * 0.1, host=host, failure_class="network", signature=f"signature {rng.randrange(20)}")
        else:
            guard.succeeded(n * 0.1, host=host)
    assert guard.decision(size * 0.1) is Decision.CONTINUE
    return guard


def succeeds(guard: Guard) -> Step:
    def step(n: int) -> object:
        guard.succeeded(200_000.0, host="host7.example")
        return guard.decision(200_000.0)

    return step


def mixed(guard: Guard) -> Step:
    rng = random.Random(1)
    fails = [rng.random() < 0.08 for _ in range(CALLS)]
    hosts = [rng.choice(HOSTS) for _ in range(CALLS)]

    def step(n: int) -> object:
        if fails[n]:
            guard.failed(200_000.0, host=hosts[n], failure_class="network", signature="signature 7")
        else:
            guard.succeeded(200_000.0, host=hosts[n])
        return guard.decision(200_000.0)

    return step


def looked_at(guard: Guard) -> Step:
    def step(n: int) -> object:
        guard.succeeded(200_000.0, host="host7.example")
        return guard.look(200_000.0)

    return step


def windowed(breaker: object) -> Step:
    def step(n: int) -> object:
        breaker.record_success()  # type: ignore[attr-defined]
        return breaker.allow()  # type: ignore[attr-defined]

    return step


def nanoseconds(step: Step) -> float:
    gc.collect()
    gc.disable()
    began = time.process_time_ns()
    for n in range(CALLS):
        step(n)
    spent = time.process_time_ns() - began
    gc.enable()
    return spent / CALLS


if __name__ == "__main__":
    main(int(sys.argv[1]))
