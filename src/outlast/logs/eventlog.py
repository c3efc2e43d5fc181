"""A job's event log: lines that one thread writes, twice a second or when they are urgent, so that nobody waits for a disk.

A process that is killed loses at most the last half second. What the kernel has and the disk has not, a power cut may take.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from outlast.logs.eventfile import CURRENT, Sealer, encoded, event_files, next_name
from outlast.logs.text import Mask, masking

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["EventLog", "Limits"]

FLUSH_SECONDS = 0.5
PENDING_MAX = 10_000
"""Lines that may wait to be written; further ones are counted as lost."""
BATCH_BYTES = 32_768
WAIT_SECONDS = 10.0
"""How long the beginning and the end of a run wait for a disk that does not answer."""

_T = TypeVar("_T")

_log = logging.getLogger("outlast.logs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many files there may be, the one that is written to included, and how many bytes each may have."""

    files: int = 4
    size: int = 8_388_608


class EventLog:
    """Appends lines to the event log in `directory`. Nothing it meets is raised: what could not be written is counted and told once.

    `keys` seal what is written, about `about`. The first line makes the file; until then nothing is touched.
    """

    def __init__(
        self,
        directory: Path,
        *,
        limits: Limits | None = None,
        mask: Mask | None = None,
        keys: "Keyring | None" = None,
        about: bytes = b"events",
    ) -> None:
        self._directory = directory
        self._limits = limits or Limits()
        self._mask = mask or masking(())
        self._keys = keys
        self._about = about
        self._pending: deque[Mapping[str, Any]] = deque()
        self._flushes: deque[threading.Event] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._file: FileIO | None = None
        self._size = 0
        self._sealer: Sealer | None = None
        self._head = b""
        self._told = False
        self._untold = 0
        self._last: Mapping[str, Any] = {}
        self.lost = 0
        """Lines that could not be written."""

    def append(self, fields: Mapping[str, Any], *, urgent: bool = False) -> None:
        """Let these be a line soon, or at once: JSON but for `data`, which is made plain; in it and in `item_key` secrets are masked. From any thread; never waits."""
        if len(self._pending) >= PENDING_MAX or self._closing.is_set():
            self._lose(1)
            return
        self._pending.append(fields)
        if self._thread is None:
            self._begin()
        if urgent:
            self._hurry.set()
        self._wake.set()

    def flush(self) -> None:
        """Write what is pending. Waits for the disk, so not to be called on an event loop."""
        if self._thread is None:
            return
        done = threading.Event()
        self._flushes.append(done)
        self._hurry.set()
        self._wake.set()
        done.wait(WAIT_SECONDS)

    def close(self) -> None:
        """Write what is pending and end. Waits for the disk, so not to be called on an event loop."""
        self._closing.set()
        self._hurry.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(WAIT_SECONDS)

    def _begin(self) -> None:
        # A daemon: a disk that hangs must not keep the process from its end.
        thread = threading.Thread(target=self._write_on, name="outlast-events", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system gives no further thread; the next line tries again
            self._lose(len(list(_taken(self._pending))))
            self._tell(str(error))
        else:
            self._thread = thread

    def _write_on(self) -> None:
        over = False
        while not over:
            self._wake.wait()
            self._hurry.wait(FLUSH_SECONDS)
            self._hurry.clear()
            self._wake.clear()
            # Read before the queues are: what comes after this is done by the next turn, or refused.
            over = self._closing.is_set()
            flushes = list(_taken(self._flushes))
            self._write(list(_taken(self._pending)))
            for each in flushes:
                each.set()
        self._write(list(_taken(self._pending)))
        if self._file is not None:
            self._file.close()

    def _write(self, pending: list[Mapping[str, Any]]) -> None:
        lines = [line for fields in pending if (line := self._line(fields)) is not None]
        self._last = pending[-1] if pending else self._last
        for batch in _batches(lines):
            try:
                self._put(b"".join(batch))
            except Exception as error:  # noqa: BLE001 - a writer that ended here would lose all that follows, untold
                self._lose(len(batch))
                self._give_up(error)
            else:
                self._recovered()

    def _line(self, fields: Mapping[str, Any]) -> bytes | None:
        try:
            masked = {name: self._mask(fields[name]) for name in ("data", "item_key") if name in fields}
            return encoded({**fields, **masked}) + b"\n"
        except Exception as error:  # noqa: BLE001 - somebody else's data, changed under way or beyond JSON
            self._lose(1)
            self._tell(f"a line cannot be written: {error}")
            return None

    def _put(self, lines: bytes) -> None:
        """Append lines, sealed where they have to be, to a file that has room for them."""
        file = self._file or self._opened()
        block = self._block(lines)
        if self._size and self._size + len(block) > self._limits.size:
            file.close()
            self._file = None
            (self._directory / CURRENT).rename(next_name(self._directory))
            self._prune()
            file = self._opened()
            block = self._block(lines)
        self._append(file, block)
        self._head = b""

    def _block(self, lines: bytes) -> bytes:
        """The lines as they are written; the head of a sealed part comes with its first, so that no try leaves one behind."""
        return lines if self._sealer is None else self._head + self._sealer.seal(lines)

    def _opened(self) -> FileIO:
        descriptor = os.open(self._directory / CURRENT, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = self._file = FileIO(descriptor, "a+b")
        self._size = os.fstat(descriptor).st_size
        if self._size and os.pread(descriptor, 1, self._size - 1) != b"\n":
            # Whoever wrote here was killed, or the disk was full: its last line must not swallow the next.
            self._append(file, b"\n")
        if self._keys is not None:
            self._sealer = Sealer(self._keys, self._about)
            self._head = self._sealer.head
        return file

    def _append(self, file: FileIO, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            taken = file.write(rest) or 0
            self._size += taken
            rest = rest[taken:]

    def _prune(self) -> None:
        # The one that is about to be made counts too.
        for path in event_files(self._directory)[: 1 - self._limits.files or None]:
            path.unlink(missing_ok=True)

    def _give_up(self, error: Exception) -> None:
        """Begin with a file of its own at the next try."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._tell(f"{self._directory / CURRENT} cannot be written: {getattr(error, 'strerror', error)}")

    def _tell(self, what: str) -> None:
        if not self._told:
            self._told = True
            _log.warning("the event log loses lines, the job goes on: %s", what)

    def _lose(self, count: int) -> None:
        self.lost += count
        self._untold += count

    def _recovered(self) -> None:
        """The log itself says what is missing in it."""
        if self._untold:
            lost, self._untold = self._untold, 0
            self._pending.appendleft({**self._last, "event_type": "gap", "severity": "warning", "data": {"lost": lost}})
            self._wake.set()


def _taken(queue: deque[_T]) -> Iterator[_T]:
    while queue:
        yield queue.popleft()


def _batches(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and size + len(line) > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch
