"""The suite runs in virtual time: nothing waits, and every timeout still expires in its order."""

import asyncio
import os
import socket
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import HealthCheck, settings

from outlast.testing.faulty_disk import FaultyDisk
from outlast.testing.virtual_time import VirtualTimeLoop

pytest_plugins = ["outlast.testing.fixtures"]

# One test function's fixtures serve all its examples, and a busy machine is not a fault of the code.
_PATIENT = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)

settings.register_profile("suite", max_examples=25, deadline=None, print_blob=True, suppress_health_check=_PATIENT)
settings.register_profile("soak", settings.get_profile("suite"), max_examples=2_000)
settings.load_profile("suite")


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item):
    """An ordinary loop for tests marked `real_time`, virtual time for all others."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.new_event_loop}
    return {"virtual": VirtualTimeLoop}


@pytest.fixture(scope="session")
def own_ports():
    """Below what systems give away by themselves: a port of theirs may be somebody else's before a test comes to use it."""
    return count(11_000 + 4 * (os.getpid() % 1_000))


@pytest.fixture
def unused_tcp_port(own_ports):
    for port in own_ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture
def faulty_disk():
    """The class, so that a test says where its disk fails."""
    return FaultyDisk
