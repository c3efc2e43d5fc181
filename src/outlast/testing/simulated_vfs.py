"""SQLite on a simulated disk: a VFS that keeps its files in a `DiskModel` and syncs what SQLite's own Unix VFS syncs.

It has no shared memory: a database in WAL mode needs `PRAGMA locking_mode = EXCLUSIVE` before `PRAGMA journal_mode = WAL`.
"""

import errno
import os
from random import Random

import apsw
from typing_extensions import override

from outlast.testing.disk_file import SECTOR, DiskFile
from outlast.testing.disk_model import DiskModel
from outlast.testing.simulated_disk import PowerCutError, StepFaults

__all__ = ["SimulatedVfs"]

_WITH_DIRECTORY = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL


class SimulatedVfs(apsw.VFS):
    """A VFS named `name` over a `DiskModel`.

    Its steps are `open access size read write truncate fsync unlink sync_directory`.
    `faults` is asked before each step, as by `SimulatedDisk`; here a power cut becomes an I/O error, `dead` is true from
    then on, and nothing more reaches the disk. `unregister` it when its connections are closed.
    """

    def __init__(
        self, name: str, model: DiskModel, faults: StepFaults | None = None, *, chance: Random | None = None
    ) -> None:
        super().__init__(name, base="")
        self.model = model
        self.dead = False
        self.chance = chance or Random(0)
        self._faults = faults
        self._holders: dict[object, DiskFile] = {}

    @override
    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "_VfsFile":
        self.step("open")
        if name is None:
            return _VfsFile(self, None, DiskFile())
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        try:
            file = self._found(path, create=bool(flags[0] & apsw.SQLITE_OPEN_CREATE))
        except OSError as error:
            raise apsw.CantOpenError(str(error)) from error
        flags[1] = flags[0]
        # A journal's name is made durable with its first content, every time it is opened to be written.
        syncs_name = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _WITH_DIRECTORY)
        return _VfsFile(self, path, file, syncs_name=syncs_name)

    @override
    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.step("unlink", apsw.SQLITE_IOERR_DELETE)
        try:
            self.model.unlink(filename)
        except FileNotFoundError as error:
            raise _error(apsw.SQLITE_IOERR_DELETE_NOENT, str(error)) from error
        if syncdir:
            self.sync_directory_of(filename)

    @override
    def xAccess(self, pathname: str, flags: int) -> bool:
        self.step("access", apsw.SQLITE_IOERR_ACCESS)
        try:
            return bool(self.model.file(pathname).data)
        except OSError:
            return False

    @override
    def xFullPathname(self, name: str) -> str:
        return name

    def die(self) -> None:
        """Be killed: locks are gone, and nothing more reaches the disk."""
        self.dead = True
        for holder, file in self._holders.items():
            file.locks.pop(holder, None)
        self._holders.clear()

    def lock(self, holder: object, file: DiskFile, level: int) -> None:
        """Let `holder` have this lock of SQLite's on a file, or none; `apsw.BusyError` when another's is in the way."""
        if level == apsw.SQLITE_LOCK_NONE:
            file.locks.pop(holder, None)
            self._holders.pop(holder, None)
            return
        others = [each for other, each in file.locks.items() if other is not holder]
        if level > file.locks.get(holder, apsw.SQLITE_LOCK_NONE) and not _agrees(level, others):
            raise apsw.BusyError("locked by another connection")
        file.locks[holder] = level
        self._holders[holder] = file

    def sync(self, file: DiskFile) -> None:
        try:
            self.step("fsync", apsw.SQLITE_IOERR_FSYNC)
        except apsw.IOError:
            if not self.dead:
                file.fail_sync(self.chance, powersafe=self.model.powersafe)
            raise
        file.sync()

    def sync_directory_of(self, path: str) -> None:
        directory, _, _ = path.rpartition("/")
        try:
            self.step("sync_directory", apsw.SQLITE_IOERR_DIR_FSYNC)
        except apsw.IOError:
            if not self.dead:
                self.model.fail_sync_directory(directory, self.chance)
            raise
        self.model.sync_directory(directory)

    def step(self, name: str, error: int = apsw.SQLITE_IOERR) -> None:
        """Ask for a fault; raises it as SQLite knows it."""
        if self.dead:
            raise _error(error, "the process is dead")
        if self._faults is None:
            return
        try:
            code = self._faults(name)
        except PowerCutError:
            self.die()
            raise _error(error, "the power is gone") from None
        if code == errno.ENOSPC and name == "write":
            raise apsw.FullError(os.strerror(code))
        if code is not None:
            raise _error(error, os.strerror(code))

    def _found(self, path: str, *, create: bool) -> DiskFile:
        try:
            return self.model.file(path)
        except FileNotFoundError:
            if not create:
                raise
        return self.model.create(path)


class _VfsFile(apsw.VFSFile):
    """An open file, as SQLite wants it; `path` is None for a temporary one."""

    def __init__(self, vfs: SimulatedVfs, path: str | None, file: DiskFile, *, syncs_name: bool = False) -> None:
        self._vfs, self._path, self._file, self._syncs_name = vfs, path, file, syncs_name

    @override
    def xRead(self, amount: int, offset: int) -> bytes:
        self._vfs.step("read", apsw.SQLITE_IOERR_READ)
        return bytes(self._file.data[offset : offset + amount])

    @override
    def xWrite(self, blob: bytes, offset: int) -> None:
        self._vfs.step("write", apsw.SQLITE_IOERR_WRITE)
        room = self._vfs.model.room()
        fits = len(blob) if room is None else min(len(blob), room + len(self._file.data) - offset)
        if fits > 0:
            self._file.write(offset, blob[:fits])
        if fits < len(blob):
            raise apsw.FullError(os.strerror(errno.ENOSPC))

    @override
    def xTruncate(self, size: int) -> None:
        self._vfs.step("truncate", apsw.SQLITE_IOERR_TRUNCATE)
        self._file.truncate(size)

    @override
    def xSync(self, flags: int) -> None:
        self._vfs.sync(self._file)
        if self._syncs_name and self._path is not None:
            self._syncs_name = False
            self._sync_name(self._path)

    @override
    def xFileSize(self) -> int:
        self._vfs.step("size", apsw.SQLITE_IOERR_FSTAT)
        return len(self._file.data)

    @override
    def xLock(self, level: int) -> None:
        self._vfs.lock(self, self._file, level)

    @override
    def xUnlock(self, level: int) -> None:
        self._vfs.lock(self, self._file, level)

    @override
    def xCheckReservedLock(self) -> bool:
        return any(level >= apsw.SQLITE_LOCK_RESERVED for level in self._file.locks.values())

    @override
    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    @override
    def xSectorSize(self) -> int:
        return SECTOR

    @override
    def xDeviceCharacteristics(self) -> int:
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE if self._vfs.model.powersafe else 0

    def _sync_name(self, path: str) -> None:
        try:
            self._vfs.sync_directory_of(path)
        except apsw.IOError:
            # The Unix VFS does not look whether this fails. A dead process does not go on.
            if self._vfs.dead:
                raise

    @override
    def xClose(self) -> None:
        self._vfs.lock(self, self._file, apsw.SQLITE_LOCK_NONE)


def _agrees(level: int, held: list[int]) -> bool:
    highest = max(held, default=apsw.SQLITE_LOCK_NONE)
    if level == apsw.SQLITE_LOCK_EXCLUSIVE:
        return highest == apsw.SQLITE_LOCK_NONE
    if level == apsw.SQLITE_LOCK_SHARED:
        return highest < apsw.SQLITE_LOCK_PENDING
    return highest < apsw.SQLITE_LOCK_RESERVED


def _error(code: int, message: str) -> apsw.IOError:
    error = apsw.IOError(message)
    error.extendedresult = code  # type: ignore[attr-defined]
    return error
