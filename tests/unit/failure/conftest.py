"""What the tests of the failure handler share: a clock that is moved by hand, and parts that write down what they were asked."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from outlast.events import EventBus
from outlast.failure import FailureHandler


class ManualClock:
    """Sleeping moves it on at once, is written down, and lets others run."""

    def __init__(self):
        self.sleeps = []
        self.seconds = 0.0

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

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


class Part:
    """Any part of the contract: each method gives what it was told to, or raises it, and every call is written down in `log`."""

    def __init__(self, log, **answers):
        self._log = log
        self._answers = answers

    def __getattr__(self, name):
        if name.startswith("_") or name not in self._answers:
            raise AttributeError(name)

        async def method(*args):
            self._log.append((name, *args))
            await asyncio.sleep(0)
            answer = self._answers[name]
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return method


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
def log():
    """What the parts were asked, in order."""
    return []


@pytest.fixture
def part(log):
    return lambda **answers: Part(log, **answers)


@pytest.fixture
def build(clock, bus):
    """A handler with these parts, on the manual clock; `roll` is what chance says."""

    def built(*, roll=0.5, **parts):
        return FailureHandler(events=bus, clock=clock, rng=Chance(roll), **parts)

    return built
