"""The output file: one line per record, each exactly once, whatever killed the process.

The ledger is the truth and the file follows it. After an fsync the position reached and the size of the file are committed to
the ledger; a resumed run truncates the file to that size and goes on from that position. So a line that was written but not
yet noted is cut off and written again, and a file that is shorter than noted, or gone, is written anew from the ledger.
"""

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from outlast.errors import OutputError
from outlast.ledger.port import Ledger
from outlast.runtime import Clock

__all__ = ["Output"]

BATCH = 200
FOLLOW_SECONDS = 0.2
SYNC_SECONDS = 5.0
_FACT = "output"


@dataclass(slots=True)
class _Place:
    """How far the file has come: the ledger's position, and the file's size with it."""

    position: int = 0
    size: int = 0


class Output:
    """A file that follows a ledger's results."""

    def __init__(self, path: Path, file: FileIO, place: _Place, ledger: Ledger, clock: Clock) -> None:
        self._path = path
        self._file = file
        self._place = place
        self._ledger = ledger
        self._clock = clock
        self._synced = 0.0
        self._broken = False

    @classmethod
    async def open(cls, path: Path, ledger: Ledger, clock: Clock) -> "Output":
        """Put the file where the ledger says it was.

        Raises `OutputError` when it cannot be written, or holds something that this job did not write.
        """
        path = await asyncio.to_thread(path.absolute)
        noted = await ledger.get(_FACT)
        ours = _Place(noted["position"], noted["size"]) if noted and noted["path"] == str(path) else None
        file, place = await asyncio.to_thread(_open, path, ours)
        output = cls(path, file, place, ledger, clock)
        await output._sync()
        return output

    @staticmethod
    async def put_aside(path: Path, ledger: Ledger, label: str) -> Path | None:
        """Rename the file that `ledger` has written at `path`, so that a fresh start can have the name; the new name.

        Raises `OutputError` where the file is somebody else's.
        """
        noted = await ledger.get(_FACT)
        if not await asyncio.to_thread(_holds_something, path):
            return None
        if noted is None or noted["path"] != str(await asyncio.to_thread(path.absolute)):
            raise _foreign(path)
        return await asyncio.to_thread(path.rename, path.with_name(f"{path.stem}.{label}{path.suffix}"))

    async def follow(self) -> None:
        """Write what the ledger gains, until cancelled."""
        while True:
            if not await self._advance():
                await self._clock.sleep(FOLLOW_SECONDS)
            if self._clock.monotonic() - self._synced >= SYNC_SECONDS:
                await self._sync()

    async def finish(self) -> None:
        """Write all that is recorded, make it durable and close the file.

        After a write that failed nothing more is written: the next run cuts off what stands behind the place noted last.
        """
        try:
            while not self._broken and await self._advance():
                continue
            if not self._broken:
                await self._sync()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the file; nothing is buffered, so nothing is written by that."""
        self._file.close()

    async def _advance(self) -> bool:
        results = await self._ledger.results(self._place.position, BATCH)
        if not results:
            return False
        blob = "".join([result.lines for result in results]).encode()
        # The place moves only with the write; a cancelled follower waits for the thread before it lets go.
        await _completed(asyncio.to_thread(self._append, blob, results[-1].position))
        return True

    def _append(self, blob: bytes, position: int) -> None:
        rest = memoryview(blob)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._broken = True
            raise _unwritable(self._path, error) from error
        self._place = _Place(position, self._place.size + len(blob))

    async def _sync(self) -> None:
        place = self._place
        await _completed(asyncio.to_thread(self._flush))
        await self._ledger.put(_FACT, {"path": str(self._path), "position": place.position, "size": place.size})
        self._synced = self._clock.monotonic()

    def _flush(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            self._broken = True
            raise _unwritable(self._path, error) from error


async def _completed(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` to its end even when cancelled meanwhile; then be cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _open(path: Path, ours: _Place | None) -> tuple[FileIO, _Place]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        size = path.stat().st_size if path.exists() else 0
        if ours is None and size:
            raise _foreign(path)
        place = ours if ours is not None and size >= ours.size else _Place()
        file = path.open("ab", buffering=0)
        try:
            file.truncate(place.size)
        except OSError:
            file.close()
            raise
    except OSError as error:
        raise _unwritable(path, error) from error
    return file, place


def _holds_something(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _foreign(path: Path) -> OutputError:
    if path.is_dir():
        return OutputError(f"{path} is a directory: name a file", context={"path": str(path)})
    return OutputError(
        f"{path} exists and is not the file that this job is writing: move it away or choose another output",
        context={"path": str(path)},
    )


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path} cannot be written: {error.strerror}", context={"path": str(path)})
