"""What tests of several wings share: a clock that is moved by hand, chance that is no chance, what happened on the bus."""

import pytest

from outlast.events import EventBus
from outlast.testing import ManualClock


class Chance:
    """Stands in for `random.Random`: rolls the same number every time."""

    def __init__(self, roll):
        self.roll = roll

    def random(self):
        return self.roll


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def chance():
    """The class, so that a test says what is rolled."""
    return Chance


@pytest.fixture
def bus():
    return EventBus()


@pytest.fixture
def heard(bus):
    """The events of the bus, in order."""
    events = []
    bus.subscribe(events.append)
    return events
