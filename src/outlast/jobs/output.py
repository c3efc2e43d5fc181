"""The output file: one line per record, each exactly once, whatever killed the process.

The ledger is the truth and the file follows it. After an fsync the position reached and the size of the file are committed to
the ledger; a resumed run truncates the file to that size and goes on from that position. So a line that was written but not
yet noted is cut off and written again, and a file that is shorter than noted, or gone, is written anew from the ledger.

Only what the ledger can write again is cut off. A file that holds anything else gets another name, and a new one is written.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

from outlast.errors import LedgerCorruptionError
from outlast.jobs.outputcheck import BATCH, Results, is_continued, is_mirrored
from outlast.jobs.outputfile import OutputFile, Place, foreign, holds_something, put_aside, size_of
from outlast.ledger.port import Ledger, Result
from outlast.runtime import Clock

__all__ = ["Output", "Watcher"]

FOLLOW_SECONDS = 0.2
SYNC_SECONDS = 5.0
_FACT = "output"


class Watcher(Protocol):
    """Who cares for the ledger, and is told when a file had to be kept."""

    @property
    def run_id(self) -> str:
        """What stands in the names of files that are kept."""
        ...

    def mend(self) -> Awaitable[bool]:
        """Mend a ledger that could not be read for damage; whether any was found."""
        ...

    def kept(self, path: Path, /) -> Awaitable[None]:
        """The output held lines that the ledger does not know, and is at `path` now."""
        ...


class Output:
    """A file that follows a ledger's results."""

    def __init__(self, file: OutputFile, ledger: Ledger, clock: Clock, watcher: Watcher) -> None:
        self._file = file
        self._ledger = ledger
        self._clock = clock
        self._watcher = watcher
        self._synced = 0.0
        self._doubted = False
        self._untold: Path | None = None

    @classmethod
    async def open(cls, path: Path, ledger: Ledger, clock: Clock, watcher: Watcher) -> "Output":
        """Put the file where the ledger says it was.

        Raises `OutputError` when it cannot be written, or holds something and was never this job's.
        """
        path = await asyncio.to_thread(path.absolute)
        place = await _place_of(path, ledger, watcher)
        output = cls(await asyncio.to_thread(OutputFile.open, path, place), ledger, clock, watcher)
        # A run that found damage may have been killed before the file was compared.
        output._doubted = place.damaged != await _damaged(ledger)
        await output._sync()
        return output

    @staticmethod
    async def noted(ledger: Ledger) -> str | None:
        """The file that the job has written so far: a run that names none goes on with it, so that no record is missing in it."""
        noted = await ledger.get(_FACT)
        return None if noted is None else str(noted["path"])

    @property
    def path(self) -> Path:
        return self._file.path

    @staticmethod
    async def put_aside(path: Path, ledger: Ledger, label: str) -> Path | None:
        """Rename the file that `ledger` has written at `path`, so that a fresh start can have the name; the new name.

        Raises `OutputError` where the file is somebody else's.
        """
        noted = await ledger.get(_FACT)
        if not await asyncio.to_thread(holds_something, path):
            return None
        if noted is None or noted["path"] != str(await asyncio.to_thread(path.absolute)):
            raise foreign(path)
        return await asyncio.to_thread(put_aside, path, label)

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
            while not self._file.broken and await self._advance():
                continue
            if not self._file.broken:
                await self._sync()
        finally:
            self.close()

    def doubt(self) -> None:
        """The ledger was damaged: a result that is in the file may be gone from it, to be recorded again."""
        self._doubted = True

    def close(self) -> None:
        """Let go of the file; nothing is buffered, so nothing is written by that."""
        self._file.close()

    async def _advance(self) -> bool:
        if self._doubted:
            await self._compare()
        place = self._file.place
        results = await _reader(self._ledger, self._watcher)(place.position, BATCH)
        if not results:
            return False
        blob = "".join([result.lines for result in results]).encode()
        # The place moves only with the write; a cancelled follower waits for the thread before it lets go.
        await _completed(asyncio.to_thread(self._file.append, blob, results[-1].position))
        return True

    async def _compare(self) -> None:
        """Begin a new file when this one has lines that the ledger has no more."""
        file, damaged = self._file, await _damaged(self._ledger)
        if not await is_mirrored(file.path, file.place, _reader(self._ledger, self._watcher)):
            await _completed(asyncio.to_thread(self._begin_anew))
        if self._untold is not None:
            await self._watcher.kept(self._untold)
            self._untold = None
        self._file.place = replace(self._file.place, damaged=damaged)
        self._doubted = False

    def _begin_anew(self) -> None:
        path = self._file.path
        self._untold = put_aside(path, self._watcher.run_id)
        self._file.close()
        self._file = OutputFile.open(path, Place())

    async def _sync(self) -> None:
        place = self._file.place
        await _completed(asyncio.to_thread(self._file.sync))
        await self._ledger.put(_FACT, {"path": str(self._file.path), **asdict(place)})
        self._synced = self._clock.monotonic()


async def _place_of(path: Path, ledger: Ledger, watcher: Watcher) -> Place:
    """Where to go on; a file that cannot be gone on with is put aside."""
    noted = await ledger.get(_FACT)
    size = await asyncio.to_thread(size_of, path)
    if noted is None or noted["path"] != str(path):
        if size:
            raise foreign(path)
        return Place()
    place = Place(noted["position"], noted["size"], noted.get("damaged", 0))
    if size < place.size:
        place = Place(damaged=place.damaged)  # it is written anew, if it holds nothing else
    if size == 0 or await is_continued(path, place, _reader(ledger, watcher)):
        return place
    await watcher.kept(await asyncio.to_thread(put_aside, path, watcher.run_id))
    return Place()


async def _damaged(ledger: Ledger) -> int:
    noted = await ledger.get("damage")
    return 0 if noted is None else int(noted["damaged"])


def _reader(ledger: Ledger, watcher: Watcher) -> Results:
    async def read(after: int, limit: int) -> Sequence[Result]:
        try:
            return await ledger.results(after, limit)
        except LedgerCorruptionError:
            if not await watcher.mend():
                raise
            return await ledger.results(after, limit)

    return read


async def _completed(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` to its end even when cancelled meanwhile; then be cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
