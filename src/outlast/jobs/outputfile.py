"""The bytes of an output file: opened, compared with what the ledger says, put aside. Blocking; whoever calls runs it off the loop."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from io import FileIO
from itertools import chain, count
from pathlib import Path

from outlast.errors import OutputError
from outlast.storage.disk import OsDisk
from outlast.storage.forks import close_in_children

__all__ = ["OutputFile", "Place", "foreign", "put_aside", "replaced", "size_of", "unwritable"]


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file has come: the ledger's position, and the file's size with it.

    `damaged` is how many damaged rows the ledger had shown when the file was last held against all of it.
    """

    position: int = 0
    size: int = 0
    damaged: int = 0


class OutputFile:
    """The open file, and the place up to which it is written."""

    def __init__(self, path: Path, file: FileIO, place: Place) -> None:
        self.path = path
        self.place = place
        self.broken = False
        self._file = file

    @classmethod
    def open(cls, path: Path, place: Place) -> "OutputFile":
        """Open the file for what follows `place`, and cut off what it holds beyond that. It is locked for as long as it is open.

        Raises `OutputError`, also when another job writes it.
        """
        try:
            missing = [each for each in path.parents if not each.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab", buffering=0)
            try:
                _refuse_busy(file, path, fcntl.LOCK_EX)
                file.truncate(place.size)
            except BaseException:
                file.close()
                raise
        except OSError as error:
            raise unwritable(path, error) from error
        # A name that is lost all the same is no loss of records: the file is written anew from the ledger.
        with suppress(OSError):
            for directory in (path.parent, *(each.parent for each in missing)):
                OsDisk().sync_directory(directory)
        close_in_children(file)
        return cls(path, file, place)

    def append(self, blob: bytes, position: int) -> bool:
        """Write all of `blob`; False, and nothing is written, when the file is not there any more.

        After a write that failed the file is `broken`. Raises `OutputError`.
        """
        rest = memoryview(blob)
        try:
            if not self.is_there():
                return False
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.broken = True
            raise unwritable(self.path, error) from error
        self.place = replace(self.place, position=position, size=self.place.size + len(blob))
        return True

    def sync(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            self.broken = True
            raise unwritable(self.path, error) from error

    def is_there(self) -> bool:
        """Whether this file still stands under its name, and holds as much as was written to it."""
        found = os.fstat(self._file.fileno())
        try:
            return found.st_size == self.place.size and os.path.samestat(found, self.path.stat())
        except OSError:
            return False

    def close(self) -> None:
        """Nothing is buffered, so nothing is written by this."""
        self._file.close()


def size_of(path: Path) -> int:
    """The bytes of the file; 0 where there is none. Raises `OutputError` for what is no file, or is written by another job."""
    try:
        if not path.is_file():
            return path.stat().st_size if path.exists() else 0
        with path.open("rb", buffering=0) as file:
            _refuse_busy(file, path, fcntl.LOCK_SH)
            return os.fstat(file.fileno()).st_size
    except OSError as error:
        raise unwritable(path, error) from error


def put_aside(path: Path, label: str) -> Path:
    """Give the file another name, with `label` in it; that name. Raises `OutputError`."""
    names = chain([label], (f"{label}-{number}" for number in count(2)))
    free = (path.with_name(f"{path.stem}.{name}{path.suffix}") for name in names)
    try:
        return path.rename(next(target for target in free if not target.exists()))
    except OSError as error:
        raise unwritable(path, error) from error


def foreign(path: Path) -> OutputError:
    if path.is_dir():
        return OutputError(f"{path} is a directory: name a file", context={"path": str(path)})
    return OutputError(
        f"{path} exists and is not the file that this job is writing: move it away or choose another output",
        context={"path": str(path)},
    )


def replaced(path: Path) -> OutputError:
    message = f"{path} is removed, cut or replaced by somebody else, again and again: choose another output"
    return OutputError(message, context={"path": str(path)})


def unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path} cannot be written: {error.strerror}", context={"path": str(path)})


def _refuse_busy(file: FileIO, path: Path, lock: int) -> None:
    try:
        fcntl.flock(file, lock | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = f"{path} is being written by another job: choose another output"
        raise OutputError(message, context={"path": str(path)}) from error
    except OSError:
        return  # not every file system has locks, and a job of its own needs none
