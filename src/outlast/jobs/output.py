"""The output file: one line per record, each exactly once, whatever killed the process.

The ledger is the truth and the file follows it. After an fsync the position reached and the size of the file are committed to
the ledger; a resumed run truncates the file to that size and goes on from that position. So a line that was written but not
yet noted is cut off and written again, and a file that is shorter than noted, or gone, is written anew from the ledger. That is
looked at whenever something is noted, so a file that somebody has taken away while the job runs is there again at its end.

Only what the ledger can write again is cut off. A file that holds anything else gets another name, and a new one is written.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from outlast.errors import LedgerCorruptionError
from outlast.jobs.outputcheck import BATCH, Results, is_continued, is_mirrored
from outlast.jobs.outputfile import OutputFile, Place, foreign, put_aside, replaced, size_of
from outlast.ledger.port import Ledger, Result
from outlast.runtime import Clock

__all__ = ["Output", "Watcher"]

FOLLOW_SECONDS = 0.2
SYNC_SECONDS = 5.0
REOPENED_MAX = 3
_FACT = "output"

Value = TypeVar("Value")


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
        self._reopened = 0
        self._doubted = False
        self._untold: Path | None = None

    @classmethod
    async def open(cls, path: Path, ledger: Ledger, clock: Clock, watcher: Watcher) -> "Output":
        """Put the file where the ledger says it was.

        Raises `OutputError` when it cannot be written, or holds something and was never this job's.
        """
        path = await asyncio.to_thread(path.absolute)
        output = cls(await _opened(path, ledger, watcher), ledger, clock, watcher)
        try:
            # A run that found damage may have been killed before the file was compared.
            output._doubted = output._file.place.damaged != await _damaged(ledger)
            await output._sync()
        except BaseException:
            output.close()
            raise
        return output

    @staticmethod
    async def put_aside(path: Path, ledger: Ledger | None, label: str) -> Path | None:
        """Rename the file that `ledger` has written at `path`, so that a fresh start can have the name; the new name.

        Raises `OutputError` where the file is somebody else's. Whose it is nobody can tell when the ledger cannot be read, or is
        None; then it is renamed all the same, because a fresh start is the way out.
        """
        if not await asyncio.to_thread(size_of, path):
            return None
        if not await _may_be_of(ledger, await asyncio.to_thread(path.absolute)):
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

        After a write that failed nothing more is written: the next run cuts off what stands behind the place noted last. Raises
        `OutputError` when somebody takes the file away again and again.
        """
        try:
            while not self._file.broken:
                while await self._advance():
                    continue
                if await self._sync() and not self._doubted:
                    return
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
        if not await _completed(asyncio.to_thread(self._file.append, blob, results[-1].position)):
            await _completed(self._reopen())
        return True

    async def _compare(self) -> None:
        """Begin a new file when this one has lines that the ledger has no more."""
        self._doubted = False  # one that comes up meanwhile is another
        try:
            await self._compare_all()
        except BaseException:
            self._doubted = True
            raise

    async def _compare_all(self) -> None:
        if not await asyncio.to_thread(self._file.is_there):
            await _completed(self._reopen())
        file, damaged = self._file, await _damaged(self._ledger)
        if not await is_mirrored(file.path, file.place, _reader(self._ledger, self._watcher)):
            await _completed(asyncio.to_thread(self._begin_anew))
        if self._untold is not None:
            await self._watcher.kept(self._untold)
            self._untold = None
        self._file.place = replace(self._file.place, damaged=damaged)

    def _begin_anew(self) -> None:
        path = self._file.path
        self._untold = put_aside(path, self._watcher.run_id)
        self._file.close()
        self._file.broken = True  # until there is another
        self._file = OutputFile.open(path, Place())

    async def _reopen(self) -> None:
        """Go on with what stands under the name now, from where the ledger says."""
        self._file.close()
        self._file.broken = True  # until there is another
        self._reopened += 1
        if self._reopened > REOPENED_MAX:
            raise replaced(self._file.path)
        self._file = await _opened(self._file.path, self._ledger, self._watcher)

    async def _sync(self) -> bool:
        """Note how far the file has come; False, and nothing is noted, when it was taken away and had to be opened again."""
        place = self._file.place
        await _completed(asyncio.to_thread(self._file.sync))
        self._synced = self._clock.monotonic()
        if not await asyncio.to_thread(self._file.is_there):
            await _completed(self._reopen())
            return False
        await self._ledger.put(_FACT, {"path": str(self._file.path), **asdict(place)})
        self._reopened = 0
        return True


async def _opened(path: Path, ledger: Ledger, watcher: Watcher) -> OutputFile:
    return await asyncio.to_thread(OutputFile.open, path, await _place_of(path, ledger, watcher))


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


async def _may_be_of(ledger: Ledger | None, path: Path) -> bool:
    if ledger is None:
        return not await asyncio.to_thread(path.is_dir)
    try:
        noted = await ledger.get(_FACT)
    except LedgerCorruptionError:
        return await _may_be_of(None, path)
    return noted is not None and bool(noted["path"] == str(path))


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


async def _completed(work: Coroutine[Any, Any, Value]) -> Value:
    """Await `work` to its end even when cancelled meanwhile; then be cancelled."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
