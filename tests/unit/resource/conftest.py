"""What the resource tests share: a machine whose readings follow a script."""

import pytest

from outlast.config import ResourceConfiguration
from outlast.resource import ResourceMonitor
from outlast.testing.virtual_time import VirtualClock


class Machine:
    """A gauge whose values are set by hand, or follow a script: a list of values, the last one again and again."""

    def __init__(self, **values):
        self.values = values
        self.asked = []
        self.remembers = True
        self._count = 0

    def __call__(self, ask):
        n, self._count = self._count, self._count + 1
        if self.remembers:
            self.asked.append(ask)
        return {
            name: value[min(n, len(value) - 1)] if isinstance(value, list) else value
            for name, value in self.values.items()
        }


@pytest.fixture
def machine():
    return Machine(memory_usage=100.0, memory_percent=10.0, cpu_usage=5.0, disk_free=9_000.0)


@pytest.fixture
def build(bus, machine):
    """A monitor of this configuration over the scripted machine; keywords of the monitor go into `with_`."""

    def built(*, with_=None, **settings):
        given = {"events": bus, "clock": VirtualClock(), "gauges": {"machine": machine}, **(with_ or {})}
        return ResourceMonitor(ResourceConfiguration(**settings), **given)

    return built
