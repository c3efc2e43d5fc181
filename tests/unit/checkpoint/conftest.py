"""Managers on one directory, their events and files, and a disk that fails where it is told to."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.events import EventBus


@pytest.fixture
def seen():
    """The events of the bus, as `(type, job_id, data)`."""
    return []


@pytest.fixture
def bus(seen):
    events = EventBus()
    events.subscribe(lambda event: seen.append((event.event_type, event.job_id, dict(event.data))))
    return events


@pytest.fixture
def manager(tmp_path, bus, virtual_clock):
    """Builds managers on one directory; each is what another process would see."""

    def build(*, disk=None, keys=None, clock=virtual_clock, **settings):
        settings = {"storage_path": str(tmp_path / "store"), **settings}
        return CheckpointManager(CheckpointConfiguration(**settings), events=bus, clock=clock, disk=disk, keys=keys)

    build.root = tmp_path / "store"
    return build


class WallClock:
    """A wall clock that a test sets."""

    def __init__(self):
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self):
        return self.moment

    def monotonic(self):
        return 0.0

    def pass_(self, **time):
        self.moment += timedelta(**time)


@pytest.fixture
def wall_clock():
    return WallClock()


@pytest.fixture
def flip():
    """Flips a bit of a file's last byte, at another moment than it was written."""

    def damage(path, position=-1):
        blob = bytearray(path.read_bytes())
        blob[position] ^= 1
        path.write_bytes(bytes(blob))
        os.utime(path, ns=(1, 1))

    return damage


@pytest.fixture
def files(tmp_path):
    """The checkpoint files there are, by number, also those in quarantine."""

    def everywhere(pattern="*.ckpt"):
        return sorted((tmp_path / "store").rglob(pattern))

    def found(pattern="*.ckpt"):
        return {int(path.stem[-8:]): path for path in everywhere(pattern)}

    found.everywhere = everywhere
    return found
