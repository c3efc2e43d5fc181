"""What the retry tests share: a clock that is moved by hand, chance that is no chance, operations that follow a script."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from outlast.config import RetryConfiguration
from outlast.events import EventBus
from outlast.retry import RetryManager


class ManualClock:
    """Sleeping moves it on at once, is written down, and lets others run."""

    def __init__(self):
        self.sleeps = []
        self.seconds = 1_000.0

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds - 1_000)

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds, /):
        self.sleeps.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class Chance:
    """Stands in for `random.Random`: rolls the same number every time."""

    def __init__(self, roll):
        self.roll = roll

    def random(self):
        return self.roll


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
def clock():
    return ManualClock()


@pytest.fixture
def bus():
    return EventBus()


@pytest.fixture
def heard(bus):
    """The events of the bus, in order."""
    events = []
    bus.subscribe(events.append)
    return events


@pytest.fixture
def script():
    return Script


@pytest.fixture
def build(clock, bus):
    """A manager of this configuration, on the manual clock; `roll` is what chance says."""

    def built(*, roll=0.5, clock=clock, **settings):
        return RetryManager(RetryConfiguration(**settings), events=bus, clock=clock, rng=Chance(roll))

    return built


@pytest.fixture
def manager(build):
    return build()
