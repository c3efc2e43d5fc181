"""What the tests of the failure handler share: parts that write down what they were asked."""

import asyncio

import pytest

from outlast.failure import FailureHandler


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
def log():
    """What the parts were asked, in order."""
    return []


@pytest.fixture
def part(log):
    return lambda **answers: Part(log, **answers)


@pytest.fixture
def build(clock, bus, chance):
    """A handler with these parts, on the manual clock; `roll` is what chance says."""

    def built(*, roll=0.5, **parts):
        return FailureHandler(events=bus, clock=clock, rng=chance(roll), **parts)

    return built
