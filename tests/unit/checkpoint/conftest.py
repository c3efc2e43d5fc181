"""Managers on one directory, their events and files, and a disk that fails where it is told to."""

import errno
import os

import pytest

from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.events import EventBus
from outlast.storage.files import OsDisk


class PowerCutError(BaseException):
    """The process is no more: nothing after this step happens."""


class FaultyDisk:
    """The real disk, but for one step (they count from 1): `fails_at` raises `code`; from `dies_at` on nothing is done."""

    PowerCut = PowerCutError

    def __init__(self, *, fails_at=None, code=errno.EIO, dies_at=None, bytes_a_write=None):
        self._real = OsDisk()
        self._fails_at, self._code, self._dies_at, self._bytes = fails_at, code, dies_at, bytes_a_write
        self.steps = []

    def __getattr__(self, name):
        def step(*arguments):
            self.steps.append(name)
            if self._dies_at is not None and len(self.steps) >= self._dies_at:
                raise PowerCutError
            if len(self.steps) == self._fails_at:
                if name == "close":
                    self._real.close(*arguments)  # as the kernel does: the handle is gone, and the error stays
                raise OSError(self._code, os.strerror(self._code))
            if name == "write" and self._bytes is not None:
                descriptor, blob = arguments
                return os.write(descriptor, blob[: self._bytes])
            return getattr(self._real, name)(*arguments)

        return step


@pytest.fixture
def faulty_disk():
    return FaultyDisk


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
