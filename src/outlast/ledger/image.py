"""A ledger's file and its log as pages: of each the newest committed image that is whole."""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from outlast.errors import LedgerCorruptionError
from outlast.ledger.frames import FRAME_HEADER, INDEX_HEADER, LOG_HEADER, Frame, Log, lost_without_log, read_log
from outlast.ledger.pages import PAGE_SIZE, page_size_in

__all__ = [
    "Image",
    "RawFile",
    "index_path",
    "log_path",
    "lost_frames",
    "refuse_damaged_log",
    "size_of",
    "state_at_rest",
]

SECTOR = 512
FREE_PAGES_MAX = 10_000_000
LOOKS_MAX = 5


class Image:
    """The pages of a ledger; close it, or use it in a `with`. Nobody may write them meanwhile, but for `lost_frames`.

    What the disk cannot read any more counts as zeroes; `unreadable` is how many sectors that were. `stated` is how many pages the
    file says it has, `count` how many there are.
    """

    def __init__(self, path: Path) -> None:
        self._main = RawFile(path)
        self._log = RawFile(log_path(path))
        self.log: Log = self._read_log(path)
        self.page_size = self.log.page_size
        self._places = {frame.page: frame.at for frame in self.log.frames}
        self.count = max([-(-self._main.size // self.page_size), *self._places])
        head = self.page(1)
        self.stated = int.from_bytes(head[28:32], "big") if page_size_in(head) else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def has_file(self) -> bool:
        """Whether there is anything but the log."""
        return self._main.size > 0

    @property
    def unreadable(self) -> int:
        return self._main.unreadable + self._log.unreadable

    def page(self, number: int) -> bytes:
        """The newest image of a page; empty beyond the end."""
        place = self._places.get(number)
        if place is not None:
            return self._log.read(place, self.page_size)
        return self._main.read((number - 1) * self.page_size, self.page_size) if number > 0 else b""

    def free(self) -> set[int]:
        """The pages that hold nothing any more; as far as the list of them can be read."""
        found: set[int] = set()
        head = self.page(1)
        trunk = int.from_bytes(head[32:36], "big")
        while 0 < trunk <= self.count and trunk not in found and len(found) < FREE_PAGES_MAX:
            found.add(trunk)
            page = self.page(trunk)
            leaves = min(int.from_bytes(page[4:8], "big"), self.page_size // 4 - 2)
            found.update(int.from_bytes(page[at : at + 4], "big") for at in range(8, 8 + 4 * leaves, 4))
            trunk = int.from_bytes(page[:4], "big")
        return found

    def close(self) -> None:
        self._main.close()
        self._log.close()

    def _read_log(self, path: Path) -> Log:
        size = page_size_in(self._main.read(0, 100)) or PAGE_SIZE
        index = RawFile(index_path(path)).read_and_close(INDEX_HEADER)
        if self._log.size <= LOG_HEADER:
            return Log(size, (), lost_without_log(index))
        log = read_log(self._log.read, self._log.size, size, index)
        # A log is begun anew over one that was copied and synced; a power cut may tear the first thing written, its header.
        return replace(log, lost=0) if log.lost and self._is_copied(log) else log

    def _is_copied(self, log: Log) -> bool:
        """Whether SQLite sees none of a log that is whole but for its header, and the file has all of it."""
        # Of the first frame nobody can tell whether it is whole: its checksum goes on from that of the header.
        first = Frame(int.from_bytes(self._log.read(LOG_HEADER, 4), "big"), LOG_HEADER + FRAME_HEADER)
        newest = {frame.page: frame.at for frame in (first, *log.frames)}
        return log.lost == 1 + len(log.frames) and all(
            self._main.read((page - 1) * log.page_size, log.page_size) == self._log.read(at, log.page_size)
            for page, at in newest.items()
        )


class RawFile:
    """Bytes of a file, as many as can be had; one that is not there is empty.

    A sector that the disk cannot read any more counts as zeroes, and in `unreadable`.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = None
        with suppress(FileNotFoundError):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        found = None if self._descriptor is None else os.fstat(self._descriptor)
        self.size = 0 if found is None else found.st_size
        self.identity = None if found is None else found.st_ino
        self.unreadable = 0

    def read(self, offset: int, length: int) -> bytes:
        if self._descriptor is None:
            return b""
        try:
            return os.pread(self._descriptor, length, offset)
        except OSError:
            return b"".join(
                self._sector(at, min(SECTOR, offset + length - at)) for at in range(offset, offset + length, SECTOR)
            )

    def read_and_close(self, length: int) -> bytes:
        try:
            return self.read(0, length)
        finally:
            self.close()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _sector(self, offset: int, length: int) -> bytes:
        assert self._descriptor is not None
        try:
            return os.pread(self._descriptor, length, offset)
        except OSError:
            self.unreadable += 1
            return bytes(length)


def log_path(path: Path) -> Path:
    """Where SQLite keeps the log of a ledger."""
    return path.with_name(f"{path.name}-wal")


def lost_frames(path: Path) -> int:
    """How many committed frames of a ledger's log are damaged or gone, which SQLite would not say.

    To be asked before SQLite opens the ledger: that makes the log look whole. A job may be writing to it.
    """
    return _looked_at(path).lost


def refuse_damaged_log(path: Path) -> None:
    """Raise `LedgerCorruptionError` where SQLite would drop committed work without a word; see `lost_frames`."""
    if not log_path(path).exists() and not index_path(path).exists():
        return
    look = _looked_at(path)
    if look.lost:
        problem = f"{look.lost} committed pages of its log are damaged or gone"
    elif look.orphaned:
        problem = "its file is gone, and its log is still there"
    else:
        return
    message = f"the ledger {path} is damaged ({problem}); `outlast repair` saves what can be saved"
    raise LedgerCorruptionError(message, context={"path": str(path)})


@dataclass(frozen=True, slots=True)
class _Look:
    lost: int
    orphaned: bool


def _looked_at(path: Path) -> _Look:
    """A log that changes under the look seems to lack what was committed meanwhile; so a loss has to be seen in peace."""
    for _ in range(LOOKS_MAX):
        before = _state_of_log(path)
        with Image(path) as image:
            look = _Look(image.log.lost, bool(image.log.frames) and not image.has_file)
        if not look.lost or _state_of_log(path) == before:
            return look
    # A job commits without a pause, which it could not do without the log; whoever opens the ledger next looks again.
    return _Look(0, orphaned=False)


def _state_of_log(path: Path) -> tuple[object, ...]:
    index = RawFile(index_path(path)).read_and_close(INDEX_HEADER)
    log = RawFile(log_path(path))
    return (index, log.identity, log.size, log.read_and_close(LOG_HEADER))


def state_at_rest(path: Path) -> tuple[int, int, int] | None:
    """What tells whether a ledger was written to meanwhile; None for one that is not there, or may be in use: it has a log.

    Nor for one that a kill left with the journal of its first transaction, which has to be rolled back before it is read.
    """
    if log_path(path).exists() or path.with_name(f"{path.name}-journal").exists() or not path.exists():
        return None
    found = path.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def size_of(path: Path) -> int:
    """The bytes of a file; 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def index_path(path: Path) -> Path:
    """Where SQLite keeps the index of that log."""
    return path.with_name(f"{path.name}-shm")
