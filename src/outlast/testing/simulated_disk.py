"""A disk in memory for what works through `outlast.storage.disk`: it fails, fills up and loses power when it is told to."""

import errno
import fcntl
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random

from outlast.storage.disk import FileStat
from outlast.testing.disk_file import DiskFile
from outlast.testing.disk_model import DiskModel
from outlast.testing.faulty_disk import PowerCutError

__all__ = ["DiskModel", "PowerCutError", "SimulatedDisk", "StepFaults"]

StepFaults = Callable[[str], int | None]
"""Asked before each step with its name: the errno to fail with, or None. It may raise `PowerCutError`."""


class SimulatedDisk:
    """One process's view of a `DiskModel`, with the steps of the `Disk` port.

    A failed step changes nothing, but for fsyncs: what they should have made durable is durable or lost, and stays so. A write
    takes at most `bytes_a_write`, and what fits. Once `faults` has raised `PowerCutError` the process is dead: each further
    step raises it too, its files are closed and its locks gone; the model holds what other processes see.
    """

    def __init__(self, model: DiskModel, faults: StepFaults | None = None, *, chance: Random | None = None) -> None:
        self.model = model
        self.bytes_a_write: int | None = None
        self.dead = False
        self._faults = faults
        self._chance = chance or Random(0)
        self._open: dict[int, tuple[str, DiskFile]] = {}
        self._written: dict[int, int] = {}
        # Far from real descriptors, so that no simulated one reaches the kernel unnoticed.
        self._descriptors = count(1_000_000)

    def create(self, path: Path, /) -> int:
        self._step("create", path)
        file = self.model.create(str(path))
        descriptor = self._opened(str(path), file)
        self._written[descriptor] = 0
        file.locks[self, descriptor] = fcntl.LOCK_EX
        return descriptor

    def write(self, descriptor: int, blob: memoryview, /) -> int:
        path, file = self._file(descriptor)
        self._step("write", path)
        if descriptor not in self._written:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), path)
        offset = self._written[descriptor]
        limits = [len(blob), self.bytes_a_write, self._room(file, offset)]
        taken = min(limit for limit in limits if limit is not None)
        if not taken and blob:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        file.write(offset, blob[:taken])
        file.modified_ns = self.model.tick()
        self._written[descriptor] += taken
        return taken

    def fsync(self, descriptor: int, /) -> None:
        path, file = self._file(descriptor)
        try:
            self._step("fsync", path)
        except OSError:
            file.fail_sync(self._chance, powersafe=self.model.powersafe)
            raise
        file.sync()

    def close(self, descriptor: int, /) -> None:
        path, _ = self._file(descriptor)
        try:
            self._step("close", path)
        finally:
            self._close(descriptor)

    def rename(self, source: Path, target: Path, /) -> None:
        self._step("rename", target)
        self.model.rename(str(source), str(target))

    def link(self, source: Path, target: Path, /) -> None:
        self._step("link", target)
        self.model.link(str(source), str(target))

    def unlink(self, path: Path, /) -> None:
        self._step("unlink", path)
        self.model.unlink(str(path))

    def truncate(self, path: Path, size: int, /) -> None:
        self._step("truncate", path)
        file = self.model.file(str(path))
        file.truncate(size)
        file.modified_ns = self.model.tick()

    def sync_directory(self, path: Path, /) -> None:
        self.model.names(str(path))
        try:
            self._step("sync_directory", path)
        except OSError:
            self.model.fail_sync_directory(str(path), self._chance)
            raise
        self.model.sync_directory(str(path))

    def read(self, path: Path, size: int | None, /) -> bytes:
        self._step("read", path)
        return bytes(self.model.file(str(path)).data[:size])

    def names(self, path: Path, /) -> list[str]:
        self._step("names", path)
        return self.model.names(str(path))

    def stat(self, path: Path, /) -> FileStat:
        self._step("stat", path)
        if self.model.is_directory(str(path)):
            raise FileNotFoundError(errno.ENOENT, "not a file", str(path))
        file = self.model.file(str(path))
        return FileStat(len(file.data), file.modified_ns)

    def make_directory(self, path: Path, /) -> None:
        self._step("make_directory", path)
        self.model.make_directory(str(path))

    def is_directory(self, path: Path, /) -> bool:
        self._step("is_directory", path)
        return self.model.is_directory(str(path))

    def hold(self, path: Path, /) -> int:
        """As the real disk does, but for a file that is being written: nobody could end this wait, so it is an error."""
        self._step("hold", path)
        file = self.model.file(str(path))
        if fcntl.LOCK_EX in file.locks.values():
            raise _locked(path)
        descriptor = self._opened(str(path), file)
        file.locks[self, descriptor] = fcntl.LOCK_SH
        return descriptor

    def is_held(self, path: Path, /) -> bool:
        self._step("is_held", path)
        return bool(self.model.file(str(path)).locks)

    def unlink_unheld(self, path: Path, /) -> None:
        self._step("unlink_unheld", path)
        self._refuse_if_held(path)
        self.model.unlink(str(path))

    def replace_unheld(self, source: Path, target: Path, /) -> None:
        self._step("replace_unheld", target)
        self._refuse_if_held(target)
        self.model.rename(str(source), str(target))

    def die(self) -> None:
        """Be killed: files are closed, locks gone, nothing more is done."""
        self.dead = True
        for descriptor in list(self._open):
            self._close(descriptor)

    def _step(self, name: str, path: Path | str) -> None:
        if self.dead:
            raise PowerCutError
        if self._faults is None:
            return
        try:
            code = self._faults(name)
        except PowerCutError:
            self.die()
            raise
        if code is not None:
            raise OSError(code, os.strerror(code), str(path))

    def _opened(self, path: str, file: DiskFile) -> int:
        descriptor = next(self._descriptors)
        self._open[descriptor] = (path, file)
        return descriptor

    def _file(self, descriptor: int) -> tuple[str, DiskFile]:
        if self.dead:
            raise PowerCutError
        if descriptor not in self._open:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._open[descriptor]

    def _close(self, descriptor: int) -> None:
        # The process may have died in the step before.
        if descriptor in self._open:
            _, file = self._open.pop(descriptor)
            file.locks.pop((self, descriptor), None)

    def _room(self, file: DiskFile, offset: int) -> int | None:
        room = self.model.room()
        return None if room is None else room + len(file.data) - offset

    def _refuse_if_held(self, path: Path) -> None:
        if self.model.file(str(path)).locks:
            raise _locked(path)


def _locked(path: Path) -> BlockingIOError:
    return BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
