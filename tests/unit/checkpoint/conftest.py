"""Managers on one directory, their events and files, and a disk that fails where it is told to."""

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

    def build(*, disk=None, **settings):
        settings = {"storage_path": str(tmp_path / "store"), **settings}
        return CheckpointManager(CheckpointConfiguration(**settings), events=bus, clock=virtual_clock, disk=disk)

    return build


@pytest.fixture
def files(tmp_path):
    """The checkpoint files there are, by number, also those in quarantine."""

    def found(pattern="*.ckpt"):
        return {int(path.stem[-8:]): path for path in sorted((tmp_path / "store").rglob(pattern))}

    return found
