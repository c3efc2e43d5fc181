"""What the retry tests share: operations that follow a script, and a manager on the manual clock."""

import asyncio

import pytest

from outlast.config import RetryConfiguration
from outlast.retry import RetryManager


class Script:
    """An operation that raises or returns what its script says, one entry a call; the last one again and again."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.calls = []

    async def __call__(self, *args, **kwargs):
        step = self.steps[min(len(self.calls), len(self.steps) - 1)]
        self.calls.append((args, kwargs))
        await asyncio.sleep(0)
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, type) and issubclass(step, BaseException):
            raise step(f"call {len(self.calls)}")
        return step


@pytest.fixture
def script():
    return Script


@pytest.fixture
def build(clock, bus, chance):
    """A manager of this configuration, on the manual clock; `roll` is what chance says."""

    def built(*, roll=0.5, clock=clock, **settings):
        return RetryManager(RetryConfiguration(**settings), events=bus, clock=clock, rng=chance(roll))

    return built


@pytest.fixture
def manager(build):
    return build()
