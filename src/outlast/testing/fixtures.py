"""pytest fixtures: `pytest_plugins = "outlast.testing.fixtures"` in your `conftest.py` brings them."""

import pytest

from outlast.testing.virtual_time import VirtualClock

__all__ = ["virtual_clock"]


@pytest.fixture
def virtual_clock() -> VirtualClock:
    return VirtualClock()
