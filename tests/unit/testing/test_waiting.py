"""Waiting by the real clock for what others do, and a clock that never waits."""

import threading
import time
from datetime import timedelta

import pytest

from outlast.testing import ManualClock, wait_until
from outlast.testing.virtual_time import EPOCH


def test_it_returns_once_it_holds():
    event = threading.Event()
    threading.Timer(0.05, event.set).start()
    assert wait_until(event.is_set, every=0.001) is None


def test_it_is_asked_once_even_without_time():
    wait_until(lambda: True, 0)
    with pytest.raises(TimeoutError, match=r"within 0 s"):
        wait_until(lambda: False, 0)


def test_it_ends_when_the_time_is_over():
    begun = time.monotonic()
    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        wait_until(lambda: False, 0.05, every=0.01)
    assert time.monotonic() - begun >= 0.05


async def test_sleeping_moves_a_manual_clock_on_at_once():
    clock = ManualClock(5)
    await clock.sleep(90)
    await clock.sleep(0.5)
    assert (clock.monotonic(), clock.sleeps) == (95.5, [90, 0.5])
    assert clock.now() == EPOCH + timedelta(seconds=95.5)
