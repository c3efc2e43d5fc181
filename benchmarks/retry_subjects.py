"""The calls that `retry` compares, all in one process. Run by the interpreter of `.venv-peers` (`make peers`), where the peers are.

Prints a line of JSON: of each subject its nanoseconds of CPU a call, one number a round.
"""

import asyncio
import gc
import json
import sys
import time
from functools import partial
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from outlast.config import RetryConfiguration
from outlast.retry import RetryManager
from outlast.retry.budget import Budget

__all__ = ["main"]

HOST = "shop.example"
POLICY = "exponential_backoff"
AT_ONCE = "at_once"
ATTEMPTS = 5
FAILURES = 2
CALLS = 4_000
WARM_UP = 200

Call = Callable[[], Any]


async def page() -> str:
    """The operation that works at once."""
    return "page"


class Flaky:
    """The operation that fails twice, then works, and so on."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls % (FAILURES + 1):
            raise ConnectionError("refused")
        return "page"


def main(arguments: list[str]) -> None:
    """`ROUNDS`: how often each subject is measured, in turn with the others."""
    rounds = int(arguments[0])
    found = {
        "success": asyncio.run(_measured(rounds, _of_success)),
        "failures": asyncio.run(_measured(rounds, _of_failures)),
    }
    peers = ("tenacity", "stamina", "backoff", "resilix")
    print(json.dumps({**found, "versions": {name: version(name) for name in peers if _is_there(name)}}))


async def _measured(rounds: int, build: Callable[[], Any]) -> dict[str, list[float]]:
    subjects: dict[str, tuple[Call, int]] = await build()
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for call, _ in subjects.values():
        await _repeat(call, WARM_UP)
    gc.collect()
    order = list(subjects)
    for number in range(rounds):
        # Every other round runs backwards: nobody is always the one that follows the heaviest.
        for name in order if number % 2 == 0 else reversed(order):
            call, calls = subjects[name]
            before = time.process_time_ns()
            await _repeat(call, calls)
            found[name].append((time.process_time_ns() - before) / calls)
    return found


async def _repeat(call: Call, calls: int) -> None:
    for _ in range(calls):
        await call()


async def _of_success() -> dict[str, tuple[Call, int]]:
    manager = RetryManager(RetryConfiguration())
    guard, worn = manager.for_host(HOST), manager.for_host("worn.example")
    decorated = manager.retrying(POLICY, host=HOST)(page)
    limited = manager.for_host("limited.example")

    def by_name() -> Any:
        return manager.for_host(HOST).execute_with_retry(page, POLICY)

    # A budget so large that no success ever fills it: every call pays back what one failure has cost.
    worn._host.budget, worn._host.marked = Budget(tokens=1e12), True
    worn._host.budget.tokens = 0.0

    calls = 10 * CALLS
    ours = {
        "bare await": page,
        "outlast: manager": partial(manager.execute_with_retry, page, POLICY),
        "outlast: for_host": partial(guard.execute_with_retry, page, POLICY),
        "outlast: for_host, looked up each time": by_name,
        "outlast: for_host, failures to pay back": partial(worn.execute_with_retry, page, POLICY),
        "outlast: @retrying(host=...)": decorated,
        "outlast: for_host, attempt timeout": partial(limited.execute_with_retry, page, "http"),
    }
    peers = _peers(lambda: page)
    return {name: (call, calls) for name, call in ours.items()} | {name: (call, CALLS) for name, call in peers.items()}


async def _of_failures() -> dict[str, tuple[Call, int]]:
    manager = RetryManager(RetryConfiguration(jitter_enabled=False))
    await manager.create_retry_policy({"name": AT_ONCE, "max_attempts": ATTEMPTS, "base_delay": 0})
    guard, by_hand = manager.for_host(HOST), Flaky()

    async def loop() -> str:
        while True:
            try:
                return await by_hand()
            except ConnectionError:
                await asyncio.sleep(0)

    operation, managed = Flaky(), partial(manager.execute_with_retry, Flaky(), AT_ONCE)

    def guarded() -> Any:
        # Two of three attempts fail here, for ever: without this the host would be left alone, as it should be.
        guard._host.budget.tokens, guard._host.breaker.evidence = 100.0, 0.0
        return guard.execute_with_retry(operation, AT_ONCE)

    ours = {
        "a loop by hand": loop,
        "outlast: manager": managed,
        "outlast: for_host": guarded,
    }
    return {name: (call, CALLS) for name, call in (ours | _peers(Flaky)).items()}


def _peers(operation: Callable[[], Any]) -> dict[str, Call]:
    """The others around an operation of each one's own, five attempts without a delay, as their manuals show it."""
    found: dict[str, Call] = {}
    if _is_there("resilix"):
        import resilix

        found["resilix"] = resilix.Policy(on=ConnectionError, retry=ATTEMPTS)(_function(operation()))
    if _is_there("backoff"):
        import backoff

        wait = {"max_tries": ATTEMPTS, "interval": 0, "jitter": None, "logger": None}
        found["backoff"] = backoff.on_exception(backoff.constant, ConnectionError, **wait)(_function(operation()))
    if _is_there("tenacity"):
        import tenacity

        rules = {
            "stop": tenacity.stop_after_attempt(ATTEMPTS),
            "retry": tenacity.retry_if_exception_type(ConnectionError),
            "wait": tenacity.wait_none(),
        }
        found["tenacity"] = tenacity.retry(**rules)(_function(operation()))
    if _is_there("stamina"):
        import stamina

        stamina.instrumentation.set_on_retry_hooks([])
        rules = {"attempts": ATTEMPTS, "timeout": None, "wait_initial": 0.0, "wait_max": 0.0, "wait_jitter": 0.0}
        found["stamina"] = stamina.retry(on=ConnectionError, **rules)(_function(operation()))
    return found


def _function(operation: Any) -> Callable[[], Any]:
    # They tell an async function by its kind, which an object with an async `__call__` has not.
    if asyncio.iscoroutinefunction(operation):
        return operation

    async def call() -> str:
        return await operation()

    return call


def _is_there(name: str) -> bool:
    try:
        version(name)
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
